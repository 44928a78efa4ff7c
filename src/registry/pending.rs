//! The order between repositories: an attachment is deleted after an image of another repository
//! that it belongs to, and not if that is still there (A4, G2).

use std::collections::{BTreeMap, BTreeSet};

use super::RepositoryOutcome;
use crate::{
    guard::RepositorySelection,
    image::Digest,
    plan::{Plan, RepositoryKey, RepositoryPlan, Unit},
};

/// The candidates of a plan to which something of another repository is attached, and that are
/// still there.
pub(super) struct Pending<'a> {
    plan: &'a Plan,
    candidates: BTreeMap<Digest, BTreeSet<RepositoryKey>>,
    /// Those of them that were archived.
    archived: BTreeSet<(Digest, RepositoryKey)>,
}

impl<'a> Pending<'a> {
    /// Returns all such candidates of a plan.
    pub(super) fn new(plan: &'a Plan) -> Self {
        let repositories = || plan.repositories().iter();
        let subjects = repositories().flat_map(|repository| {
            let candidates = repository.candidates();
            candidates.flat_map(|it| repository.subjects_elsewhere(it.image))
        });
        let mut pending: BTreeMap<Digest, BTreeSet<RepositoryKey>> =
            subjects.map(|subject| (subject, BTreeSet::new())).collect();
        if !pending.is_empty() {
            for repository in repositories() {
                for candidate in repository.candidates() {
                    if let Some(holders) = pending.get_mut(&candidate.image.digest) {
                        holders.insert(repository.key().clone());
                    }
                }
            }
        }
        Self {
            plan,
            candidates: pending,
            archived: BTreeSet::new(),
        }
    }

    /// Takes in what was deleted or archived, or was not there.
    pub(super) fn remove(&mut self, outcome: &RepositoryOutcome) {
        let gone = outcome.deleted.iter().chain(&outcome.missing);
        for digest in gone {
            if let Some(holders) = self.candidates.get_mut(digest) {
                holders.remove(&outcome.repository);
            }
        }
        let archived = outcome.archived.iter();
        let archived = archived.map(|digest| (*digest, outcome.repository.clone()));
        self.archived.extend(archived);
    }

    /// Splits repositories into those that can be cleaned now and those of which an attachment
    /// waits for one of these.
    pub(super) fn split<'s, 'p>(
        &self,
        repositories: Vec<&'s RepositorySelection<'p>>,
    ) -> (
        Vec<&'s RepositorySelection<'p>>,
        Vec<&'s RepositorySelection<'p>>,
    ) {
        let keys = repositories.iter().map(|it| it.repository.key().clone());
        let keys: BTreeSet<RepositoryKey> = keys.collect();
        let waits = |selected: &&RepositorySelection<'_>| {
            let mut units = selected.units.iter();
            units.any(|unit| {
                let mut holders = self.holders(selected.repository, unit);
                holders.any(|key| keys.contains(key))
            })
        };
        let (later, now): (Vec<_>, Vec<_>) = repositories.into_iter().partition(waits);
        if now.is_empty() {
            (later, now)
        } else {
            (now, later)
        }
    }

    /// Returns whether an image of another repository, to which something of a unit is attached, is
    /// still there.
    pub(super) fn holds(&self, repository: &RepositoryPlan, unit: &Unit<'_>) -> bool {
        self.holders(repository, unit).next().is_some()
    }

    /// Returns the other repositories that still have images to which something of a unit is
    /// attached. One that was archived can be restored, and holds what would be deleted.
    fn holders<'s>(
        &'s self,
        repository: &'s RepositoryPlan,
        unit: &'s Unit<'_>,
    ) -> impl Iterator<Item = &'s RepositoryKey> {
        let images = unit.images.iter().map(|it| &it.planned.image);
        images.flat_map(move |image| {
            let archives = self.plan.archives(repository, image);
            let subjects = repository.subjects_elsewhere(image);
            subjects.flat_map(move |subject| {
                let holders = self.candidates.get(&subject).into_iter().flatten();
                holders.filter(move |holder| {
                    let is_archived = self.archived.contains(&(subject, (*holder).clone()));
                    !archives || !is_archived
                })
            })
        })
    }
}
