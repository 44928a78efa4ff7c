//! How runs end: in time, wherever time is lost, and by being killed at any moment.

use std::{
    collections::BTreeSet,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use ecr_cleanup::{
    config::Mode,
    pipeline::{Request, RunTimeouts},
    report::Status,
};
use futures::{StreamExt, future::join_all, stream};
use simulated_aws::{Fault, FaultKind, Moment, Push, SimulatedAws};
use tokio::time::{Instant, sleep, timeout_at};

use crate::support::{
    answer, program, request, run, set_clock,
    state::{FULL, account},
};

/// Where time can be lost: the operation, what its call is about, and how the run ends.
const DEADLINES: [(&str, &str, Status); 26] = [
    ("s3:GetObject", "task-definitions", Status::Truncated),
    ("s3:GetObject", "use-counts", Status::Truncated),
    ("ecr:DescribeRepositories", "", Status::Truncated),
    ("ecr:DescribePullThroughCacheRules", "", Status::Truncated),
    ("ecr:ListPullTimeUpdateExclusions", "", Status::Truncated),
    ("ecr:DescribeImages", "maxResults", Status::Truncated),
    ("ecr:BatchGetImage", "", Status::Truncated),
    ("ecs:ListClusters", "", Status::Truncated),
    ("ecs:DescribeClusters", "", Status::Truncated),
    ("ecs:ListServices", "", Status::Truncated),
    ("ecs:DescribeServices", "", Status::Truncated),
    ("ecs:ListTasks", "", Status::Truncated),
    ("ecs:ListTaskDefinitions", "", Status::Truncated),
    ("ecs:DescribeTaskDefinition", "", Status::Truncated),
    ("ecr:GetLifecyclePolicy", "", Status::Truncated),
    ("s3:GetObject", "run-lock", Status::Truncated),
    ("s3:PutObject", "run-lock", Status::Truncated),
    ("s3:PutObject", "use-counts", Status::Truncated),
    ("s3:PutObject", "images.jsonl.gz", Status::Truncated),
    ("ecr:DescribeImages", "imageIds", Status::Truncated),
    ("ecr:BatchDeleteImage", "", Status::Truncated),
    ("s3:PutObject", "report.json", Status::Completed),
    ("s3:GetObject", "history", Status::Completed),
    ("s3:PutObject", "history", Status::Completed),
    ("s3:PutObject", "report.html", Status::Completed),
    ("sns:Publish", "", Status::Completed),
];

#[tokio::test]
async fn a_run_ends_in_time_wherever_time_is_lost() {
    let cases = DEADLINES
        .into_iter()
        .map(|(operation, text, status)| async move {
            let aws = account().await;
            aws.fault(Fault::on(operation).matching(text).kind(FaultKind::Hang));
            let stop_at = Instant::now() + Duration::from_secs(10);
            let timeouts = RunTimeouts {
                in_flight: Duration::from_millis(100),
                shutdown_grace: Duration::from_millis(1500),
                ..RunTimeouts::default()
            };
            let program = program(&aws, FULL).with_timeouts(timeouts);
            let request = Request {
                stop_at: stop_at.into(),
                ..request(Mode::Delete)
            };
            // The clients themselves would wait for twenty seconds.
            let answer =
                timeout_at(stop_at + Duration::from_secs(9), answer(&program, request)).await;
            let answer = answer
                .unwrap_or_else(|_| panic!("{operation} {text}: it did not end"))
                .unwrap();
            assert!(aws.count(operation) > 0, "{operation} {text} is not called");
            let summary = &answer.summary;
            assert_eq!(answer.status, status, "{operation} {text}: {summary}");
            let left: u64 = if status == Status::Completed { 0 } else { 3 };
            assert_eq!(aws.deletions().len() as u64, 3 - left, "{operation} {text}");
            (aws, operation, text, left)
        });
    let ended = join_all(cases).await;
    // Where the lock could not be given back, it has ended by itself.
    for (aws, operation, text, left) in ended {
        aws.clear_faults();
        set_clock(&aws, Duration::from_mins(21));
        let answer = run(&aws, FULL).await;
        assert_deleted!(answer, Completed, left, "{operation} {text}");
    }
}

/// Returns how far the real clock, which the command goes by, is ahead of the world's.
fn ahead() -> Duration {
    let real = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let world = u64::try_from(Moment::NOW.epoch_seconds()).unwrap();
    real.unwrap().saturating_sub(Duration::from_secs(world))
}

/// Starts an account with more than two batches of images nobody needs, indexes with their parts
/// among them, beside what is needed; at the command's time.
async fn crowded() -> SimulatedAws {
    let aws = account().await;
    aws.edit(|world| {
        world.now = Moment::NOW + ahead();
        for repository in ["app", "api"] {
            let repository = world.home().repository(repository);
            for number in 0..60_i64 {
                let at = Moment::from_epoch_seconds(1_400_000_000 + number);
                let child = repository.push(Push::image().pushed_at(at));
                repository.push(Push::index([&child]).pushed_at(at));
            }
            let at = Moment::from_epoch_seconds(1_400_000_000);
            repository.push(Push::image().tag("latest-too").pushed_at(at));
        }
    });
    aws
}

/// Asserts what must hold whatever happens.
fn assert_nothing_broken(aws: &SimulatedAws, moment: &str) {
    let deletions = aws.deletions();
    let distinct = deletions.iter().map(|it| (&it.repository, &it.digest));
    let distinct = distinct.collect::<BTreeSet<_>>().len();
    assert_eq!(distinct, deletions.len(), "{moment}: deleted twice");
    let all = deletions.iter().all(|deletion| deletion.tags.is_empty());
    assert!(all, "{moment}: something tagged was deleted");
    aws.read(|world| {
        let app = world.stored("app").unwrap();
        assert_eq!(app.tags(), ["latest", "latest-too", "live"], "{moment}");
        let index = app.digest("latest").unwrap();
        let manifest = app.manifest(index).unwrap();
        let mut parts = app.digests();
        parts.retain(|digest| manifest.contains(digest.as_str()));
        assert_eq!(
            parts.len(),
            1,
            "{moment}: the index in use has lost its part"
        );
    });
}

/// Returns the release command against this AWS. The environment says everything.
fn command(aws: &SimulatedAws) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ecr-cleanup"));
    let config = r#"{"mode": "delete", "state": "s3://memory/prefix", "report": "s3://reports"}"#;
    command.args(["run", "--yes", "--output", "json", "--config", config]);
    command.env_clear();
    command.env("AWS_ENDPOINT_URL", aws.endpoint());
    command.env("AWS_REGION", "eu-west-1");
    command.env("AWS_ACCESS_KEY_ID", "AKIAHOME");
    command.env("AWS_SECRET_ACCESS_KEY", "secret");
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command.stderr(Stdio::null());
    command
}

/// Runs the command and kills it at its `call`th call, right before or after that is carried out;
/// whether it was killed.
async fn killed_at(aws: &SimulatedAws, call: u64, after: bool) -> bool {
    let child: Arc<Mutex<Option<Child>>> = Arc::default();
    let victim = Arc::clone(&child);
    let kill = move |_: &mut simulated_aws::World| {
        if let Some(child) = &mut *victim.lock().unwrap() {
            child.kill().unwrap();
        }
    };
    if after {
        aws.after("*", call, kill);
    } else {
        aws.before("*", call, kill);
    }
    *child.lock().unwrap() = Some(command(aws).spawn().unwrap());
    loop {
        let status = child.lock().unwrap().as_mut().unwrap().try_wait().unwrap();
        sleep(Duration::from_millis(5)).await;
        if let Some(status) = status {
            let killed = status.code().is_none();
            // What it had sent before is carried out all the same.
            let mut calls = None;
            while calls.replace(aws.total()) != Some(aws.total()) {
                sleep(Duration::from_millis(20)).await;
            }
            return killed;
        }
    }
}

#[tokio::test]
async fn killed_at_any_moment_it_leaves_nothing_broken() {
    const KILLS: u64 = 60;
    let whole = crowded().await;
    assert!(!killed_at(&whole, u64::MAX, false).await);
    assert_nothing_broken(&whole, "not killed");
    let (calls, all) = (whole.total() as u64, whole.deletions().len() as u64);
    assert!(calls > 30 && all == 243, "{calls} calls, {all} deletions");

    let moments = (0..KILLS).map(|kill| async move {
        // Moments all over the run, in no order; the last calls are where deletion goes on.
        let call = 1 + kill * 37 % calls;
        let (aws, after) = (crowded().await, kill % 2 == 0);
        let side = if after { "after" } else { "before" };
        let moment = format!("call {call} of {calls}, {side}");
        let killed = killed_at(&aws, call, after).await;
        assert_nothing_broken(&aws, &moment);
        let by_then = aws.deletions().len() as u64;
        // Every lock of the command has ended by then.
        set_clock(&aws, ahead() + Duration::from_mins(21));
        let answer = run(&aws, FULL).await;
        assert_deleted!(answer, Completed, all - by_then, "{moment}");
        assert_nothing_broken(&aws, &moment);
        assert_eq!(aws.digests("api").len(), 1, "{moment}");
        assert_eq!(run(&aws, FULL).await.counts.candidates, 0, "{moment}");
        (killed, by_then)
    });
    let ends: Vec<_> = stream::iter(moments).buffer_unordered(4).collect().await;
    let killed = ends.iter().filter(|(killed, _)| *killed).count();
    assert!(killed >= 50, "only {killed} runs were killed");
    let found = ends.iter().any(|(_, by_then)| (1..all).contains(by_then));
    assert!(found, "none was killed while it deleted");
}
