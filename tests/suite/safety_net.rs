//! The safety net: every refusal, each with what it says, and that nothing was changed.

use std::time::Duration;

use ecr_cleanup::{
    config::Mode,
    report::{Answer, Status},
};
use serde_json::{Value, json};
use simulated_aws::{EksCluster, Fault, FaultKind, SimulatedAws};

use crate::support::{
    now, plan, program, request, run, set_clock,
    state::{
        BUCKET, FULL, REPORTS, STATE, account, full_with, guards, gunzip, gzip, keys, object,
        put_object, untagged_images,
    },
};

/// Asserts a refusal: nothing was changed, the answer names the guard, and says everything a person
/// needs.
fn assert_refused(aws: &SimulatedAws, answer: &Answer, guard: &str, observed: &str) {
    assert!(aws.mutations().is_empty(), "{:?}", aws.mutations());
    assert_status!(answer, Refused);
    assert_eq!(guards(answer), [guard]);
    let refusal = &answer.refusals[0];
    assert_contains!(refusal.observed, observed);
    assert_contains!(refusal.why, "delete");
    let next = &refusal.next;
    assert!(next.ends_with('.') && next.len() > 20, "{next}");
    assert_contains!(answer.summary, "Nothing was deleted", guard);
}

/// Asserts that a plan says the same, and is a success.
async fn assert_plan_warns(aws: &SimulatedAws, config: &str, guard: &str) {
    let answer = plan(aws, config).await;
    assert_status!(answer, Planned);
    assert_eq!(guards(&answer), [guard]);
    assert_contains!(answer.summary, "would be refused");
    assert!(aws.mutations().is_empty());
}

#[tokio::test]
async fn without_a_refusal_it_deletes() {
    let aws = account().await;
    let answer = run(&aws, FULL).await;
    assert_deleted!(answer, Completed, 3);
    assert!(guards(&answer).is_empty());
}

#[tokio::test]
async fn a_source_that_is_incomplete() {
    let aws = account().await;
    aws.fault(Fault::denied("ecs:DescribeServices"));
    let answer = run(&aws, FULL).await;
    assert_refused(&aws, &answer, "source_incomplete", "ecs:DescribeServices");
    assert_starts!(answer.refusals[0].next, "Grant");
    assert_plan_warns(&aws, FULL, "source_incomplete").await;
}

#[tokio::test]
async fn no_use_at_all() {
    let aws = account().await;
    aws.edit(|world| {
        let mut nothing = simulated_aws::World::default();
        std::mem::swap(&mut world.home().ecs, &mut nothing.home().ecs);
        world.home().functions.clear();
    });
    let answer = run(&aws, FULL).await;
    let observed = "no image of 111111111111.dkr.ecr.eu-west-1.amazonaws.com is in use anywhere";
    assert_refused(&aws, &answer, "no_usage", observed);
    assert_plan_warns(&aws, FULL, "no_usage").await;
}

#[tokio::test]
async fn another_account() {
    let aws = account().await;
    let config = "{mode: delete, guards: {expected_accounts: ['222222222222']}}";
    let answer = run(&aws, config).await;
    let observed = "this is account 111111111111; expected 222222222222";
    assert_refused(&aws, &answer, "wrong_account", observed);
    assert_plan_warns(&aws, config, "wrong_account").await;
}

/// Refuses from one reference that is lost.
const ANY_DROP: &str = "guards: {max_usage_drop_percent: 20, min_usage_drop: 1}";

/// Starts the account after a run, with one reference less.
async fn with_less_use() -> SimulatedAws {
    let aws = account().await;
    assert_eq!(plan(&aws, FULL).await.status, Status::Planned);
    aws.edit(|world| world.home().ecs.set_status("web:2", "INACTIVE"));
    aws
}

#[tokio::test]
async fn use_that_shrank() {
    let aws = with_less_use().await;
    aws.edit(|world| untagged_images(world, 1));
    let strict = full_with(ANY_DROP);
    for _ in 0..2 {
        // A drop that was refused once is refused again.
        let answer = run(&aws, &strict).await;
        let observed = "`ecs in 111111111111 eu-west-1` found";
        assert_refused(&aws, &answer, "usage_drop", observed);
        assert_contains!(answer.refusals[0].observed, "allows a drop of 20 %");
        assert_plan_warns(&aws, &strict, "usage_drop").await;
    }
    let answer = run(&aws, &strict.replace("20", "100")).await;
    assert_status!(answer, Completed);
    // What was accepted is the new measure.
    assert_status!(run(&aws, &strict).await, Completed);
}

/// One of two references that ends is no reason to refuse (A1).
#[tokio::test]
async fn a_drop_of_few_references_is_none() {
    let aws = with_less_use().await;
    let answer = run(&aws, &full_with("guards: {max_usage_drop_percent: 0}")).await;
    assert_deleted!(answer, Completed, 3);
}

/// A run that would delete nothing is not refused, and the next one still notices (A1).
#[tokio::test]
async fn a_drop_while_nothing_is_to_be_deleted_is_remembered() {
    let aws = account().await;
    let answer = run(&aws, FULL).await;
    assert_deleted!(answer, Completed, 3);
    aws.clear_record();
    aws.edit(|world| world.home().ecs.set_status("web:2", "INACTIVE"));
    let strict = full_with(ANY_DROP);
    assert_status!(run(&aws, &strict).await, Completed);
    aws.edit(|world| untagged_images(world, 1));
    let answer = run(&aws, &strict).await;
    assert_refused(&aws, &answer, "usage_drop", "ecs in 111111111111");
}

/// `accept-use` makes less use of one source the new measure, and changes nothing else (A1).
#[tokio::test]
async fn less_use_of_a_source_is_accepted() {
    let aws = with_less_use().await;
    let strict = full_with(ANY_DROP);
    let answer = run(&aws, &strict).await;
    let advice = "accept it with `ecr-cleanup accept-use ecs`";
    assert_contains!(answer.refusals[0].next, advice);
    let before = counts(&aws);
    let program = program(&aws, &strict);
    let change = program.use_change("ecs").await.unwrap();
    let changes: Vec<_> = change.changes().collect();
    assert_eq!(
        changes,
        [("ecs in 111111111111 eu-west-1", Some(3), Some(2))]
    );
    assert_eq!(counts(&aws), before, "nothing is written unasked");
    change.accept().await.unwrap();
    let mut expected = before;
    let mut remembered = expected["content"].as_object_mut().unwrap().values_mut();
    let remembered = &mut remembered.next().unwrap()["counts"];
    remembered["ecs in 111111111111 eu-west-1"] = json!(2);
    assert_eq!(counts(&aws), expected);
    let answer = run(&aws, &strict).await;
    assert_deleted!(answer, Completed, 3);
}

/// Deployments that share a state and read other sources do not refuse each other, once the second
/// is accepted (A1).
#[tokio::test]
async fn deployments_that_read_other_use_are_compared_with_themselves() {
    let aws = account().await;
    let all = full_with(ANY_DROP);
    let less = all.replace("guards:", "in_use: {lambda: false}, guards:");
    assert_status!(run(&aws, &all).await, Completed);
    aws.clear_record();
    aws.edit(|world| untagged_images(world, 1));
    let answer = run(&aws, &less).await;
    assert_refused(
        &aws,
        &answer,
        "usage_drop",
        "`lambda in 111111111111 eu-west-1`",
    );
    let accepting = program(&aws, &less);
    let change = accepting.use_change("lambda").await.unwrap();
    change.accept().await.unwrap();
    for config in [&less, &all, &less, &all] {
        aws.edit(|world| untagged_images(world, 1));
        assert_status!(run(&aws, config).await, Completed, "{config}");
    }
    aws.edit(|world| {
        world.home().functions.clear();
        untagged_images(world, 1)
    });
    assert_status!(run(&aws, &less).await, Completed);
    aws.edit(|world| untagged_images(world, 1));
    aws.clear_record();
    let answer = run(&aws, &all).await;
    assert_refused(
        &aws,
        &answer,
        "usage_drop",
        "`lambda in 111111111111 eu-west-1`",
    );
}

#[tokio::test]
async fn what_cannot_be_accepted_says_why() {
    let aws = with_less_use().await;
    let error = |config: &str, source: &'static str| {
        let program = program(&aws, config);
        async move { program.use_change(source).await.err().unwrap().to_string() }
    };
    assert_contains!(error("mode: delete", "ecs").await, "no `state`");
    let unknown = error(FULL, "ecs2").await;
    assert_contains!(
        unknown,
        "no source `ecs2`; the sources are app_runner, batch,"
    );
    aws.fault(Fault::denied("ecs:ListTasks"));
    assert_contains!(error(FULL, "ecs").await, "ecs:ListTasks");
    // Other sources need not be complete.
    assert!(program(&aws, FULL).use_change("lambda").await.is_ok());
}

fn counts(aws: &SimulatedAws) -> Value {
    let stored = object(aws, BUCKET, &format!("{STATE}/use-counts.json.gz")).unwrap();
    serde_json::from_str(&gunzip(&stored)).unwrap()
}

/// What is used of other registries hides nothing (A1).
#[tokio::test]
async fn use_that_shrank_beside_much_use_of_other_registries() {
    let aws = account().await;
    aws.edit(|world| {
        let add_on =
            |number| format!("602401143452.dkr.ecr.eu-west-1.amazonaws.com/eks/add-on:{number}");
        world.home().ecs.register("add-ons", (0..20).map(add_on));
    });
    assert_eq!(plan(&aws, FULL).await.status, Status::Planned);
    aws.edit(|world| world.home().ecs.set_status("web:2", "INACTIVE"));
    let strict = full_with(ANY_DROP);
    let answer = run(&aws, &strict).await;
    let observed = "`ecs in 111111111111 eu-west-1` found";
    assert_refused(&aws, &answer, "usage_drop", observed);
}

#[tokio::test]
async fn a_source_that_is_not_read_any_more() {
    let aws = account().await;
    assert_eq!(plan(&aws, FULL).await.status, Status::Planned);
    let off = full_with("in_use: {ecs: false}, guards: {allow_no_usage: true, min_usage_drop: 1}");
    let answer = run(&aws, &off).await;
    let observed = "is not read any more, and found";
    assert_refused(&aws, &answer, "usage_drop", observed);
}

#[tokio::test]
async fn outside_the_change_window() {
    let aws = account().await;
    // The world's clock shows Saturday, 12:00 UTC.
    let config = |day: &str| {
        let window = format!("timezone: Europe/Berlin, days: [{day}], from: '08:00', to: '18:00'");
        format!("{{mode: delete, guards: {{change_window: {{{window}}}}}}}")
    };
    let answer = run(&aws, &config("mon")).await;
    let observed = "it is Sat 13:00 CET, outside the window mon 08:00 to 18:00";
    assert_refused(&aws, &answer, "change_window", observed);
    assert_plan_warns(&aws, &config("mon"), "change_window").await;
    assert_eq!(run(&aws, &config("sat")).await.counts.deleted, 3);
}

/// Writes the lock of another run, taken so many milliseconds ago, for another minute.
fn put_lock(aws: &SimulatedAws, age: i64) {
    let now = now().millis();
    let lock = json!({"run_id": "other", "taken_at": now - age, "ends_at": now + 60_000});
    let lock = json!({"schema": "ecr-cleanup/run-lock", "number": 1, "content": lock});
    let key = format!("{STATE}/run-lock.json.gz");
    put_object(aws, BUCKET, &key, gzip(&lock.to_string()));
}

#[tokio::test]
async fn a_lock_that_another_run_holds() {
    let aws = account().await;
    put_lock(&aws, 60_000);
    let answer = run(&aws, FULL).await;
    let observed = "run other holds the lock since 2026-11-21T11:59:00Z";
    assert_refused(&aws, &answer, "locked", observed);
    let expected = "s3://memory/prefix/111111111111/eu-west-1/run-lock.json.gz";
    assert_contains!(answer.refusals[0].next, expected);
    // A plan needs no lock.
    assert_eq!(plan(&aws, FULL).await.status, Status::Planned);
    assert_eq!(aws.mutations().len(), 0);
    set_clock(&aws, Duration::from_mins(1));
    let status = run(&aws, FULL).await.status;
    assert_eq!(status, Status::Completed, "the lock has ended by itself");
}

#[tokio::test]
async fn memory_that_cannot_be_read() {
    for (key, config) in [
        ("use-counts", FULL.to_owned()),
        ("soaking", full_with("guards: {soak: 1d}")),
        ("run-lock", FULL.to_owned()),
    ] {
        let object = format!("{STATE}/{key}.json.gz");
        let newer = json!({"schema": format!("ecr-cleanup/{key}"), "number": 2, "content": {}});
        let foreign = json!({"schema": "somebody/else", "number": 1, "content": {}});
        let whole = gzip(&newer.to_string());
        for (content, observed) in [
            (b"not even compressed".to_vec(), "it is damaged"),
            (whole[..whole.len() / 2].to_vec(), "it is damaged"),
            (
                whole,
                "it has number 2 of its schema, and this version knows 1",
            ),
            (
                gzip(&foreign.to_string()),
                "it holds `somebody/else`, which is something else",
            ),
        ] {
            let aws = account().await;
            put_object(&aws, BUCKET, &object, content.clone());
            let answer = run(&aws, &config).await;
            assert_refused(&aws, &answer, "state_unreadable", observed);
            assert_contains!(answer.refusals[0].observed, object);
            let left = self::object(&aws, BUCKET, &object);
            assert_eq!(left, Some(content), "it is left as it is");
        }
        for kind in [
            FaultKind::AccessDenied,
            FaultKind::ServerError(503),
            FaultKind::CutBody,
        ] {
            let aws = account().await;
            aws.fault(Fault::on("s3:GetObject").matching(&object).kind(kind));
            let answer = run(&aws, &config).await;
            assert_refused(&aws, &answer, "state_unreadable", &object);
        }
    }
}

#[tokio::test]
async fn memory_that_cannot_be_written() {
    for key in "run-lock use-counts soaking task-definitions index-manifests".split(' ') {
        let aws = account().await;
        let denied = Fault::denied("s3:PutObject");
        aws.fault(denied.matching(format!("{key}.json.gz")));
        let config = full_with("guards: {soak: 1d}");
        let answer = run(&aws, &config).await;
        assert_refused(&aws, &answer, "state_unreadable", key);
        assert_starts!(answer.refusals[0].next, "Grant `s3:GetObject`");
    }
    let aws = account().await;
    aws.edit(|world| world.buckets.remove(BUCKET));
    let answer = run(&aws, FULL).await;
    assert!(aws.mutations().is_empty());
    let all = guards(&answer).iter().all(|it| it == "state_unreadable");
    assert!(all, "{:?}", guards(&answer));
}

#[tokio::test]
async fn a_report_that_cannot_be_written() {
    let aws = account().await;
    aws.fault(Fault::denied("s3:PutObject").matching("images.jsonl.gz"));
    let answer = run(&aws, FULL).await;
    assert_refused(&aws, &answer, "report_unwritable", "s3://reports/");
    assert_plan_warns(&aws, FULL, "report_unwritable").await;
}

/// Every guard that trips is in `refusals` (A1).
#[tokio::test]
async fn all_of_them_together() {
    let aws = account().await;
    aws.fault(Fault::denied("ecs:DescribeServices"));
    aws.fault(Fault::denied("s3:PutObject").matching("images.jsonl.gz"));
    put_object(&aws, BUCKET, &format!("{STATE}/use-counts.json.gz"), "x");
    put_lock(&aws, 0);
    let window = "{timezone: UTC, days: [mon], from: '08:00', to: '18:00'}";
    let guard = format!("expected_accounts: ['222222222222'], change_window: {window}");
    let config = full_with(&format!("guards: {{{guard}}}"));
    let answer = run(&aws, &config).await;
    assert!(aws.mutations().is_empty());
    let all = "source_incomplete wrong_account change_window state_unreadable locked \
               report_unwritable";
    assert_eq!(guards(&answer).join(" "), all);
    assert_contains!(answer.summary, "5 more under `refusals`");
    let answer: Value = answer.to_json();
    for refusal in answer["refusals"].as_array().unwrap() {
        for key in ["guard", "observed", "why", "next"] {
            let found = refusal[key].as_str().is_some_and(|text| !text.is_empty());
            assert!(found, "{refusal}");
        }
    }
}

/// Zero never means that there is no limit (A1).
#[tokio::test]
async fn a_limit_of_zero_means_zero() {
    let aws = account().await;
    let answer = run(&aws, "{mode: delete, guards: {max_deletions_per_run: 0}}").await;
    assert_status!(answer, Truncated);
    assert_eq!(answer.counts.untouched, 3);
    let config = "{mode: delete, guards: {max_percent_per_repository: 0}}";
    let answer = run(&aws, config).await;
    assert_status!(answer, Completed);
    assert_eq!(answer.counts.candidates, 0);
    assert!(aws.mutations().is_empty());
}

#[tokio::test]
async fn the_lock_is_given_back_whatever_happens() {
    let aws = account().await;
    let config = full_with("guards: {expected_accounts: ['222222222222']}");
    assert_eq!(run(&aws, &config).await.status, Status::Refused);
    assert_eq!(run(&aws, FULL).await.status, Status::Completed);
    assert_eq!(run(&aws, FULL).await.status, Status::Completed);
}

#[tokio::test]
async fn refused_and_failed_runs_are_reported_too() {
    let aws = account().await;
    aws.fault(Fault::denied("ecs:DescribeServices").once());
    let answer = run(&aws, FULL).await;
    assert_status!(answer, Refused);
    let report = object(&aws, REPORTS, &format!("{}/report.json", answer.run_id)).unwrap();
    let report: Value = serde_json::from_slice(&report).unwrap();
    assert_eq!(report["refusals"][0]["guard"], "source_incomplete");
    let expected = Some(format!("s3://reports/{}/report.json", answer.run_id));
    assert_eq!(answer.report, expected);
    let message = aws.read(|world| world.messages.last().cloned()).unwrap();
    assert_eq!(message.region, "us-east-1");
    assert_eq!(message.subject, "ecr-cleanup: refused");
    assert_contains!(message.text, "source_incomplete", answer.run_id);

    aws.fault(Fault::denied("ecr:DescribeRepositories"));
    let before = keys(&aws, REPORTS);
    let program = program(&aws, FULL);
    assert!(program.plan(request(Mode::Delete)).await.is_err());
    let mut after = keys(&aws, REPORTS);
    after.retain(|key| !before.contains(key));
    assert_eq!(after.len(), 1, "{after:?}");
    let report: Value = serde_json::from_slice(&object(&aws, REPORTS, &after[0]).unwrap()).unwrap();
    assert_eq!(report["status"], "failed");
    let expected = "ecr:DescribeRepositories";
    assert_contains!(report["summary"].as_str().unwrap(), expected);
}

/// An answer fits into what Lambda takes, however much failed, and says what it leaves out.
#[tokio::test]
async fn an_answer_about_hundreds_of_broken_sources_fits() {
    const CLUSTERS: usize = 600;
    let aws = account().await;
    aws.edit(|world| {
        for number in 0..CLUSTERS {
            let broken = EksCluster::in_status("FAILED");
            world.home().eks.insert(format!("cluster-{number}"), broken);
        }
    });
    let answer = run(&aws, FULL).await;
    assert_status!(answer, Refused);
    assert!(
        answer.refusals.len() >= CLUSTERS,
        "{}",
        answer.refusals.len()
    );
    let json: Value = answer.to_json();
    let bytes = json.to_string().len();
    assert!(bytes <= 200_000, "{bytes}");
    for (list, all) in [
        ("refusals", answer.refusals.len()),
        ("in_use", answer.in_use.len()),
    ] {
        let shown = json[list].as_array().unwrap();
        assert!(!shown.is_empty(), "{list}");
        assert_eq!(json["omitted"][list], all - shown.len(), "{list}");
    }
    let first = &json["in_use"][0];
    assert_eq!(first["complete"], false, "{first}");
    let verification = program(&aws, FULL).verify().await.unwrap().0.to_json();
    assert!(verification.to_string().len() <= 200_000);
    assert!(verification["omitted_in_use"].as_u64() > Some(0));
}

/// Somebody is notified of a missing image, however many users it has.
#[tokio::test]
async fn a_message_about_an_image_with_thousands_of_users_is_sent() {
    let aws = account().await;
    aws.edit(|world| {
        let uri = world.home().repository("app").uri();
        for number in 0..1300 {
            let family = format!("{number}-{}", "x".repeat(200));
            world.home().ecs.register(&family, [format!("{uri}:gone")]);
        }
        world.deploy("prod", "gone", &format!("0-{}:1", "x".repeat(200)));
    });
    let answer = run(&aws, FULL).await;
    assert!(
        answer.missing[0].users.len() > 1300,
        "{}",
        answer.missing[0].users.len()
    );
    let message = aws.read(|world| world.messages.last().unwrap().clone());
    let text = format!("{message:?}");
    assert!(text.len() < 20_000, "{}", text.len());
    assert_contains!(text, "app:gone", " more");
    assert!(answer.to_json().to_string().len() <= 200_000);
}
