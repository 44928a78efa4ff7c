//! The function, as Lambda runs it.

use demo::{acceptance, team};
use lambda_runtime_api::Function;
use serde_json::{Value, json};

use crate::support::{Account, answer, error, event};

#[tokio::test]
async fn it_plans_then_deletes_then_has_nothing_left_to_do() {
    let account = Account::start(acceptance()).await;
    let planned = answer(account.function(&event("manual-plan.json")).await);
    assert_eq!(planned["status"], "planned");
    assert_eq!(
        planned["counts"]["candidates"],
        account.expected.deleted.len()
    );
    assert_eq!(planned["refusals"], json!([]));
    account.assert_untouched();

    let completed = answer(account.function(&event("scheduled-rule.json")).await);
    assert_eq!(completed["status"], "completed");
    assert_eq!(
        completed["counts"]["deleted"],
        account.expected.deleted.len()
    );
    assert_eq!(completed["counts"]["failed"], 0);
    account.assert_cleaned();

    let again = answer(account.function(&event("scheduled-rule.json")).await);
    assert_eq!(again["status"], "completed");
    assert_eq!(again["counts"]["candidates"], 0);
    assert_eq!(again["counts"]["deleted"], 0);
    account.assert_cleaned();
}

#[tokio::test]
async fn a_warm_function_sees_what_changed_since_its_last_event() {
    let account = Account::start(acceptance()).await;
    let mut function = Function::start(&account.settings()).await.unwrap();
    answer(function.invoke(&event("scheduled-rule.json")).await);
    account.assert_cleaned();
    account.edit(|world| {
        let definition = world.home().ecs.register("web", ["example.com/web:2"]);
        // The second time, so that a rollback does not lead back to the image.
        world.deploy("production", "web", &definition);
        world.deploy("production", "web", &definition);
        world.home().ecs.set_status("web:1", "INACTIVE");
    });
    answer(function.invoke(&event("scheduled-rule.json")).await);
    let mut left = account.expected.kept.clone();
    assert!(left.remove(account.expected.labelled("team/app", "1.2").unwrap()));
    account.assert_left(&left);
}

#[tokio::test]
async fn it_cleans_a_team_s_account() {
    let account = Account::start(team()).await;
    let completed = answer(account.function(&event("scheduled-scheduler.json")).await);
    assert_eq!(completed["status"], "completed");
    assert_eq!(
        completed["counts"]["deleted"],
        account.expected.deleted.len()
    );
    account.assert_cleaned();
}

#[tokio::test]
async fn a_tag_given_between_plan_and_run_keeps_its_image() {
    let account = Account::start(acceptance()).await;
    let planned = answer(account.function(&event("manual-plan.json")).await);
    assert_eq!(
        planned["counts"]["candidates"],
        account.expected.deleted.len()
    );
    let image = account.expected.labelled("team/app", "1.0").unwrap();
    assert!(account.expected.deleted.contains(image));
    account.edit(|world| {
        world
            .home()
            .repository("team/app")
            .tag(&image.1, "1.0-latest");
    });
    answer(account.function(&event("scheduled-rule.json")).await);
    let mut left = account.expected.kept.clone();
    left.insert(image.clone());
    account.assert_left(&left);
}

#[tokio::test]
async fn every_kind_of_event_is_answered() {
    let account = Account::start(acceptance()).await;
    let mut function = Function::start(&account.settings()).await.unwrap();
    let explained = answer(function.invoke(&event("explain.json")).await);
    assert!(explained.to_string().contains("production"), "{explained}");
    let verified = answer(function.invoke(&event("verify.json")).await);
    assert_eq!(verified["verified"], true);
    for name in ["manual-plan.json", "manual-repositories.json"] {
        let planned = answer(function.invoke(&event(name)).await);
        assert_eq!(planned["status"], "planned", "{name}");
    }
    account.assert_untouched();
    let completed = answer(function.invoke(&event("manual-delete.json")).await);
    assert_eq!(completed["status"], "completed");
    account.assert_cleaned();
}

#[tokio::test]
async fn an_event_or_a_configuration_that_is_not_understood_is_an_error() {
    let mut account = Account::start(acceptance()).await;
    let misspelt = error(account.function(&json!({"dryrun": true})).await);
    assert_eq!(misspelt.error_type, "InvalidEvent");
    assert!(misspelt.error_message.contains("dryrun"), "{misspelt:?}");
    r#"{"mode":"plan"}"#.clone_into(&mut account.config);
    let wider = error(account.function(&event("manual-delete.json")).await);
    assert_eq!(wider.error_type, "InvalidEvent");
    r#"{"mode":"delte"}"#.clone_into(&mut account.config);
    let config = error(account.function(&event("scheduled-rule.json")).await);
    assert_eq!(config.error_type, "InvalidConfig");
    assert!(config.error_message.contains("mode"), "{config:?}");
    account.assert_untouched();
}

/// Programs decide by the code of a warning and its repository, in the answer and in the log.
#[tokio::test]
async fn a_warning_has_its_code_in_the_answer_and_in_the_log() {
    let mut account = Account::start(team()).await;
    let odd = json!({"repositories": ["shop/web"], "keep": [{"tags": "^never$"}]});
    let all = json!({"repositories": ["**"], "keep": [{"tags": "."}]});
    let config = json!({"mode": "delete", "in_use": {"lambda": false}, "policies": [odd, all]});
    account.config = config.to_string();
    let invocation = account.function(&event("manual-plan.json")).await.unwrap();
    let lines = invocation.log.lines();
    let lines = lines.filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut logged: Vec<Value> = lines.filter(|line| line["event"] == "warning").collect();
    for line in &mut logged {
        let line = line.as_object_mut().unwrap();
        line.retain(|name, _| ["code", "repository", "message"].contains(&name.as_str()));
    }
    let answer = invocation.outcome.unwrap();
    assert_eq!(answer["warnings"], json!(logged));
    let of = |warning: &Value| [&warning["code"], &warning["repository"]].map(Value::clone);
    let found: Vec<_> = logged.iter().map(of).collect();
    for expected in [
        [json!("left_alone"), json!("shop/web")],
        [json!("source_off"), Value::Null],
    ] {
        assert!(found.contains(&expected), "{logged:#?}");
    }
}
