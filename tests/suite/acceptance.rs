//! The promise of the README, from an empty configuration on: what is deleted, what is kept, and
//! what is reported.
#![allow(clippy::cast_precision_loss, reason = "a test")]

use std::{
    collections::BTreeSet,
    fs,
    time::{Duration, SystemTime},
};

use ecr_cleanup::{
    config::Mode,
    function::{FunctionError, handle},
    pipeline::Program,
    report::{DISTRIBUTED_METRICS, METRICS, NAMESPACE},
};
use serde_json::{Value, json};
use simulated_aws::{Fault, Moment, Push, SimulatedAws, World, days_ago, hours_ago};

use crate::support::{DELETE, WorldExt, candidates, deleted, plan, program, request, run};

const APP: &str = "team/app";

/// Fills the repository of the promise, and returns the digests that are to be deleted.
fn team(world: &mut World) -> Vec<String> {
    world.tagged(APP, "latest", 200);
    let mut push = |tag: String, days| world.tagged(APP, &tag, days);
    let snapshots = (1..=8).map(|day| push(format!("2.0-{day}-SNAPSHOT"), day));
    let snapshots: Vec<_> = snapshots.collect();
    let releases = (0..14).map(|minor| push(format!("1.{minor}"), 100 - minor));
    let mut releases: Vec<_> = releases.collect();
    let old = world.untagged(APP, 30);
    let young = Push::image().pushed_at(hours_ago(2));
    world.home().repository(APP).push(young);

    // By tag: nothing but a service that wants a deregistered task definition.
    let definition = world.define("by-tag", APP, "1.0");
    let ecs = &mut world.home().ecs;
    ecs.set_status(&definition, "INACTIVE");
    let definition = ecs.task_definition(&definition).unwrap();
    let arn = Some(definition.task_definition_arn.clone());
    world
        .home()
        .cluster("prod")
        .service("by-tag")
        .task_definition = arn;

    // By digest: a running task.
    let image = format!("{}@{}", world.home().repository(APP).uri(), releases[1]);
    let definition = world.home().ecs.register("by-digest", [image]);
    world.run_task("prod", &definition);
    world.home().ecs.set_status(&definition, "INACTIVE");

    // By a digest that nothing but the revision of a service remembers, since its tag moved.
    let definition = world.define("moved", APP, "1.2");
    world.deploy("prod", "moved", &definition);
    releases[2] = world.tagged(APP, "1.2", 0);

    [&snapshots[5..], &releases[3..5], &[old]].concat()
}

fn sorted(digests: Vec<String>) -> Vec<String> {
    let digests: BTreeSet<_> = digests.into_iter().collect();
    digests.into_iter().collect()
}

/// The dry run and the real run make the same verdicts (P2).
#[tokio::test]
async fn without_any_setting_only_what_nobody_needs_is_deleted() {
    let aws = SimulatedAws::start().await;
    let expected = sorted(aws.edit(team));
    let before = aws.digests(APP);
    assert_eq!(before.len(), 1 + 8 + 15 + 2);

    // The dry run: the same verdicts, and not one call that changes anything.
    let program = program(&aws, DELETE);
    let prepared = program.plan(request(Mode::Plan)).await.unwrap();
    let dry_plan = prepared.plan().repositories()[0].clone();
    assert_eq!(candidates(prepared.plan()), expected);
    let dry = prepared.finish().await.answer;
    assert_status!(dry, Planned);
    assert_eq!(dry.counts.candidates, 6, "{}", dry.summary);
    assert_eq!(dry.counts.untouched, 6, "{}", dry.summary);
    assert_eq!(aws.mutations().len(), 0);
    assert_eq!(aws.digests(APP), before);

    let prepared = program.plan(request(Mode::Delete)).await.unwrap();
    assert_eq!(prepared.plan().repositories()[0], dry_plan);
    let real = prepared.finish().await.answer;
    assert_deleted!(real, Completed, 6);
    assert_eq!(real.counts.images, dry.counts.images);
    assert_eq!(real.counts.kept, dry.counts.kept);
    assert_eq!(deleted(&aws), expected);
    let mut left = before;
    left.retain(|digest| !expected.contains(digest));
    assert_eq!(aws.digests(APP), left);

    let tags: BTreeSet<_> = aws.tags(APP).into_iter().collect();
    let snapshots = (1..=5).map(|day| format!("2.0-{day}-SNAPSHOT"));
    let releases = [0, 1, 2, 5, 6, 7, 8, 9, 10, 11, 12, 13].map(|minor| format!("1.{minor}"));
    let kept = snapshots.chain(releases).chain(["latest".to_owned()]);
    assert_eq!(tags, kept.collect());
}

#[tokio::test]
async fn a_second_run_right_after_deletes_nothing() {
    let aws = SimulatedAws::start().await;
    aws.edit(team);
    run(&aws, DELETE).await;
    aws.clear_record();
    let again = run(&aws, DELETE).await;
    assert_status!(again, Completed);
    assert_eq!(again.counts.candidates, 0);
    assert_eq!(aws.mutations().len(), 0);
}

#[tokio::test]
async fn without_a_mode_nothing_is_deleted() {
    let aws = SimulatedAws::start().await;
    aws.edit(team);
    let answer = answer_to(&program(&aws, ""), &event("scheduled-rule")).await;
    assert_eq!(answer["status"], "planned");
    assert_eq!(answer["mode"], "plan");
    assert_eq!(plan(&aws, "").await.counts.candidates, 6);
    assert_eq!(aws.mutations().len(), 0);
}

/// Reads an event of `events/`.
fn event(name: &str) -> Value {
    let path = format!("{}/events/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// Invokes the function: its answer, and the lines of metrics.
async fn call(program: &Program, event: &Value) -> (Result<Value, FunctionError>, Vec<Value>) {
    let mut stdout = Vec::new();
    let deadline = SystemTime::now() + Duration::from_mins(15);
    let answer = handle(program, event, deadline, &mut stdout).await;
    let lines = String::from_utf8(stdout).unwrap();
    let lines = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    (answer, lines.collect())
}

/// Invokes the function, and returns its answer.
async fn answer_to(program: &Program, event: &Value) -> Value {
    call(program, event).await.0.unwrap()
}

#[tokio::test]
async fn each_event_of_the_examples_does_what_its_name_says() {
    for (name, deletes) in [
        ("explain", false),
        ("manual-delete", true),
        ("manual-plan", false),
        ("manual-repositories", false),
        ("scheduled-rule", true),
        ("scheduled-scheduler", true),
        ("verify", false),
    ] {
        let aws = SimulatedAws::start().await;
        let expected = sorted(aws.edit(team));
        let answer = answer_to(&program(&aws, DELETE), &event(name)).await;
        if name == "verify" {
            assert_eq!(answer["verified"], true);
            assert_eq!(aws.mutations().len(), 0);
            continue;
        }
        assert_eq!(answer["counts"]["candidates"], 6, "{name}");
        let status = if deletes { "completed" } else { "planned" };
        assert_eq!(answer["status"], status, "{name}");
        let expected = if deletes { expected } else { Vec::new() };
        assert_eq!(deleted(&aws), expected, "{name}");
        let explained = answer["explanation"].is_object();
        assert_eq!(explained, name == "explain");
    }
}

#[tokio::test]
async fn an_empty_event_only_plans() {
    let aws = SimulatedAws::start().await;
    aws.edit(team);
    for event in [json!({}), Value::Null, json!({"dry_run": true})] {
        let answer = answer_to(&program(&aws, DELETE), &event).await;
        assert_eq!(answer["status"], "planned", "{event}");
        assert_eq!(answer["counts"]["candidates"], 6, "{event}");
    }
    assert_eq!(aws.mutations().len(), 0);
}

#[tokio::test]
async fn an_event_narrows_to_the_repositories_it_names() {
    let aws = SimulatedAws::start().await;
    aws.edit(|world| {
        world.in_use_elsewhere();
        world.untagged_images("team/app", 2);
        world.untagged_images("other/app", 2);
    });
    let event = json!({"mode": "delete", "repositories": ["team/*"]});
    let answer = answer_to(&program(&aws, DELETE), &event).await;
    assert_eq!(answer["counts"]["deleted"], 2);
    assert_eq!(aws.digests("team/app").len(), 1);
    assert_eq!(aws.digests("other/app").len(), 3);
}

#[tokio::test]
async fn an_event_that_asks_to_archive_deletes_nothing() {
    let aws = SimulatedAws::start().await;
    aws.edit(team);
    let answer = answer_to(&program(&aws, DELETE), &json!({"mode": "archive"})).await;
    assert_eq!(aws.count("ecr:BatchDeleteImage"), 0);
    assert_eq!(answer["counts"]["deleted"], 0);
    assert_eq!(answer["counts"]["archived"], answer["counts"]["candidates"]);
}

#[tokio::test]
async fn errors_have_the_names_that_alarms_match() {
    let aws = SimulatedAws::start().await;
    aws.edit(|world| world.untagged_images(APP, 2));
    let (answer, lines) = call(&program(&aws, DELETE), &event("scheduled-rule")).await;
    let error = answer.unwrap_err();
    assert_eq!(error.name(), "Refused");
    assert_contains!(error, "no_usage");
    assert_eq!(lines[1]["RunsRefused"], 1.0);
    assert_eq!(lines[1]["GuardTrips"], 1.0);

    let console = json!({"key1": "value1"});
    for wrong in [json!({"dryrun": true}), console, json!([])] {
        let (answer, lines) = call(&program(&aws, DELETE), &wrong).await;
        assert_eq!(answer.unwrap_err().name(), "InvalidEvent", "{wrong}");
        assert_eq!(lines.len(), 0, "nothing was started");
    }
    let (answer, _) = call(&program(&aws, ""), &event("manual-delete")).await;
    let name = answer.unwrap_err().name();
    assert_eq!(name, "InvalidEvent", "more than the configuration allows");

    aws.fault(Fault::denied("ecr:DescribeRepositories"));
    let (answer, lines) = call(&program(&aws, DELETE), &event("scheduled-rule")).await;
    let error = answer.unwrap_err();
    assert_eq!((error.name(), lines.len()), ("Internal", 1), "{error}");
    assert_contains!(error, "ecr:DescribeRepositories");
    assert_eq!(aws.mutations().len(), 0);
}

#[tokio::test]
async fn a_plan_that_would_be_refused_says_so_and_succeeds() {
    let aws = SimulatedAws::start().await;
    aws.edit(|world| world.untagged_images(APP, 2));
    let answer = answer_to(&program(&aws, DELETE), &event("manual-plan")).await;
    assert_eq!(answer["status"], "planned");
    assert_eq!(answer["refusals"][0]["guard"], "no_usage");
}

#[tokio::test]
async fn metrics_are_complete_and_in_the_embedded_format() {
    let aws = SimulatedAws::start().await;
    aws.edit(team);
    let program = program(&aws, DELETE);
    let lines = call(&program, &event("scheduled-rule")).await.1;
    assert_eq!(lines.len(), 2);
    for line in &lines {
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(directive["Namespace"], NAMESPACE);
        let now = Moment::NOW.epoch_milliseconds();
        assert_eq!(line["_aws"]["Timestamp"], now);
        let sets = directive["Dimensions"].as_array().unwrap().iter();
        for dimension in sets.flat_map(|set| set.as_array().unwrap()) {
            assert!(line[dimension.as_str().unwrap()].is_string(), "{dimension}");
        }
        for metric in directive["Metrics"].as_array().unwrap() {
            let value = &line[metric["Name"].as_str().unwrap()];
            assert!(value.is_number(), "{metric}");
        }
    }
    let (started, ended) = (&lines[0], &lines[1]);
    assert_eq!(started["RunsStarted"], 1.0);
    assert_eq!(started["run_id"], ended["run_id"]);
    let metrics = &started["_aws"]["CloudWatchMetrics"][0]["Metrics"];
    assert_eq!(metrics.as_array().unwrap().len(), 1);
    let declared = &ended["_aws"]["CloudWatchMetrics"][0]["Metrics"];
    let others = [&DISTRIBUTED_METRICS[..], &["RunsStarted"]].concat();
    let expected = METRICS.iter().filter(|(name, _)| !others.contains(name));
    let expected = expected.map(|(name, unit)| json!({"Name": name, "Unit": unit}));
    assert_eq!(declared, &json!(expected.collect::<Vec<_>>()));
    for (name, value) in [
        ("RunsCompleted", 1),
        ("ScheduledRunsCompleted", 1),
        ("RunsRefused", 0),
        ("RunsTruncated", 0),
        ("RepositoriesScanned", 1),
        ("RepositoriesFailed", 0),
        ("ImagesScanned", 26),
        ("ImagesKept", 20),
        ("ImagesCandidate", 6),
        ("ImagesDeleted", 6),
        ("ImagesArchived", 0),
        ("ImagesRestored", 0),
        ("ImagesFailed", 0),
        ("MissingImages", 0),
        ("BytesScanned", 260_000_000),
        ("BytesDeleted", 60_000_000),
        ("SourcesExpected", 3),
        ("SourcesFailed", 0),
        ("GuardTrips", 0),
        ("ApiThrottles", 0),
    ] {
        assert_eq!(ended[name].as_f64(), Some(f64::from(value)), "{name}");
    }
    assert_eq!(ended["ApiCalls"].as_f64(), Some(aws.total() as f64));
}

#[tokio::test]
async fn each_run_counts_its_own_calls() {
    let aws = SimulatedAws::start().await;
    aws.edit(team);
    let program = program(&aws, "");
    for _ in 0..2 {
        aws.clear_record();
        let lines = call(&program, &json!({})).await.1;
        assert_eq!(lines[1]["ApiCalls"].as_f64(), Some(aws.total() as f64));
    }
}

/// A missing image is named with who uses it (U10).
#[tokio::test]
async fn an_image_in_use_that_is_not_there_is_reported_with_its_user() {
    let aws = SimulatedAws::start().await;
    aws.edit(|world| {
        world.tagged(APP, "1.0", 3);
        let definition = world.define("web", APP, "9.9");
        world.deploy("prod", "web", &definition);
        let archived = Push::image().tag("arch").archived_at(days_ago(1));
        world.home().repository(APP).push(archived);
        world.define("cold", APP, "arch");
        world.define("cold", APP, "1.0");
    });
    let answer = plan(&aws, "").await;
    let missing = answer.missing.iter();
    let missing = missing.map(|one| (one.reference.to_string(), one.live));
    let missing: Vec<_> = missing.collect();
    let [(first, true), (second, false)] = &missing[..] else {
        panic!("{missing:?}")
    };
    assert!(first.ends_with("team/app:9.9"), "{missing:?}");
    assert!(second.ends_with("team/app:arch"), "{missing:?}");
    let users = &answer.missing[0].users;
    let is_web = |user: &String| user.contains("`web` in cluster `prod`");
    assert!(users.iter().any(is_web), "{users:?}");
}
