//! State that lasts between runs, as objects in S3: caches, the soak ledger, the usage counts of
//! the last run, and the run lock.
//!
//! It is split by what its loss means. A fact that never changes (the images of a task definition
//! revision or of a published function version, the manifest of an index) is in a cache: whatever
//! is wrong with it, it is read from AWS again. The ledger, the counts and the lock hold back
//! deletion: if one of them cannot be read, nothing is deleted, since a missing memory must not
//! look like an empty one.
//!
//! Objects lie under `PREFIX/ACCOUNT/REGION/`, so that deployments can share a bucket.

mod lock;
mod object;
mod stop;
mod store;

use std::{collections::BTreeMap, convert::Infallible, sync::Arc};

use tokio::time::{Duration, sleep};

use crate::{
    aws::Clients,
    cache::{Cache, Caches, FunctionImage, Progress},
    config::S3Location,
    evidence::UsageIndex,
    guard::{Memory, SoakLedger, UsageCounts},
    image::{Digest, Registry, Time},
    plan::Plan,
};

pub(crate) use lock::{HeldLock, LockError};
use object::StateObject;
pub(crate) use object::Unusable;
pub(crate) use stop::StopObject;
pub(crate) use store::StateError;
use store::{Found, Store};

/// Time after which the facts that were learnt are written down.
const SAVED_EVERY: Duration = Duration::from_mins(1);

/// The state of a deployment, as it was read at the start of a run.
pub(crate) struct State {
    store: Store,
    pub(crate) caches: Arc<Caches>,
    /// Memory that guards depend on.
    pub(crate) memory: Memory,
    /// Failures to read what guards depend on.
    pub(crate) errors: Vec<StateError>,
    pub(crate) warnings: Vec<String>,
    /// Ledger as it was stored, if one was.
    stored_ledger: Option<Found<SoakLedger>>,
    /// Versions of the caches, as they are stored.
    versions: Versions,
    /// Caches that must not be written over what another program, or a newer version, wrote.
    foreign: Vec<&'static str>,
}

/// Versions of the caches, as they are stored. One writer at a time has each.
#[derive(Default)]
struct Versions {
    definitions: Version,
    functions: Version,
    indexes: Version,
}

/// Version of an object; `None` if there is none that can be used.
type Version = tokio::sync::Mutex<Option<String>>;

impl State {
    /// Reads the state. No failure stops the reading of what is stored and in use.
    pub(crate) async fn read(
        clients: &Clients,
        location: &S3Location,
        home: &Registry,
        soaks: bool,
    ) -> Self {
        let store = Store::new(clients, location, home);
        let ledger = async {
            if soaks {
                Some(store.read::<SoakLedger>().await)
            } else {
                None
            }
        };
        let (definitions, functions, indexes, counts, ledger) = tokio::join!(
            store.read(),
            store.read(),
            store.read(),
            store.read(),
            ledger
        );
        let (mut errors, mut warnings, mut foreign) = (Vec::new(), Vec::new(), Vec::new());
        let versions = Versions {
            definitions: version(&definitions),
            functions: version(&functions),
            indexes: version(&indexes),
        };
        let caches = Arc::new(Caches {
            definitions: cache(definitions, &mut warnings, &mut foreign),
            functions: cache(functions, &mut warnings, &mut foreign),
            indexes: cache(indexes, &mut warnings, &mut foreign),
            progress: Progress::default(),
        });
        let counts: Option<Found<UsageCounts>> =
            counts.map_err(|error| errors.push(error)).ok().flatten();
        let ledger = ledger.and_then(|ledger| ledger.map_err(|error| errors.push(error)).ok());
        let content = |found: &Found<SoakLedger>| found.content.clone();
        let memory = Memory {
            counts: counts.map(|found| found.content),
            ledger: ledger
                .as_ref()
                .map(|found| found.as_ref().map(content).unwrap_or_default()),
        };
        Self {
            store,
            caches,
            memory,
            errors,
            warnings,
            stored_ledger: ledger.flatten(),
            versions,
            foreign,
        }
    }

    pub(crate) async fn lock(
        &self,
        run_id: &str,
        clock: fn() -> Time,
    ) -> Result<HeldLock, LockError> {
        lock::acquire(&self.store, run_id, clock).await
    }

    /// Writes down the facts of this run and its candidates, and returns the memory with these. A
    /// run that is `narrowed` did not look at everything, and forgets nothing.
    pub(crate) async fn record(
        &self,
        plan: &Plan,
        usage: &UsageIndex,
        narrowed: bool,
    ) -> Result<Memory, StateError> {
        let complete = usage.is_complete();
        let keep_unused = narrowed || !complete;
        let saved = self.save(keep_unused).await;
        let mut ledger = None;
        if self.memory.ledger.is_some() {
            let observe = |ledger: &mut SoakLedger| ledger.observe(plan, complete);
            let updated = self.store.update(self.stored_ledger.clone(), observe);
            ledger = Some(updated.await?);
        }
        saved?;
        let counts = self.memory.counts.clone();
        Ok(Memory { ledger, counts })
    }

    /// Does `work`, and writes down meanwhile what is learnt.
    pub(crate) async fn save_during<T>(&self, work: impl Future<Output = T>) -> T {
        tokio::select! {
            biased;
            result = work => result,
            never = self.save_regularly() => match never {},
        }
    }

    async fn save_regularly(&self) -> Infallible {
        loop {
            sleep(SAVED_EVERY).await;
            if let Err(error) = self.save(true).await {
                tracing::warn!(event = "facts_not_saved", "{error}");
            }
        }
    }

    /// Writes down the facts that this run learnt, on top of what others wrote meanwhile. What it
    /// did not use is forgotten, unless it may be needed again.
    pub(crate) async fn save(&self, keep_unused: bool) -> Result<(), StateError> {
        let (caches, versions) = (&*self.caches, &self.versions);
        let (definitions, functions, indexes) = tokio::join!(
            self.save_cache(&caches.definitions, &versions.definitions, keep_unused),
            self.save_cache(&caches.functions, &versions.functions, keep_unused),
            self.save_cache(&caches.indexes, &versions.indexes, keep_unused)
        );
        definitions.and(functions).and(indexes)
    }

    async fn save_cache<K, V>(
        &self,
        cache: &Cache<K, V>,
        version: &Version,
        keep_unused: bool,
    ) -> Result<(), StateError>
    where
        K: Ord + Clone,
        V: Clone + PartialEq,
        BTreeMap<K, V>: StateObject,
    {
        if self.foreign.contains(&BTreeMap::<K, V>::NAME) {
            return Ok(());
        }
        let mut version = version.lock().await;
        if let Some(facts) = cache.changed(keep_unused) {
            let (facts, written) = self.store.merge(facts, version.take()).await?;
            *version = Some(written);
            cache.stored(facts);
        }
        Ok(())
    }

    /// Replaces what is remembered of a source, in every location, and nothing else.
    pub(crate) async fn accept_counts(
        &self,
        source: &str,
        now: &UsageCounts,
    ) -> Result<(), StateError> {
        let found = self.store.read::<UsageCounts>().await?;
        let accept = |counts: &mut UsageCounts| counts.replace(source, now);
        self.store.update(found, accept).await.map(|_| ())
    }

    /// Writes down the references of each source, for the next run to compare with.
    ///
    /// Only a run that no guard stops may do that: a drop that was refused once would pass the
    /// second time.
    pub(crate) async fn record_counts(&self, counts: UsageCounts) -> Result<(), StateError> {
        if self.memory.counts.as_ref() == Some(&counts) {
            return Ok(());
        }
        self.store.write(&counts).await
    }
}

/// Makes a cache of its object. Whatever is wrong with that, the facts can be read from AWS again.
fn cache<K, V>(
    found: Reading<BTreeMap<K, V>>,
    warnings: &mut Vec<String>,
    foreign: &mut Vec<&'static str>,
) -> Cache<K, V>
where
    BTreeMap<K, V>: StateObject,
{
    match found {
        Ok(None) => Cache::default(),
        Ok(Some(found)) => Cache::new(found.content),
        Err(error) => {
            let damaged = |why: &Unusable| matches!(why, Unusable::Damaged(_));
            let end = if matches!(&error, StateError::Unusable { why, .. } if damaged(why)) {
                "it is written anew"
            } else {
                foreign.push(BTreeMap::<K, V>::NAME);
                "it is left as it is, and not used"
            };
            warnings.push(format!("the cache {error}; {end}"));
            Cache::default()
        }
    }
}

fn version<C>(found: &Reading<C>) -> Version {
    let found = found.as_ref().ok().and_then(Option::as_ref);
    Version::new(found.map(|found| found.etag.clone()))
}

/// An object of the store, if there is one.
type Reading<C> = Result<Option<Found<C>>, StateError>;

impl StateObject for BTreeMap<String, Vec<String>> {
    const NAME: &'static str = "task-definitions";
}

impl StateObject for BTreeMap<String, FunctionImage> {
    const NAME: &'static str = "functions";
}

impl StateObject for BTreeMap<Digest, Arc<str>> {
    const NAME: &'static str = "index-manifests";
}

impl StateObject for UsageCounts {
    const NAME: &'static str = "usage-counts";
}

impl StateObject for SoakLedger {
    const NAME: &'static str = "soak-ledger";
}
