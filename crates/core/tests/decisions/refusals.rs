//! Everything that a refusal may say.

use std::sync::Arc;

use ecr_cleanup_core::{
    evidence::{Coverage, SourceError, SourceStatus},
    guard::{ChangeWindow, Refusal, StateProblem},
    image::Time,
};
use jiff::{civil::Weekday, tz::TimeZone};

use crate::{
    guards::settings,
    support::{days_ago, registry, source},
};

#[test]
fn refusals_say_what_to_do() {
    let incomplete = |source_name, cluster: Option<&str>, error| {
        let coverage = Coverage::Incomplete(error);
        let cluster = cluster.map(Into::into);
        let status = SourceStatus { coverage, cluster, ..source(source_name, 0) };
        Refusal::source_incomplete(&status).unwrap()
    };
    let failed = || SourceError::Call("timeout".to_owned());
    let cluster = |advice: Option<&str>| {
        let (problem, advice) = ("cluster `prod`: timeout".to_owned(), advice.map(str::to_owned));
        SourceError::Cluster { problem, advice }
    };
    let window = ChangeWindow {
        timezone: TimeZone::UTC,
        days: vec![Weekday::Monday],
        from: "08:00".parse().unwrap(),
        to: "18:00".parse().unwrap(),
    };
    assert_eq!(Refusal::source_incomplete(&source("ecs", 0)), None);
    let registries = [Arc::new(registry(0)), Arc::new(registry(1))];
    let all = [
        incomplete("ecs", None, SourceError::AccessDenied("`ecs:ListTasks` is denied".to_owned())),
        incomplete("ecs", None, SourceError::Unreachable("no role".to_owned())),
        incomplete("ecs", None, SourceError::OutOfTime),
        incomplete("ecs", None, failed()),
        incomplete("batch", None, failed()),
        incomplete("eks", Some("prod"), cluster(None)),
        incomplete("eks", Some("prod"), cluster(Some("mend the webhook, or leave it out"))),
        Refusal::no_usage(&registries, &[source("ecs", 0), source("eks", 0)]),
        Refusal::no_usage(&registries[..1], &[]),
        Refusal::wrong_account(registry(0).account, &[registry(1).account]),
        Refusal::usage_drop("ecs in 111111111111 eu-west-1", Some(1), 9, "before", &settings()),
        Refusal::usage_drop("ecs in 111111111111 eu-west-1", None, 9, "before", &settings()),
        Refusal::change_window(&window, days_ago(0)),
        Refusal::change_window(&window, Time::from_millis(i64::MAX).unwrap()),
        Refusal::locked("another run holds the lock", "s3://bucket/lock"),
        Refusal::state_unreadable(StateProblem::AccessDenied, &"denied"),
        Refusal::state_unreadable(StateProblem::Unusable, &"damaged"),
        Refusal::state_unreadable(StateProblem::Failed, &"timeout"),
        Refusal::stopped("s3://bucket/stop", "release week"),
        Refusal::stopped("s3://bucket/stop", ""),
        Refusal::report_unwritable(&"denied"),
    ];
    let texts: Vec<String> = all.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(texts.join("\n\n"));
}
