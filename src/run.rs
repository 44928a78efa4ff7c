//! The road: gather what is stored and what is in use, plan, guard, act, report.
//!
//! A dry run is the same road, left before acting.

mod finish;
mod lifecycle;
mod log;
mod places;
mod pulls;
mod sources;

use std::sync::Arc;

use futures::future::{LocalBoxFuture, try_join_all};
use tokio::time::{Duration, Instant, timeout_at};

use crate::{
    access::Access,
    aws::{ApiError, Calls, Clients, Identity},
    cleanup::{self, Outcome, RestoreError, Restored},
    config::{Config, Mode},
    guard::{self, Refusal},
    image::{Aliases, Image, ImageReference, MediaType, Parsed, Status, Time},
    inventory::{self, Inventory, Scope},
    plan::{Archiving, Explanation, Plan, Terms, plan},
    policy::RepositoryGlobs,
    report::{self, Answer, ExactBytes, Facts, Metrics, Publication, gather},
    state::{Caches, Memory, State},
    usage::{Usage, eks, keep_list::KeepList},
    verify::{self, Verification},
};
use log::{log_missing, log_plan, log_refusals};
use places::Places;

/// A run ends by itself this long before it would be killed (A6).
pub const MARGIN: Duration = Duration::from_secs(45);

/// How long a run waits for what, and believes what it read.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// How long answers are waited for to calls that were made before.
    pub in_flight: Duration,
    /// How much the end of a run may take, from the same moment: giving back the lock, the last look, the report.
    pub last_words: Duration,
    /// Use that is older than this is read again before anything more is deleted (A3).
    pub use_fresh_for: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            in_flight: Duration::from_secs(15),
            last_words: Duration::from_secs(38),
            use_fresh_for: Duration::from_mins(15),
        }
    }
}

/// The program, ready to run: built once, before the first event.
pub struct Program {
    config: Config,
    clients: Clients,
    aliases: Arc<Aliases>,
    patience: Patience,
}

/// What a run is asked for. It can narrow what the configuration allows, never widen it.
#[derive(Debug, Clone)]
pub struct Request {
    /// What to do.
    pub mode: Mode,
    /// The only repositories to look at; none: all.
    pub only: Option<RepositoryGlobs>,
    /// When to stop.
    pub stop_at: Option<Instant>,
}

/// What is stored, what is in use, and the plan made of both.
pub struct Prepared<'a> {
    program: &'a Program,
    request: Request,
    started: Instant,
    calls_before: Calls,
    run_id: String,
    /// The plan.
    pub plan: Plan,
    /// What is in use.
    pub usage: Usage,
    usage_read_at: Instant,
    places: Places,
    state: Option<State>,
    caches: Arc<Caches>,
    /// Why a run that acts would be refused.
    pub refusals: Vec<Refusal>,
    /// What the run met that stops it, whatever else guards say.
    obstacles: Vec<Refusal>,
    warnings: Vec<String>,
    out_of_time: bool,
}

/// A run that has ended.
pub struct Finished {
    /// What it says.
    pub answer: Answer,
    /// Its metrics.
    pub metrics: Metrics,
}

impl Program {
    /// A program from its configuration and clients.
    #[must_use]
    pub fn new(config: Config, clients: Clients) -> Self {
        let aliases = Arc::new(Aliases::new(&config.registry_aliases));
        Self {
            config,
            clients,
            aliases,
            patience: Patience::default(),
        }
    }

    /// The same program with another patience, for a test that has no time.
    #[must_use]
    pub const fn with_patience(mut self, patience: Patience) -> Self {
        self.patience = patience;
        self
    }

    /// A result, if it comes while there is time to use it: what ends a run may take until shortly before it is killed.
    async fn at_the_end<T>(
        &self,
        stop_at: Option<Instant>,
        work: impl Future<Output = T>,
    ) -> Option<T> {
        within(
            stop_at.map(|stop_at| stop_at + self.patience.last_words),
            work,
        )
        .await
    }

    /// The configuration.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// What time it is.
    #[must_use]
    pub fn now(&self) -> Time {
        self.clients.now()
    }

    /// Reads what a person typed to name an image.
    ///
    /// # Errors
    /// Where it names none, in words.
    pub fn reference(&self, text: &str) -> Result<ImageReference, String> {
        match ImageReference::parse_lenient(text, &self.aliases) {
            Ok(Parsed::Ecr(reference)) => Ok(reference),
            Ok(Parsed::Digest(_) | Parsed::Elsewhere(_)) => Err(format!(
                "`{text}` names no repository: write `REPOSITORY:TAG` or `REPOSITORY@DIGEST`"
            )),
            Err(error) => Err(error.to_string()),
        }
    }

    /// What is in use, and nothing else.
    ///
    /// # Errors
    /// Where it is not even known who the program is.
    pub async fn in_use(&self) -> Result<Usage, ApiError> {
        Ok(self.everywhere(&new_id()).await?.1)
    }

    /// The places of the configuration, and what is in use there.
    fn everywhere<'a>(
        &'a self,
        run_id: &'a str,
    ) -> LocalBoxFuture<'a, Result<(Places, Usage), ApiError>> {
        Box::pin(async move {
            let own = self.clients.identity().await?;
            let state = self.state(&own).await;
            let caches = state.map(|state| state.caches).unwrap_or_default();
            let places = Places::enter(&self.clients, own, &self.config, run_id).await?;
            let usage = self.read_usage(&places, &caches).await;
            Ok((places, usage))
        })
    }

    /// What is in use, and the keep list that says so, or why there can be none.
    ///
    /// # Errors
    /// Where it is not even known who the program is.
    pub async fn keep_list(&self) -> Result<(Usage, Result<KeepList, String>), ApiError> {
        let began = self.clients.now();
        let (places, usage) = self.everywhere(&new_id()).await?;
        let list = KeepList::of(&usage, &places.own.registry, began);
        Ok((usage, list))
    }

    /// Asks whether every image in use can be pulled (U10).
    ///
    /// # Errors
    /// Where it is not even known who the program is.
    pub async fn verify(&self) -> Result<(Verification, Metrics), ApiError> {
        let started = Instant::now();
        let calls_before = self.clients.calls.so_far();
        let run_id = new_id();
        let (places, usage) = self.everywhere(&run_id).await?;
        let verification = verify::verify(&places.registries, &usage, &run_id).await;
        log_missing(&run_id, &verification.missing);
        let metrics = Metrics::verified(
            &verification,
            started.elapsed().as_secs_f64(),
            self.clients.calls.so_far().since(calls_before),
        );
        tracing::info!(
            event = "verified",
            run_id,
            verified = verification.verified,
            "{}",
            verification.summary
        );
        Ok((verification, metrics))
    }

    /// Which rights are missing.
    ///
    /// # Errors
    /// Where it is not even known who the program is.
    pub async fn access(&self) -> Result<Access, ApiError> {
        let own = self.clients.identity().await?;
        let places = Places::enter(&self.clients, own, &self.config, &new_id()).await?;
        let pages = eks::pages();
        let mut access = Access::new(&self.config, &places.own.registry);
        for (registry, clients) in &places.registries {
            access.try_registry(registry, clients).await;
        }
        for (place, clients) in &places.open {
            access
                .try_sources(
                    place,
                    clients,
                    &self.config.in_use,
                    self.eks_in(place, clients, &pages),
                )
                .await;
            for service in self.services_in(place, clients, &Arc::default()) {
                access.try_service(place, service).await;
            }
        }
        access
            .problems
            .extend(places.closed().map(|closed| closed.error.to_string()));
        for cluster in self.contexts(&places.own.registry, &pages) {
            access.try_cluster(cluster).await;
        }
        access.conclude();
        Ok(access)
    }

    /// Gathers, plans and guards.
    ///
    /// # Errors
    /// Where it is not known who the program is, or the repositories cannot be listed. Whatever else fails is part of
    /// the plan or a refusal.
    pub async fn prepare(&self, request: Request) -> Result<Prepared<'_>, ApiError> {
        let started = Instant::now();
        let calls_before = self.clients.calls.so_far();
        let run_id = new_id();
        tracing::info!(event = "run_started", run_id, mode = %request.mode, version = crate::report::VERSION, "started");
        let stop_at = request.stop_at;
        let prepared =
            Box::pin(self.gather_and_plan(request, started, calls_before, run_id.clone())).await;
        if let (Err(error), Some(location)) = (&prepared, &self.config.report) {
            let publication = Publication::new(&self.clients, location, &run_id);
            let failed = report::failed(&run_id, error);
            if let Some(Err(problem)) = self.at_the_end(stop_at, publication.answer(&failed)).await
            {
                tracing::error!(
                    event = "report_unwritable",
                    run_id,
                    "the report could not be written: {problem}"
                );
            }
        }
        prepared
    }

    async fn gather_and_plan(
        &self,
        request: Request,
        started: Instant,
        calls_before: Calls,
        run_id: String,
    ) -> Result<Prepared<'_>, ApiError> {
        let now = self.clients.now();
        let own = self.clients.identity().await?;
        let reading = self.read(&request, own.clone(), &run_id, now);
        let read = within(request.stop_at, reading).await;
        let out_of_time = read.is_none();
        let Read {
            places,
            state,
            caches,
            plan,
            usage,
            mut warnings,
        } = read.unwrap_or_else(|| Ok(Read::nothing(own, now)))?;
        let mut obstacles = places.unexpected.clone();
        if let Some(state) = &state {
            obstacles.extend(state.refusals.iter().cloned());
            warnings.extend(state.warnings.iter().cloned());
        }
        let mut prepared = Prepared {
            program: self,
            request,
            started,
            calls_before,
            run_id,
            plan,
            usage,
            usage_read_at: started,
            places,
            state,
            caches,
            refusals: Vec::new(),
            obstacles,
            warnings,
            out_of_time,
        };
        if !out_of_time {
            prepared.refusals = guard::refusals(prepared.case(now));
            prepared.warn_of_lifecycles();
        }
        log_plan(&prepared.run_id, &prepared.plan, &prepared.refusals);
        Ok(prepared)
    }

    /// Reads what is stored and what is in use, and plans.
    fn read<'a>(
        &'a self,
        request: &'a Request,
        own: Identity,
        run_id: &'a str,
        now: Time,
    ) -> LocalBoxFuture<'a, Result<Read, ApiError>> {
        Box::pin(async move {
            let places = Places::enter(&self.clients, own, &self.config, run_id).await?;
            let state = self.state(&places.own).await;
            let caches = state
                .as_ref()
                .map(|state| Arc::clone(&state.caches))
                .unwrap_or_default();
            let inventories = self.read_registries(request, &places, &caches);
            let (inventories, usage) = tokio::join!(inventories, self.read_usage(&places, &caches));
            let terms = Terms {
                now,
                archive: self.archiving(request.mode),
            };
            let mut plan = plan(inventories?, &usage, &self.config.policies, terms);
            if guard::spare_repositories(&mut plan, self.config.guards.max_percent_per_repository) {
                plan.judge_again(&usage, &self.config.policies);
            }
            let warnings = self.spare_unread_pulls(&mut plan, &usage, &places).await;
            Ok(Read {
                places,
                state,
                caches,
                plan,
                usage,
                warnings,
            })
        })
    }

    /// What is stored in every registry.
    async fn read_registries(
        &self,
        request: &Request,
        places: &Places,
        caches: &Caches,
    ) -> Result<Vec<Inventory>, ApiError> {
        let scope = Scope {
            policies: &self.config.policies,
            only: request.only.as_ref(),
            indexes: &caches.indexes,
        };
        let inventories = places
            .registries
            .iter()
            .map(|(registry, clients)| async move {
                inventory::read(clients, registry.clone(), scope)
                    .await
                    .map_err(|mut error| {
                        if places.registries.len() > 1 {
                            error.resource.get_or_insert_with(|| registry.to_string());
                        }
                        error
                    })
            });
        try_join_all(inventories).await
    }

    /// What is remembered of earlier runs, if it is to be.
    async fn state(&self, identity: &Identity) -> Option<State> {
        let location = self.config.state.as_ref()?;
        let soaks = !self.config.guards.soak.is_zero();
        // In a box, since the futures of S3 are large.
        Some(
            Box::pin(State::read(
                &self.clients,
                location,
                &identity.registry,
                soaks,
            ))
            .await,
        )
    }

    /// How the archive is treated. A dry run treats it as the configured mode does, so that it shows the same.
    fn archiving(&self, mode: Mode) -> Archiving {
        let candidates = [mode, self.config.mode].contains(&Mode::Archive);
        Archiving {
            candidates,
            delete_after: self.config.archive.delete_after,
        }
    }

    /// Brings an image back from the archive, with its parts and whatever refers to them, and waits until all of it
    /// can be pulled; looks again after every `pause`.
    ///
    /// # Errors
    /// Where there is no such image, its repository cannot be read, or a call fails.
    pub async fn restore(
        &self,
        image: &ImageReference,
        pause: Duration,
    ) -> Result<Restored, RestoreError> {
        let own = self.clients.identity().await?;
        let places = Places::enter(&self.clients, own, &self.config, &new_id()).await?;
        if let Some(closed) = places.closed().next() {
            return Err(closed.error.into());
        }
        cleanup::restore(&places.registries, image, pause).await
    }
}

/// What was read for a plan, and the plan.
struct Read {
    places: Places,
    state: Option<State>,
    caches: Arc<Caches>,
    plan: Plan,
    usage: Usage,
    warnings: Vec<String>,
}

impl Read {
    fn nothing(own: Identity, now: Time) -> Self {
        let (places, plan) = (Places::nowhere(own), Plan::empty(now));
        Self {
            places,
            state: None,
            caches: Arc::default(),
            plan,
            usage: Usage::default(),
            warnings: Vec::new(),
        }
    }
}

/// An id for a run.
fn new_id() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// A result, unless the time is over before.
async fn within<T>(stop_at: Option<Instant>, work: impl Future<Output = T>) -> Option<T> {
    match stop_at {
        None => Some(work.await),
        Some(stop_at) => timeout_at(stop_at, work).await.ok(),
    }
}

impl Prepared<'_> {
    /// Explains the plan for one image.
    #[must_use]
    pub fn explain(&self, image: &ImageReference) -> Explanation {
        self.plan.explain(image)
    }

    /// The sizes of what was planned with each layer counted once. Reads the manifests of all images that can be
    /// pulled, which AWS counts as pulls of them.
    ///
    /// # Errors
    /// Where a call fails.
    pub async fn exact_bytes(&self) -> Result<ExactBytes, ApiError> {
        let mut bytes = ExactBytes::default();
        for repository in &self.plan.repositories {
            let readable = |image: &&Image| {
                image.media_type != MediaType::Index && image.status == Status::Active
            };
            let images: Vec<_> = repository
                .stored
                .images
                .iter()
                .filter(readable)
                .map(|image| image.digest)
                .collect();
            let Some(clients) = self.places.registries.get(&*repository.registry) else {
                continue;
            };
            let layers = inventory::layers(clients, &repository.name, &images).await?;
            bytes += ExactBytes::of(repository, &layers);
        }
        Ok(bytes)
    }

    /// The answer as it would be without acting.
    #[must_use]
    pub fn answer(&self) -> Answer {
        self.gather(Mode::Plan, None)
    }

    /// What the guards judge.
    fn case(&self, now: Time) -> guard::Case<'_> {
        static NOTHING: Memory = Memory {
            ledger: None,
            counts: None,
        };
        guard::Case {
            plan: &self.plan,
            usage: &self.usage,
            guards: &self.program.config.guards,
            memory: self.state.as_ref().map_or(&NOTHING, |state| &state.memory),
            now,
            obstacles: &self.obstacles,
        }
    }

    fn gather(&self, mode: Mode, outcome: Option<&Outcome>) -> Answer {
        let mut answer = gather(Facts {
            run_id: &self.run_id,
            mode,
            plan: &self.plan,
            usage: &self.usage,
            policies: &self.program.config.policies,
            refusals: &self.refusals,
            outcome,
            out_of_time: self.out_of_time,
            usd_per_gb_month: self.program.config.usd_per_gb_month,
        });
        answer.warnings.extend(self.warnings.iter().cloned());
        answer.warnings.extend(self.soaking());
        answer
            .warnings
            .extend(self.program.config.in_use.unprotected());
        answer
    }

    /// What is said of candidates that wait.
    fn soaking(&self) -> Option<String> {
        if self.program.config.guards.soak.is_zero() {
            return None;
        }
        let soaking = guard::select(self.case(self.plan.now)).soaking;
        let text = format!(
            "{soaking} candidates have not been candidates for as long as `guards.soak` asks for, and stay until then"
        );
        (soaking > 0).then_some(text)
    }
}
