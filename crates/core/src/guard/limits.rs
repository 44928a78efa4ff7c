//! The limits on deletions: of a run, and of a repository in it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::{
    image::Digest,
    plan::{Plan, RepositoryKey, RepositoryPlan, SavedImages, Unit},
};

/// The images that may still be deleted in a run. Their units are taken out until nothing is left
/// of the limits, and what was taken and not deleted gives its share back (A12).
#[derive(Debug)]
pub struct Selection<'a> {
    /// Units that were not taken yet, the oldest first.
    waiting: VecDeque<(&'a RepositoryPlan, Unit<'a>)>,
    of_run: Limit,
    /// The limits of repositories whose policy has one.
    of_repositories: BTreeMap<RepositoryKey, Limit>,
    /// Number of images that were taken and not settled, by repository.
    taken: BTreeMap<RepositoryKey, u64>,
    /// Repositories of which nothing more is taken.
    stopped: BTreeSet<RepositoryKey>,
    /// Number of images of units that were cut.
    cut: u64,
    /// Number of candidates that have not soaked long enough.
    soaking: u64,
}

/// A limit on the number of images.
#[derive(Debug, Clone, Copy)]
struct Limit {
    whole: u64,
    /// Number of images that may still be taken.
    left: u64,
}

impl Limit {
    const fn new(whole: u64) -> Self {
        Self { whole, left: whole }
    }

    /// Returns how many images of a unit may be taken: all of them, none, or as many as the whole
    /// limit allows, if they are more.
    fn allowed(self, images: u64) -> u64 {
        let fits = images <= self.left || self.left == self.whole;
        if fits { images.min(self.left) } else { 0 }
    }
}

/// The images of a repository that may be deleted.
#[derive(Debug)]
pub struct RepositorySelection<'a> {
    /// Repository.
    pub repository: &'a RepositoryPlan,
    /// Candidates in units, the oldest first.
    pub units: Vec<Unit<'a>>,
}

impl<'a> Selection<'a> {
    /// Selects the units of all repositories whose images have soaked, up to `limit` images. What
    /// its policy only shows is not selected, nor what a saved plan does not have.
    pub(super) fn new(
        plan: &'a Plan,
        saved: Option<&SavedImages>,
        limit: u64,
        has_soaked: impl Fn(&RepositoryPlan, &Digest) -> bool,
    ) -> Self {
        let mut soaking = 0;
        let mut waiting = Vec::new();
        let repositories = || plan.repositories().iter().filter(|it| it.acts());
        for repository in repositories() {
            for unit in repository.units_in(saved) {
                let mut images = unit.images.iter().map(|it| &it.planned.image.digest);
                if images.all(|image| has_soaked(repository, image)) {
                    waiting.push((repository, unit));
                } else {
                    soaking += unit.images.len() as u64;
                }
            }
        }
        // Stable: units of the same age stay in the order of their repositories.
        waiting.sort_by_key(|(_, unit)| unit.oldest);
        let limited = repositories().filter_map(|repository| {
            let limit = Limit::new(repository.limits().max_deletions?);
            Some((repository.key().clone(), limit))
        });
        Self {
            waiting: waiting.into(),
            of_run: Limit::new(limit),
            of_repositories: limited.collect(),
            taken: BTreeMap::new(),
            stopped: BTreeSet::new(),
            cut: 0,
            soaking,
        }
    }

    /// Takes out the oldest units that fit into what is left of the limits, by repository. None is
    /// taken twice.
    ///
    /// A unit that does not fit waits for the next run, and so do all that are younger, of its
    /// repository if it is the limit of that. Only one that is larger than the limit itself is cut:
    /// its first levels can be deleted without the rest.
    pub fn take(&mut self) -> Vec<RepositorySelection<'a>> {
        let mut taken: BTreeMap<&RepositoryKey, RepositorySelection<'a>> = BTreeMap::new();
        let mut full: BTreeSet<&RepositoryKey> = BTreeSet::new();
        let mut waiting = VecDeque::new();
        while let Some((repository, mut unit)) = self.waiting.pop_front() {
            let key = repository.key();
            if self.stopped.contains(key) {
                continue;
            }
            let wanted = unit.images.len() as u64;
            let of_own = match self.of_repositories.get(key) {
                Some(_) if full.contains(key) => 0,
                Some(own) => own.allowed(wanted),
                None => wanted,
            };
            if of_own == 0 {
                full.insert(key);
                waiting.push_back((repository, unit));
                continue;
            }
            let allowed = self.of_run.allowed(of_own);
            if allowed == 0 {
                self.waiting.push_front((repository, unit));
                break;
            }
            self.of_run.left -= allowed;
            if let Some(own) = self.of_repositories.get_mut(key) {
                own.left -= allowed;
            }
            self.cut += wanted - allowed;
            *self.taken.entry(key.clone()).or_default() += allowed;
            unit.allowed = usize::try_from(allowed).unwrap_or(usize::MAX);
            let selected = taken.entry(key);
            let selected = selected.or_insert_with(|| RepositorySelection {
                repository,
                units: Vec::new(),
            });
            selected.units.push(unit);
        }
        waiting.append(&mut self.waiting);
        self.waiting = waiting;
        taken.into_values().collect()
    }

    /// Takes in what became of everything that was taken of a repository: the number of images that
    /// were deleted or may have been. The others leave their share of the limits to the next ones.
    /// Of a repository that `stopped`, nothing more is taken.
    pub fn settle(&mut self, repository: &RepositoryKey, deleted: u64, stopped: bool) {
        let taken = self.taken.remove(repository).unwrap_or_default();
        let given_back = taken.saturating_sub(deleted);
        self.of_run.left += given_back;
        if let Some(own) = self.of_repositories.get_mut(repository) {
            own.left += given_back;
        }
        if stopped {
            self.stopped.insert(repository.clone());
        }
    }

    /// Returns the number of candidates that the limits leave for the next run, as of now.
    #[must_use]
    pub fn beyond_limit(&self) -> u64 {
        let waiting = self.waiting.iter();
        let waiting = waiting.filter(|(repository, _)| !self.stopped.contains(repository.key()));
        let images = waiting.map(|(_, unit)| unit.images.len() as u64);
        self.cut + images.sum::<u64>()
    }

    /// Returns the number of candidates that have not soaked long enough.
    #[must_use]
    pub const fn soaking(&self) -> u64 {
        self.soaking
    }
}

impl RepositorySelection<'_> {
    /// Returns the number of images that may be deleted.
    #[must_use]
    pub fn images(&self) -> u64 {
        self.units.iter().map(|unit| unit.allowed as u64).sum()
    }
}
