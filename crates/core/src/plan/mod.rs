//! The plan: one verdict for each image, from what is stored, what is in use, the policies and the
//! time.
//!
//! It is made in two steps. [`candidates`] decides which images nothing keeps.
//! [`Candidates::decide`] makes the [`Plan`], once and for good, after vetoes against whole
//! repositories were collected.

mod can_run;
mod conflict;
mod decide;
mod eligibility;
mod explain;
mod graph;
mod keep_reasons;
mod kept_by;
mod last_pull;
mod missing;
mod near_miss;
mod needed_archived;
mod opaque_index;
mod reason_group;
mod repository;
mod revisions;
mod saved;
mod sentence;
mod settings;
mod subject;
mod unexplained_pulls;
mod units;
mod verdict;

use std::{
    cell::LazyCell,
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use crate::{
    evidence::UsageIndex,
    image::{Digest, Image, Registry, RepositoryName, Status, Time},
    inventory::Inventory,
    policy::{Limits, Policies},
};
use repository::{Draft, Terms};
use subject::Subject;

pub use conflict::{ConflictError, LifecycleConflict};
pub use explain::Explanation;
pub use kept_by::KeptBy;
pub use missing::{Missing, MissingReason, Stored, first_of, missing, missing_from};
pub use near_miss::NearMiss;
pub use needed_archived::needed_archived;
pub use reason_group::ReasonGroup;
pub use repository::{PlannedImage, RepositoryPlan};
pub use saved::{SavedImages, SinceSaved};
pub use settings::{Archiving, PlanSettings};
pub use unexplained_pulls::UnexplainedPulls;
pub use units::{Unit, UnitImage};
pub use verdict::{DeleteReason, KeepReason, LeftAlone, Verdict};

/// A repository of a registry.
pub type RepositoryKey = (Arc<Registry>, RepositoryName);

/// A veto against any deletion in a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Veto {
    /// Repository.
    pub repository: RepositoryKey,
    /// Reason.
    pub why: LeftAlone,
}

/// The number of candidates in a repository.
#[derive(Debug, Clone, Copy)]
pub struct Count<'a> {
    /// Repository.
    pub repository: &'a RepositoryKey,
    /// Name of its policy.
    pub policy: Option<&'a str>,
    /// What its policy allows a run.
    pub limits: Limits,
    /// Number of candidates.
    pub candidates: u64,
    /// Number of images.
    pub images: u64,
}

/// The images that nothing keeps, before vetoes.
#[derive(Debug)]
pub struct Candidates<'a> {
    registries: Vec<Arc<Registry>>,
    usage: &'a UsageIndex,
    policies: &'a Policies,
    settings: PlanSettings,
    repositories: Vec<Draft>,
}

/// A verdict for each image of some registries.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    registries: Vec<Arc<Registry>>,
    settings: PlanSettings,
    repositories: Vec<RepositoryPlan>,
}

/// Decides which images nothing keeps.
#[must_use]
pub fn candidates<'a>(
    inventories: impl Into<Vec<Inventory>>,
    usage: &'a UsageIndex,
    policies: &'a Policies,
    settings: impl Into<PlanSettings>,
) -> Candidates<'a> {
    let (inventories, settings) = (inventories.into(), settings.into());
    let told_apart = inventories.len() > 1;
    let (mut registries, mut repositories) = (Vec::new(), Vec::new());
    for Inventory {
        registry,
        repositories: read,
    } in inventories
    {
        let registry = Arc::new(registry);
        let drafts = read
            .into_iter()
            .map(|read| Draft::new(read, &registry, told_apart));
        repositories.extend(drafts);
        registries.push(registry);
    }
    repositories.sort_by(|a: &Draft, b| a.facts.key.cmp(&b.facts.key));
    let terms = policies.all.iter();
    let terms = terms.map(|policy| LazyCell::new(move || Arc::new(Terms::from(policy))));
    let terms: Vec<_> = terms.collect();
    for draft in &mut repositories {
        let policy = draft.facts.policy.and_then(|policy| terms.get(policy));
        draft.facts.terms = policy.map(|terms| Arc::clone(terms));
    }
    let mut candidates = Candidates {
        registries,
        usage,
        policies,
        settings,
        repositories,
    };
    candidates.decide_each();
    candidates
}

/// Makes a plan without any veto.
#[must_use]
pub fn plan(
    inventories: impl Into<Vec<Inventory>>,
    usage: &UsageIndex,
    policies: &Policies,
    settings: impl Into<PlanSettings>,
) -> Plan {
    candidates(inventories, usage, policies, settings).decide(Vec::new())
}

impl Candidates<'_> {
    /// Returns the number of candidates in each repository that has some.
    pub fn counts(&self) -> impl Iterator<Item = Count<'_>> {
        let counts = self.repositories.iter().map(|repository| Count {
            repository: &repository.facts.key,
            policy: repository.facts.policy_title(),
            limits: repository.facts.limits(),
            candidates: repository.verdicts.iter().filter(|it| it.deletes()).count() as u64,
            images: repository.verdicts.len() as u64,
        });
        counts.filter(|count| count.candidates > 0)
    }

    /// Makes the plan: repositories with a veto are left alone, and what is attached to their
    /// images is kept.
    #[must_use]
    pub fn decide(mut self, vetoes: Vec<Veto>) -> Plan {
        if !vetoes.is_empty() {
            for Veto { repository, why } in vetoes {
                let mut drafts = self.repositories.iter_mut();
                if let Some(draft) = drafts.find(|draft| draft.facts.key == repository) {
                    draft.facts.left_alone.get_or_insert(why);
                }
            }
            self.decide_each();
        }
        Plan {
            registries: self.registries,
            settings: self.settings,
            repositories: self.repositories.into_iter().map(Into::into).collect(),
        }
    }

    fn decide_each(&mut self) {
        let subjects: Vec<Subject<'_>> = self.repositories.iter().map(Draft::subject).collect();
        let decisions = decide::decide(&subjects, self.usage, self.policies, self.settings);
        for (repository, (left_alone, verdicts)) in self.repositories.iter_mut().zip(decisions) {
            repository.facts.left_alone = left_alone;
            repository.verdicts = verdicts;
        }
    }
}

impl Plan {
    /// Creates a plan for nothing, since nothing was read.
    #[must_use]
    pub const fn empty(now: Time) -> Self {
        Self {
            registries: Vec::new(),
            settings: PlanSettings {
                now,
                archive: Archiving {
                    candidates: false,
                    delete_after: None,
                },
                keep_pulled_within: None,
                has_others: false,
            },
            repositories: Vec::new(),
        }
    }

    /// Returns the registries.
    #[must_use]
    pub fn registries(&self) -> &[Arc<Registry>] {
        &self.registries
    }

    /// Returns the time that the plan was made for.
    #[must_use]
    pub const fn now(&self) -> Time {
        self.settings.now
    }

    /// Returns the repositories, by registry and name.
    #[must_use]
    pub fn repositories(&self) -> &[RepositoryPlan] {
        &self.repositories
    }

    /// Returns whether candidates of a repository are archived rather than deleted.
    #[must_use]
    pub fn is_archiving(&self, repository: &RepositoryPlan) -> bool {
        self.settings.within(repository.limits()).archive.candidates
    }

    /// Returns whether there are candidates, and none of a repository that deletes them.
    #[must_use]
    pub fn is_archiving_all(&self) -> bool {
        let cleaned = self.repositories.iter();
        let mut cleaned = cleaned
            .filter(|it| it.candidates().next().is_some())
            .peekable();
        cleaned.peek().is_some() && cleaned.all(|it| self.is_archiving(it))
    }

    /// Returns whether candidates of any repository are archived rather than deleted.
    #[must_use]
    pub fn is_archiving_any(&self) -> bool {
        let mut repositories = self.repositories.iter();
        self.settings.archive.candidates || repositories.any(|it| self.is_archiving(it))
    }

    /// Returns whether a candidate is archived rather than deleted: one that is archived already is
    /// deleted.
    #[must_use]
    pub fn archives(&self, repository: &RepositoryPlan, candidate: &Image) -> bool {
        self.is_archiving(repository) && candidate.status != Status::Archived
    }

    /// Returns the candidates of each repository that are kept by this use, read later than the
    /// plan was made.
    #[must_use]
    pub fn kept_by(
        &self,
        usage: &UsageIndex,
        policies: &Policies,
    ) -> BTreeMap<RepositoryKey, HashSet<Digest>> {
        let subjects: Vec<Subject<'_>> = self
            .repositories
            .iter()
            .map(RepositoryPlan::subject)
            .collect();
        let decisions = decide::decide(&subjects, usage, policies, self.settings);
        let kept = decisions.into_iter().zip(&self.repositories);
        kept.filter_map(|((_, verdicts), repository)| {
            let both = verdicts.iter().zip(repository.images());
            let kept: HashSet<Digest> = both
                .filter(|(now, planned)| planned.verdict.deletes() && !now.deletes())
                .map(|(_, planned)| planned.image.digest)
                .collect();
            (!kept.is_empty()).then(|| (repository.key().clone(), kept))
        })
        .collect()
    }

    /// Returns the repository of that name, in the first registry that has one.
    #[must_use]
    pub fn repository(&self, name: &str) -> Option<&RepositoryPlan> {
        self.registries
            .iter()
            .find_map(|registry| self.repository_in(registry, name))
    }

    /// Returns the repository of that name in a registry.
    #[must_use]
    pub fn repository_in(&self, registry: &Registry, name: &str) -> Option<&RepositoryPlan> {
        let order = |repository: &RepositoryPlan| {
            (repository.registry(), &**repository.name()).cmp(&(registry, name))
        };
        let position = self.repositories.binary_search_by(order).ok()?;
        self.repositories.get(position)
    }
}
