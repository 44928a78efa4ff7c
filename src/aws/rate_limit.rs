//! Rate limits: calls stay below the token buckets of AWS, since deployments, consoles and other
//! tools draw from the same ones.
//!
//! The SDK tries throttled calls again. Each account and Region has a limiter of its own.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        interceptors::{
            Intercept,
            context::{BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef},
        },
        orchestrator::Metadata,
        runtime_components::RuntimeComponents,
    },
};
use aws_smithy_types::config_bag::{ConfigBag, Storable, StoreReplace};
use tokio::time::Instant;

use super::{
    Bucket, Operation, call_counter::is_throttled, connections::Connections, quotas,
    token_bucket::TokenBucket,
};
use crate::{
    cache::{Caches, Finding, FindingKind, FoundRate},
    config::AwsRates,
    image::Time,
};

/// Holds calls back until their bucket has a token, and for longer if a service throttles.
#[derive(Debug)]
pub(super) struct RateLimiter {
    /// Whether calls are held back at all.
    is_on: bool,
    /// Connections, for the rates do not bound how many calls are under way at once.
    pub(super) connections: Connections,
    state: Mutex<Buckets>,
}

#[derive(Debug, Default)]
struct Buckets {
    rates: AwsRates,
    queues: HashMap<Bucket, Queue>,
    memory: Option<RateMemory>,
}

/// A bucket, and the calls that wait for it: one after the other, so that all of them wait for longer
/// when one is throttled.
#[derive(Debug)]
struct Queue {
    tokens: TokenBucket,
    turn: Arc<tokio::sync::Mutex<()>>,
}

/// Memory of the rates that were found out.
#[derive(Debug)]
pub(super) struct RateMemory {
    pub(super) caches: Arc<Caches>,
    pub(super) clock: fn() -> Time,
}

/// Part by which a rate has to change to be remembered anew.
const NOTED: f64 = 0.05;

impl RateLimiter {
    /// Makes a limiter that keeps to these rates.
    pub(super) fn new(rates: AwsRates) -> Self {
        let buckets = Buckets {
            rates,
            ..Buckets::default()
        };
        Self {
            is_on: true,
            connections: Connections::default(),
            state: Mutex::new(buckets),
        }
    }

    /// Makes a limiter without limits, for a service that has none.
    pub(super) fn unlimited() -> Self {
        Self {
            is_on: false,
            ..Self::new(AwsRates::default())
        }
    }

    /// Keeps to other rates from now on.
    pub(super) fn set_rates(&self, rates: &AwsRates) {
        let mut state = self.state();
        if state.rates != *rates {
            state.rates = rates.clone();
            state.queues.clear();
        }
    }

    /// Begins with rates that were found out lately, and remembers those that are found out.
    pub(super) fn remember(&self, memory: RateMemory) {
        let mut state = self.state();
        // Those were made before it was known what Service Quotas lists.
        state
            .queues
            .retain(|bucket, _| memory.quota(*bucket).is_none());
        state.memory = Some(memory);
    }

    fn state(&self) -> MutexGuard<'_, Buckets> {
        // Whatever panicked, the numbers of a bucket are as good as before.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns a limiter for another account or Region, whose rates are not known.
    pub(super) fn elsewhere(&self) -> Self {
        let share = self.state().rates.share;
        let rates = BTreeMap::new();
        Self {
            is_on: self.is_on,
            ..Self::new(AwsRates { share, rates })
        }
    }

    /// Waits until a call keeps below its rate.
    pub(super) async fn wait(&self, operation: Operation) {
        let Some(turn) = self.with_queue(operation, |queue, _| Arc::clone(&queue.turn)) else {
            return;
        };
        let mut has_waited = turn.try_lock().is_err();
        let _turn = turn.lock().await;
        while let Some(Err(wait)) =
            self.with_bucket(operation, |tokens, now| tokens.take(now, has_waited))
        {
            has_waited = true;
            tokio::time::sleep(wait).await;
        }
    }

    /// Returns how many calls of an operation a second are made for now.
    #[cfg(test)]
    pub(super) fn rate(&self, operation: Operation) -> Option<f64> {
        self.with_bucket(operation, |bucket, _| bucket.rate())
    }

    /// Uses the bucket of an operation now; `None` if its calls are not limited.
    fn with_bucket<T>(
        &self,
        operation: Operation,
        use_bucket: impl FnOnce(&mut TokenBucket, Instant) -> T,
    ) -> Option<T> {
        self.with_queue(operation, |queue, now| use_bucket(&mut queue.tokens, now))
    }

    fn with_queue<T>(
        &self,
        operation: Operation,
        use_queue: impl FnOnce(&mut Queue, Instant) -> T,
    ) -> Option<T> {
        let (bucket, now) = (operation.bucket()?, Instant::now());
        if !self.is_on {
            return None;
        }
        let mut state = self.state();
        let Buckets {
            rates,
            queues,
            memory,
        } = &mut *state;
        let quota = || memory.as_ref().and_then(|memory| memory.quota(bucket));
        let limits = || bucket.limits(rates, quota());
        let memory = memory.as_ref().filter(|_| bucket.is_probed());
        let queue = queues.entry(bucket).or_insert_with(|| {
            let found = memory.and_then(|memory| memory.recall(operation));
            Queue {
                tokens: TokenBucket::new(limits(), found, now),
                turn: Arc::default(),
            }
        });
        let used = use_queue(queue, now);
        if let (Some(memory), Some(found)) = (memory, queue.tokens.found()) {
            memory.note(operation, found);
        }
        Some(used)
    }
}

impl RateMemory {
    /// Returns the calls a second that Service Quotas lately listed for a bucket.
    fn quota(&self, bucket: Bucket) -> Option<f64> {
        quotas::rate(&self.caches.findings, bucket, (self.clock)())
    }

    /// Returns what was found out of an operation lately.
    fn recall(&self, operation: Operation) -> Option<FoundRate> {
        let finding = self.caches.findings.get(&operation.name().to_owned())?;
        match finding.what {
            FindingKind::Rate(found) if finding.is_fresh((self.clock)()) && found.rate > 0.0 => {
                Some(found)
            }
            _ => None,
        }
    }

    /// Remembers what was found out of an operation, if it is not what is remembered.
    fn note(&self, operation: Operation, found: FoundRate) {
        let is_known = self.recall(operation).is_some_and(|known| {
            let is_near = (found.rate / known.rate - 1.0).abs() < NOTED;
            let rate = known.rate;
            is_near && known == FoundRate { rate, ..found }
        });
        if !is_known {
            let finding = Finding::new(FindingKind::Rate(found), (self.clock)());
            let name = operation.name().to_owned();
            self.caches.findings.learn(name, finding);
        }
    }
}

/// Tells a bucket how its calls are answered.
#[derive(Debug, Clone)]
pub(super) struct ThrottleInterceptor(pub(super) Arc<RateLimiter>);

/// When an attempt began.
#[derive(Debug)]
struct Began(Instant);

impl Storable for Began {
    type Storer = StoreReplace<Self>;
}

impl Intercept for ThrottleInterceptor {
    fn name(&self) -> &'static str {
        "ThrottleInterceptor"
    }

    fn read_before_attempt(
        &self,
        _context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let began = Began(Instant::now());
        config.interceptor_state().store_put(began);
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Some(operation) = operation(config) else {
            return Ok(());
        };
        if is_throttled(context) {
            self.0.with_bucket(operation, TokenBucket::throttled);
        } else if context.response().is_some()
            && let Some(Began(began)) = config.load::<Began>()
        {
            let began = *began;
            self.0.with_bucket(operation, |bucket, now| {
                bucket.answered(now, now.saturating_duration_since(began));
            });
        }
        Ok(())
    }
}

/// Returns the operation of a call: the SDK's clients say its name, and a `JsonService` says the
/// operation itself.
fn operation(config: &ConfigBag) -> Option<Operation> {
    let known = config.load::<Operation>().copied();
    known.or_else(|| {
        let call = config.load::<Metadata>()?;
        Operation::find(call.service(), call.name())
    })
}

#[cfg(test)]
mod tests;
