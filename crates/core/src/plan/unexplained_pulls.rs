//! Images that somebody pulled although nothing is known to use them (U13): a sign of use that is
//! not read.

use jiff::SignedDuration;
use serde::Serialize;

use super::{KeepReason, Plan, PlannedImage, RepositoryPlan, Verdict};
use crate::image::Time;

/// The images of a repository that somebody pulled although nothing is known to use them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UnexplainedPulls {
    /// Repository, with the host of its registry if there are several.
    pub repository: String,
    /// Number of images.
    pub images: usize,
    /// Last pull of one of them.
    pub last_pull: Time,
}

impl Plan {
    /// Returns the repositories with candidates that others pulled at most that long ago, or with
    /// images that are kept for it.
    #[must_use]
    pub fn unexplained_pulls(&self, within: SignedDuration) -> Vec<UnexplainedPulls> {
        let repositories = self.repositories.iter();
        let pulls = repositories.filter_map(|it| it.unexplained_pulls(within, self.settings.now));
        pulls.collect()
    }
}

impl RepositoryPlan {
    fn unexplained_pulls(&self, within: SignedDuration, now: Time) -> Option<UnexplainedPulls> {
        let is_recent = |pull: Time| pull.age(now) <= within;
        let mut images = self.images();
        let has_pulls = images.any(|planned| planned.image.pulled_at.is_some_and(is_recent));
        if !has_pulls || !self.images().any(is_unexplained) {
            return None;
        }
        let images = self.images().zip(self.last_pulls());
        let pulls = images.filter_map(|(planned, pull)| pull.filter(|_| is_unexplained(planned)));
        let pulls: Vec<Time> = pulls.filter(|pull| is_recent(*pull)).collect();
        Some(UnexplainedPulls {
            repository: self.title(),
            images: pulls.len(),
            last_pull: pulls.into_iter().max()?,
        })
    }
}

fn is_unexplained(planned: PlannedImage<'_>) -> bool {
    let is_kept_for_it = |reason: &KeepReason| matches!(reason, KeepReason::UnexplainedPull { .. });
    match planned.verdict {
        Verdict::Delete(_) => true,
        Verdict::Keep(reasons) => reasons.iter().any(is_kept_for_it),
    }
}
