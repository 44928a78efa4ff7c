//! The pipeline: gather what is stored and what is in use, plan, guard, apply, report.
//!
//! Each stage is a value made from the one before: `Gathered`, [`Planned`],
//! `Cleared` or refused, `Applied`. A dry run leaves it before anything is applied.

mod accept_use;
mod access;
mod account_set;
mod apply;
mod distributed;
mod explain;
mod finish;
mod gather;
mod git;
mod idle;
mod init;
mod kept_use;
mod lifecycle;
mod locations;
mod log;
mod mentioned;
mod organization;
mod plan;
mod policy_test;
mod possible_children;
mod publish;
mod pullers;
mod rbac;
mod saved_plan;
mod sizes;
mod snapshot;
mod sources;
mod stop;
mod unread;
mod verify;
mod young_ledger;

use std::sync::Arc;

use futures::future::LocalBoxFuture;
use tokio::time::{Duration, Instant};

use crate::{
    aws::{ApiError, Calls, Clients, Identity},
    config::{Config, Mode},
    evidence::UsageIndex,
    guard::UsageCounts,
    image::{Aliases, Time, TypedImage, TypedReferenceError},
    kubernetes::Timeouts,
    policy::RepositoryGlobs,
    registry::{self, Known, RestoreError, Restored},
    report::{Answer, HandledImage, Metrics, SavedPlan, Verification},
    sources::{KeepList, KeepListError},
    state::{Needs, State, Wanted},
    stop_time::StopTime,
};
use distributed::Delivered;
use kept_use::KeptUse;
use locations::Locations;
use sources::FoundUse;

pub use accept_use::{AcceptUseError, UseChange};
pub use access::Access;
pub use distributed::{
    CleanAnswer, EvidenceAnswer, FinishedRun, FreshAnswer, ListAnswer, PhaseError, RunName,
    RunNameError, Turn,
};
pub use explain::{Explained, Soak};
pub use lifecycle::Conflicts;
pub use plan::Planned;
pub use policy_test::{PolicyTestError, TestFailure, TestResult, test_policies};
pub use publish::{PublishError, PublishedEvidence};
pub use rbac::RbacError;
pub use snapshot::{Snapshot, SnapshotError, TakenSnapshot};
pub use stop::StopError;

/// Time before it would be killed at which a run ends by itself (A6).
pub const MARGIN: Duration = Duration::from_secs(45);

/// Timeouts of a run.
#[derive(Debug, Clone, Copy)]
pub struct RunTimeouts {
    /// Time for answers to calls that were made before the run had to stop.
    pub in_flight: Duration,
    /// Time for the end of a run, from the same moment: releasing the lock, listing what is
    /// missing, the report.
    pub shutdown_grace: Duration,
    /// Age up to which evidence is not read again before anything more is deleted (A3).
    pub usage_fresh_for: Duration,
}

impl Default for RunTimeouts {
    fn default() -> Self {
        Self {
            in_flight: Duration::from_secs(15),
            shutdown_grace: Duration::from_secs(38),
            usage_fresh_for: Duration::from_mins(15),
        }
    }
}

/// The program, ready to run. It is made once, before the first event.
pub struct Program {
    config: Config,
    clients: Clients,
    aliases: Arc<Aliases>,
    timeouts: RunTimeouts,
    cluster_timeouts: Timeouts,
    /// What is in use by a snapshot; `None` if that is read.
    kept: Option<KeptUse>,
    /// What is in use as the other functions of a distributed run delivered it; `None` if that is
    /// read.
    delivered: Option<Box<Delivered>>,
}

/// Request for a run. It can narrow what the configuration allows, never widen it.
#[derive(Debug, Clone)]
pub struct Request {
    /// Mode.
    pub mode: Mode,
    /// Repositories to look at; `None` for all.
    pub only: Option<RepositoryGlobs>,
    /// Time to stop.
    pub stop_at: StopTime,
    /// Saved plan, beyond which nothing is deleted; `None` if there is none.
    pub saved: Option<SavedPlan>,
}

/// A run that has ended.
pub struct Finished {
    /// Answer.
    pub answer: Answer,
    /// Metrics.
    pub metrics: Metrics,
    /// What became of each image that was to be deleted or archived.
    pub images: Vec<HandledImage>,
    /// References of each source that are still to be remembered, if several processes are one run.
    usage_counts: Option<UsageCounts>,
}

/// A run that has begun.
pub struct Run {
    id: String,
    started: Instant,
    calls_before: Calls,
}

impl Program {
    /// Creates the program from its configuration and clients.
    #[must_use]
    pub fn new(config: Config, clients: Clients) -> Self {
        let aliases = Arc::new(Aliases::new(&config.registry_aliases));
        clients.set_rates(&config.aws);
        Self {
            config,
            clients,
            aliases,
            timeouts: RunTimeouts::default(),
            cluster_timeouts: Timeouts::default(),
            kept: None,
            delivered: None,
        }
    }

    /// Returns the program with other timeouts.
    #[must_use]
    pub const fn with_timeouts(mut self, timeouts: RunTimeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// Returns the program with other timeouts for the API servers of clusters.
    #[must_use]
    pub const fn with_cluster_timeouts(mut self, timeouts: Timeouts) -> Self {
        self.cluster_timeouts = timeouts;
        self
    }

    /// Returns the configuration.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Returns the time.
    #[must_use]
    pub fn now(&self) -> Time {
        self.clients.now()
    }

    /// Finds out who the caller is, and how its account is called, if it may know.
    ///
    /// # Errors
    /// Returns an error if the identity of the program cannot be determined.
    pub async fn caller(&self) -> Result<(Identity, Option<String>), ApiError> {
        let identity = self.clients.identity().await?;
        let alias = self.clients.account_alias(&identity.registry.region).await;
        Ok((identity, alias))
    }

    /// Parses what a person typed to name an image.
    ///
    /// # Errors
    /// Returns an error if it names none.
    pub fn reference(&self, text: &str) -> Result<TypedImage, TypedReferenceError> {
        TypedImage::parse(text, &self.aliases)
    }

    /// Gathers, plans and guards.
    ///
    /// # Errors
    /// Returns an error if the identity of the program cannot be determined, or repositories cannot
    /// be listed. Any other failure is part of the plan or a refusal.
    pub async fn plan(&self, request: Request) -> Result<Planned<'_>, ApiError> {
        self.plan_in(self.begin(), request).await
    }

    /// Reads what is in use, and nothing else.
    ///
    /// # Errors
    /// Returns an error if the identity of the program cannot be determined.
    pub async fn in_use(&self) -> Result<UsageIndex, ApiError> {
        Ok(self.read_usage_everywhere(&self.begin()).await?.1)
    }

    /// Reads what is in use, and makes a keep list of it.
    ///
    /// # Errors
    /// Returns an error if the identity of the program cannot be determined.
    pub async fn keep_list(
        &self,
    ) -> Result<(UsageIndex, Result<KeepList, KeepListError>), ApiError> {
        let began = self.clients.now();
        let (locations, usage) = self.read_usage_everywhere(&self.begin()).await?;
        let list = KeepList::of(&usage, &locations.own.registry, began);
        Ok((usage, list))
    }

    /// Checks whether every image in use can be pulled (U10).
    ///
    /// # Errors
    /// Returns an error if the identity of the program cannot be determined.
    pub async fn verify(&self) -> Result<(Verification, Metrics), ApiError> {
        self.verify_in(self.begin()).await
    }

    /// Checks the same in a run that has begun.
    ///
    /// # Errors
    /// Returns an error if the identity of the program cannot be determined.
    pub async fn verify_in(&self, run: Run) -> Result<(Verification, Metrics), ApiError> {
        let (verification, _, metrics) = self.verify_only(run, None).await?;
        Ok((verification, metrics))
    }

    /// Does the same for some repositories. Returns what is in use besides.
    ///
    /// # Errors
    /// Returns an error if the identity of the program cannot be determined.
    pub async fn verify_only(
        &self,
        run: Run,
        only: Option<&RepositoryGlobs>,
    ) -> Result<(Verification, UsageIndex, Metrics), ApiError> {
        let (locations, usage) = self.read_usage_everywhere(&run).await?;
        let verification = verify::verify(&locations.registries, &usage, only, &run.id).await;
        log::missing(&run.id, &verification.missing);
        let metrics = Metrics::verified(&verification, run.seconds(), self.calls_of(&run));
        tracing::info!(
            event = "verified",
            run_id = run.id,
            verified = verification.verified,
            "{}",
            verification.summary
        );
        Ok((verification, usage, metrics))
    }

    /// Restores an image from the archive, with its children and referrers, and waits until all of
    /// it can be pulled; it looks again after every `pause`.
    ///
    /// # Errors
    /// Returns an error if there is no such image, its repository cannot be read, or a call fails.
    pub async fn restore(
        &self,
        image: &TypedImage,
        pause: Duration,
    ) -> Result<Restored, RestoreError> {
        let own = self.clients.identity().await?;
        let id = self.begin().id;
        let locations = Locations::find_named(&self.clients, own, &self.config, &id).await?;
        if let Some(unreachable) = locations.unreachable().next() {
            return Err(unreachable.error.into());
        }
        let state = self.state(&locations).await;
        let caches = state
            .as_ref()
            .map_or_else(|| locations.no_caches(), State::caches);
        let known = Known::of(&caches, state.is_some());
        let restored = registry::restore(&locations.registries, image, pause, known).await;
        self.save_facts(state.as_ref(), &StopTime::default()).await;
        restored
    }

    /// Finds the locations of the configuration, and reads what is in use there.
    fn read_usage_everywhere<'a>(
        &'a self,
        run: &'a Run,
    ) -> LocalBoxFuture<'a, Result<(Locations, UsageIndex), ApiError>> {
        Box::pin(async move {
            let (locations, found) = self.read_use_everywhere(run, &StopTime::default()).await?;
            let usage = found.into_index(&self.config.in_use, &locations);
            Ok((locations, usage))
        })
    }

    /// Finds the locations of the configuration, and what is in use there, until `stop_at`.
    fn read_use_everywhere<'a>(
        &'a self,
        run: &'a Run,
        stop_at: &'a StopTime,
    ) -> LocalBoxFuture<'a, Result<(Locations, FoundUse), ApiError>> {
        Box::pin(async move {
            let own = self.clients.identity().await?;
            let locations = self.locations(own, run).await?;
            let state = self.state(&locations).await;
            let caches = state.map_or_else(|| locations.no_caches(), |state| state.caches());
            let reading = self.read_sources(&locations, &caches, run, stop_at);
            let found = reading.await;
            Ok((locations, found))
        })
    }

    /// Reads the state, if it is configured, with the caches of these locations.
    async fn state(&self, locations: &Locations) -> Option<State> {
        let location = self.config.state.as_ref()?;
        let registry = self.delivered.as_ref().map(|it| it.registry());
        let needs = Needs {
            registry,
            soak: self.config.soaks(),
            ledger_window: self.config.policies.ledger_window(),
        };
        // In a box, since the futures of S3 are large.
        let use_name = self.config.use_name();
        let home = &locations.own.registry;
        let annotations = self.config.policies.read_annotations();
        let read = locations.read.iter().map(|(location, _)| {
            let wanted = Wanted {
                usage: registry.is_none(),
                stored: locations.registries.contains_key(location),
                annotations,
            };
            (location, wanted)
        });
        let clients = &self.clients;
        let reading = State::read(clients, location, home, read, needs, use_name);
        let state = Box::pin(reading).await;
        let caches = state.caches();
        for (registry, clients) in &locations.registries {
            clients.remember_rates(&caches.of(registry));
        }
        Some(state)
    }

    /// Begins a run.
    #[must_use]
    pub fn begin(&self) -> Run {
        Run {
            id: uuid::Uuid::new_v4().to_string(),
            started: Instant::now(),
            calls_before: self.clients.calls.so_far(),
        }
    }

    fn calls_of(&self, run: &Run) -> Calls {
        self.clients.calls.so_far().since(run.calls_before)
    }

    /// Returns a result, if it comes before the end of the shutdown grace.
    async fn at_the_end<T>(&self, stop_at: &StopTime, work: impl Future<Output = T>) -> Option<T> {
        stop_at.in_grace(self.timeouts.shutdown_grace, work).await
    }
}

impl Run {
    /// Returns its id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    fn seconds(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }
}
