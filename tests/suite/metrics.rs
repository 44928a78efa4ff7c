//! Metrics: a run sends what it measured, by who started it, and nothing that says that all is well
//! where it did not look (A9).
#![allow(clippy::cast_precision_loss, reason = "a test")]

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    time::{Duration, SystemTime},
};

use ecr_cleanup::{
    function::handle,
    report::{DISTRIBUTED_METRICS, METRICS, NAMESPACE},
};
use serde_json::{Value, json};
use simulated_aws::{Fault, SimulatedAws, World};

use crate::support::{DELETE, WorldExt, plan, program};

/// What every run sends that had time to read everything.
const ALWAYS: &str =
    "RunsCompleted RunDuration SourcesExpected EvidenceProgress ApiCalls ApiThrottles";
/// What tells that something is wrong, or that nothing is.
const TROUBLE: &str = "GuardTrips RunsTruncated RepositoriesFailed SourcesFailed";
/// What there is.
const STORED: &str = "RepositoriesScanned ImagesScanned BytesScanned Unread";
/// What is to become of it.
const PLANNED: &str = "RepositoriesLeftAlone ImagesKept ImagesInUse ImagesCandidate BytesCandidate MonthlySavingsPossible UnexplainedPulls MissingImages";
/// What became of it.
const DONE: &str =
    "ImagesDeleted ImagesArchived ImagesRestored BytesDeleted MonthlySavingsRealised";

fn scheduled() -> Value {
    json!({"detail-type": "Scheduled Event", "source": "aws.scheduler", "detail": "{}"})
}

/// Fills an account with something to delete in two repositories.
fn two_repositories(world: &mut World) {
    world.in_use_elsewhere();
    for repository in ["team/app", "other/app"] {
        world.tagged(repository, "1.0", 3);
        world.untagged_images(repository, 2);
    }
}

async fn account(edit: impl FnOnce(&mut World)) -> SimulatedAws {
    let aws = SimulatedAws::start().await;
    aws.edit(|world| {
        two_repositories(world);
        edit(world);
    });
    aws
}

/// Returns what an event sends at its end.
async fn sent(aws: &SimulatedAws, config: &str, event: Value) -> Value {
    let (mut stdout, program) = (Vec::new(), program(aws, config));
    let deadline = SystemTime::now() + Duration::from_mins(15);
    // An error is an answer too.
    let _ = handle(&program, &event, deadline, &mut stdout).await;
    let text = String::from_utf8(stdout).unwrap();
    let lines = text.lines().map(serde_json::from_str::<Value>);
    let mut lines: Vec<_> = lines.map(Result::unwrap).collect();
    assert_eq!(lines.len(), 2, "{event}");
    lines.pop().unwrap()
}

fn names(line: &Value) -> BTreeSet<&str> {
    let metrics = line["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array();
    let names = metrics.unwrap().iter();
    names
        .map(|metric| metric["Name"].as_str().unwrap())
        .collect()
}

fn words(text: &str) -> BTreeSet<&str> {
    text.split_whitespace().collect()
}

/// (A9)
#[tokio::test]
async fn a_run_sends_what_it_measured_and_nothing_else() {
    let unreadable = Some(Fault::denied("ecs:ListClusters"));
    let unlisted = Some(Fault::denied("ecr:DescribeImages").matching("team/app"));
    let narrow = |mode: &str| json!({"mode": mode, "repositories": ["team/*"]});
    for (event, fault, expected) in [
        (
            scheduled(),
            None,
            format!("{ALWAYS} {TROUBLE} {STORED} {PLANNED} {DONE} ScheduledRunsCompleted RunsRefused ImagesFailed"),
        ),
        (
            json!({"mode": "delete"}),
            None,
            format!("{ALWAYS} {TROUBLE} {STORED} {PLANNED} {DONE} RunsRefused ImagesFailed"),
        ),
        (json!({}), None, format!("{ALWAYS} {TROUBLE} {STORED} {PLANNED}")),
        (narrow("plan"), None, ALWAYS.to_owned()),
        (narrow("delete"), None, format!("{ALWAYS} {DONE}")),
        (
            scheduled(),
            unreadable.clone(),
            format!("{ALWAYS} {TROUBLE} {STORED} ScheduledRunsCompleted RunsRefused"),
        ),
        (narrow("delete"), unreadable, format!("{ALWAYS} RunsRefused GuardTrips SourcesFailed")),
        (
            json!({}),
            unlisted,
            format!("{ALWAYS} {TROUBLE} {STORED} {PLANNED}")
                .replace("UnexplainedPulls MissingImages", ""),
        ),
        (
            json!({"verify": true}),
            None,
            "RunsCompleted RunDuration SourcesExpected SourcesFailed MissingImages ApiCalls ApiThrottles".to_owned(),
        ),
    ] {
        let aws = account(|_| ()).await;
        let case = format!("{event} {fault:?}");
        if let Some(fault) = fault {
            aws.fault(fault);
        }
        let line = sent(&aws, DELETE, event).await;
        assert_eq!(names(&line), words(&expected), "{case}");
    }
    let all = format!(
        "RunsStarted ScheduledRunsCompleted RunsRefused ImagesFailed {ALWAYS} {TROUBLE} {STORED} {PLANNED} {DONE}"
    );
    let all = words(&all).into_iter().chain(DISTRIBUTED_METRICS);
    let sent = METRICS.iter().map(|(name, _)| *name);
    assert_eq!(all.collect::<BTreeSet<_>>(), sent.collect());
}

/// Returns the alarms of the module that watch what the program sends.
fn alarms() -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("infra/shared/alarms.json");
    let alarms: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let alarms = alarms.as_object().unwrap().values();
    let own = alarms.filter(|alarm| alarm["namespace"] == NAMESPACE);
    own.cloned().collect()
}

/// Returns whether an alarm sees a line, and is all right after it.
fn clears(alarm: &Value, line: &Value) -> bool {
    let dimensions = alarm["dimensions"].as_object().unwrap();
    let is_seen = dimensions
        .iter()
        .all(|(name, value)| name == "Deployment" || line[name] == *value);
    let Some(value) = line[alarm["metric"].as_str().unwrap()].as_f64() else {
        return false;
    };
    let threshold = alarm["threshold"].as_f64().unwrap();
    let breaches = match alarm["comparison"].as_str().unwrap() {
        "GreaterThanOrEqualToThreshold" => value >= threshold,
        "LessThanThreshold" => value < threshold,
        other => panic!("{other}"),
    };
    is_seen && !breaches
}

/// What is wrong elsewhere is not over because somebody looked at one repository (A9).
#[tokio::test]
async fn a_narrowed_run_clears_no_alarm() {
    for mode in ["plan", "delete"] {
        let aws = account(|_| ()).await;
        let event = json!({"mode": mode, "repositories": ["team/*"]});
        let line = sent(&aws, DELETE, event).await;
        for alarm in alarms() {
            assert!(!clears(&alarm, &line), "{mode}: {alarm} {line}");
        }
    }
    let aws = account(|_| ()).await;
    let line = sent(&aws, DELETE, scheduled()).await;
    for alarm in alarms() {
        assert!(clears(&alarm, &line), "{alarm} {line}");
    }
}

/// What a narrowed run finds missing is missing (A9).
#[tokio::test]
async fn a_narrowed_run_raises_an_alarm() {
    let aws = account(|world| {
        let definition = world.define("web", "team/app", "9.9");
        world.deploy("prod", "web", &definition);
    })
    .await;
    let event = json!({"mode": "plan", "repositories": ["team/*"]});
    let line = sent(&aws, DELETE, event).await;
    assert_eq!(line["MissingImages"], 1.0, "{line}");
}

/// What could not be asked may be missing (A9).
#[tokio::test]
async fn nobody_says_that_nothing_is_missing_who_could_not_ask() {
    for event in [json!({"verify": true}), json!({}), scheduled()] {
        for fault in ["ecr:DescribeImages", "ecs:DescribeServices"] {
            let aws = account(|world| {
                let definition = world.define("web", "team/app", "1.0");
                world.deploy("prod", "web", &definition);
            })
            .await;
            aws.fault(Fault::denied(fault));
            let line = sent(&aws, DELETE, event.clone()).await;
            assert_eq!(line["MissingImages"], Value::Null, "{fault} {event}");
        }
    }
}

#[tokio::test]
async fn each_metric_is_sent_for_the_deployment_and_for_who_started_the_run() {
    for (event, trigger) in [
        (scheduled(), "scheduled"),
        (json!({"mode": "delete"}), "manual"),
        (json!({"verify": true}), "manual"),
    ] {
        let aws = account(|_| ()).await;
        let line = sent(&aws, DELETE, event).await;
        assert_eq!(line["Trigger"], trigger);
        let dimensions = &line["_aws"]["CloudWatchMetrics"][0]["Dimensions"];
        let expected = json!([["Deployment"], ["Deployment", "Trigger"]]);
        assert_eq!(dimensions, &expected);
        let expected = (trigger == "scheduled").then_some(1.0);
        assert_eq!(line["ScheduledRunsCompleted"].as_f64(), expected);
    }
}

#[tokio::test]
async fn what_is_possible_is_not_what_is_realised() {
    let config =
        "{mode: delete, cost: {usd_per_gb_month: 1000}, guards: {max_deletions_per_run: 1}}";
    let aws = account(|_| ()).await;
    let line = sent(&aws, config, scheduled()).await;
    let saved = |name: &str| line[name].as_f64().unwrap();
    let (possible, realised) = (
        saved("MonthlySavingsPossible"),
        saved("MonthlySavingsRealised"),
    );
    assert!(realised > 0.0, "{line}");
    assert!((possible - 6.0 * realised).abs() < 0.05, "{line}");
}

#[tokio::test]
async fn what_is_left_alone_and_what_is_not_read_is_counted() {
    let aws = account(|_| ()).await;
    let policies =
        "{policies: [{repositories: [other/*], leave_alone: true}, {repositories: ['**']}]}";
    for (config, left_alone) in [("", 0.0), (policies, 1.0)] {
        let line = sent(&aws, config, json!({})).await;
        assert_eq!(line["RepositoriesLeftAlone"], left_alone, "{line}");
        let unread = plan(&aws, config).await.unread.len();
        assert_eq!(line["Unread"], unread as f64);
        assert!(unread > 0);
    }
}
