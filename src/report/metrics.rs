//! Metrics in CloudWatch's Embedded Metric Format: lines of JSON on stdout.
//!
//! Every run that ends sends every metric, including zeros, so that alarms and graphs have data.
//! `RunsStarted` is sent on a line of its own at the start, so that a run that is killed is
//! counted.
//!
//! Source: "CloudWatch embedded metric format specification".

use serde_json::{Map, Value, json};

use super::{Answer, Status, Verification};
use crate::aws::Calls;

/// The namespace of all metrics.
pub const NAMESPACE: &str = "EcrCleanup";

/// Every metric with its unit.
pub const METRICS: [(&str, &str); 23] = [
    ("RunsStarted", "Count"),
    ("RunsCompleted", "Count"),
    ("RunsRefused", "Count"),
    ("RunsTruncated", "Count"),
    ("RunDuration", "Seconds"),
    ("RepositoriesScanned", "Count"),
    ("ImagesScanned", "Count"),
    ("ImagesKept", "Count"),
    ("ImagesInUse", "Count"),
    ("ImagesCandidate", "Count"),
    ("ImagesDeleted", "Count"),
    ("ImagesArchived", "Count"),
    ("ImagesFailed", "Count"),
    ("MissingImages", "Count"),
    ("BytesScanned", "Bytes"),
    ("BytesCandidate", "Bytes"),
    ("BytesDeleted", "Bytes"),
    ("MonthlySavings", "None"),
    ("SourcesExpected", "Count"),
    ("SourcesFailed", "Count"),
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
    #[expect(
        clippy::cast_precision_loss,
        reason = "metrics are floating-point numbers"
    )]
    pub fn ended(answer: &Answer, seconds: f64, calls: Calls) -> Self {
        let Answer {
            counts,
            bytes,
            status,
            ..
        } = answer;
        let one_if = |condition: bool| if condition { 1.0 } else { 0.0 };
        let completed = matches!(
            status,
            Status::Planned | Status::Completed | Status::CompletedWithFailures | Status::Truncated
        );
        Self(vec![
            ("RunsStarted", 0.0),
            ("RunsCompleted", one_if(completed)),
            ("RunsRefused", one_if(*status == Status::Refused)),
            ("RunsTruncated", one_if(*status == Status::Truncated)),
            ("RunDuration", seconds),
            ("RepositoriesScanned", counts.repositories as f64),
            ("ImagesScanned", counts.images as f64),
            ("ImagesKept", counts.kept as f64),
            ("ImagesInUse", counts.in_use as f64),
            ("ImagesCandidate", counts.candidates as f64),
            ("ImagesDeleted", counts.deleted as f64),
            ("ImagesArchived", counts.archived as f64),
            ("ImagesFailed", counts.failed as f64),
            (
                "MissingImages",
                answer.missing.iter().filter(|missing| missing.live).count() as f64,
            ),
            ("BytesScanned", bytes.scanned as f64),
            ("BytesCandidate", bytes.candidates as f64),
            ("BytesDeleted", bytes.deleted as f64),
            ("MonthlySavings", answer.monthly_savings_usd),
            ("SourcesExpected", answer.in_use.len() as f64),
            (
                "SourcesFailed",
                answer
                    .in_use
                    .iter()
                    .filter(|status| !status.is_complete())
                    .count() as f64,
            ),
            ("GuardTrips", answer.refusals.len() as f64),
            ("ApiCalls", calls.sent as f64),
            ("ApiThrottles", calls.throttled as f64),
        ])
    }

    /// Returns the metrics of a verification.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        reason = "metrics are floating-point numbers"
    )]
    pub fn verified(verification: &Verification, seconds: f64, calls: Calls) -> Self {
        let in_use = &verification.in_use;
        Self(vec![
            ("RunsStarted", 0.0),
            ("RunsCompleted", 1.0),
            ("RunDuration", seconds),
            ("MissingImages", verification.live_missing() as f64),
            ("SourcesExpected", in_use.len() as f64),
            (
                "SourcesFailed",
                in_use.iter().filter(|status| !status.is_complete()).count() as f64,
            ),
            ("ApiCalls", calls.sent as f64),
            ("ApiThrottles", calls.throttled as f64),
        ])
    }

    /// Returns the line to print.
    ///
    /// `deployment` distinguishes several deployments in one account. `millis` is the time in
    /// milliseconds since 1970.
    #[must_use]
    pub fn line(&self, deployment: &str, run_id: &str, millis: i64) -> String {
        let unit = |name: &str| {
            METRICS
                .iter()
                .find(|(other, _)| *other == name)
                .map_or("None", |(_, unit)| unit)
        };
        let definitions: Vec<Value> = self
            .0
            .iter()
            .map(|(name, _)| json!({"Name": name, "Unit": unit(name)}))
            .collect();
        let mut line = Map::new();
        line.insert(
            "_aws".to_owned(),
            json!({
                "Timestamp": millis,
                "CloudWatchMetrics": [{"Namespace": NAMESPACE, "Dimensions": [["Deployment"]], "Metrics": definitions}],
            }),
        );
        line.insert("Deployment".to_owned(), deployment.into());
        line.insert("run_id".to_owned(), run_id.into());
        line.extend(
            self.0
                .iter()
                .map(|&(name, value)| (name.to_owned(), json!(value))),
        );
        Value::Object(line).to_string()
    }
}
