//! Metrics in CloudWatch's Embedded Metric Format: lines of JSON on stdout.
//!
//! Every run that ends sends every metric, including zeros, so that alarms and graphs have data. A
//! run that had no time to read everything sends only what it measured.
//! `RunsStarted` is sent on a line of its own at the start, so that a run that is killed is
//! counted.
//!
//! Source: "CloudWatch embedded metric format specification".

use serde_json::{Map, Value, json};

use super::{Answer, Status, Verification};
use crate::{aws::Calls, evidence::SourceStatus, plan::Missing};

/// The namespace of all metrics.
pub const NAMESPACE: &str = "EcrCleanup";

/// Every metric with its unit.
pub const METRICS: [(&str, &str); 27] = [
    ("RunsStarted", "Count"),
    ("RunsCompleted", "Count"),
    ("RunsRefused", "Count"),
    ("RunsTruncated", "Count"),
    ("RunDuration", "Seconds"),
    ("RepositoriesScanned", "Count"),
    ("RepositoriesFailed", "Count"),
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
    ("MonthlySavings", "None"),
    ("SourcesExpected", "Count"),
    ("SourcesFailed", "Count"),
    ("TaskDefinitionsLeft", "Count"),
    ("GuardTrips", "Count"),
    ("ApiCalls", "Count"),
    ("ApiThrottles", "Count"),
];

/// The metrics of one run.
#[derive(Debug, Clone, PartialEq)]
pub struct Metrics(Vec<(&'static str, f64)>);

impl Metrics {
    /// Returns the metrics of a run that starts.
    #[must_use]
    pub fn started() -> Self {
        Self(vec![("RunsStarted", 1.0)])
    }

    /// Returns the metrics of a run that ended, with the calls it made.
    #[must_use]
    pub fn ended(answer: &Answer, seconds: f64, calls: Calls) -> Self {
        let (status, counts, bytes) = (answer.status, answer.counts, answer.bytes);
        let pulled = answer.unexplained_pulls.iter().map(|it| it.images);
        let numbers = [
            ("RunsCompleted", u64::from(status != Status::Refused)),
            ("RunsRefused", u64::from(status == Status::Refused)),
            ("RunsTruncated", u64::from(status == Status::Truncated)),
            ("RepositoriesScanned", counts.repositories),
            ("RepositoriesFailed", counts.repositories_failed),
            ("ImagesScanned", counts.images),
            ("ImagesKept", counts.kept),
            ("ImagesInUse", counts.in_use),
            ("ImagesCandidate", counts.candidates),
            ("ImagesDeleted", counts.deleted),
            ("ImagesArchived", counts.archived),
            ("ImagesRestored", counts.restored),
            ("ImagesFailed", counts.failed),
            ("BytesScanned", bytes.scanned),
            ("BytesCandidate", bytes.candidates),
            ("BytesDeleted", bytes.deleted),
            ("GuardTrips", answer.refusals.len() as u64),
            ("TaskDefinitionsLeft", 0),
            ("UnexplainedPulls", pulled.sum::<usize>() as u64),
        ];
        let mut metrics = Self::of(&answer.in_use, seconds, calls, &numbers);
        let savings = ("MonthlySavings", answer.monthly_savings_usd);
        metrics.0.extend([missing_images(&answer.missing), savings]);
        metrics
    }

    /// Returns the metrics of a run that had no time to read everything.
    #[must_use]
    pub fn cut_short(answer: &Answer, seconds: f64, calls: Calls) -> Self {
        let definitions = answer.progress.map(|progress| progress.task_definitions);
        let left = definitions.map_or(0, |definitions| definitions.of - definitions.read);
        let ending = [
            ("RunsCompleted", 0),
            ("RunsRefused", 0),
            ("RunsTruncated", 1),
            ("TaskDefinitionsLeft", left as u64),
        ];
        Self::of(&answer.in_use, seconds, calls, &ending)
    }

    /// Returns the metrics of a verification.
    #[must_use]
    pub fn verified(verification: &Verification, seconds: f64, calls: Calls) -> Self {
        let Verification {
            missing, in_use, ..
        } = verification;
        let mut metrics = Self::of(in_use, seconds, calls, &[("RunsCompleted", 1)]);
        metrics.0.push(missing_images(missing));
        metrics
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "metrics are floating-point numbers"
    )]
    fn of(
        in_use: &[SourceStatus],
        seconds: f64,
        calls: Calls,
        numbers: &[(&'static str, u64)],
    ) -> Self {
        let failed = in_use.iter().filter(|status| !status.is_complete()).count();
        let always = [
            ("RunsStarted", 0),
            ("SourcesExpected", in_use.len() as u64),
            ("SourcesFailed", failed as u64),
            ("ApiCalls", calls.sent),
            ("ApiThrottles", calls.throttled),
        ];
        let numbers = always.iter().chain(numbers);
        let numbers = numbers.map(|&(name, number)| (name, number as f64));
        Self(numbers.chain([("RunDuration", seconds)]).collect())
    }

    /// Returns the line to print.
    ///
    /// `deployment` distinguishes several deployments in one account. `millis` is the time in
    /// milliseconds since 1970.
    #[must_use]
    pub fn line(&self, deployment: &str, run_id: &str, millis: i64) -> String {
        let value = |name: &str| self.0.iter().find(|(other, _)| *other == name);
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
                "CloudWatchMetrics": [{"Namespace": NAMESPACE, "Dimensions": [["Deployment"]], "Metrics": definitions}],
            },
            "Deployment": deployment,
            "run_id": run_id,
        });
        if let Value::Object(line) = &mut line {
            line.extend(values);
        }
        line.to_string()
    }
}

/// Returns the metric of the images that run now and cannot be pulled.
#[expect(
    clippy::cast_precision_loss,
    reason = "metrics are floating-point numbers"
)]
fn missing_images(missing: &[Missing]) -> (&'static str, f64) {
    let live = missing.iter().filter(|missing| missing.live).count();
    ("MissingImages", live as f64)
}
