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
