//! What became of a registry: the answer of the last turn, and what all of them did.
//!
//! Before it acts, a turn claims its number, which only one can. So a turn that died is known to have
//! spent some of what a run may delete, and one whose answer was lost is not repeated.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Phase, PhaseError, folder, json, list::malformed};
use crate::{guard::UsageCounts, image::Registry, report::Metrics};

/// Report of a registry.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct TurnReport {
    /// Answer.
    #[serde(flatten)]
    pub(super) answer: Map<String, Value>,
    /// Number of turns.
    pub(super) turns: u32,
    /// Whether nothing is left to do.
    pub(super) done: bool,
    pub(super) spent: Spent,
    /// References of each source, if no guard stopped the last turn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) usage_counts: Option<UsageCounts>,
    #[serde(default)]
    pub(super) metrics: Metrics,
}

/// What the turns did.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(super) struct Spent {
    /// Images that were deleted.
    pub(super) deleted: u64,
    /// Images that were archived.
    pub(super) archived: u64,
    /// Images that could not be, or of which that is not known.
    pub(super) failed: u64,
    /// Bytes that were deleted.
    pub(super) bytes: u64,
}

impl Spent {
    /// Returns how much of a limit on deletions is used.
    pub(super) const fn deletions(self) -> u64 {
        self.deleted + self.archived + self.failed
    }
}

impl TurnReport {
    /// Returns how the last turn ended.
    pub(super) fn status(&self) -> &str {
        let status = self.answer.get("status").and_then(Value::as_str);
        status.unwrap_or("failed")
    }
}

impl Phase<'_> {
    /// Returns the report of a registry; `None` if no turn began.
    pub(super) async fn report(
        &self,
        registry: &Registry,
    ) -> Result<Option<TurnReport>, PhaseError> {
        let name = name(registry);
        let Some(bytes) = self.objects.read(&name).await? else {
            return Ok(None);
        };
        let report = serde_json::from_slice(&bytes);
        report.map(Some).map_err(|error| malformed(&name, &error))
    }

    pub(super) async fn write_report(
        &self,
        registry: &Registry,
        report: &TurnReport,
    ) -> Result<(), PhaseError> {
        Ok(self.objects.write(&name(registry), json(report)?).await?)
    }
}

impl Phase<'_> {
    /// Claims a turn, and returns whether nobody has done so before.
    pub(super) async fn claim(&self, registry: &Registry, turn: u32) -> Result<bool, PhaseError> {
        let name = format!("reports/{}.turn-{turn}.json", folder(registry));
        let now = self.now().to_string();
        Ok(self.objects.create(&name, json(&now)?).await?)
    }
}

fn name(registry: &Registry) -> String {
    format!("reports/{}.json", folder(registry))
}
