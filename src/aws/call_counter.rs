//! Counts how many calls were sent, and how many of them were throttled.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
};

use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        interceptors::{
            Intercept,
            context::{BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef},
        },
        runtime_components::RuntimeComponents,
    },
};
use aws_smithy_types::config_bag::ConfigBag;

/// Counts every attempt, retries included.
#[derive(Default)]
pub(crate) struct CallCounter {
    calls: AtomicU64,
    throttles: AtomicU64,
}

/// A number of calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Calls {
    /// Attempts that were sent.
    pub(crate) sent: u64,
    /// Attempts that were throttled.
    pub(crate) throttled: u64,
}

impl CallCounter {
    /// Returns the calls so far.
    ///
    /// Clients outlive a run, so what a run made is what came since it began.
    #[must_use]
    pub(crate) fn so_far(&self) -> Calls {
        Calls {
            sent: self.calls.load(Ordering::Relaxed),
            throttled: self.throttles.load(Ordering::Relaxed),
        }
    }
}

impl Calls {
    /// Returns the calls that came after `before`.
    #[must_use]
    pub(crate) const fn since(self, before: Self) -> Self {
        Self {
            sent: self.sent - before.sent,
            throttled: self.throttled - before.throttled,
        }
    }
}

impl fmt::Debug for CallCounter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Calls { sent, throttled } = self.so_far();
        write!(f, "CallCounter({sent} calls, {throttled} throttled)")
    }
}

/// Counts calls into a shared counter.
#[derive(Debug, Clone)]
pub(crate) struct CountInterceptor(pub(crate) std::sync::Arc<CallCounter>);

impl Intercept for CountInterceptor {
    fn name(&self) -> &'static str {
        "CountInterceptor"
    }

    fn read_before_attempt(
        &self,
        _context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.calls.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.0
            .throttles
            .fetch_add(u64::from(is_throttled(context)), Ordering::Relaxed);
        Ok(())
    }
}

/// Returns whether an attempt was throttled.
pub(super) fn is_throttled(context: &FinalizerInterceptorContextRef<'_>) -> bool {
    context.response().is_some_and(|response| {
        let status = response.status().as_u16();
        let code = response.body().bytes().unwrap_or_default();
        status == 429
            || (status >= 400 && contains(code, b"Throttl") | contains(code, b"TooManyRequests"))
    })
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}
