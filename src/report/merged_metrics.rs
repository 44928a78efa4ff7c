//! The metrics of a distributed run, from those of its registries.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{METRICS, Metrics, Status};

/// Metrics of what a turn did, rather than of what it found: they add up.
const OF_TURNS: [&str; 9] = [
    "RunDuration",
    "ImagesDeleted",
    "ImagesArchived",
    "ImagesRestored",
    "ImagesFailed",
    "BytesDeleted",
    "MonthlySavingsRealised",
    "ApiCalls",
    "ApiThrottles",
];
/// Metrics of what all registries have in common.
const IN_COMMON: [&str; 4] = [
    "SourcesExpected",
    "SourcesFailed",
    "Unread",
    "EvidenceProgress",
];
/// Metrics of what is wrong, which is said by whoever finds it.
const WRONG: [&str; 5] = [
    "RepositoriesFailed",
    "ImagesFailed",
    "MissingImages",
    "UnexplainedPulls",
    "GuardTrips",
];
/// Metrics of the run itself.
const OF_RUN: [&str; 4] = [
    "RunsCompleted",
    "RunsRefused",
    "RunsTruncated",
    "RunDuration",
];

/// The end of a distributed run.
pub(crate) struct MergedEnd {
    /// `None` if it failed.
    pub(crate) status: Option<Status>,
    pub(crate) seconds: f64,
    /// Number of registries.
    pub(crate) registries: usize,
    /// `None` if it is not known which locations there are.
    pub(crate) locations: Option<LocationMetrics>,
}

/// What became of the locations of a run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct LocationMetrics {
    /// Locations that there are.
    pub(crate) expected: usize,
    /// Those of which evidence was delivered.
    pub(crate) read: usize,
    /// Those without, and those of which a source is not complete.
    pub(crate) failed: usize,
    /// The longest time that one took.
    pub(crate) slowest_seconds: f64,
    /// Age of the oldest evidence; `None` if there is none.
    pub(crate) oldest_seconds: Option<f64>,
}

impl Metrics {
    /// Takes in a later turn of the same phase.
    pub(crate) fn add_turn(&mut self, later: &Self) {
        for (name, value) in &later.0 {
            match self.0.iter_mut().find(|(known, _)| known == name) {
                Some((_, known)) if OF_TURNS.contains(name) => *known += value,
                Some((_, known)) => *known = *value,
                None => self.0.push((name, *value)),
            }
        }
    }

    /// Returns the metrics of a run whose registries have these. What not all of them measured is
    /// sent if it was done, or is wrong.
    pub(crate) fn merged(parts: &[&Self], end: &MergedEnd) -> Self {
        let mut all: BTreeMap<&'static str, (usize, f64)> = BTreeMap::new();
        for (name, value) in parts.iter().flat_map(|part| &part.0) {
            let (measured, so_far) = all.entry(name).or_default();
            *measured += 1;
            *so_far = if IN_COMMON.contains(name) {
                so_far.max(*value)
            } else {
                *so_far + value
            };
        }
        let sent = all
            .into_iter()
            .filter(|(name, _)| !OF_RUN.contains(name))
            .filter(|(name, (measured, value))| {
                let is_partial = OF_TURNS.contains(name) || WRONG.contains(name);
                let is_said = is_partial || IN_COMMON.contains(name);
                *measured == end.registries || is_said && *value > 0.0
            });
        let mut metrics = Self(sent.map(|(name, (_, value))| (name, value)).collect());
        metrics.0.push(("RunDuration", end.seconds));
        let is = |status: Status| u64::from(end.status == Some(status));
        let is_over = end.status.is_some() && is(Status::Refused) == 0;
        metrics.add("RunsCompleted", u64::from(is_over));
        metrics.add("RunsRefused", is(Status::Refused));
        metrics.add("RunsTruncated", is(Status::Truncated));
        if let Some(locations) = end.locations {
            metrics.add("LocationsExpected", locations.expected as u64);
            metrics.add("LocationsRead", locations.read as u64);
            metrics.add("LocationsFailed", locations.failed as u64);
            metrics
                .0
                .push(("SlowestLocation", locations.slowest_seconds));
            let age = locations.oldest_seconds;
            metrics.0.extend(age.map(|age| ("EvidenceAge", age)));
        }
        metrics
    }
}

impl Serialize for Metrics {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().copied())
    }
}

impl<'de> Deserialize<'de> for Metrics {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let values = BTreeMap::<String, f64>::deserialize(deserializer)?;
        let known = METRICS.iter().map(|(name, _)| *name);
        let known = known.filter_map(|name| Some((name, *values.get(name)?)));
        Ok(Self(known.collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metrics(values: &[(&'static str, f64)]) -> Metrics {
        Metrics(values.to_vec())
    }

    /// (A9)
    #[test]
    fn registries_add_up_and_nothing_is_sent_that_one_did_not_measure() {
        let mut one = metrics(&[
            ("ImagesDeleted", 2.0),
            ("ImagesKept", 9.0),
            ("SourcesExpected", 4.0),
        ]);
        one.add_turn(&metrics(&[("ImagesDeleted", 3.0), ("ImagesKept", 7.0)]));
        let other = metrics(&[
            ("ImagesDeleted", 1.0),
            ("SourcesExpected", 5.0),
            ("ImagesFailed", 0.0),
            ("MissingImages", 1.0),
        ]);
        let end = MergedEnd {
            status: Some(Status::Truncated),
            seconds: 60.0,
            registries: 2,
            locations: None,
        };
        let merged = Metrics::merged(&[&one, &other], &end);
        let value = |name: &str| merged.0.iter().find(|it| it.0 == name).map(|it| it.1);
        assert_eq!(value("ImagesDeleted"), Some(6.0));
        assert_eq!(value("ImagesKept"), None);
        assert_eq!(value("SourcesExpected"), Some(5.0));
        assert_eq!(value("MissingImages"), Some(1.0));
        assert_eq!(
            value("ImagesFailed"),
            None,
            "of one registry it is not known"
        );
        assert_eq!(value("RunsTruncated"), Some(1.0));
        let text = serde_json::to_string(&merged).unwrap();
        let read: Metrics = serde_json::from_str(&text).unwrap();
        assert_eq!(read.0.len(), merged.0.len());
    }
}
