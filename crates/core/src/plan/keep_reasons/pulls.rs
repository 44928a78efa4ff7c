//! Pulls as reasons to keep an image.

use super::KeepReasons;
use crate::{
    image::Time,
    plan::{KeepReason, last_pull::LastPulls},
};

impl KeepReasons<'_> {
    /// Returns the last pulls of the images.
    pub(super) const fn last_pulls(&self) -> LastPulls<'_> {
        LastPulls {
            images: self.images,
            graph: &self.graph,
            own: self.own_readings,
        }
    }

    /// Keeps the images that nothing else keeps and somebody pulled lately, with what belongs to
    /// them, and returns whether there were any (U13).
    pub(in crate::plan) fn keep_unexplained_pulls(&mut self) -> bool {
        let Some(within) = self.settings.keep_pulled_within else {
            return false;
        };
        let (pulls, now) = (self.last_pulls(), self.settings.now);
        let candidates = (0..).zip(self.images).map(|(index, _)| index);
        let candidates = candidates.filter(|&index| !self.keeps(index));
        let pulled = candidates.filter_map(|index| Some((index, pulls.by_others(index)?)));
        let lately = pulled.filter(|(_, pulled_at)| pulled_at.age(now) <= within);
        let lately: Vec<(u32, Time)> = lately.collect();
        for &(index, pulled_at) in &lately {
            self.add(index, KeepReason::UnexplainedPull { pulled_at }, true);
        }
        if !lately.is_empty() {
            self.settle();
        }
        !lately.is_empty()
    }
}
