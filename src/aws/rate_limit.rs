//! Rate limits: calls stay below the token buckets that AWS documents, since deployments, consoles
//! and other tools draw from the same ones.
//!
//! What others draw is not known, and for ECR's describing and deleting calls no rate is published.
//! So a bucket whose calls are throttled gets half its rate at once, and more again bit by bit, as
//! TCP does on a line that it shares. The SDK tries the throttled calls again.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        interceptors::{Intercept, context::FinalizerInterceptorContextRef},
        orchestrator::Metadata,
        runtime_components::RuntimeComponents,
    },
};
use aws_smithy_types::config_bag::ConfigBag;
use tokio::time::Instant;

use super::{
    Operation,
    bucket::{Bucket, Quota},
    call_counter::is_throttled,
};

/// Holds calls back until their bucket has a token, and for longer if a service throttles.
#[derive(Debug)]
pub(super) struct RateLimiter(Option<Mutex<HashMap<Bucket, TokenBucket>>>);

impl RateLimiter {
    /// Makes a limiter that keeps to the quota of every bucket.
    pub(super) fn documented() -> Self {
        Self(Some(Mutex::default()))
    }

    /// Makes a limiter without limits, for a service that has none.
    pub(super) const fn unlimited() -> Self {
        Self(None)
    }

    /// Waits until a call keeps below its rate.
    pub(super) async fn wait(&self, operation: Operation) {
        let wait = self.with_bucket(operation, TokenBucket::take);
        if let Some(wait) = wait.filter(|wait| !wait.is_zero()) {
            tokio::time::sleep(wait).await;
        }
    }

    /// Returns how many calls of an operation a second are made for now.
    #[cfg(test)]
    pub(super) fn rate(&self, operation: Operation) -> Option<f64> {
        self.with_bucket(operation, |bucket, _| bucket.rate)
    }

    /// Uses the bucket of an operation now; `None` if its calls are not limited.
    fn with_bucket<T>(
        &self,
        operation: Operation,
        use_bucket: impl FnOnce(&mut TokenBucket, Instant) -> T,
    ) -> Option<T> {
        let (bucket, now) = (operation.bucket()?, Instant::now());
        // Whatever panicked, the numbers of a bucket are as good as before.
        let mut buckets = self
            .0
            .as_ref()?
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let full = || TokenBucket::new(bucket.quota(), now);
        Some(use_bucket(buckets.entry(bucket).or_insert_with(full), now))
    }
}

/// A token bucket whose rate follows what the service bears: halved when it throttles, and back up
/// bit by bit.
#[derive(Debug)]
struct TokenBucket {
    quota: Quota,
    /// Tokens a second for now.
    rate: f64,
    /// Calls that may be made at once; if negative, as many wait already.
    tokens: f64,
    /// When `tokens` was brought up to date.
    filled_at: Instant,
    slowed_at: Option<Instant>,
}

/// By how much each call raises the rate again: between two throttled calls there are always about
/// two hundred others, at any rate the service bears.
const RECOVERY: f64 = 1.0 / 300.0;
/// Calls that were under way together are throttled together: that is one sign, not several.
const ONE_SIGN: Duration = Duration::from_secs(1);
/// The part of the highest rate that is left at the least.
const LEAST: f64 = 1.0 / 16.0;

impl TokenBucket {
    const fn new(quota: Quota, now: Instant) -> Self {
        Self {
            quota,
            rate: quota.first,
            tokens: quota.burst,
            filled_at: now,
            slowed_at: None,
        }
    }

    /// Takes a token for a call, and returns how long the call has to wait for it.
    fn take(&mut self, now: Instant) -> Duration {
        self.fill(now);
        self.tokens -= 1.0;
        self.rate = (self.rate * (1.0 + RECOVERY)).min(self.quota.most);
        Duration::from_secs_f64((-self.tokens / self.rate).max(0.0))
    }

    /// Halves the rate, and leaves no tokens for a burst.
    fn slow_down(&mut self, now: Instant) {
        self.fill(now);
        if self
            .slowed_at
            .is_none_or(|at| now.saturating_duration_since(at) >= ONE_SIGN)
        {
            self.rate = (self.rate / 2.0).max(self.quota.most * LEAST);
            self.tokens = self.tokens.min(0.0);
            self.slowed_at = Some(now);
        }
    }

    fn fill(&mut self, now: Instant) {
        let seconds = now.saturating_duration_since(self.filled_at).as_secs_f64();
        self.filled_at = self.filled_at.max(now);
        self.tokens = (self.tokens + seconds * self.rate).min(self.quota.burst);
    }
}

/// Slows a bucket down when one of its calls is throttled.
#[derive(Debug, Clone)]
pub(super) struct ThrottleInterceptor(pub(super) Arc<RateLimiter>);

impl Intercept for ThrottleInterceptor {
    fn name(&self) -> &'static str {
        "ThrottleInterceptor"
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if is_throttled(context)
            && let Some(operation) = operation(config)
        {
            self.0.with_bucket(operation, TokenBucket::slow_down);
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
