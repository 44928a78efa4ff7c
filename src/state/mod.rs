//! State that lasts between runs, as objects in S3: caches, the soak ledger, the use ledger, the
//! usage counts of the last run, and the run lock.
//!
//! It is split by what its loss means. A fact that never changes (the images of a task definition
//! revision or of a published function version, the template of a stack, the manifest of an index, the
//! annotations of an image) is in a cache: whatever
//! is wrong with it, it is read from AWS again. So are the readings of manifests, without which a
//! pull by the program itself counts as one by others, and the findings, which are believed for a week:
//! what rates ECR bears, and which policies there are not. The ledgers, the counts and the lock hold back
//! deletion: if one of them cannot be read, nothing is deleted, since a missing memory must not
//! look like an empty one. That holds for the use ledger where a keep rule asks for it. The
//! history is only shown.
//!
//! Objects lie under `PREFIX/ACCOUNT/REGION/`, so that deployments can share a bucket. Each location
//! that is read has caches of its own; those of other locations than the deployment's lie one
//! `ACCOUNT/REGION/` deeper.

mod counts;
mod facts;
mod history;
mod layers;
mod lock;
mod object;
mod run_objects;
mod sizes;
mod stop;
mod store;
mod use_history;

use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    sync::Arc,
};

use jiff::{SignedDuration, civil::Date};
use tokio::time::{Duration, sleep};

use crate::{
    aws::Clients,
    cache::AllCaches,
    config::S3Location,
    evidence::UsageIndex,
    guard::{Memory, SoakLedger, UsageCounts},
    image::{Digest, Registry, Time},
    inventory::Layer,
    plan::Plan,
    policy::git::DocumentSizes,
};

use counts::RememberedCounts;
use facts::Facts;
pub(crate) use facts::Wanted;
pub(crate) use history::{Day, History};
pub(crate) use layers::KnownLayers;
pub(crate) use lock::{HeldLock, LockError};
use object::StateObject;
pub(crate) use run_objects::RunObjects;
pub(crate) use sizes::RepositorySizes;
pub(crate) use stop::StopObject;
pub(crate) use store::StateError;
use store::{Found, Store};
pub(crate) use use_history::UseHistory;

/// Time after which the facts that were learnt are written down.
const SAVED_EVERY: Duration = Duration::from_mins(1);

/// The state of a deployment, as it was read at the start of a run.
pub(crate) struct State {
    /// Store of the deployment. In a box, since the clients in it are large.
    home: Box<Store>,
    /// Store of what concerns the registries that are cleaned: that of the deployment, too, unless
    /// each of them is cleaned by a process of its own.
    store: Store,
    /// Memory that guards depend on.
    pub(crate) memory: Memory,
    /// Failures to read what guards depend on.
    pub(crate) errors: Vec<StateError>,
    pub(crate) warnings: Vec<String>,
    /// Name of what use the configuration reads.
    use_name: String,
    stored_counts: Option<Found<RememberedCounts>>,
    /// Ledger as it was stored, if one was.
    stored_ledger: Option<Found<SoakLedger>>,
    /// What earlier runs saw in use; `None` if that must not be written, since it cannot be read.
    pub(crate) use_history: Option<UseHistory>,
    facts: Vec<Facts>,
}

/// What of the state a configuration needs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Needs<'a> {
    /// The only registry that is cleaned; `None` for all of the deployment.
    pub(crate) registry: Option<&'a Registry>,
    /// Whether candidates soak.
    pub(crate) soak: bool,
    /// Time for which the use ledger has to know the past; `None` if no rule asks for it.
    pub(crate) ledger_window: Option<SignedDuration>,
}

impl State {
    /// Reads the state, with the caches of these locations. No failure stops the reading of what is
    /// stored and in use.
    pub(crate) async fn read(
        clients: &Clients,
        location: &S3Location,
        home: &Registry,
        locations: impl Iterator<Item = (&Registry, Wanted)>,
        needs: Needs<'_>,
        use_name: String,
    ) -> Self {
        let home = Store::new(clients, location, home);
        let store = needs
            .registry
            .map_or_else(|| home.clone(), |it| home.of(it));
        let ledger = async {
            if needs.soak {
                Some(store.read::<SoakLedger>().await)
            } else {
                None
            }
        };
        let (facts, counts, ledger, history) = tokio::join!(
            Facts::read_all(&home, locations),
            home.read(),
            ledger,
            store.read()
        );
        let mut errors = Vec::new();
        let (mut warnings, is_asked) = (Vec::new(), needs.ledger_window.is_some());
        let use_history = UseHistory::new(history, needs.ledger_window).map_err(|error| {
            if is_asked {
                errors.push(error);
            } else {
                let warning = format!("the use ledger {error}; it is left as it is");
                warnings.push(warning);
            }
        });
        let counts: Option<Found<RememberedCounts>> =
            counts.map_err(|error| errors.push(error)).ok().flatten();
        let ledger = ledger.and_then(|ledger| ledger.map_err(|error| errors.push(error)).ok());
        let content = |found: &Found<SoakLedger>| found.content.clone();
        let memory = Memory {
            counts: counts
                .as_ref()
                .and_then(|found| found.content.of(&use_name)),
            ledger: ledger
                .as_ref()
                .map(|found| found.as_ref().map(content).unwrap_or_default()),
        };
        warnings.extend(facts.iter().flat_map(|facts| facts.warnings.clone()));
        Self {
            warnings,
            home: Box::new(home),
            store,
            memory,
            errors,
            use_name,
            stored_counts: counts,
            stored_ledger: ledger.flatten(),
            use_history: use_history.ok(),
            facts,
        }
    }

    /// Reads the caches of a location, and nothing else of the state: for a process that reads what
    /// is in use there, and decides nothing.
    pub(crate) async fn caches_only(
        clients: &Clients,
        location: &S3Location,
        home: &Registry,
        of: &Registry,
    ) -> Self {
        let home = Store::new(clients, location, home);
        let wanted = Wanted {
            usage: true,
            stored: false,
            annotations: false,
        };
        let facts = Facts::read_all(&home, [(of, wanted)].into_iter()).await;
        let warnings = facts.iter().flat_map(|facts| facts.warnings.clone());
        Self {
            warnings: warnings.collect(),
            store: home.clone(),
            home: Box::new(home),
            memory: Memory::default(),
            errors: Vec::new(),
            use_name: String::new(),
            stored_counts: None,
            stored_ledger: None,
            use_history: None,
            facts,
        }
    }

    /// Returns the caches of each location that was read.
    pub(crate) fn caches(&self) -> AllCaches {
        let of_each = self.facts.iter();
        of_each
            .map(|facts| (facts.location.clone(), Arc::clone(&facts.caches)))
            .collect()
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
        let complete = !usage.has_gaps();
        let keep_unused = narrowed || !complete;
        let saved = self.save(keep_unused).await;
        let history = match &self.use_history {
            Some(history) => history.record(&self.store, plan, usage).await,
            None => Ok(()),
        };
        let mut ledger = None;
        if self.memory.ledger.is_some() {
            let observe = |ledger: &mut SoakLedger| ledger.observe(plan, complete);
            let updated = self.store.update(self.stored_ledger.clone(), observe);
            ledger = Some(updated.await?);
        }
        saved.and(history)?;
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
        Facts::save_all(&self.facts, keep_unused).await
    }

    /// Writes down the manifests of indexes, and nothing else.
    pub(crate) async fn save_indexes(&self, keep_unused: bool) -> Result<(), StateError> {
        Facts::save_indexes(&self.facts, keep_unused).await
    }

    /// Replaces what is remembered of a source, in every location, and nothing else.
    pub(crate) async fn accept_counts(
        &self,
        source: &str,
        accepted: &UsageCounts,
        now: Time,
    ) -> Result<(), StateError> {
        let found = self.home.read::<RememberedCounts>().await?;
        let accept = |all: &mut RememberedCounts| {
            let mut counts = all.of(&self.use_name).unwrap_or_default();
            counts.replace(source, accepted);
            all.set(&self.use_name, counts, now);
        };
        self.home.update(found, accept).await.map(|_| ())
    }

    /// Reads the sizes of the Git documents that were last accepted.
    pub(crate) async fn documents(&self) -> Result<DocumentSizes, StateError> {
        let found = self.home.read().await?;
        Ok(found.map(|found| found.content).unwrap_or_default())
    }

    /// Writes down the sizes of the Git documents that this run accepted, and leaves those of others.
    pub(crate) async fn record_documents(
        &self,
        accepted: &DocumentSizes,
    ) -> Result<(), StateError> {
        let found = self.home.read().await?;
        let add = |all: &mut DocumentSizes| all.extend(accepted.clone());
        self.home.update(found, add).await.map(|_| ())
    }

    /// Writes down the references of each source, for the next run to compare with.
    ///
    /// Only a run that no guard stops may do that: a drop that was refused once would pass the
    /// second time.
    pub(crate) async fn record_counts(
        &self,
        counts: UsageCounts,
        now: Time,
    ) -> Result<(), StateError> {
        let (stored, name) = (&self.stored_counts, &self.use_name);
        let is_known = |found: &Found<RememberedCounts>| found.content.has(name, &counts, now);
        if stored.as_ref().is_some_and(is_known) {
            return Ok(());
        }
        let set = |all: &mut RememberedCounts| all.set(name, counts.clone(), now);
        self.home.update(stored.clone(), set).await.map(|_| ())
    }
}

impl State {
    /// Reads what earlier runs found and deleted.
    pub(crate) async fn history(&self) -> Result<History, StateError> {
        let found = self.store.read::<History>().await?;
        Ok(found.map(|found| found.content).unwrap_or_default())
    }

    /// Adds a run to the history, and returns all of it.
    pub(crate) async fn add_to_history(&self, run: &Day) -> Result<History, StateError> {
        let found = self.store.read::<History>().await?;
        let add = |history: &mut History| history.add(run.clone());
        self.store.update(found, add).await
    }
}

impl State {
    /// Reads the layers of images that earlier runs read.
    pub(crate) async fn layers(&self) -> Result<KnownLayers, StateError> {
        let found = self.store.read().await?;
        Ok(found.map(|found| found.content).unwrap_or_default())
    }

    /// Writes down the layers that were read, and forgets those of all but the `present` images.
    pub(crate) async fn record_layers(
        &self,
        read: &BTreeMap<Digest, Vec<Layer>>,
        present: Option<&BTreeSet<Digest>>,
    ) -> Result<(), StateError> {
        let found = self.store.read().await?;
        let record = |all: &mut KnownLayers| all.record(read, present);
        self.store.update(found, record).await.map(|_| ())
    }

    /// Reads what repositories stored in the weeks before.
    pub(crate) async fn sizes(&self) -> Result<RepositorySizes, StateError> {
        let found = self.store.read().await?;
        Ok(found.map(|found| found.content).unwrap_or_default())
    }

    /// Adds what repositories store on a day.
    pub(crate) async fn add_sizes(
        &self,
        date: Date,
        bytes: &BTreeMap<String, u64>,
    ) -> Result<(), StateError> {
        let found = self.store.read::<RepositorySizes>().await?;
        let add = |sizes: &mut RepositorySizes| sizes.add(date, bytes.clone());
        let mut added = found.as_ref().map(|found| found.content.clone());
        added.get_or_insert_default().add(date, bytes.clone());
        if added != found.as_ref().map(|found| found.content.clone()) {
            self.store.update(found, add).await?;
        }
        Ok(())
    }
}

/// Writes down the references of each source in a run of several processes.
pub(crate) async fn remember(
    clients: &Clients,
    location: &S3Location,
    home: &Registry,
    use_name: &str,
    counts: UsageCounts,
    now: Time,
) -> Result<(), StateError> {
    let store = Store::new(clients, location, home);
    let stored = store.read::<RememberedCounts>().await?;
    let set = |all: &mut RememberedCounts| all.set(use_name, counts.clone(), now);
    store.update(stored, set).await.map(|_| ())
}

/// An object of the store, if there is one.
type Reading<C> = Result<Option<Found<C>>, StateError>;

impl StateObject for DocumentSizes {
    const NAME: &'static str = "git-documents";
}

impl StateObject for SoakLedger {
    const NAME: &'static str = "soaking";
}
