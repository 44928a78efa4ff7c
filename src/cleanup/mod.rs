//! Acting: deleting or archiving what a cleared plan says, and nothing that changed since.
//!
//! Images that belong together go together or not at all. Right before a group of them goes, all of it is looked at
//! again (A3). Whatever answer is not understood stops its repository; no failure stops the other repositories (A5).

mod archive;
mod batch;
mod look;
mod outcome;
mod restore;

use std::{
    cell::Cell,
    collections::{BTreeMap, HashSet},
};

use futures::{StreamExt, future::LocalBoxFuture, stream};
use tokio::{
    sync::Mutex,
    time::{Duration, Instant, timeout_at},
};

use crate::{
    aws::Clients,
    guard::{Clearance, Refusal},
    image::Registry,
    plan::{Doomed, Plan, RepositoryPlan, Unit},
    policy::Policies,
    usage::Usage,
};

pub use look::Change;
pub use outcome::{Failure, Outcome, RepositoryOutcome, Stop};
pub use restore::{RestoreError, Restored, restore};

/// The most images that one call may name.
const BATCH: usize = 100;
/// How many repositories are cleaned at once: enough for the pace of calls where an answer takes half a second.
const AT_ONCE: usize = 16;

/// What acting needs besides the plan.
pub struct Cleaner<'a> {
    /// The clients of each registry.
    pub clients: &'a BTreeMap<Registry, Clients>,
    /// The policies the plan was made by.
    pub policies: &'a Policies,
    /// Reads again what is in use; a refusal says why that cannot be trusted.
    pub read_usage: &'a dyn Fn() -> LocalBoxFuture<'a, Result<Usage, Refusal>>,
    /// When the use that the plan was made by began to be read.
    pub usage_read_at: Instant,
    /// When to stop by itself (A6).
    pub stop_at: Option<Instant>,
    /// How long after that answers are waited for to calls that were made before.
    pub in_flight: Duration,
    /// Use that is older than this is read again before anything more is deleted (A3).
    pub use_fresh_for: Duration,
    /// Whether another run has the lock meanwhile, which ends this one as if time were over.
    pub lock_lost: Option<&'a Cell<bool>>,
}

/// What is known of use while deleting goes on.
struct Freshness {
    read_at: Instant,
    spared: Vec<HashSet<u32>>,
    lost: Option<Refusal>,
}

impl Cleaner<'_> {
    /// Deletes or archives what was cleared.
    pub async fn clean(&self, clearance: Clearance<'_>) -> Outcome {
        let plan = clearance.plan();
        let freshness = Mutex::new(Freshness {
            read_at: self.usage_read_at,
            spared: Vec::new(),
            lost: None,
        });
        let work = plan
            .repositories
            .iter()
            .zip(&clearance.selection().units)
            .enumerate();
        let repositories = stream::iter(work.filter(|(_, (_, units))| !units.is_empty()))
            .map(|(position, (repository, units))| {
                let mut outcome = RepositoryOutcome::new(position);
                let (clients, freshness) = (self.clients.get(&*repository.registry), &freshness);
                async move {
                    let Some(clients) = clients else {
                        outcome.stopped = Some(Stop::no_clients(&repository.registry));
                        return outcome;
                    };
                    Cleaning {
                        cleaner: self,
                        clients,
                        plan,
                        position,
                        repository,
                        freshness,
                        outcome,
                    }
                    .clean(units)
                    .await
                }
            })
            .buffer_unordered(AT_ONCE)
            .collect::<Vec<_>>()
            .await;
        let lost = freshness.into_inner().lost;
        Outcome {
            repositories,
            beyond_limit: clearance.selection().beyond_limit,
            usage_lost: lost,
        }
    }

    fn is_over(&self) -> bool {
        self.stop_at
            .is_some_and(|stop_at| Instant::now() >= stop_at)
            || self.lock_lost.is_some_and(Cell::get)
    }
}

/// The cleaning of one repository.
struct Cleaning<'a, 'c> {
    cleaner: &'a Cleaner<'c>,
    clients: &'a Clients,
    plan: &'a Plan,
    position: usize,
    repository: &'a RepositoryPlan,
    freshness: &'a Mutex<Freshness>,
    outcome: RepositoryOutcome,
}

impl Cleaning<'_, '_> {
    async fn clean(mut self, units: &[Unit]) -> RepositoryOutcome {
        for group in groups(units) {
            if let Err(stop) = self.clean_group(group).await {
                self.outcome.stopped = Some(stop);
                break;
            }
        }
        self.outcome
    }

    /// Looks at a group again and deletes or archives what has not changed, level by level.
    async fn clean_group(&mut self, units: &[Unit]) -> Result<(), Stop> {
        self.check_time()?;
        let spared = self.spared_by_fresh_use().await?;
        let beyond_limit: HashSet<u32> = units
            .iter()
            .flat_map(|unit| &unit.images[unit.may_go..])
            .map(|doomed| doomed.index)
            .collect();
        let mut units: Vec<Vec<Doomed>> = units
            .iter()
            .map(|unit| unit.images.clone())
            .filter(|unit| !unit.iter().any(|doomed| spared.contains(&doomed.index)))
            .collect();
        self.drop_changed(&mut units).await?;
        for unit in &mut units {
            unit.retain(|doomed| !beyond_limit.contains(&doomed.index));
        }
        let last_level = units
            .iter()
            .flatten()
            .map(|doomed| doomed.level)
            .max()
            .unwrap_or_default();
        for level in 0..=last_level {
            let batch: Vec<u32> = units
                .iter()
                .flatten()
                .filter(|doomed| doomed.level == level)
                .map(|doomed| doomed.index)
                .collect();
            let mut remaining = HashSet::new();
            let (to_delete, to_archive): (Vec<u32>, Vec<u32>) =
                batch.into_iter().partition(|&index| {
                    !self
                        .plan
                        .archives(&self.repository.stored.images[index as usize])
                });
            for batch in to_delete.chunks(BATCH) {
                self.check_time()?;
                remaining.extend(self.delete(batch).await?);
            }
            remaining.extend(self.archive(&to_archive).await?);
            // What stays keeps what belongs to it.
            units.retain(|unit| !unit.iter().any(|doomed| remaining.contains(&doomed.index)));
        }
        Ok(())
    }

    /// The answer to a call, unless it takes so long that the run would be killed. Whether such a call was carried out
    /// is not known, and the next run sees what is there.
    async fn in_time<T>(&self, call: impl Future<Output = T>) -> Result<T, Stop> {
        match self.cleaner.stop_at {
            None => Ok(call.await),
            Some(stop_at) => timeout_at(stop_at + self.cleaner.in_flight, call)
                .await
                .map_err(|_| Stop::OutOfTime),
        }
    }

    fn check_time(&self) -> Result<(), Stop> {
        if self.cleaner.is_over() {
            Err(Stop::OutOfTime)
        } else {
            Ok(())
        }
    }

    /// The images that use, read again where it is old, has come to keep.
    async fn spared_by_fresh_use(&self) -> Result<HashSet<u32>, Stop> {
        let mut freshness = self.freshness.lock().await;
        if freshness.lost.is_none() && freshness.read_at.elapsed() > self.cleaner.use_fresh_for {
            let read_at = Instant::now();
            match self.in_time((self.cleaner.read_usage)()).await? {
                Ok(usage) => freshness.spared = self.plan.spared(&usage, self.cleaner.policies),
                Err(refusal) => freshness.lost = Some(refusal),
            }
            freshness.read_at = read_at;
        }
        match &freshness.lost {
            Some(_) => Err(Stop::UseUnknown),
            None => Ok(freshness
                .spared
                .get(self.position)
                .cloned()
                .unwrap_or_default()),
        }
    }
}

/// Units packed into groups of one batch; a unit that is larger is a group of its own.
fn groups(units: &[Unit]) -> impl Iterator<Item = &[Unit]> {
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
