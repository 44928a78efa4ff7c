//! What a person wants to know of one image beside its verdict.

use std::collections::BTreeSet;

use jiff::SignedDuration;

use super::Planned;
use crate::{
    config::nearest_name,
    image::{Digest, Registry, Time, TypedImage},
    inventory::NotRead,
    plan::{Explanation, KeepReason, LeftAlone, NearMiss, RepositoryKey, RepositoryPlan, Verdict},
};

/// Facts about an image that is explained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// Name of the policy that decides about it.
    pub policy: Option<String>,
    /// Time of its push.
    pub pushed_at: Option<Time>,
    /// Last pull of it or a part of it that is known to be somebody else's.
    pub pulled_at: Option<Time>,
    /// Compressed bytes; the size that ECR gives for an index is that of its largest child.
    pub bytes: u64,
    /// Everybody who uses it.
    pub users: Vec<String>,
    /// The rule that came nearest to keeping a candidate.
    pub near_miss: Option<NearMiss>,
    /// How long a candidate is kept by `guards.soak`.
    pub soak: Option<Soak>,
}

/// Time for which a candidate is kept by `guards.soak`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Soak {
    /// Until then.
    Until(Time),
    /// For so long after a run has seen it as a candidate.
    NotBegun(SignedDuration),
}

impl Planned<'_> {
    /// Returns facts about an image that is explained; `None` if there is no such image.
    #[must_use]
    pub fn explained(&self, explanation: &Explanation) -> Option<Explained> {
        let (registry, name) = explanation.key.as_ref()?;
        let repository = self.plan.repository_in(registry, name)?;
        let digest = explanation.digest?;
        let planned = repository.image(&digest)?;
        let image = planned.image;
        let all = self.plan.repositories().iter();
        let all = all.flat_map(RepositoryPlan::stored_images);
        let usage = self.usage.with_stored(all);
        let users = usage.users_of(registry, name, image, repository.stored_images());
        let users: BTreeSet<String> = users.into_iter().map(ToString::to_string).collect();
        let position = repository.images().position(|it| it.image.digest == digest);
        let pulled_at = position.and_then(|position| repository.last_pulls()[position]);
        let deletes = planned.verdict.deletes();
        let policies = &self.histories.policies;
        let near_miss = || self.plan.near_miss(repository, &digest, policies);
        Some(Explained {
            policy: repository.policy_title().map(str::to_owned),
            pushed_at: image.pushed_at,
            pulled_at,
            bytes: image.bytes,
            users: users.into_iter().collect(),
            near_miss: deletes.then(near_miss).flatten(),
            soak: deletes
                .then(|| self.soak((registry.clone(), name.clone()), &digest))
                .flatten(),
        })
    }

    fn soak(&self, (registry, name): RepositoryKey, digest: &Digest) -> Option<Soak> {
        let soak = self.program.config.guards.soak;
        if soak.is_zero() {
            return None;
        }
        let repository = self.plan.repository_in(&registry, &name)?;
        let ledger = self.memory().ledger.as_ref();
        let Some(since) = ledger.and_then(|ledger| ledger.since(repository, digest)) else {
            return Some(Soak::NotBegun(soak));
        };
        let millis = i64::try_from(soak.as_millis()).ok()?;
        let until = Time::from_millis(since.millis().checked_add(millis)?)?;
        (until > self.plan.now()).then_some(Soak::Until(until))
    }

    /// Returns whether an explanation may be another one if every repository is read: what is
    /// attached to an image elsewhere stays as long as that one does (G2).
    #[must_use]
    pub fn depends_on_others(&self, explanation: &Explanation) -> bool {
        let attached = |reason: &KeepReason| matches!(reason, KeepReason::AttachedElsewhere { .. });
        let planned = || {
            let (registry, name) = explanation.key.as_ref()?;
            let repository = self.plan.repository_in(registry, name)?;
            repository.image(&explanation.digest?)
        };
        planned().is_some_and(|planned| match planned.verdict {
            Verdict::Keep(reasons) => reasons.iter().any(attached),
            Verdict::Delete(_) => false,
        })
    }

    /// Returns what was probably meant by the name of an image that there is not.
    #[must_use]
    pub fn nearest(&self, image: &TypedImage) -> Option<String> {
        let name = &image.reference.repository;
        let registry = image.reference.registry.as_ref();
        let is_planned = |named: &Registry| self.plan.registries().iter().any(|it| **it == *named);
        if !registry.is_none_or(is_planned) {
            return None;
        }
        let repositories = self.plan.repositories();
        let Some(repository) = repositories.iter().find(|it| it.name() == name) else {
            let exists = |why: Option<&LeftAlone>| {
                !matches!(
                    why,
                    Some(LeftAlone::Vanished | LeftAlone::NotRead(NotRead::NoPolicy))
                )
            };
            let existing = repositories.iter().filter(|it| exists(it.left_alone()));
            let names: Vec<&str> = existing.map(|it| &**it.name()).collect();
            return nearest_name(name, &names).map(ToOwned::to_owned);
        };
        let tag = image.reference.tag.as_ref()?;
        let images = repository.images();
        let tags: Vec<&str> = images
            .flat_map(|it| &*it.image.tags)
            .map(|tag| &**tag)
            .collect();
        Some(format!("{name}:{}", nearest_name(tag, &tags)?))
    }
}
