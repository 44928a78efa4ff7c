//! The soak ledger: since when each image has been a candidate in every run (A2).

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::object::Content;
use crate::{
    image::{Digest, Registry, RepositoryName, Time},
    inventory::NotRead,
    plan::{LeftAlone, Plan},
};

/// When each candidate was first seen as one, by registry, repository and digest, in milliseconds since 1970.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger(BTreeMap<String, BTreeMap<String, BTreeMap<Digest, i64>>>);

impl Ledger {
    /// Notes what is a candidate now. Whatever is not one starts anew when it becomes one again. A repository that this
    /// run did not look at stays as it is; where use is not known completely, an image is no candidate for the first
    /// time.
    pub fn observe(&mut self, plan: &Plan, use_is_complete: bool) {
        let repositories = self.0.entry(plan.registry.to_string()).or_default();
        let mut seen = BTreeMap::new();
        for repository in &plan.repositories {
            let name = repository.name.to_string();
            let before = repositories.remove(&name).unwrap_or_default();
            let now = if repository.left_alone == Some(LeftAlone::NotRead(NotRead::NotAsked)) {
                before
            } else {
                let candidates = repository.images().filter(|(_, verdict)| verdict.deletes());
                let since = candidates.filter_map(|(image, _)| {
                    let first = use_is_complete.then_some(plan.now.millis());
                    // A time to come is a clock's mistake, and would let nothing soak for long: now is the latest.
                    let since = before.get(&image.digest).map(|&since| since.min(plan.now.millis())).or(first)?;
                    Some((image.digest, since))
                });
                since.collect()
            };
            if !now.is_empty() {
                seen.insert(name, now);
            }
        }
        *repositories = seen;
    }

    /// Whether an image has been a candidate for that long.
    #[must_use]
    pub fn has_soaked(
        &self,
        registry: &Registry,
        repository: &RepositoryName,
        image: &Digest,
        soak: SignedDuration,
        now: Time,
    ) -> bool {
        let since = self.0.get(&registry.to_string()).and_then(|all| all.get(&**repository)?.get(image));
        since.and_then(|&since| Time::from_millis(since)).is_some_and(|since| since.age(now) >= soak)
    }
}

impl Content for Ledger {
    const SCHEMA: &'static str = "ecr-cleanup/soak-ledger";
    const NUMBER: u32 = 1;
    const KEY: &'static str = "soak-ledger.json.gz";
}
