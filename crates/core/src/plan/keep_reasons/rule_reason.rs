//! Keep rules as reasons to keep an image.

use super::KeepReasons;
use crate::{
    evidence::{LastUse, RepositoryLedger},
    plan::KeepReason,
    policy::{Kept, RuleDoubt},
};

impl KeepReasons<'_> {
    /// Returns the last use of an image or a part of it that is known.
    pub(super) fn last_use(&self, index: u32, ledger: &RepositoryLedger) -> Option<LastUse> {
        let parts = self.graph.with_parts(index);
        let uses = parts.filter_map(|part| ledger.last_use(&self.images[part as usize].digest));
        uses.max()
    }

    /// Returns the reason that a rule is to keep an image.
    pub(super) fn rule_reason(
        &self,
        index: u32,
        kept: &Kept,
        ledger: &RepositoryLedger,
    ) -> KeepReason {
        let rule = self.names[kept.rule];
        let tag = kept
            .tag
            .map(|tag| self.images[index as usize].tags[tag].clone());
        match (kept.doubt, tag) {
            (Some(RuleDoubt::YoungLedger { days, until }), _) => {
                KeepReason::YoungLedger { rule, days, until }
            }
            (Some(RuleDoubt::NoVersion), Some(tag)) => KeepReason::NoVersion { rule, tag },
            (_, tag) => {
                let is_about_use = kept.by_use.then(|| self.last_use(index, ledger));
                KeepReason::Rule {
                    rule,
                    tag,
                    rank: kept.rank,
                    used: is_about_use.flatten().map(Box::new),
                }
            }
        }
    }
}
