//! The run lock: one run acts at a time.
//!
//! It is an object that names its holder and when it ends. It is taken by a conditional write, so that of two runs one
//! gets it, and given back by ending it. A run that was killed never gives it back: it ends by itself after the longest
//! run of a function and a margin. A run that lasts longer than that, of the command, renews it.

use std::cell::{Cell, RefCell};

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use tokio::time::{Duration, sleep};

use super::{
    object::Content,
    store::{Condition, Problem, Store},
};
use crate::{guard::Refusal, image::Time};

/// How long a lock holds: the longest run of a function and a margin.
const LIFE: SignedDuration = SignedDuration::from_mins(20);
/// How often a run that goes on renews it.
const RENEWED_EVERY: Duration = Duration::from_mins(5);

/// Who acts, in milliseconds since 1970.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Lock {
    run_id: String,
    taken_at: i64,
    ends_at: i64,
}

impl Content for Lock {
    const SCHEMA: &'static str = "ecr-cleanup/run-lock";
    const NUMBER: u32 = 1;
    const KEY: &'static str = "run-lock.json.gz";
}

impl Lock {
    fn new(run_id: &str, now: Time) -> Self {
        let ends_at = now
            .millis()
            .saturating_add(i64::try_from(LIFE.as_millis()).unwrap_or(i64::MAX));
        Self {
            run_id: run_id.to_owned(),
            taken_at: now.millis(),
            ends_at,
        }
    }
}

/// The lock, held.
pub(crate) struct Held {
    store: Store,
    run_id: String,
    etag: RefCell<String>,
    lost: Cell<bool>,
    clock: fn() -> Time,
}

/// Takes the lock.
pub(super) async fn take(
    store: &Store,
    run_id: &str,
    clock: fn() -> Time,
) -> Result<Held, Refusal> {
    let unreadable = |problem: Problem| Refusal::state_unreadable(&problem.to_string());
    let now = clock();
    let lock = Lock::new(run_id, now);
    let name = store.name(Lock::KEY);
    let found = store.read::<Lock>().await.map_err(unreadable)?;
    let condition = match &found {
        None => Condition::Absent,
        Some(found) if found.content.ends_at <= now.millis() => Condition::Unchanged(&found.etag),
        Some(found) => return Err(locked(&found.content, &name)),
    };
    let mut etag = store
        .write_if(&lock, &condition)
        .await
        .map_err(unreadable)?;
    if etag.is_none() {
        // Another run was faster, or the answer to the first attempt was lost and the lock is this run's own.
        match store.read::<Lock>().await.map_err(unreadable)? {
            Some(found) if found.content.run_id == run_id => etag = Some(found.etag),
            Some(found) => return Err(locked(&found.content, &name)),
            None => {}
        }
    }
    let etag =
        etag.ok_or_else(|| Refusal::locked("another run took the lock at the same moment", &name))?;
    let store = store.clone();
    Ok(Held {
        store,
        run_id: run_id.to_owned(),
        etag: RefCell::new(etag),
        lost: Cell::new(false),
        clock,
    })
}

fn locked(lock: &Lock, name: &str) -> Refusal {
    let time = |millis| {
        Time::from_millis(millis).map_or_else(|| "1970".to_owned(), |time| time.to_string())
    };
    let Lock {
        run_id,
        taken_at,
        ends_at,
    } = lock;
    let observed = format!(
        "run {run_id} holds the lock since {}, until {} at the latest",
        time(*taken_at),
        time(*ends_at)
    );
    Refusal::locked(&observed, name)
}

impl Held {
    /// Whether another run has it meanwhile.
    pub(crate) const fn lost(&self) -> &Cell<bool> {
        &self.lost
    }

    /// Does some work, and renews the lock while it goes on.
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
            if let Err(problem) = self.write(&Lock::new(&self.run_id, (self.clock)())).await {
                tracing::warn!(
                    event = "lock_lost",
                    run_id = self.run_id,
                    "the run lock could not be renewed: {problem}"
                );
            }
        }
    }

    /// Gives the lock back by ending it.
    ///
    /// # Errors
    /// That it could not be written, in words: it ends by itself.
    pub(crate) async fn release(self) -> Result<(), String> {
        let now = (self.clock)();
        let ended = Lock {
            ends_at: now.millis(),
            ..Lock::new(&self.run_id, now)
        };
        self.write(&ended)
            .await
            .map_err(|problem| problem.to_string())
    }

    async fn write(&self, lock: &Lock) -> Result<(), Problem> {
        let etag = self.etag.borrow().clone();
        match self
            .store
            .write_if(lock, &Condition::Unchanged(&etag))
            .await?
        {
            Some(etag) => *self.etag.borrow_mut() = etag,
            // The answer to a first attempt may have been lost: then it is this run's own all the same.
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
