//! Answers that can be trusted: verifying, keep lists, and lifecycle policies.

use std::{
    path::Path,
    process::{Command, Output, Stdio},
    time::Duration,
};

use ecr_cleanup::{config::Mode, function::handle, report::Status, report::Verification};
use serde_json::{Value, json};
use simulated_aws::{Fault, FaultKind, Push, SimulatedAws, World, days_ago};

use crate::support::{
    HOST, SECRET, WorldExt,
    assertions::assert_warns,
    plan, program, request, run, set_clock,
    state::{account, guards, put_object},
};

/// Runs the release command, and returns what it prints and its exit code.
pub(crate) async fn command(aws: &SimulatedAws, arguments: &[&str]) -> (String, Option<i32>) {
    let output = run_command(aws, arguments, Path::new(".")).await;
    (
        String::from_utf8(output.stdout).unwrap(),
        output.status.code(),
    )
}

/// Runs the release command, and returns what a terminal shows of it, with its exit code if that is
/// not 0.
pub(crate) async fn both_outputs(aws: &SimulatedAws, arguments: &[&str]) -> String {
    both_outputs_in(aws, arguments, Path::new(".")).await
}

/// Does the same in a folder.
pub(crate) async fn both_outputs_in(
    aws: &SimulatedAws,
    arguments: &[&str],
    folder: &Path,
) -> String {
    let output = run_command(aws, arguments, folder).await;
    let [mut text, errors] =
        [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    text += &errors;
    match output.status.code() {
        Some(0) => text,
        code => format!("{text}(exit code {})\n", code.unwrap()),
    }
}

async fn run_command(aws: &SimulatedAws, arguments: &[&str], folder: &Path) -> Output {
    let variables = [
        ("AWS_REGION", "eu-west-1"),
        ("COLUMNS", "80"),
        ("AWS_ACCESS_KEY_ID", "AKIAHOME"),
        ("AWS_SECRET_ACCESS_KEY", SECRET),
    ];
    run_at(aws, arguments, &variables, folder).await
}

/// Runs the release command with these variables and the endpoint, and no others.
pub(crate) async fn run_in(
    aws: &SimulatedAws,
    arguments: &[&str],
    variables: &[(&str, &str)],
) -> Output {
    run_at(aws, arguments, variables, Path::new(".")).await
}

async fn run_at(
    aws: &SimulatedAws,
    arguments: &[&str],
    variables: &[(&str, &str)],
    folder: &Path,
) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ecr-cleanup"));
    command.args(arguments).env_clear().stdin(Stdio::null());
    command.current_dir(folder);
    command.env("AWS_ENDPOINT_URL", aws.endpoint());
    command.envs(variables.iter().copied());
    let run = tokio::task::spawn_blocking(move || command.output().unwrap());
    run.await.unwrap()
}

/// Removes an image in use.
fn remove_live(world: &mut World) {
    let app = world.home().repository("app");
    let live = app.digest("live").unwrap().to_owned();
    app.remove(&live);
}

#[tokio::test]
async fn the_command_says_by_its_exit_code_what_it_found() {
    let aws = account().await;
    let (text, code) = command(&aws, &["verify"]).await;
    assert_eq!(code, Some(0), "{text}");
    aws.fault(Fault::denied("ecr:DescribeImages"));
    let (text, code) = command(&aws, &["verify"]).await;
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("Could not list `app`"), "{text}");
    aws.clear_faults();
    aws.edit(remove_live);
    let (text, code) = command(&aws, &["verify"]).await;
    assert_eq!(code, Some(5), "{text}");
    assert!(text.contains("there is no such image"), "{text}");
    assert!(aws.mutations().is_empty());
}

#[tokio::test]
async fn the_command_writes_keep_lists_and_lists_lifecycle_conflicts() {
    let aws = account().await;
    let (text, code) = command(&aws, &["keep-list"]).await;
    let list: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(code, Some(0));
    assert_eq!(list["schema"], "ecr-cleanup/keep-list/1");
    let live = json!(format!("{HOST}/app:live"));
    assert!(list["images"].as_array().unwrap().contains(&live));
    let (text, code) = command(&aws, &["in-use", "--output", "keep-list"]).await;
    assert_eq!((code, text.as_str()), (Some(2), ""));
    let any = policy(&json!({"tagStatus": "any"}));
    aws.edit(|world| world.home().repository("app").lifecycle_policy = Some(any));
    let (text, code) = command(&aws, &["lifecycle"]).await;
    assert_eq!(code, Some(0), "{text}");
    assert_contains!(text, "app:live", "7: expire");
    aws.fault(Fault::denied("ecs:DescribeServices"));
    let (text, code) = command(&aws, &["keep-list"]).await;
    assert_eq!(code, Some(1));
    assert_eq!(text, "", "a list that leaves something out is none");
}

async fn verify(aws: &SimulatedAws) -> Verification {
    program(aws, "mode: delete").verify().await.unwrap().0
}

fn missing(verification: &Verification) -> Vec<(String, String, bool)> {
    let missing = verification.missing.iter();
    let missing = missing.map(|it| (it.reference.to_string(), it.problem.to_string(), it.live));
    missing.collect()
}

#[tokio::test]
async fn everything_in_use_can_be_pulled() {
    let aws = account().await;
    let verification = verify(&aws).await;
    let (verified, summary) = (verification.verified, &verification.summary);
    assert!(verified && verification.is_complete(), "{summary}");
    assert!(missing(&verification).is_empty());
    assert!(verification.references > 0);
    let calls = aws.count("ecr:DescribeImages");
    assert_eq!(calls, 1, "one repository is in use");
    assert_eq!(aws.count("ecr:BatchGetImage"), 0);
    assert_eq!(aws.count("ecr:DescribeRepositories"), 0);
}

/// It is missing, and live where something live uses it (U10).
#[tokio::test]
async fn what_cannot_be_pulled_is_reported_with_its_users() {
    let aws = account().await;
    aws.edit(|world| {
        remove_live(world);
        let cold = Push::image().tag("cold").archived_at(days_ago(1));
        world.home().repository("app").push(cold);
        let ecs = &mut world.home().ecs;
        ecs.register("cold", [format!("{HOST}/app:cold")]);
        ecs.register("none", [format!("{HOST}/never-there:1")]);
        ecs.register("none", [format!("{HOST}/never-there:2")]);
        world.deploy("prod", "cold", "cold:1");
    });
    let verification = verify(&aws).await;
    assert!(!verification.verified && verification.is_complete());
    let found = missing(&verification);
    for (reference, problem, live) in [
        ("app:live", "there is no such image", true),
        ("app:cold", "it is archived", true),
        ("never-there:1", "there is no such repository", false),
        // A schedule may start the newest revision at any time (U15).
        ("never-there:2", "there is no such repository", true),
    ] {
        let is_it = |(name, what, lives): &(String, String, bool)| {
            name.starts_with(reference) && what == problem && *lives == live
        };
        assert!(found.iter().any(is_it), "{reference}: {found:?}");
    }
    let mut users = verification.missing[0].users.iter();
    assert!(users.any(|it| it.contains("web") || it.contains("cold")));
    let live = found.iter().filter(|(.., live)| *live).count();
    assert_eq!(verification.live_missing(), live);
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
        assert!(!verification.verified, "{operation}");
        assert!(!verification.is_complete(), "{operation}");
        assert_eq!(missing(&verification), vec![], "{operation}");
        assert_contains!(verification.summary, "Not everything could be asked");
    }
}

#[tokio::test]
async fn the_function_verifies_and_sends_the_metric() {
    let aws = account().await;
    aws.edit(remove_live);
    let event: Value = serde_json::from_str(include_str!("../../events/verify.json")).unwrap();
    let mut stdout = Vec::new();
    let deadline = std::time::SystemTime::now() + Duration::from_mins(15);
    let program = program(&aws, "mode: delete");
    let answer = handle(&program, &event, deadline, &mut stdout).await;
    let answer = answer.unwrap();
    assert_eq!(answer["verified"], false);
    assert!(!answer["missing"].as_array().unwrap().is_empty());
    let lines = String::from_utf8(stdout).unwrap();
    let lines = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    let lines: Vec<Value> = lines.collect();
    assert_eq!((lines.len(), &lines[0]["RunsStarted"]), (2, &json!(1.0)));
    assert_eq!(lines[0]["run_id"], lines[1]["run_id"]);
    let missing = lines[1]["MissingImages"].as_f64().unwrap();
    assert!(missing > 0.0, "{}", lines[1]);
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
        let program = program(&aws, "mode: delete");
        let answer = handle(&program, &event, deadline, Vec::new()).await;
        let error = answer.unwrap_err();
        assert_eq!(error.name(), "Internal", "{call}");
        assert_starts!(error, "time ran out before every image in use");
    }
}

#[tokio::test]
async fn after_a_run_missing_is_what_is_missing_then() {
    let aws = account().await;
    // Somebody removes an image in use while the run deletes.
    aws.after("ecr:BatchDeleteImage", 1, remove_live);
    let answer = run(&aws, "mode: delete").await;
    assert_eq!(answer.counts.deleted, 3);
    let live = answer.missing.iter().filter(|missing| missing.live).count();
    assert_eq!(live, 2, "by tag and by digest: {:?}", answer.missing);
    let counted = "2 images in use cannot be pulled: see `missing`.";
    assert_contains!(answer.summary, counted);

    let aws = account().await;
    aws.after("ecr:BatchDeleteImage", 1, |_| {});
    assert!(run(&aws, "mode: delete").await.missing.is_empty());
    let calls = aws.count("ecr:DescribeImages");
    assert_eq!(calls, 2, "the list and the recheck");
    assert_eq!(aws.count("ecr:ListImages"), 1, "the look after it");
}

const LISTS: &str = "{mode: delete, in_use: {keep_lists: ['s3://lists/in-use/*.json']}}";

fn put_list(aws: &SimulatedAws, name: &str, content: impl Into<Vec<u8>>) {
    put_object(aws, "lists", &format!("in-use/{name}"), content);
}

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
    let digests = aws.edit(|world| [50, 50].map(|days| world.untagged("app", days)));
    let named = list(&[format!("{HOST}/app@{}", digests[0])]);
    let bare = list(&[digests[1].clone()]);
    put_list(&aws, "a.json", named.to_string());
    put_list(&aws, "b.json", bare.to_string());
    put_list(&aws, "deeper/c.json", "not meant");
    let answer = run(&aws, LISTS).await;
    assert_deleted!(answer, Completed, 3);
    assert!(digests.iter().all(|it| aws.digests("app").contains(it)));
    let mut sources = answer.in_use.iter();
    assert!(sources.any(|it| it.source == "keep_lists" && it.references == 2));
}

/// A list whose writer stopped protects nothing (U9).
#[tokio::test]
async fn a_keep_list_that_cannot_be_relied_upon_stops_deletion() {
    let good = list(&[]).to_string();
    let naming = |image: String| Some(list(&[image]).to_string());
    let instead = |old, new| Some(good.replace(old, new));
    let no_host = "`team/app:1`: it names no image of ECR; write the host too";
    let schema = "it is of the schema `ecr-cleanup/keep-list/2`";
    for (content, observed) in [
        (None, "there is no such list"),
        (Some("{".to_owned()), "it is no keep list"),
        (instead("list/1", "list/2"), schema),
        (instead("2026-11-21", "2026-11-20"), "it is stale"),
        (
            instead("2026-11-21", "2026-11-22"),
            "which is still to come",
        ),
        (naming("team/app:1".to_owned()), no_host),
        (naming(format!("{HOST}/UPPER:1")), "UPPER"),
    ] {
        let aws = account().await;
        aws.edit(|world| {
            world.bucket("lists");
        });
        if let Some(content) = content {
            put_list(&aws, "a.json", content);
            put_list(&aws, "b.json", &*good);
        }
        let answer = run(&aws, LISTS).await;
        assert_status!(answer, Refused);
        assert_eq!(guards(&answer), ["source_incomplete"]);
        assert_contains!(answer.refusals[0].observed, observed);
        assert!(aws.mutations().is_empty());
    }
    for operation in ["s3:ListObjectsV2", "s3:GetObject"] {
        let aws = account().await;
        put_list(&aws, "a.json", &*good);
        aws.fault(Fault::denied(operation));
        let guards = guards(&run(&aws, LISTS).await);
        assert_eq!(guards, ["source_incomplete"], "{operation}");
    }
    let aws = account().await;
    aws.edit(|world| {
        world.bucket("lists");
    });
    let one = LISTS.replace("*.json", "one.json");
    assert_eq!(guards(&run(&aws, &one).await), ["source_incomplete"]);
    put_list(&aws, "one.json", &*good);
    assert_eq!(run(&aws, &one).await.status, Status::Completed);
}

#[tokio::test]
async fn more_keep_lists_than_a_page_are_all_read() {
    let aws = account().await;
    let last = aws.edit(|world| world.untagged("app", 50));
    for number in 0..1001 {
        let images = if number == 1000 {
            &[last.clone()][..]
        } else {
            &[]
        };
        put_list(&aws, &format!("{number:04}.json"), list(images).to_string());
    }
    assert_eq!(run(&aws, LISTS).await.counts.deleted, 3);
    assert!(aws.digests("app").contains(&last));
}

#[tokio::test]
async fn the_use_of_one_account_protects_the_registry_of_another() {
    let aws = account().await;
    let (usage, list) = program(&aws, "mode: delete").keep_list().await.unwrap();
    let text = serde_json::to_string(&list.unwrap()).unwrap();
    assert!(usage.references().len() > 0);
    assert_contains!(text, "ecr-cleanup/keep-list/1");
    put_list(&aws, "home.json", &*text);
    // Without ECS of its own, the list alone protects what it did.
    let config = LISTS.replace("in_use: {", "in_use: {ecs: false, ");
    let (by_list, by_ecs) = (plan(&aws, &config).await, plan(&aws, "mode: delete").await);
    assert_eq!((by_list.counts, guards(&by_list)), (by_ecs.counts, vec![]));
    set_clock(&aws, Duration::from_hours(25));
    assert_eq!(guards(&plan(&aws, &config).await), ["source_incomplete"]);

    aws.fault(Fault::denied("ecs:DescribeServices"));
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
        (r#"{"tagStatus": "any"}"#, true),
        (r#"{"tagStatus": "untagged"}"#, false),
        (r#"{"tagStatus": "tagged", "tagPrefixList": ["li"]}"#, true),
        (
            r#"{"tagStatus": "tagged", "tagPatternList": ["*v*"]}"#,
            true,
        ),
        (
            r#"{"tagStatus": "tagged", "tagPatternList": ["*v*", "x*"]}"#,
            false,
        ),
        (r#"{"tagStatus": "any", "storageClass": "archive"}"#, false),
    ] {
        let aws = account().await;
        let text = policy(&serde_json::from_str(selection).unwrap());
        aws.edit(|world| {
            world.tagged("unused", "latest", 1);
            world.home().repository("app").lifecycle_policy = Some(text);
        });
        let answer = plan(&aws, "mode: delete").await;
        let expires = "the lifecycle policy of `app` may expire";
        let warned = answer
            .warnings
            .iter()
            .any(|it| it.message.starts_with(expires));
        assert_eq!(warned, warns, "{selection}: {:?}", answer.warnings);
        assert_eq!(aws.count("ecr:GetLifecyclePolicy"), 2);
    }
    let aws = account().await;
    aws.edit(|world| world.home().repository("app").lifecycle_policy = Some("{".to_owned()));
    let answer = run(&aws, "mode: delete").await;
    assert_status!(answer, Completed);
    assert_warns(&answer, "`app` could not be read");
}

#[tokio::test]
async fn every_lifecycle_conflict_can_be_listed() {
    let aws = account().await;
    aws.edit(|world| {
        world.tagged("unused", "latest", 1);
        for name in ["app", "unused"] {
            let any = policy(&json!({"tagStatus": "any"}));
            world.home().repository(name).lifecycle_policy = Some(any);
        }
    });
    let program = program(&aws, "mode: plan");
    let planned = program.plan(request(Mode::Plan)).await.unwrap();
    let found = planned.lifecycle_conflicts();
    let conflicts = found
        .iter()
        .flat_map(|(_, conflicts)| conflicts.as_ref().unwrap());
    let conflicts = conflicts.map(|it| (it.image.as_str(), it.in_use, it.rule));
    let conflicts: Vec<_> = conflicts.collect();
    assert_eq!(conflicts.len(), 3, "{conflicts:?}");
    for expected in [
        ("app:live", true, 7),
        ("app:latest", true, 7),
        ("unused:latest", false, 7),
    ] {
        assert!(conflicts.contains(&expected), "{conflicts:?}");
    }
}
