//! The soak ledger: since when each image has been a candidate in every run (A2).
//!
//! It is kept apart for the rules that decide about a repository, so that deployments with other
//! rules, or for other repositories, do not reset each other. With other rules an image begins anew.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::{
    image::{Digest, Time},
    plan::{LeftAlone, Plan, RepositoryPlan},
};

/// Time after which the candidates of a repository are forgotten that no run decided on by the same
/// rules.
const KEPT_FOR: SignedDuration = SignedDuration::from_hours(35 * 24);

/// Candidates by registry, the rules that decide, and repository.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SoakLedger(BTreeMap<String, BTreeMap<String, BTreeMap<String, Candidates>>>);

/// The candidates of a repository by the same rules. Times are in milliseconds since 1970.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Candidates {
    /// Time of the last run that decided on it.
    decided_at: i64,
    /// Time at which each was first seen as one.
    since: BTreeMap<Digest, i64>,
}

impl SoakLedger {
    /// Records the candidates of a plan. An image that is not one begins anew when it becomes one
    /// again.
    ///
    /// A repository that the run did not look at stays as it is. Without complete evidence, no
    /// image becomes a candidate for the first time.
    pub fn observe(&mut self, plan: &Plan, usage_is_complete: bool) {
        let now = plan.now().millis();
        for repository in plan.repositories() {
            let is_decided = !matches!(repository.left_alone(), Some(LeftAlone::NotRead(_)));
            if let (true, Some(rules)) = (is_decided, repository.rules()) {
                let registry = self.0.entry(repository.registry().to_string());
                let of_rules = registry.or_default().entry(rules.to_owned()).or_default();
                let candidates = of_rules.entry(repository.name().to_string()).or_default();
                candidates.observe(repository, now, usage_is_complete);
            }
        }
        self.forget(plan);
    }

    /// Returns whether an image has been a candidate for that long.
    #[must_use]
    pub fn has_soaked(
        &self,
        repository: &RepositoryPlan,
        image: &Digest,
        soak: SignedDuration,
        now: Time,
    ) -> bool {
        let since = self.since(repository, image);
        since.is_some_and(|since| since.age(now) >= soak)
    }

    /// Returns since when an image has been a candidate in every run.
    #[must_use]
    pub fn since(&self, repository: &RepositoryPlan, image: &Digest) -> Option<Time> {
        let of_rules = self.0.get(&repository.registry().to_string())?;
        let candidates = of_rules
            .get(repository.rules()?)?
            .get(&**repository.name())?;
        Time::from_millis(*candidates.since.get(image)?)
    }

    /// Forgets repositories that do not exist any more, have no candidates, or that no run decided
    /// on by the same rules for long.
    fn forget(&mut self, plan: &Plan) {
        let kept_for = i64::try_from(KEPT_FOR.as_millis()).unwrap_or(i64::MAX);
        for registry in plan.registries() {
            let of_registry = self.0.entry(registry.to_string()).or_default();
            for of_rules in of_registry.values_mut() {
                of_rules.retain(|name, candidates| {
                    let age = plan.now().millis().saturating_sub(candidates.decided_at);
                    let exists = plan.repository_in(registry, name).is_some();
                    exists && age <= kept_for && !candidates.since.is_empty()
                });
            }
            of_registry.retain(|_, of_rules| !of_rules.is_empty());
        }
    }
}

impl Candidates {
    fn observe(&mut self, repository: &RepositoryPlan, now: i64, usage_is_complete: bool) {
        let first = usage_is_complete.then_some(now);
        let since = repository.candidates().filter_map(|planned| {
            let digest = planned.image.digest;
            // A time in the future is a mistake of a clock, and would keep the image for long: now
            // is the latest.
            let since = self.since.get(&digest).map(|&since| since.min(now));
            Some((digest, since.or(first)?))
        });
        self.since = since.collect();
        self.decided_at = now;
    }
}
