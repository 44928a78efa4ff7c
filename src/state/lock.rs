//! The run lock: one run deletes at a time.
//!
//! It is an object that names its holder and when it ends. It is acquired by a conditional write,
//! so that one of two runs gets it, and released by ending it. A run that was killed never releases
//! it: it ends by itself after the longest run of a function and a margin. A longer run, of the
//! command, renews it.

use std::cell::{Cell, RefCell};

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use tokio::time::{Duration, sleep};

use super::{
    object::StateObject,
    store::{Condition, StateError, Store},
};
use crate::image::Time;

/// Time for which a lock holds: the longest run of a function and a margin.
const LIFE: SignedDuration = SignedDuration::from_mins(20);
/// Time after which a run renews it.
const RENEWED_EVERY: Duration = Duration::from_mins(5);

/// Holder of the lock, with times in milliseconds since 1970.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Lock {
    run_id: String,
    taken_at: i64,
    ends_at: i64,
}

impl StateObject for Lock {
    const NAME: &'static str = "run-lock";
}

impl Lock {
    fn new(run_id: &str, now: Time) -> Self {
        let life = i64::try_from(LIFE.as_millis()).unwrap_or(i64::MAX);
        Self {
            run_id: run_id.to_owned(),
            taken_at: now.millis(),
            ends_at: now.millis().saturating_add(life),
        }
    }

    /// Returns the error for a lock that another run holds.
    fn held(&self, name: String) -> LockError {
        let time =
            |millis| Time::from_millis(millis).map_or("1970".to_owned(), |it| it.to_string());
        let (run_id, since, until) = (&self.run_id, time(self.taken_at), time(self.ends_at));
        let observed =
            format!("run {run_id} holds the lock since {since}, until {until} at the latest");
        LockError::Held { observed, name }
    }
}

/// The lock, held by this run.
pub(crate) struct HeldLock {
    store: Store,
    run_id: String,
    etag: RefCell<String>,
    lost: Cell<bool>,
    clock: fn() -> Time,
}

/// Reason for which the lock was not acquired.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LockError {
    #[error(transparent)]
    State(#[from] StateError),
    #[error("{observed}")]
    Held {
        observed: String,
        /// Address of the lock.
        name: String,
    },
}

pub(super) async fn acquire(
    store: &Store,
    run_id: &str,
    clock: fn() -> Time,
) -> Result<HeldLock, LockError> {
    let now = clock();
    let lock = Lock::new(run_id, now);
    let name = store.name::<Lock>();
    let found = store.read::<Lock>().await?;
    let condition = match &found {
        None => Condition::Absent,
        Some(found) if found.content.ends_at <= now.millis() => Condition::Unchanged(&found.etag),
        Some(found) => return Err(found.content.held(name)),
    };
    let mut etag = store.write_if(&lock, condition).await?;
    if etag.is_none() {
        // Another run was faster, or the answer to the first attempt was lost and the lock is this
        // run's own.
        match store.read::<Lock>().await? {
            Some(found) if found.content.run_id == run_id => etag = Some(found.etag),
            Some(found) => return Err(found.content.held(name)),
            None => {}
        }
    }
    let etag = etag.ok_or_else(|| LockError::Held {
        observed: "another run took the lock at the same moment".to_owned(),
        name,
    })?;
    Ok(HeldLock {
        store: store.clone(),
        run_id: run_id.to_owned(),
        etag: RefCell::new(etag),
        lost: Cell::new(false),
        clock,
    })
}

impl HeldLock {
    /// Returns whether another run has it meanwhile.
    pub(crate) const fn lost(&self) -> &Cell<bool> {
        &self.lost
    }

    /// Runs `work`, and renews the lock meanwhile.
    pub(crate) async fn during<T>(&self, work: impl Future<Output = T>) -> T {
        tokio::select! {
            biased;
            result = work => result,
            never = self.renew() => match never {},
        }
    }

    async fn renew(&self) -> std::convert::Infallible {
        loop {
            sleep(RENEWED_EVERY).await;
            if let Err(error) = self.write(&Lock::new(&self.run_id, (self.clock)())).await {
                tracing::warn!(
                    event = "lock_lost",
                    run_id = self.run_id,
                    "the run lock could not be renewed: {error}"
                );
            }
        }
    }

    /// Releases the lock by ending it. If that fails, it ends by itself.
    pub(crate) async fn release(self) -> Result<(), StateError> {
        let now = (self.clock)();
        let ended = Lock {
            ends_at: now.millis(),
            ..Lock::new(&self.run_id, now)
        };
        self.write(&ended).await
    }

    async fn write(&self, lock: &Lock) -> Result<(), StateError> {
        let etag = self.etag.borrow().clone();
        let unchanged = Condition::Unchanged(&etag);
        match self.store.write_if(lock, unchanged).await? {
            Some(etag) => *self.etag.borrow_mut() = etag,
            // The answer to a first attempt may have been lost: then it is this run's own all the
            // same.
            None => match self.store.read::<Lock>().await? {
                Some(found) if found.content.run_id == self.run_id => {
                    *self.etag.borrow_mut() = found.etag;
                }
                _ => self.lost.set(true),
            },
        }
        Ok(())
    }
}
