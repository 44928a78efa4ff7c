//! Deletes or archives what a cleared plan allows, except for what changed since.
//!
//! Images that belong together are deleted together or not at all. Right before an attempt to delete
//! some of them, all that belong to them are rechecked (A3). An answer that is not understood stops its repository; a
//! failure never stops other repositories (A5).

use std::{
    cell::Cell,
    collections::{BTreeMap, HashSet, btree_map::Entry},
};

use futures::{StreamExt, future::LocalBoxFuture, stream};
use tokio::{
    sync::Mutex,
    time::{Duration, Instant},
};

use super::{
    BATCH, Known, Outcome, RepositoryOutcome, Stop,
    attempt::Action,
    pending::Pending,
    policies::{RepositoryPolicies, repository_policy_now},
};
use crate::{
    aws::{Clients, Operation},
    counted::Counted,
    evidence::UsageIndex,
    guard::{Clearance, Refusal, RepositorySelection},
    image::{Digest, Image, Registry},
    plan::{Plan, RepositoryKey, RepositoryPlan, Unit, UnitImage},
    policy::Policies,
    stop_time::StopTime,
};

/// Number of repositories that are cleaned at once: as many as calls may be under way.
const AT_ONCE: usize = 20;

pub(crate) struct Applier<'a> {
    pub(crate) clients: &'a BTreeMap<Registry, Clients>,
    pub(crate) policies: &'a Policies,
    /// Policies of repositories that decided which are cleaned; `None` if none did.
    pub(crate) pull_policies: Option<&'a RepositoryPolicies>,
    /// What was found out of policies, to be corrected.
    pub(crate) known: Known<'a>,
    /// Reads evidence again; a refusal is why it cannot be trusted.
    pub(crate) read_usage: &'a dyn Fn() -> LocalBoxFuture<'a, Result<UsageIndex, Refusal>>,
    /// Returns why a person stopped deletion, if one did.
    pub(crate) stopped: &'a dyn Fn() -> LocalBoxFuture<'a, Option<Refusal>>,
    /// Looks whether everything in use is still in a repository of which something was deleted or archived.
    pub(crate) look: &'a dyn Fn(&RepositoryKey) -> LocalBoxFuture<'a, ()>,
    /// Time at which reading of the evidence for the plan began.
    pub(crate) usage_read_at: Instant,
    /// Time to stop (A6, A13).
    pub(crate) stop_at: &'a StopTime,
    /// Time after that for answers to calls that were made before.
    pub(crate) in_flight: Duration,
    /// Age of the evidence up to which it is not read again (A3).
    pub(crate) usage_fresh_for: Duration,
    /// Whether another run took the lock, which ends this one as if its time were over.
    pub(crate) lock_lost: Option<&'a Cell<bool>>,
}

/// Evidence while images are deleted.
struct Freshness {
    read_at: Instant,
    kept: BTreeMap<RepositoryKey, HashSet<Digest>>,
    lost: Option<Refusal>,
}

impl Applier<'_> {
    /// Deletes or archives what was cleared.
    pub(crate) async fn apply(&self, clearance: Clearance<'_>) -> Outcome {
        let freshness = Mutex::new(Freshness {
            read_at: self.usage_read_at,
            kept: BTreeMap::new(),
            lost: None,
        });
        let plan = clearance.plan();
        let mut selection = clearance.into_selection();
        let mut pending = Pending::new(plan);
        let mut outcomes = BTreeMap::new();
        // What could not be deleted leaves its share of the limit to what is younger (A12).
        loop {
            let selected = selection.take();
            if selected.is_empty() {
                break;
            }
            Counted::Candidates.expect(selected.iter().map(candidates).sum());
            let applied = self
                .apply_all(plan, &selected, &mut pending, &freshness)
                .await;
            let mut stops = applied.iter().filter_map(|of| of.stopped.as_ref());
            let is_over = stops.any(Stop::ends_run);
            for outcome in applied {
                let stopped = outcome.stopped.is_some();
                selection.settle(&outcome.repository, outcome.deletions(), stopped);
                match outcomes.entry(outcome.repository.clone()) {
                    Entry::Vacant(entry) => drop(entry.insert(outcome)),
                    Entry::Occupied(mut entry) => entry.get_mut().extend(outcome),
                }
            }
            if is_over {
                break;
            }
        }
        Outcome {
            repositories: outcomes.into_values().collect(),
            beyond_limit: selection.beyond_limit(),
            usage_lost: freshness.into_inner().lost,
        }
    }

    /// Deletes or archives what was selected, in the order between repositories.
    async fn apply_all(
        &self,
        plan: &Plan,
        selected: &[RepositorySelection<'_>],
        pending: &mut Pending<'_>,
        freshness: &Mutex<Freshness>,
    ) -> Vec<RepositoryOutcome> {
        let mut all = Vec::new();
        let mut rest: Vec<&RepositorySelection<'_>> = selected.iter().collect();
        while !rest.is_empty() {
            let (now, later) = pending.split(rest);
            let outcomes = stream::iter(now)
                .map(|selected| self.apply_to(plan, selected, pending, freshness))
                .buffer_unordered(AT_ONCE)
                .collect::<Vec<_>>()
                .await;
            for outcome in &outcomes {
                pending.remove(outcome);
            }
            all.extend(outcomes);
            rest = later;
        }
        all
    }

    async fn apply_to(
        &self,
        plan: &Plan,
        selected: &RepositorySelection<'_>,
        pending: &Pending<'_>,
        freshness: &Mutex<Freshness>,
    ) -> RepositoryOutcome {
        let repository = selected.repository;
        let mut outcome = RepositoryOutcome::new(repository);
        let Some(clients) = self.clients.get(repository.registry()) else {
            outcome.stopped = Some(Stop::no_clients(repository.registry()));
            return outcome;
        };
        let cleaning = RepositoryApplier {
            applier: self,
            clients,
            plan,
            repository,
            freshness,
            outcome,
        };
        let units = selected.units.iter();
        let units = units.filter(|unit| !pending.holds(repository, unit));
        let outcome = cleaning.apply(&units.cloned().collect::<Vec<_>>()).await;
        if outcome.has_changes() {
            // Time that is over is noticed by what comes next.
            let _ = self.stop_at.in_time((self.look)(&outcome.repository)).await;
        }
        let done = outcome.deleted.len() + outcome.archived.len();
        Counted::Candidates.done(candidates(selected).saturating_sub(done));
        outcome
    }

    fn is_over(&self) -> bool {
        self.stop_at.is_over() || self.lock_lost.is_some_and(Cell::get)
    }
}

/// Returns the number of images that were selected in a repository.
fn candidates(selected: &RepositorySelection<'_>) -> usize {
    selected.units.iter().map(|unit| unit.allowed).sum()
}

/// Units while they are deleted or archived: the images of each that have not been yet.
pub(super) type Units<'p> = Vec<Vec<UnitImage<'p>>>;

/// Applies the plan of one repository.
pub(super) struct RepositoryApplier<'a, 'c> {
    applier: &'a Applier<'c>,
    pub(super) clients: &'a Clients,
    pub(super) plan: &'a Plan,
    pub(super) repository: &'a RepositoryPlan,
    freshness: &'a Mutex<Freshness>,
    pub(super) outcome: RepositoryOutcome,
}

impl RepositoryApplier<'_, '_> {
    async fn apply(mut self, units: &[Unit<'_>]) -> RepositoryOutcome {
        for group in groups(&packed(units)) {
            if let Err(stop) = self.apply_group(group).await {
                self.outcome.stopped = Some(stop);
                break;
            }
        }
        self.outcome
    }

    /// Deletes or archives what may go of a group, level by level.
    async fn apply_group(&mut self, group: &[Unit<'_>]) -> Result<(), Stop> {
        let cut = group.iter().flat_map(|unit| &unit.images[unit.allowed..]);
        let beyond_limit: HashSet<Digest> = cut.map(digest).collect();
        let mut units: Units<'_> = group.iter().map(|unit| unit.images.clone()).collect();
        let levels = units.iter().flatten().map(|it| it.level);
        for level in 0..=levels.max().unwrap_or_default() {
            for action in [Action::Delete, Action::Archive] {
                let of_action = |it: &&UnitImage<'_>| {
                    let archives = self.plan.archives(self.repository, it.planned.image);
                    it.level == level && archives == (action == Action::Archive)
                };
                let images = units.iter().flatten().filter(of_action).map(digest);
                let images = images.filter(|image| !beyond_limit.contains(image));
                let images: Vec<Digest> = images.collect();
                for images in images.chunks(action.images_at_once()) {
                    self.apply_batch(&mut units, action, images).await?;
                }
            }
        }
        Ok(())
    }

    /// Waits for the answer to a call that changes something, as long as the run is not killed.
    /// Whether a call without an answer was carried out is not known; the next run sees what is
    /// stored.
    pub(super) async fn answered<T>(&self, call: impl Future<Output = T>) -> Result<T, Stop> {
        let Applier {
            stop_at, in_flight, ..
        } = self.applier;
        let answer = stop_at.in_grace(*in_flight, call).await;
        answer.ok_or(Stop::OutOfTime)
    }

    /// Waits for what changes nothing, as long as the run has time.
    pub(super) async fn in_time<T>(&self, work: impl Future<Output = T>) -> Result<T, Stop> {
        let result = self.applier.stop_at.in_time(work).await;
        result.ok_or(Stop::OutOfTime)
    }

    pub(super) fn check_time(&self) -> Result<(), Stop> {
        if self.applier.is_over() {
            return Err(Stop::OutOfTime);
        }
        Ok(())
    }

    /// Returns an error if a person stopped deletion (A10).
    pub(super) async fn check_stop(&self) -> Result<(), Stop> {
        match self.in_time((self.applier.stopped)()).await? {
            Some(refusal) => Err(Stop::Ordered(refusal)),
            None => Ok(()),
        }
    }

    /// Returns whether the policy of the repository, which says who may pull, is not what it was when
    /// the plan was made (U16).
    pub(super) async fn has_other_policy(&self) -> Result<bool, Stop> {
        let Some(policies) = self.applier.pull_policies else {
            return Ok(false);
        };
        let name = self.repository.name();
        let asking = repository_policy_now(self.clients, name);
        let now = self.in_time(asking).await?;
        let now = now.map_err(|error| Stop::from_call(&error))?;
        let planned = policies.get(self.repository.key());
        let is_same = planned.is_some_and(|planned| planned.as_ref().is_ok_and(|it| *it == now));
        if !is_same {
            let absences = self
                .applier
                .known
                .absences(self.repository.registry(), self.clients.now());
            absences.note(Operation::GetRepositoryPolicy, name, now.is_none());
        }
        Ok(!is_same)
    }

    /// Returns the candidates that evidence keeps, after it was read again if it is old.
    pub(super) async fn kept_by_fresh_usage(&self) -> Result<HashSet<Digest>, Stop> {
        let applier = self.applier;
        let mut freshness = self.freshness.lock().await;
        if freshness.lost.is_none() && freshness.read_at.elapsed() > applier.usage_fresh_for {
            let read_at = Instant::now();
            match self.in_time((applier.read_usage)()).await? {
                Ok(usage) => freshness.kept = self.plan.kept_by(&usage, applier.policies),
                Err(refusal) => freshness.lost = Some(refusal),
            }
            freshness.read_at = read_at;
        }
        if freshness.lost.is_some() {
            return Err(Stop::UsageUnknown);
        }
        let kept = freshness.kept.get(self.repository.key());
        Ok(kept.cloned().unwrap_or_default())
    }

    /// Logs an image that was deleted or archived.
    pub(super) fn log(&self, event: &str, image: &Image, message: &str) {
        let tags: Vec<&str> = image.tags.iter().map(|tag| &**tag).collect();
        tracing::info!(
            event,
            registry = %self.repository.registry(),
            repository = %self.repository.name(),
            digest = %image.digest,
            tags = tags.join(","),
            bytes = image.bytes,
            "{message}"
        );
    }
}

pub(super) fn digest(image: &UnitImage<'_>) -> Digest {
    image.planned.image.digest
}

/// Returns units in the order of their levels: one batch of a group is of one level, and so holds the
/// more, the fewer levels there are in the group.
fn packed<'p>(units: &[Unit<'p>]) -> Vec<Unit<'p>> {
    let mut packed = units.to_vec();
    packed.sort_by_key(|unit| unit.images.iter().map(|it| it.level).max());
    packed
}

/// Packs units into groups of one batch; a larger unit is a group of its own.
fn groups<'u, 'p>(units: &'u [Unit<'p>]) -> impl Iterator<Item = &'u [Unit<'p>]> {
    let mut rest = units;
    std::iter::from_fn(move || {
        let mut images = 0;
        let fitting = rest
            .iter()
            .take_while(|unit| {
                images += unit.images.len();
                images <= BATCH
            })
            .count();
        let (group, after) = rest.split_at_checked(fitting.max(1))?;
        rest = after;
        Some(group)
    })
}
