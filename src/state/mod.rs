//! What lasts between runs: caches, the soak ledger, the last run's use, and the run lock, as objects in S3.
//!
//! Optional, and split by what its loss means. What never changes (the images of a task definition revision or a
//! published function version, the children of an index) is a cache: whatever is wrong with it, it is read from AWS anew. The ledger, the counts and
//! the lock hold back deletion: where one of them cannot be read, nothing is deleted, since a missing memory must not
//! look like a memory of nothing.
//!
//! Every object says what it is and in which number of its schema, in a compressed envelope (`object`). Objects lie
//! under `PREFIX/ACCOUNT/REGION/`, so that deployments can share a bucket.

mod cache;
mod counts;
mod ledger;
mod lock;
mod object;
mod store;

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    aws::Clients,
    config::S3Location,
    guard::Refusal,
    image::{Digest, Registry, Time},
    inventory::Child,
    plan::Plan,
    usage::{Coverage, Usage},
};

pub use cache::{Cache, Caches, FunctionImage};
pub use counts::Counts;
pub use ledger::Ledger;
pub(crate) use lock::Held;
pub use object::Unusable;
use store::{Found, Store};

/// What is remembered of earlier runs, as far as guards need it.
#[derive(Debug, Default)]
pub struct Memory {
    /// Since when images are candidates; none where no soaking was asked for.
    pub ledger: Option<Ledger>,
    /// What each source found last time; none where nothing is remembered.
    pub counts: Option<Counts>,
}

/// The state of one deployment, as it was read at the start of a run.
pub struct State {
    store: Store,
    /// What never changes.
    pub caches: Arc<Caches>,
    /// What guards judge by.
    pub memory: Memory,
    /// Why the run may not act, where something that holds back deletion could not be read.
    pub refusals: Vec<Refusal>,
    /// What somebody should look at.
    pub warnings: Vec<String>,
    /// The version of the ledger that was read, to write on top of.
    ledger: Option<LedgerVersion>,
}

impl State {
    /// Reads what is remembered. Nothing that is wrong with it stops the reading of what is stored and in use.
    pub(crate) async fn read(
        clients: &Clients,
        location: &S3Location,
        place: &Registry,
        soaks: bool,
    ) -> Self {
        let store = Store::new(clients, location, place);
        let (definitions, functions, indexes, counts, ledger) = tokio::join!(
            store.read::<BTreeMap<String, Vec<String>>>(),
            store.read::<BTreeMap<String, FunctionImage>>(),
            store.read::<BTreeMap<Digest, Vec<Child>>>(),
            store.read::<Counts>(),
            async {
                if soaks {
                    Some(store.read::<Ledger>().await)
                } else {
                    None
                }
            }
        );
        let mut refusals = Vec::new();
        let mut warnings = Vec::new();
        let caches = Arc::new(Caches {
            definitions: Cache::from_found(definitions, &mut warnings),
            functions: Cache::from_found(functions, &mut warnings),
            indexes: Cache::from_found(indexes, &mut warnings),
        });
        let mut required = |problem: String| refusals.push(Refusal::state_unreadable(&problem));
        let counts = counts
            .map_err(|problem| required(problem.to_string()))
            .ok()
            .flatten();
        let ledger =
            ledger.and_then(|ledger| ledger.map_err(|problem| required(problem.to_string())).ok());
        let memory = Memory {
            counts: counts.map(|found| found.content),
            ledger: ledger.as_ref().map(|found| {
                found
                    .as_ref()
                    .map(|found| found.content.clone())
                    .unwrap_or_default()
            }),
        };
        Self {
            store,
            caches,
            memory,
            refusals,
            warnings,
            ledger: ledger.map(LedgerVersion),
        }
    }

    /// Takes the run lock.
    ///
    /// # Errors
    /// The refusal, where another run holds it, or that cannot be told.
    pub(crate) async fn lock(&self, run_id: &str, clock: fn() -> Time) -> Result<Held, Refusal> {
        lock::take(&self.store, run_id, clock).await
    }

    /// Writes down what this run learnt that never changes, and which images it found to be candidates. `narrowed` is a
    /// run that did not look at everything, which forgets nothing.
    ///
    /// # Errors
    /// What could not be written, in words.
    pub(crate) async fn record(
        &mut self,
        plan: &Plan,
        usage: &Usage,
        narrowed: bool,
    ) -> Result<(), String> {
        let complete = usage.coverage().iter().all(|coverage| coverage.complete);
        let keep_unused = narrowed || !complete;
        let (definitions, functions, indexes) = tokio::join!(
            self.caches.definitions.write(&self.store, keep_unused),
            self.caches.functions.write(&self.store, keep_unused),
            self.caches.indexes.write(&self.store, keep_unused)
        );
        if let Some(LedgerVersion(found)) = self.ledger.take() {
            let ledger = self
                .store
                .update(found, |ledger| ledger.observe(plan, complete))
                .await;
            self.memory.ledger = Some(ledger.map_err(|problem| problem.to_string())?);
        }
        definitions
            .and(functions)
            .and(indexes)
            .map_err(|problem| problem.to_string())
    }

    /// Writes down what each source found, for the next run to compare with. Only a run that no guard stops may do
    /// that: a drop that was refused once would else pass the second time.
    ///
    /// # Errors
    /// That it could not be written, in words.
    pub(crate) async fn record_counts(&self, coverage: &[Coverage]) -> Result<(), String> {
        let counts = Counts::of(coverage);
        if self.memory.counts.as_ref() == Some(&counts) {
            return Ok(());
        }
        self.store
            .write(&counts)
            .await
            .map_err(|problem| problem.to_string())
    }
}

/// The ledger as it was read; none in it where there is none yet.
struct LedgerVersion(Option<Found<Ledger>>);

/// An object of the store with the tag that says which version of it was read.
type Reading<C> = Result<Option<Found<C>>, store::Problem>;
