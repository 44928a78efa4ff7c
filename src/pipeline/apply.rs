//! Applies a plan, if no guard objects.

use std::{cell::RefCell, sync::Arc};

use futures::{FutureExt, future::LocalBoxFuture};
use tracing::Instrument;

use super::{
    Planned,
    gather::state_refusal,
    log,
    verify::{self, Listing},
};
use crate::{
    config::Mode,
    evidence::UsageIndex,
    guard::{self, Clearance, GuardInput, Memory, Refusal, UnreadPullers, UsageCounts},
    plan::RepositoryKey,
    registry::{self, Applier, Deadline, Known, Outcome, RepositoryPolicies, Restoring},
    report::{Warning, WarningCode},
    state::{HeldLock, LockError},
    stop_time::StopTime,
};

/// Result of applying a plan.
#[derive(Default)]
pub(super) struct Applied {
    /// Outcome; `None` if nothing was to be applied, or it was refused.
    pub(super) outcome: Option<Outcome>,
    /// Images in use that the changed repositories still store, as far as there was time to look.
    pub(super) looked: Listing,
    /// What became of archived images that something live needs.
    pub(super) restoring: Vec<Restoring>,
    /// Refusals of the guards, right before.
    pub(super) refusals: Vec<Refusal>,
    /// Memory that was written down; `None` if there is no state.
    pub(super) memory: Option<Memory>,
    /// Warnings.
    pub(super) warnings: Vec<Warning>,
    /// Whether time ran out before anything could be applied.
    pub(super) out_of_time: bool,
    /// References of each source that no guard objects to and that are not written down.
    pub(super) usage_counts: Option<UsageCounts>,
}

/// Decision of the guards right before a plan is applied.
enum Decision<'a> {
    Cleared(Clearance<'a>),
    Refused(Vec<Refusal>),
    OutOfTime,
}

/// Facts that were written down before a plan is applied.
struct Recorded {
    memory: Option<Memory>,
    preconditions: Vec<Refusal>,
}

impl Planned<'_> {
    /// Acquires the lock, proves that state and report can be written, and applies the plan if no
    /// guard objects. A run that only plans writes down what the next one should know.
    pub(super) fn apply(&self) -> LocalBoxFuture<'_, Applied> {
        Box::pin(async move {
            let acts = self.request.mode != Mode::Plan;
            let stop_at = &self.request.stop_at;
            let (lock, locked) = match self.acquire(acts).await {
                Ok(lock) => (lock, None),
                Err(refusal) => (None, Some(refusal)),
            };
            let recorded = stop_at.in_time(self.record(locked)).await;
            let mut applied = Applied {
                out_of_time: recorded.is_none(),
                ..Applied::default()
            };
            let Recorded {
                memory,
                preconditions,
            } = recorded.unwrap_or_else(|| self.nothing_recorded());
            let input = GuardInput {
                preconditions: &preconditions,
                ..self.guard_input(memory.as_ref().unwrap_or(self.memory()), self.program.now())
            };
            let counts = self.program.delivered.as_ref();
            let counts = counts.map(|_| guard::counts_to_remember(input));
            let decision = self.decide(input, applied.out_of_time).await;
            let is_cleared = matches!(decision, Decision::Cleared(_));
            applied.usage_counts = counts.filter(|_| is_cleared);
            applied.restoring = self.restore_needed(&decision).await;
            match decision {
                Decision::Cleared(clearance) if acts => {
                    let (outcome, looked) = self.apply_cleared(clearance, lock.as_ref()).await;
                    if outcome.met_other_policies() {
                        self.save_facts().await;
                    }
                    applied.outcome = Some(outcome);
                    applied.looked = looked;
                }
                Decision::Cleared(_) => {}
                Decision::Refused(refusals) => applied.refusals = refusals,
                Decision::OutOfTime => applied.out_of_time = true,
            }
            let known = |refusal: &&Refusal| !self.refusals.contains(refusal);
            log::refusals(&self.run.id, applied.refusals.iter().filter(known));
            if let Some(lock) = lock {
                applied.warnings.extend(self.release(lock).await);
            }
            applied.memory = memory;
            applied
        })
    }

    fn nothing_recorded(&self) -> Recorded {
        Recorded {
            memory: None,
            preconditions: self.preconditions.clone(),
        }
    }

    /// Evaluates the guards, and records the references of each source if none objects.
    async fn decide<'b>(&self, input: GuardInput<'b>, out_of_time: bool) -> Decision<'b> {
        let counts = guard::counts_to_remember(input);
        let clearance = match guard::evaluate(input) {
            Err(refusals) => return Decision::Refused(refusals),
            Ok(_) if out_of_time => return Decision::OutOfTime,
            Ok(clearance) => clearance,
        };
        // Where several processes are one run, the last of them does.
        let state = self.state.as_ref();
        let Some(state) = state.filter(|_| self.program.delivered.is_none()) else {
            return Decision::Cleared(clearance);
        };
        let recording = state.record_counts(counts, self.program.now());
        match self.request.stop_at.in_time(recording).await {
            None => Decision::OutOfTime,
            Some(Ok(())) => Decision::Cleared(clearance),
            Some(Err(error)) => Decision::Refused(vec![state_refusal(&error)]),
        }
    }

    /// Acquires the lock if the run acts and has time left. Its answer is waited for, since what was
    /// acquired has to be released.
    async fn acquire(&self, acts: bool) -> Result<Option<HeldLock>, Refusal> {
        let (program, stop_at) = (self.program, &self.request.stop_at);
        let Some(state) = self.state.as_ref().filter(|_| acts && !stop_at.is_over()) else {
            return Ok(None);
        };
        let locking = state.lock(&self.run.id, program.clients.clock());
        let locked = stop_at.in_grace(program.timeouts.in_flight, locking).await;
        locked.transpose().map_err(|error| lock_refusal(&error))
    }

    /// Writes down the images for the report and what the next run should know. What cannot be
    /// written, or `locked` the run out, is a precondition that does not hold.
    async fn record(&self, locked: Option<Refusal>) -> Recorded {
        let mut recorded = self.nothing_recorded();
        recorded.preconditions.extend(locked);
        if let Some(state) = &self.state {
            let narrowed = self.request.only.is_some();
            match state.record(&self.plan, &self.usage, narrowed).await {
                Ok(memory) => recorded.memory = Some(memory),
                Err(error) => recorded.preconditions.push(state_refusal(&error)),
            }
            if let Some(sizes) = &self.histories.changed
                && let Err(error) = state.record_documents(sizes).await
            {
                recorded.preconditions.push(state_refusal(&error));
            }
        }
        if let Some(publication) = self.publication()
            && let Err(error) = publication.images(&self.plan).await
        {
            let refusal = Refusal::report_unwritable(&error);
            recorded.preconditions.push(refusal);
        }
        recorded
    }

    /// Restores archived images that something live needs, if a mode asks for it and no guard
    /// objects that stops this too.
    async fn restore_needed(&self, decision: &Decision<'_>) -> Vec<Restoring> {
        let may_restore = match decision {
            Decision::Cleared(_) => true,
            Decision::Refused(refusals) => !refusals.iter().any(|it| it.guard.stops_restoring()),
            Decision::OutOfTime => false,
        };
        let needed = self.needed_archived();
        if !may_restore || self.request.mode == Mode::Plan || needed.is_empty() {
            return Vec::new();
        }
        if self.program.stopped().await.is_some() {
            return Vec::new();
        }
        let deadline = Deadline {
            stop_at: &self.request.stop_at,
            in_flight: self.program.timeouts.in_flight,
        };
        registry::restore_needed(&self.locations.registries, needed, deadline).await
    }

    async fn apply_cleared(
        &self,
        clearance: Clearance<'_>,
        lock: Option<&HeldLock>,
    ) -> (Outcome, Listing) {
        let (program, clients) = (self.program, &self.locations.registries);
        let named = verify::named(self.plan.registries(), &self.usage);
        let looked = RefCell::new(Listing::default());
        let look = |repository: &RepositoryKey| {
            let (looked, named) = (&looked, named.get_key_value(repository));
            async move {
                let Some((repository, named)) = named else {
                    return;
                };
                looked.borrow_mut().remove(repository);
                let found = verify::look(clients, repository, named).await;
                looked.borrow_mut().add(repository.clone(), found);
            }
            .boxed_local()
        };
        let applier = Applier {
            clients,
            policies: &self.histories.policies,
            pull_policies: self.decisive_policies(),
            known: Known::of(&self.caches, self.state.is_some()),
            read_usage: &|| self.read_usage_again().boxed_local(),
            stopped: &|| program.stopped().boxed_local(),
            look: &look,
            usage_read_at: self.usage_read_at,
            stop_at: &self.request.stop_at,
            in_flight: program.timeouts.in_flight,
            usage_fresh_for: program.timeouts.usage_fresh_for,
            lock_lost: lock.map(HeldLock::lost),
        };
        let span = tracing::info_span!("acting", run_id = self.run.id);
        let applying = applier.apply(clearance).instrument(span);
        let outcome = match lock {
            Some(lock) => lock.during(applying).await,
            None => applying.await,
        };
        (outcome, looked.into_inner())
    }

    /// Returns the policies that decided which repositories are cleaned; `None` if they only warn.
    fn decisive_policies(&self) -> Option<&RepositoryPolicies> {
        let guards = &self.program.config.guards;
        (guards.unread_pull_accounts == UnreadPullers::Refuse).then_some(&self.pull_policies)
    }

    async fn read_usage_again(&self) -> Result<UsageIndex, Refusal> {
        let (locations, caches) = (&self.locations, &self.caches);
        // What waits for it ends it.
        let never = StopTime::default();
        let reading = self
            .program
            .read_sources(locations, caches, &self.run, &never);
        let in_use = &self.program.config.in_use;
        let fresh = reading.await.into_index(in_use, locations);
        let fresh = fresh.with_ledger(Arc::clone(self.usage.ledger()));
        let input = self.guard_input(self.memory(), self.plan.now());
        let refusal = guard::fresh_usage_refusals(input, &fresh)
            .into_iter()
            .next();
        refusal.map_or(Ok(fresh), Err)
    }

    /// Releases the lock, and returns a warning if that failed or the lock was lost.
    async fn release(&self, lock: HeldLock) -> Option<Warning> {
        if lock.lost().get() {
            let message = "another run took the lock meanwhile, so this one stopped early";
            return Some(Warning::new(WarningCode::LockLost, message));
        }
        let released = self
            .program
            .at_the_end(&self.request.stop_at, lock.release());
        let Some(Err(error)) = released.await else {
            return None;
        };
        let message = format!("the run lock could not be given back, and ends by itself: {error}");
        Some(Warning::new(WarningCode::LockNotReleased, message))
    }
}

fn lock_refusal(error: &LockError) -> Refusal {
    match error {
        LockError::State(error) => state_refusal(error),
        LockError::Held { observed, name } => Refusal::locked(observed, name),
    }
}
