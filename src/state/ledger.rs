//! The soak ledger: since when each image has been a candidate in every run (A2).

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::object::Content;
use crate::{
    image::{Digest, Registry, RepositoryName, Time},
    inventory::NotRead,
    plan::{LeftAlone, Plan, RepositoryPlan},
};

/// When each candidate was first seen as one, by registry, repository and digest, in milliseconds since 1970.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger(BTreeMap<String, BTreeMap<String, BTreeMap<Digest, i64>>>);

impl Ledger {
    /// Notes what is a candidate now. Whatever is not one starts anew when it becomes one again. A repository that this
    /// run did not look at stays as it is; where use is not known completely, an image is no candidate for the first
    /// time.
    pub fn observe(&mut self, plan: &Plan, use_is_complete: bool) {
        for registry in &plan.registries {
            let repositories = plan
                .repositories
                .iter()
                .filter(|repository| repository.registry == *registry);
            let known = self.0.entry(registry.to_string()).or_default();
            observe(known, repositories, plan.now, use_is_complete);
        }
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
        let since = self
            .0
            .get(&registry.to_string())
            .and_then(|all| all.get(&**repository)?.get(image));
        since
            .and_then(|&since| Time::from_millis(since))
            .is_some_and(|since| since.age(now) >= soak)
    }
}

/// Notes what is a candidate of these repositories, which are all of a registry.
fn observe<'a>(
    known: &mut BTreeMap<String, BTreeMap<Digest, i64>>,
    repositories: impl Iterator<Item = &'a RepositoryPlan>,
    now: Time,
    use_is_complete: bool,
) {
    let mut seen = BTreeMap::new();
    for repository in repositories {
        let name = repository.name.to_string();
        let before = known.remove(&name).unwrap_or_default();
        let candidates = if repository.left_alone == Some(LeftAlone::NotRead(NotRead::NotAsked)) {
            before
        } else {
            let candidates = repository.images().filter(|(_, verdict)| verdict.deletes());
            let since = candidates.filter_map(|(image, _)| {
                let first = use_is_complete.then_some(now.millis());
                // A time to come is a clock's mistake, and would let nothing soak for long: now is the latest.
                let since = before
                    .get(&image.digest)
                    .map(|&since| since.min(now.millis()))
                    .or(first)?;
                Some((image.digest, since))
            });
            since.collect()
        };
        if !candidates.is_empty() {
            seen.insert(name, candidates);
        }
    }
    *known = seen;
}

impl Content for Ledger {
    const SCHEMA: &'static str = "ecr-cleanup/soak-ledger";
    const NUMBER: u32 = 1;
    const KEY: &'static str = "soak-ledger.json.gz";
}
