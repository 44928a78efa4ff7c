//! `fresh`: whether the evidence is young enough to delete by it for a while.

use serde::Serialize;

use super::{PhaseError, RunName};
use crate::{image::Time, pipeline::Program};

/// Answer of the phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct FreshAnswer {
    /// Whether the locations are to be read again.
    pub again: bool,
    /// Time at which the oldest evidence was read; `None` if there is none.
    pub oldest: Option<Time>,
}

impl Program {
    /// Returns whether a run has to read again what is older than half of the age up to which
    /// evidence counts, or what nothing was delivered of.
    ///
    /// # Errors
    /// Returns an error if the run is another one, or a call fails.
    pub async fn is_run_fresh(
        &self,
        run: &RunName,
        sha256: &str,
    ) -> Result<FreshAnswer, PhaseError> {
        let phase = self.phase(run).await?;
        let list = phase.list(sha256).await?;
        let locations = phase.locations(&list).await?;
        let indexes = phase.indexes(&locations).await;
        let (half, now) = (self.config.guards.evidence_max_age / 2, phase.now());
        let is_fresh = |index: &super::index::FoundIndex| {
            let index = index.as_ref().ok().and_then(Option::as_ref);
            index.is_some_and(|index| index.is_within(half, now))
        };
        let known = indexes.iter().flatten().flatten();
        Ok(FreshAnswer {
            again: !indexes.iter().all(is_fresh),
            oldest: known.map(super::index::EvidenceIndex::began_at).min(),
        })
    }
}
