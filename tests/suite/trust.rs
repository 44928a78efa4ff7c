//! Answers that can be trusted: verifying, keep lists, and lifecycle policies.

use std::{
    process::{Command, Stdio},
    time::Duration,
};

use ecr_cleanup::{config::Mode, function::handle, report::Status, report::Verification};
use serde_json::{Value, json};
use simulated_aws::{Fault, FaultKind, Push, SimulatedAws, days_ago};

use crate::support::{
    plan, program, request, run, set_clock,
    state::{account, guards, put_object},
};

/// What the release command prints, and its exit code.
pub(crate) async fn command(aws: &SimulatedAws, arguments: &[&str]) -> (String, Option<i32>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ecr-cleanup"));
    command.args(arguments).env_clear().stdin(Stdio::null());
    command
        .env("AWS_ENDPOINT_URL", aws.endpoint())
        .env("AWS_REGION", "eu-west-1");
    command
        .env("AWS_ACCESS_KEY_ID", "AKIAHOME")
        .env("AWS_SECRET_ACCESS_KEY", "secret");
    let output = tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap();
    (
        String::from_utf8(output.stdout).unwrap(),
        output.status.code(),
    )
}

#[tokio::test]
async fn the_command_says_by_its_exit_code_what_it_found() {
    let aws = account().await;
    let (text, code) = command(&aws, &["verify"]).await;
    assert_eq!(code, Some(0), "{text}");
    aws.fault(Fault::on("ecr:DescribeImages").kind(FaultKind::AccessDenied));
    let (text, code) = command(&aws, &["verify"]).await;
    assert_eq!(
        (code, text.contains("Could not list `app`")),
        (Some(1), true),
        "{text}"
    );
    aws.clear_faults();
    aws.edit(|world| {
        let app = world.home().repository("app");
        let live = app.digest("live").unwrap().to_owned();
        app.remove(&live);
    });
    let (text, code) = command(&aws, &["verify"]).await;
    assert_eq!(
        (code, text.contains("there is no such image")),
        (Some(5), true),
        "{text}"
    );
    assert!(aws.mutations().is_empty());
}

#[tokio::test]
async fn the_command_writes_keep_lists_and_lists_lifecycle_conflicts() {
    let aws = account().await;
    let (text, code) = command(&aws, &["keep-list"]).await;
    let list: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (code, &list["schema"]),
        (Some(0), &json!("ecr-cleanup/keep-list/1"))
    );
    assert!(list["images"].as_array().unwrap().contains(&json!(
        "111111111111.dkr.ecr.eu-west-1.amazonaws.com/app:live"
    )));
    let (text, code) = command(&aws, &["in-use", "--output", "keep-list"]).await;
    assert_eq!((code, text.as_str()), (Some(2), ""));
    aws.edit(|world| {
        world.home().repository("app").lifecycle_policy =
            Some(policy(&json!({"tagStatus": "any"})));
    });
    let (text, code) = command(&aws, &["lifecycle"]).await;
    assert_eq!(
        (
            code,
            text.contains("app:live") && text.contains("7: expire")
        ),
        (Some(0), true),
        "{text}"
    );
    aws.fault(Fault::on("ecs:DescribeServices").kind(FaultKind::AccessDenied));
    let (text, code) = command(&aws, &["keep-list"]).await;
    assert_eq!(
        (code, text.as_str()),
        (Some(1), ""),
        "a list that leaves something out is none"
    );
}

async fn verify(aws: &SimulatedAws) -> Verification {
    program(aws, "mode: delete").verify().await.unwrap().0
}

fn missing(verification: &Verification) -> Vec<(String, String, bool)> {
    let missing = verification.missing.iter();
    missing
        .map(|missing| {
            (
                missing.reference.to_string(),
                missing.problem.to_string(),
                missing.live,
            )
        })
        .collect()
}

#[tokio::test]
async fn everything_in_use_can_be_pulled() {
    let aws = account().await;
    let verification = verify(&aws).await;
    assert!(
        verification.verified && verification.is_complete(),
        "{}",
        verification.summary
    );
    assert_eq!(
        (missing(&verification), verification.references > 0),
        (vec![], true)
    );
    assert_eq!(
        aws.count("ecr:DescribeImages"),
        1,
        "one repository is in use"
    );
    assert_eq!(
        aws.count("ecr:BatchGetImage") + aws.count("ecr:DescribeRepositories"),
        0
    );
}

/// It is missing, and live where something live uses it (U10).
#[tokio::test]
async fn what_cannot_be_pulled_is_reported_with_its_users() {
    let aws = account().await;
    aws.edit(|world| {
        let app = world.home().repository("app");
        let uri = app.uri();
        let live = app.digest("live").unwrap().to_owned();
        app.remove(&live);
        app.push(
            Push::image()
                .content("cold")
                .tag("cold")
                .archived_at(days_ago(1)),
        );
        let elsewhere = uri.replace("/app", "/never-there");
        world.home().ecs.register("cold", [format!("{uri}:cold")]);
        world
            .home()
            .ecs
            .register("none", [format!("{elsewhere}:1")]);
        world.deploy("prod", "cold", "cold:1");
    });
    let verification = verify(&aws).await;
    assert!(!verification.verified && verification.is_complete());
    let found = missing(&verification);
    let has = |reference: &str, problem: &str, live: bool| {
        found.iter().any(|(name, what, lives)| {
            name.starts_with(reference) && what == problem && *lives == live
        })
    };
    assert!(has("app:live", "there is no such image", true), "{found:?}");
    assert!(has("app:cold", "it is archived", true), "{found:?}");
    assert!(
        has("never-there:1", "there is no such repository", false),
        "{found:?}"
    );
    assert!(
        verification.missing[0]
            .users
            .iter()
            .any(|user| user.contains("web") || user.contains("cold"))
    );
    assert_eq!(
        verification.live_missing(),
        found.iter().filter(|(.., live)| *live).count()
    );
}

#[tokio::test]
async fn what_could_not_be_asked_is_not_missing() {
    for (operation, kind) in [
        ("ecr:DescribeImages", FaultKind::AccessDenied),
        ("ecr:DescribeImages", FaultKind::ServerError(500)),
        ("ecs:DescribeServices", FaultKind::AccessDenied),
    ] {
        let aws = account().await;
        aws.fault(Fault::on(operation).kind(kind));
        let verification = verify(&aws).await;
        assert!(
            !verification.verified && !verification.is_complete(),
            "{operation}"
        );
        assert_eq!(missing(&verification), vec![], "{operation}");
        assert!(
            verification
                .summary
                .contains("Not everything could be asked"),
            "{}",
            verification.summary
        );
    }
}

#[tokio::test]
async fn the_function_verifies_and_sends_the_metric() {
    let aws = account().await;
    aws.edit(|world| {
        let app = world.home().repository("app");
        let live = app.digest("live").unwrap().to_owned();
        app.remove(&live);
    });
    let event: Value = serde_json::from_str(include_str!("../../events/verify.json")).unwrap();
    let mut stdout = Vec::new();
    let deadline = std::time::SystemTime::now() + Duration::from_mins(15);
    let answer = handle(
        &program(&aws, "mode: delete"),
        &event,
        deadline,
        &mut stdout,
    )
    .await
    .unwrap();
    assert_eq!(answer["verified"], false);
    assert!(!answer["missing"].as_array().unwrap().is_empty());
    let lines: Vec<Value> = String::from_utf8(stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!((lines.len(), &lines[0]["RunsStarted"]), (2, &json!(1.0)));
    assert!(
        lines[1]["MissingImages"].as_f64().unwrap() > 0.0,
        "{}",
        lines[1]
    );
    assert!(aws.mutations().is_empty());
}

#[tokio::test]
async fn the_function_does_not_verify_for_longer_than_it_may_run() {
    for call in ["ecs:ListClusters", "ecr:DescribeImages"] {
        let aws = account().await;
        aws.fault(Fault::on(call).kind(FaultKind::Hang));
        let event = json!({"verify": true});
        let deadline = std::time::SystemTime::now()
            + ecr_cleanup::pipeline::MARGIN
            + Duration::from_millis(200);
        let error = handle(&program(&aws, "mode: delete"), &event, deadline, Vec::new())
            .await
            .unwrap_err();
        assert_eq!(error.name(), "Internal");
        assert!(
            error
                .to_string()
                .starts_with("time ran out before every image in use"),
            "{call}: {error}"
        );
    }
}

#[tokio::test]
async fn after_a_run_missing_is_what_is_missing_then() {
    let aws = account().await;
    // Somebody removes an image in use while the run deletes.
    aws.after("ecr:BatchDeleteImage", 1, |world| {
        let app = world.home().repository("app");
        let live = app.digest("live").unwrap().to_owned();
        app.remove(&live);
    });
    let answer = run(&aws, "mode: delete").await;
    assert_eq!(answer.counts.deleted, 3);
    let live = answer.missing.iter().filter(|missing| missing.live).count();
    assert_eq!(live, 2, "by tag and by digest: {:?}", answer.missing);
    let counted = "2 images in use cannot be pulled: see `missing`.";
    assert!(answer.summary.ends_with(counted), "{}", answer.summary);

    let aws = account().await;
    aws.after("ecr:BatchDeleteImage", 1, |_| {});
    let described = aws.count("ecr:DescribeImages");
    assert!(run(&aws, "mode: delete").await.missing.is_empty());
    assert_eq!(
        aws.count("ecr:DescribeImages") - described,
        3,
        "the list, the recheck, and the last recheck"
    );
}

const LISTS: &str = "{mode: delete, in_use: {keep_lists: ['s3://lists/in-use/*.json']}}";

fn list(images: &[String]) -> Value {
    json!({
        "schema": "ecr-cleanup/keep-list/1",
        "generated_at": "2026-11-21T07:00:00Z",
        "max_age": "24h",
        "images": images,
    })
}

#[tokio::test]
async fn a_keep_list_protects_what_it_names() {
    let aws = account().await;
    let (digests, uri) = aws.edit(|world| {
        let named = world
            .home()
            .repository("app")
            .push(Push::image().content("named").pushed_at(days_ago(50)));
        let bare = world
            .home()
            .repository("app")
            .push(Push::image().content("bare").pushed_at(days_ago(50)));
        ([named, bare], world.home().repository("app").uri())
    });
    put_object(
        &aws,
        "lists",
        "in-use/a.json",
        list(&[format!("{uri}@{}", digests[0])]).to_string(),
    );
    put_object(
        &aws,
        "lists",
        "in-use/b.json",
        list(&[digests[1].clone()]).to_string(),
    );
    put_object(&aws, "lists", "in-use/deeper/c.json", "not meant");
    let answer = run(&aws, LISTS).await;
    assert_eq!(
        (answer.status, answer.counts.deleted),
        (Status::Completed, 3),
        "{:?}",
        answer.refusals
    );
    assert!(
        digests
            .iter()
            .all(|digest| aws.digests("app").contains(digest))
    );
    assert!(
        answer
            .in_use
            .iter()
            .any(|coverage| coverage.source == "keep_lists" && coverage.references == 2)
    );
}

/// A list whose writer stopped protects nothing (U9).
#[tokio::test]
async fn a_keep_list_that_cannot_be_relied_upon_stops_deletion() {
    let good = list(&[]).to_string();
    let no_host = list(&["team/app:1".to_owned()]).to_string();
    let unclear =
        list(&["111111111111.dkr.ecr.eu-west-1.amazonaws.com/UPPER:1".to_owned()]).to_string();
    for (content, observed) in [
        (None, "there is no such list"),
        (Some("{"), "it is no keep list"),
        (
            Some(&*good.replace("list/1", "list/2")),
            "it is of the schema `ecr-cleanup/keep-list/2`",
        ),
        (
            Some(&*good.replace("2026-11-21", "2026-11-20")),
            "it is stale",
        ),
        (
            Some(&*good.replace("2026-11-21", "2026-11-22")),
            "which is still to come",
        ),
        (
            Some(&*no_host),
            "`team/app:1`: it names no image of ECR; write the host too",
        ),
        (Some(&*unclear), "UPPER"),
    ] {
        let aws = account().await;
        aws.edit(|world| {
            world.bucket("lists");
        });
        if let Some(content) = content {
            put_object(&aws, "lists", "in-use/a.json", content);
            put_object(&aws, "lists", "in-use/b.json", &*good);
        }
        let answer = run(&aws, LISTS).await;
        assert_eq!(
            (answer.status, guards(&answer)),
            (Status::Refused, vec!["source_incomplete".to_owned()])
        );
        assert!(
            answer.refusals[0].observed.contains(observed),
            "{}",
            answer.refusals[0].observed
        );
        assert!(aws.mutations().is_empty());
    }
    for operation in ["s3:ListObjectsV2", "s3:GetObject"] {
        let aws = account().await;
        put_object(&aws, "lists", "in-use/a.json", &*good);
        aws.fault(Fault::on(operation).kind(FaultKind::AccessDenied));
        assert_eq!(
            guards(&run(&aws, LISTS).await),
            ["source_incomplete"],
            "{operation}"
        );
    }
    let aws = account().await;
    aws.edit(|world| {
        world.bucket("lists");
    });
    let one = LISTS.replace("*.json", "one.json");
    assert_eq!(guards(&run(&aws, &one).await), ["source_incomplete"]);
    put_object(&aws, "lists", "in-use/one.json", &*good);
    assert_eq!(run(&aws, &one).await.status, Status::Completed);
}

#[tokio::test]
async fn more_keep_lists_than_a_page_are_all_read() {
    let aws = account().await;
    let last = aws.edit(|world| {
        world
            .home()
            .repository("app")
            .push(Push::image().content("last").pushed_at(days_ago(50)))
    });
    for number in 0..1001 {
        let images = if number == 1000 {
            vec![last.clone()]
        } else {
            Vec::new()
        };
        put_object(
            &aws,
            "lists",
            &format!("in-use/{number:04}.json"),
            list(&images).to_string(),
        );
    }
    assert_eq!(run(&aws, LISTS).await.counts.deleted, 3);
    assert!(aws.digests("app").contains(&last));
}

#[tokio::test]
async fn the_use_of_one_account_protects_the_registry_of_another() {
    let aws = account().await;
    let (usage, list) = program(&aws, "mode: delete").keep_list().await.unwrap();
    let text = serde_json::to_string(&list.unwrap()).unwrap();
    assert!(usage.references().len() > 0 && text.contains("ecr-cleanup/keep-list/1"));
    put_object(&aws, "lists", "in-use/home.json", &*text);
    // Without ECS of its own, the list alone protects what it did.
    let config = LISTS.replace("in_use: {", "in_use: {ecs: false, ");
    let (by_list, by_ecs) = (plan(&aws, &config).await, plan(&aws, "mode: delete").await);
    assert_eq!((by_list.counts, guards(&by_list)), (by_ecs.counts, vec![]));
    set_clock(&aws, Duration::from_hours(25));
    assert_eq!(guards(&plan(&aws, &config).await), ["source_incomplete"]);

    aws.fault(Fault::on("ecs:DescribeServices").kind(FaultKind::AccessDenied));
    let (_, list) = program(&aws, "mode: delete").keep_list().await.unwrap();
    assert!(list.is_err(), "a list that leaves something out is none");
}

fn policy(selection: &Value) -> String {
    let mut selection = selection.clone();
    selection["countType"] = json!("imageCountMoreThan");
    selection["countNumber"] = json!(5);
    json!({"rules": [{"rulePriority": 7, "selection": selection, "action": {"type": "expire"}}]})
        .to_string()
}

/// ECR applies its own policies unasked (A8).
#[tokio::test]
async fn a_lifecycle_policy_that_may_take_an_image_in_use_is_reported() {
    for (selection, warns) in [
        (json!({"tagStatus": "any"}), true),
        (json!({"tagStatus": "untagged"}), false),
        (
            json!({"tagStatus": "tagged", "tagPrefixList": ["li"]}),
            true,
        ),
        (
            json!({"tagStatus": "tagged", "tagPatternList": ["*v*"]}),
            true,
        ),
        (
            json!({"tagStatus": "tagged", "tagPatternList": ["*v*", "x*"]}),
            false,
        ),
        (
            json!({"tagStatus": "any", "storageClass": "archive"}),
            false,
        ),
    ] {
        let aws = account().await;
        aws.edit(|world| {
            world
                .home()
                .repository("unused")
                .push(Push::image().tag("latest").pushed_at(days_ago(1)));
            world.home().repository("app").lifecycle_policy = Some(policy(&selection));
        });
        let answer = plan(&aws, "mode: delete").await;
        let warned = answer
            .warnings
            .iter()
            .any(|warning| warning.starts_with("the lifecycle policy of `app` may expire"));
        assert_eq!(warned, warns, "{selection}: {:?}", answer.warnings);
        assert_eq!(aws.count("ecr:GetLifecyclePolicy"), 2);
    }
    let aws = account().await;
    aws.edit(|world| world.home().repository("app").lifecycle_policy = Some("{".to_owned()));
    let answer = run(&aws, "mode: delete").await;
    assert_eq!(answer.status, Status::Completed);
    assert!(
        answer
            .warnings
            .iter()
            .any(|warning| warning.contains("`app` could not be read")),
        "{:?}",
        answer.warnings
    );
}

#[tokio::test]
async fn every_lifecycle_conflict_can_be_listed() {
    let aws = account().await;
    aws.edit(|world| {
        world.home().repository("app").lifecycle_policy =
            Some(policy(&json!({"tagStatus": "any"})));
        let unused = world.home().repository("unused");
        unused.push(Push::image().tag("latest").pushed_at(days_ago(1)));
        unused.lifecycle_policy = Some(policy(&json!({"tagStatus": "any"})));
    });
    let program = program(&aws, "mode: plan");
    let planned = program.plan(request(Mode::Plan)).await.unwrap();
    let found = planned.lifecycle_conflicts();
    let conflicts: Vec<_> = found
        .iter()
        .flat_map(|(_, conflicts)| conflicts.as_ref().unwrap())
        .map(|conflict| (conflict.image.as_str(), conflict.in_use, conflict.rule))
        .collect();
    assert_eq!(conflicts.len(), 3, "{conflicts:?}");
    for expected in [
        ("app:live", true, 7),
        ("app:latest", true, 7),
        ("unused:latest", false, 7),
    ] {
        assert!(conflicts.contains(&expected), "{conflicts:?}");
    }
}
