//! How much use each source found, to notice when it shrinks.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::object::Content;
use crate::usage::Coverage;

/// References in use, by source and place.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts(BTreeMap<String, usize>);

impl Counts {
    /// The counts of a run.
    #[must_use]
    pub fn of(coverage: &[Coverage]) -> Self {
        let mut counts = BTreeMap::new();
        for coverage in coverage {
            *counts.entry(source(coverage)).or_default() += coverage.references;
        }
        Self(counts)
    }

    /// The counts by source, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, usize)> {
        self.0
            .iter()
            .map(|(source, &count)| (source.as_str(), count))
    }

    /// What a source found; none if it was not read.
    #[must_use]
    pub fn get(&self, source: &str) -> Option<usize> {
        self.0.get(source).copied()
    }
}

/// What a source is called in messages too: `ecs in 111111111111 eu-west-1`.
fn source(coverage: &Coverage) -> String {
    format!(
        "{} in {} {}",
        coverage.source, coverage.account, coverage.region
    )
}

impl Content for Counts {
    const SCHEMA: &'static str = "ecr-cleanup/usage-counts";
    const NUMBER: u32 = 1;
    const KEY: &'static str = "usage-counts.json.gz";
}
