//! The limit on deletions of a run.

use crate::{
    image::Digest,
    plan::{Plan, RepositoryPlan, Unit},
};

/// The images that may be deleted in a run.
#[derive(Debug, Default)]
pub struct Selection<'a> {
    /// Repositories that have such images.
    pub repositories: Vec<RepositorySelection<'a>>,
    /// Number of candidates that are left for the next run, since the limit was reached.
    pub beyond_limit: u64,
    /// Number of candidates that have not soaked long enough.
    pub soaking: u64,
}

/// The images of a repository that may be deleted in a run.
#[derive(Debug)]
pub struct RepositorySelection<'a> {
    /// Repository.
    pub repository: &'a RepositoryPlan,
    /// Candidates in units, the oldest first.
    pub units: Vec<Unit<'a>>,
}

impl<'a> Selection<'a> {
    /// Selects the oldest units of all repositories whose images have soaked, up to `limit` images.
    ///
    /// A unit that does not fit into what is left of it waits for the next run, and so do all that
    /// are younger. Only one that is larger than the limit itself is cut: its first levels can be
    /// deleted without the rest.
    pub(super) fn new(
        plan: &'a Plan,
        limit: u64,
        has_soaked: impl Fn(&RepositoryPlan, &Digest) -> bool,
    ) -> Self {
        let mut selection = Self::default();
        let mut all: Vec<(usize, Unit<'a>)> = Vec::new();
        for (position, repository) in plan.repositories().iter().enumerate() {
            for unit in repository.units() {
                let mut images = unit.images.iter().map(|it| &it.planned.image.digest);
                if images.all(|image| has_soaked(repository, image)) {
                    all.push((position, unit));
                } else {
                    selection.soaking += unit.images.len() as u64;
                }
            }
        }
        // Stable: units of the same age stay in the order of their repositories.
        all.sort_by_key(|(_, unit)| unit.oldest);
        let mut left = limit;
        for (_, unit) in &mut all {
            let wanted = unit.images.len() as u64;
            let fits = wanted <= left || left == limit;
            left = if fits { left } else { 0 };
            let allowed = wanted.min(left);
            unit.allowed = usize::try_from(allowed).unwrap_or(usize::MAX);
            left -= allowed;
            selection.beyond_limit += wanted - allowed;
        }
        all.retain(|(_, unit)| unit.allowed > 0);
        all.sort_by_key(|&(position, _)| position);
        for (position, unit) in all {
            let repository = &plan.repositories()[position];
            match selection.repositories.last_mut() {
                Some(last) if std::ptr::eq(last.repository, repository) => last.units.push(unit),
                _ => selection.repositories.push(RepositorySelection {
                    repository,
                    units: vec![unit],
                }),
            }
        }
        selection
    }

    /// Returns the number of images that may be deleted.
    #[must_use]
    pub fn images(&self) -> u64 {
        let units = self.repositories.iter().flat_map(|it| &it.units);
        units.map(|unit| unit.allowed as u64).sum()
    }
}
