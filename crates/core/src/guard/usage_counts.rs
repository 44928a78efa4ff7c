//! References of each source, to notice when they shrink.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::evidence::SourceStatus;

/// Number of references in use, by source and location.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageCounts(BTreeMap<String, usize>);

impl UsageCounts {
    /// Counts the references of a run.
    #[must_use]
    pub fn of(sources: &[SourceStatus]) -> Self {
        let mut counts = BTreeMap::new();
        for status in sources {
            *counts.entry(status.to_string()).or_default() += status.references;
        }
        Self(counts)
    }

    /// Sets the count of a source.
    pub(super) fn set(&mut self, source: &str, count: usize) {
        self.0.insert(source.to_owned(), count);
    }

    /// Takes in counts of another run: of each source the larger.
    pub fn include(&mut self, other: &Self) {
        for (source, &count) in &other.0 {
            let known = self.0.entry(source.clone()).or_default();
            *known = count.max(*known);
        }
    }

    /// Returns the name of each source, once for each location.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(|source| name(source))
    }

    /// Returns the counts of the sources of a name, in every location.
    #[must_use]
    pub fn of_name(&self, name: &str) -> Self {
        let counts = self
            .0
            .iter()
            .filter(|(source, _)| self::name(source) == name);
        Self(
            counts
                .map(|(source, &count)| (source.clone(), count))
                .collect(),
        )
    }

    /// Replaces the counts of the sources of a name, in every location.
    pub fn replace(&mut self, name: &str, counts: &Self) {
        self.0.retain(|source, _| self::name(source) != name);
        self.0.extend(counts.of_name(name).0);
    }

    /// Returns the counts by source, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, usize)> {
        let counts = self.0.iter();
        counts.map(|(source, &count)| (source.as_str(), count))
    }

    /// Returns the count of a source; `None` if it was not read.
    #[must_use]
    pub fn get(&self, source: &str) -> Option<usize> {
        self.0.get(source).copied()
    }
}

impl FromIterator<(String, usize)> for UsageCounts {
    fn from_iter<I: IntoIterator<Item = (String, usize)>>(counts: I) -> Self {
        Self(counts.into_iter().collect())
    }
}

/// Returns the name of a source such as `ecs in 111111111111 eu-west-1`.
pub(super) fn name(source: &str) -> &str {
    source.split(' ').next().unwrap_or(source)
}

/// Returns the account and Region of such a source.
pub(super) fn location(source: &str) -> &str {
    source
        .split_once(" in ")
        .map_or("", |(_, location)| location)
}
