//! The soak ledger: since when each image has been a candidate in every run (A2).

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::{
    image::{Digest, Registry, RepositoryName, Time},
    inventory::NotRead,
    plan::{LeftAlone, Plan, RepositoryPlan},
};

/// Time at which each candidate was first seen as one, in milliseconds since 1970.
type Candidates = BTreeMap<Digest, i64>;

/// Time at which each candidate was first seen as one, by registry, repository and digest.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SoakLedger(BTreeMap<String, BTreeMap<String, Candidates>>);

impl SoakLedger {
    /// Records the candidates of a plan. An image that is not one begins anew when it becomes one
    /// again.
    ///
    /// A repository that the run did not look at stays as it is. Without complete evidence, no
    /// image becomes a candidate for the first time.
    pub fn observe(&mut self, plan: &Plan, usage_is_complete: bool) {
        for registry in plan.registries() {
            let repositories = plan.repositories().iter();
            let repositories = repositories.filter(|it| *it.registry() == **registry);
            let known = self.0.entry(registry.to_string()).or_default();
            observe(known, repositories, plan.now(), usage_is_complete);
        }
    }

    /// Returns whether an image has been a candidate for that long.
    #[must_use]
    pub fn has_soaked(
        &self,
        registry: &Registry,
        repository: &RepositoryName,
        image: &Digest,
        soak: SignedDuration,
        now: Time,
    ) -> bool {
        let repositories = self.0.get(&registry.to_string());
        let since = repositories.and_then(|all| all.get(&**repository)?.get(image));
        since
            .and_then(|&since| Time::from_millis(since))
            .is_some_and(|since| since.age(now) >= soak)
    }
}

/// Records the candidates of these repositories, which are all of a registry.
fn observe<'a>(
    known: &mut BTreeMap<String, Candidates>,
    repositories: impl Iterator<Item = &'a RepositoryPlan>,
    now: Time,
    usage_is_complete: bool,
) {
    let mut seen = BTreeMap::new();
    for repository in repositories {
        let name = repository.name().to_string();
        let before = known.remove(&name).unwrap_or_default();
        let not_asked = LeftAlone::NotRead(NotRead::NotAsked);
        let candidates = if repository.left_alone() == Some(&not_asked) {
            before
        } else {
            let first = usage_is_complete.then_some(now.millis());
            let since = repository.candidates().filter_map(|planned| {
                let digest = planned.image.digest;
                // A time in the future is a mistake of a clock, and would keep the image for long:
                // now is the latest.
                let since = before.get(&digest).map(|&since| since.min(now.millis()));
                Some((digest, since.or(first)?))
            });
            since.collect()
        };
        if !candidates.is_empty() {
            seen.insert(name, candidates);
        }
    }
    *known = seen;
}
