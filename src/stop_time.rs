//! The time at which a run has to stop: its deadline, or when somebody interrupts it.

use std::future::pending;

use tokio::{
    sync::watch,
    time::{Duration, Instant, sleep_until},
};

/// Interrupts the work that has its [`StopTime`].
#[derive(Debug)]
pub struct Interrupter(watch::Sender<Option<Instant>>);

/// Time at which work has to stop. To be interrupted is to have no time left (A13).
#[derive(Debug, Clone, Default)]
pub struct StopTime {
    deadline: Option<Instant>,
    interrupted: Option<watch::Receiver<Option<Instant>>>,
}

impl Default for Interrupter {
    fn default() -> Self {
        Self(watch::Sender::new(None))
    }
}

impl Interrupter {
    /// Ends the time of the work.
    pub fn interrupt(&self) {
        self.0.send_if_modified(|at| {
            let is_first = at.is_none();
            at.get_or_insert_with(Instant::now);
            is_first
        });
    }

    /// Returns whether it did.
    #[must_use]
    pub fn has_interrupted(&self) -> bool {
        self.0.borrow().is_some()
    }

    /// Returns the time that ends when it interrupts.
    #[must_use]
    pub fn stop_time(&self) -> StopTime {
        StopTime {
            deadline: None,
            interrupted: Some(self.0.subscribe()),
        }
    }
}

impl From<Instant> for StopTime {
    fn from(deadline: Instant) -> Self {
        Self {
            deadline: Some(deadline),
            interrupted: None,
        }
    }
}

impl StopTime {
    /// Returns whether there is no time left.
    pub(crate) fn is_over(&self) -> bool {
        let is_late = self.deadline.is_some_and(|at| Instant::now() >= at);
        is_late || self.is_interrupted()
    }

    /// Returns whether somebody interrupted the work.
    pub(crate) fn is_interrupted(&self) -> bool {
        let interrupted = self.interrupted.as_ref();
        interrupted.is_some_and(|interrupted| interrupted.borrow().is_some())
    }

    /// Returns a result, if it comes in time.
    pub(crate) async fn in_time<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        self.in_grace(Duration::ZERO, work).await
    }

    /// Returns a result, if it comes in time or within this grace after it.
    pub(crate) async fn in_grace<T>(
        &self,
        grace: Duration,
        work: impl Future<Output = T>,
    ) -> Option<T> {
        tokio::select! {
            biased;
            result = work => Some(result),
            () = self.after(grace) => None,
        }
    }

    /// Waits until this long after the time is over.
    async fn after(&self, grace: Duration) {
        let deadline = async {
            match self.deadline {
                Some(at) => sleep_until(at + grace).await,
                None => pending().await,
            }
        };
        tokio::select! {
            () = deadline => {}
            () = self.interrupted(grace) => {}
        }
    }

    async fn interrupted(&self, grace: Duration) {
        let Some(mut interrupted) = self.interrupted.clone() else {
            return pending().await;
        };
        let at = interrupted.wait_for(Option::is_some).await;
        match at.map(|at| *at) {
            Ok(Some(at)) => sleep_until(at + grace).await,
            // Nobody is left who could interrupt.
            _ => pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test]
    async fn without_an_end_there_is_always_time() {
        let never = StopTime::default();
        assert!(!never.is_over() && !never.is_interrupted());
        assert_eq!(never.in_time(async { 1 }).await, Some(1));
        // Also if nobody is left who could interrupt.
        let stop_at = Interrupter::default().stop_time();
        assert_eq!(stop_at.in_time(tokio::task::yield_now()).await, Some(()));
    }

    #[tokio::test]
    async fn a_deadline_and_an_interruption_end_it() {
        let interrupter = Interrupter::default();
        let interrupted = interrupter.stop_time();
        assert!(!interrupted.is_over());
        interrupter.interrupt();
        interrupter.interrupt();
        assert!(interrupter.has_interrupted() && interrupted.is_interrupted());
        let late = StopTime::from(Instant::now());
        assert!(!late.is_interrupted());
        for over in [interrupted, late] {
            assert!(over.is_over());
            assert_eq!(over.in_time(pending::<()>()).await, None);
            // What needs no waiting is done all the same, and a grace is waited for.
            assert_eq!(over.in_time(async { 1 }).await, Some(1));
            let yielding = tokio::task::yield_now();
            assert_eq!(over.in_grace(60 * SECOND, yielding).await, Some(()));
        }
    }

    #[tokio::test]
    async fn an_interruption_ends_what_waits_already() {
        let interrupter = Interrupter::default();
        let stop_at = interrupter.stop_time();
        let (result, ()) = tokio::join!(stop_at.in_time(pending::<()>()), async {
            tokio::task::yield_now().await;
            interrupter.interrupt();
        });
        assert_eq!(result, None);
    }
}
