//! Metrics in CloudWatch's Embedded Metric Format: lines of JSON on stdout.
//!
//! A run sends what it measured, including zeros, so that alarms and graphs have data; of what it
//! did not look at or try it sends nothing, since a zero would say that all is well (A9).
//! `RunsStarted` is sent on a line of its own at the start, so that a run that is killed is
//! counted.
//!
//! Source: "CloudWatch embedded metric format specification".

use serde_json::{Map, Value, json};

use super::{Answer, Share, Status, Verification};
use crate::{
    aws::Calls,
    config::Mode,
    evidence::SourceStatus,
    guard::Guard,
    plan::{Missing, UnexplainedPulls},
};

/// The namespace of all metrics.
pub const NAMESPACE: &str = "EcrCleanup";

/// The dimensions that each metric is sent with.
const DIMENSIONS: [&[&str]; 2] = [&["Deployment"], &["Deployment", "Trigger"]];

/// Every metric with its unit.
pub const METRICS: [(&str, &str); 36] = [
    ("RunsStarted", "Count"),
    ("RunsCompleted", "Count"),
    ("ScheduledRunsCompleted", "Count"),
    ("RunsRefused", "Count"),
    ("RunsTruncated", "Count"),
    ("RunDuration", "Seconds"),
    ("RepositoriesScanned", "Count"),
    ("RepositoriesFailed", "Count"),
    ("RepositoriesLeftAlone", "Count"),
    ("ImagesScanned", "Count"),
    ("ImagesKept", "Count"),
    ("ImagesInUse", "Count"),
    ("ImagesCandidate", "Count"),
    ("ImagesDeleted", "Count"),
    ("ImagesArchived", "Count"),
    ("ImagesRestored", "Count"),
    ("ImagesFailed", "Count"),
    ("MissingImages", "Count"),
    ("UnexplainedPulls", "Count"),
    ("BytesScanned", "Bytes"),
    ("BytesCandidate", "Bytes"),
    ("BytesDeleted", "Bytes"),
    ("MonthlySavingsPossible", "None"),
    ("MonthlySavingsRealised", "None"),
    ("SourcesExpected", "Count"),
    ("SourcesFailed", "Count"),
    ("Unread", "Count"),
    ("EvidenceProgress", "Percent"),
    ("GuardTrips", "Count"),
    ("ApiCalls", "Count"),
    ("ApiThrottles", "Count"),
    ("LocationsExpected", "Count"),
    ("LocationsRead", "Count"),
    ("LocationsFailed", "Count"),
    ("SlowestLocation", "Seconds"),
    ("EvidenceAge", "Seconds"),
];

/// Those of them that only a distributed run sends.
pub const DISTRIBUTED_METRICS: [&str; 5] = [
    "LocationsExpected",
    "LocationsRead",
    "LocationsFailed",
    "SlowestLocation",
    "EvidenceAge",
];

/// Who started a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// A schedule.
    Scheduled,
    /// A person, or a program of one.
    Manual,
}

impl Trigger {
    const fn name(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Manual => "manual",
        }
    }
}

/// How much of its work a run did that had time to read everything.
#[derive(Debug, Clone, Copy)]
pub struct Extent {
    /// Whether it looked at every repository, rather than at some that were named.
    pub whole: bool,
    /// Whether it deleted or archived what it could, rather than only planned it.
    pub acted: bool,
    /// Whether it knows at its end of every image in use whether it exists.
    pub checked: bool,
}

/// The metrics of one run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Metrics(pub(super) Vec<(&'static str, f64)>);

impl Metrics {
    /// Returns the metrics of a run that starts.
    #[must_use]
    pub fn started() -> Self {
        Self(vec![("RunsStarted", 1.0)])
    }

    /// Returns the metrics of a run that ended, with the calls it made.
    #[must_use]
    pub fn ended(answer: &Answer, extent: Extent, seconds: f64, calls: Calls) -> Self {
        let Extent { whole, acted, .. } = extent;
        let (status, counts) = (answer.status, answer.counts);
        let mut metrics = Self::of(&answer.in_use, whole, seconds, calls);
        metrics.add("RunsCompleted", u64::from(status != Status::Refused));
        let truncated = u64::from(status == Status::Truncated);
        metrics.find("RunsTruncated", truncated, whole);
        metrics.find(
            "RunsRefused",
            u64::from(status == Status::Refused),
            whole && answer.mode != Mode::Plan,
        );
        metrics.find("GuardTrips", answer.refusals.len() as u64, whole);
        metrics.find("RepositoriesFailed", counts.repositories_failed, whole);
        metrics.find("ImagesFailed", counts.failed, whole && acted);
        metrics.find("ImagesRestored", counts.restored, acted);
        if whole {
            metrics.add_plan(answer);
        }
        if acted {
            metrics.add("ImagesDeleted", counts.deleted);
            metrics.add("ImagesArchived", counts.archived);
            metrics.add("BytesDeleted", answer.bytes.deleted);
            let realised = ("MonthlySavingsRealised", answer.monthly_savings_usd);
            metrics.0.push(realised);
        }
        let all_read = are_complete(&answer.in_use) && counts.repositories_failed == 0;
        let pulled = answer.unexplained_pulls.iter();
        let pulled: usize = pulled.map(|UnexplainedPulls { images, .. }| *images).sum();
        metrics.find("UnexplainedPulls", pulled as u64, whole && all_read);
        let missing = live(&answer.missing);
        metrics.find(
            "MissingImages",
            missing,
            whole && all_read && extent.checked,
        );
        metrics.0.push(("EvidenceProgress", 100.0));
        metrics
    }

    /// Adds what there is, and what is to become of it if the evidence allows to say that.
    fn add_plan(&mut self, answer: &Answer) {
        let (counts, bytes) = (answer.counts, answer.bytes);
        self.add("RepositoriesScanned", counts.repositories);
        self.add("ImagesScanned", counts.images);
        self.add("BytesScanned", bytes.scanned);
        self.add("Unread", answer.unread.len() as u64);
        let mut refusals = answer.refusals.iter();
        if refusals.any(|refusal| refusal.guard == Guard::SourceIncomplete) {
            return;
        }
        let left_alone = answer.repositories.iter();
        let left_alone = left_alone.filter(|line| line.left_alone.is_some()).count();
        self.add("RepositoriesLeftAlone", left_alone as u64);
        self.add("ImagesKept", counts.kept);
        self.add("ImagesInUse", counts.in_use);
        self.add("ImagesCandidate", counts.candidates);
        self.add("BytesCandidate", bytes.candidates);
        let possible = answer.possible_monthly_savings_usd;
        self.0.push(("MonthlySavingsPossible", possible));
    }

    /// Returns the metrics of a run that had no time to read everything.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        reason = "metrics are floating-point numbers"
    )]
    pub fn cut_short(answer: &Answer, seconds: f64, calls: Calls) -> Self {
        let mut metrics = Self::of(&answer.in_use, false, seconds, calls);
        metrics.add("RunsCompleted", 0);
        metrics.add("RunsTruncated", 1);
        if let Some(progress) = answer.progress {
            let Share { read, of } = progress.task_definitions;
            let percent = read as f64 / of as f64 * 100.0;
            metrics.0.push(("EvidenceProgress", percent));
        }
        metrics
    }

    /// Returns the metrics of a verification.
    #[must_use]
    pub fn verified(verification: &Verification, seconds: f64, calls: Calls) -> Self {
        let mut metrics = Self::of(&verification.in_use, true, seconds, calls);
        metrics.add("RunsCompleted", 1);
        let missing = live(&verification.missing);
        metrics.find("MissingImages", missing, verification.is_complete());
        metrics
    }

    fn of(in_use: &[SourceStatus], whole: bool, seconds: f64, calls: Calls) -> Self {
        let failed = in_use.iter().filter(|status| !status.is_complete()).count();
        let mut metrics = Self(vec![("RunDuration", seconds)]);
        metrics.add("SourcesExpected", in_use.len() as u64);
        metrics.find("SourcesFailed", failed as u64, whole);
        metrics.add("ApiCalls", calls.sent);
        metrics.add("ApiThrottles", calls.throttled);
        metrics
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "metrics are floating-point numbers"
    )]
    pub(super) fn add(&mut self, name: &'static str, number: u64) {
        self.0.push((name, number as f64));
    }

    /// Adds what is wrong: always if something is, and that nothing is only if it was `measured`.
    fn find(&mut self, name: &'static str, number: u64, measured: bool) {
        if measured || number > 0 {
            self.add(name, number);
        }
    }

    /// Returns the line to print.
    ///
    /// `deployment` distinguishes several deployments in one account. `millis` is the time in
    /// milliseconds since 1970.
    #[must_use]
    pub fn line(&self, deployment: &str, trigger: Trigger, run_id: &str, millis: i64) -> String {
        let value = |name: &str| {
            let name = match (name, trigger) {
                ("ScheduledRunsCompleted", Trigger::Scheduled) => "RunsCompleted",
                _ => name,
            };
            self.0.iter().find(|(other, _)| *other == name)
        };
        let (mut definitions, mut values) = (Vec::new(), Map::new());
        for (name, unit) in METRICS {
            if let Some((_, value)) = value(name) {
                definitions.push(json!({"Name": name, "Unit": unit}));
                values.insert(name.to_owned(), json!(value));
            }
        }
        let mut line = json!({
            "_aws": {
                "Timestamp": millis,
                "CloudWatchMetrics": [{"Namespace": NAMESPACE, "Dimensions": DIMENSIONS, "Metrics": definitions}],
            },
            "Deployment": deployment,
            "Trigger": trigger.name(),
            "run_id": run_id,
        });
        if let Value::Object(line) = &mut line {
            line.extend(values);
        }
        line.to_string()
    }
}

fn are_complete(in_use: &[SourceStatus]) -> bool {
    in_use.iter().all(SourceStatus::is_complete)
}

/// Returns the number of images that something live needs and that cannot be pulled.
fn live(missing: &[Missing]) -> u64 {
    missing.iter().filter(|missing| missing.live).count() as u64
}
