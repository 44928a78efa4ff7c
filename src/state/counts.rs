//! The references of each source in the last run, for each configuration of what use is read.
//!
//! Deployments that read other use may share a state. One that is new is compared with the most
//! that the others found, so that a source which a changed configuration leaves out is noticed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::object::StateObject;
use crate::{guard::UsageCounts, image::Time};

/// Days after which counts that nobody wrote again are forgotten.
const KEPT_DAYS: i64 = 35;
/// Days after which counts are written again though they did not change.
const WRITTEN_AGAIN_DAYS: i64 = 7;
const DAY: i64 = 24 * 60 * 60 * 1000;

/// Counts by the name of the configuration.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct RememberedCounts(BTreeMap<String, Remembered>);

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Remembered {
    /// In milliseconds since 1970.
    written_at: i64,
    counts: UsageCounts,
}

impl StateObject for RememberedCounts {
    const NAME: &'static str = "use-counts";
}

impl RememberedCounts {
    /// Returns what a run of a configuration is compared with; `None` if nothing is remembered.
    pub(super) fn of(&self, configuration: &str) -> Option<UsageCounts> {
        let own = self.0.get(configuration).map(|it| it.counts.clone());
        own.or_else(|| {
            let mut most = UsageCounts::default();
            let all = self.0.values();
            all.for_each(|it| most.include(&it.counts));
            (!self.0.is_empty()).then_some(most)
        })
    }

    /// Returns whether these are the counts of a configuration, written not long ago.
    pub(super) fn has(&self, configuration: &str, counts: &UsageCounts, now: Time) -> bool {
        let own = self.0.get(configuration);
        own.is_some_and(|it| it.counts == *counts && it.days(now) < WRITTEN_AGAIN_DAYS)
    }

    /// Sets the counts of a configuration, and forgets those that nobody wrote for long.
    pub(super) fn set(&mut self, configuration: &str, counts: UsageCounts, now: Time) {
        self.0.retain(|_, it| it.days(now) <= KEPT_DAYS);
        let written_at = now.millis();
        let own = Remembered { written_at, counts };
        self.0.insert(configuration.to_owned(), own);
    }
}

impl Remembered {
    const fn days(&self, now: Time) -> i64 {
        now.millis().saturating_sub(self.written_at) / DAY
    }
}
