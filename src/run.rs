//! The road: gather what is stored and what is in use, plan, guard, act, report.
//!
//! A dry run is the same road, left before acting.

mod finish;

use std::sync::Arc;

use tokio::time::{Duration, Instant, timeout_at};

use crate::{
    access::{self, Access},
    aws::{ApiError, Calls, Clients, Identity},
    cleanup::{self, Outcome, RestoreError, Restored},
    config::{Config, EksUse, Mode},
    guard::{self, Refusal},
    image::{Aliases, Image, ImageReference, MediaType, Parsed, RepositoryName, Status, Time},
    inventory::{self, Scope},
    kubernetes::{Context, Settings},
    plan::{Archiving, Explanation, Missing, Plan, RepositoryPlan, Terms, Threat, Verdict, plan},
    policy::RepositoryGlobs,
    report::{self, Answer, ExactBytes, Facts, Metrics, Publication, gather},
    state::{Caches, Memory, State},
    usage::{
        self, ClusterSource, Source, Usage,
        ecs::Ecs,
        eks::Eks,
        keep_list::{KeepList, KeepLists},
        lambda::Lambda,
        services::OtherService,
    },
    verify::{self, Verification},
};

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
    identity: Identity,
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
        Self { config, clients, aliases, patience: Patience::default() }
    }

    /// The same program with another patience, for a test that has no time.
    #[must_use]
    pub const fn with_patience(mut self, patience: Patience) -> Self {
        self.patience = patience;
        self
    }

    /// A result, if it comes while there is time to use it: what ends a run may take until shortly before it is killed.
    async fn at_the_end<T>(&self, stop_at: Option<Instant>, work: impl Future<Output = T>) -> Option<T> {
        within(stop_at.map(|stop_at| stop_at + self.patience.last_words), work).await
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
            Ok(Parsed::Digest(_) | Parsed::Elsewhere(_)) => {
                Err(format!("`{text}` names no repository: write `REPOSITORY:TAG` or `REPOSITORY@DIGEST`"))
            }
            Err(error) => Err(error.to_string()),
        }
    }

    /// What is in use, and nothing else.
    ///
    /// # Errors
    /// Where it is not even known who the program is.
    pub async fn in_use(&self) -> Result<Usage, ApiError> {
        let identity = self.clients.identity().await?;
        let state = self.state(&identity).await;
        let caches = state.map(|state| state.caches).unwrap_or_default();
        Ok(usage::read(&self.sources(&identity, &caches), &self.aliases).await)
    }

    /// What is in use, and the keep list that says so, or why there can be none.
    ///
    /// # Errors
    /// Where it is not even known who the program is.
    pub async fn keep_list(&self) -> Result<(Usage, Result<KeepList, String>), ApiError> {
        let began = self.clients.now();
        let place = self.clients.identity().await?.registry;
        let usage = self.in_use().await?;
        let list = KeepList::of(&usage, &place, began);
        Ok((usage, list))
    }

    /// Asks whether every image in use can be pulled (U10).
    ///
    /// # Errors
    /// Where it is not even known who the program is.
    pub async fn verify(&self) -> Result<(Verification, Metrics), ApiError> {
        let started = Instant::now();
        let calls_before = self.clients.calls.so_far();
        let run_id = uuid::Uuid::new_v4().to_string();
        let identity = self.clients.identity().await?;
        let state = self.state(&identity).await;
        let caches = state.map(|state| state.caches).unwrap_or_default();
        let usage = usage::read(&self.sources(&identity, &caches), &self.aliases).await;
        let verification = Box::pin(verify::verify(&self.clients, &identity.registry, &usage, &run_id)).await;
        log_missing(&run_id, &verification.missing);
        let metrics = Metrics::verified(
            &verification,
            started.elapsed().as_secs_f64(),
            self.clients.calls.so_far().since(calls_before),
        );
        tracing::info!(event = "verified", run_id, verified = verification.verified, "{}", verification.summary);
        Ok((verification, metrics))
    }

    /// Which rights are missing.
    ///
    /// # Errors
    /// Where it is not even known who the program is.
    pub async fn access(&self) -> Result<Access, ApiError> {
        let identity = self.clients.identity().await?;
        let eks = self.config.in_use.eks.as_ref().map(|uses| self.eks(&identity, uses));
        let services = self.services(&identity, &Arc::default()).collect();
        Ok(access::check(&self.clients, &self.config, eks, self.contexts(&identity), services).await)
    }

    /// Gathers, plans and guards.
    ///
    /// # Errors
    /// Where it is not known who the program is, or the repositories cannot be listed. Whatever else fails is part of
    /// the plan or a refusal.
    pub async fn prepare(&self, request: Request) -> Result<Prepared<'_>, ApiError> {
        let started = Instant::now();
        let calls_before = self.clients.calls.so_far();
        let run_id = uuid::Uuid::new_v4().to_string();
        tracing::info!(event = "run_started", run_id, mode = ?request.mode, version = crate::report::VERSION, "started");
        let stop_at = request.stop_at;
        let prepared = Box::pin(self.gather_and_plan(request, started, calls_before, run_id.clone())).await;
        if let (Err(error), Some(location)) = (&prepared, &self.config.report) {
            let publication = Publication::new(&self.clients, location, &run_id);
            let failed = report::failed(&run_id, error);
            if let Some(Err(problem)) = self.at_the_end(stop_at, publication.answer(&failed)).await {
                tracing::error!(event = "report_unwritable", run_id, "the report could not be written: {problem}");
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
        let identity = self.clients.identity().await?;
        let registry = identity.registry.clone();
        let reading = async {
            let state = self.state(&identity).await;
            let caches = state.as_ref().map(|state| Arc::clone(&state.caches)).unwrap_or_default();
            let sources = self.sources(&identity, &caches);
            let scope =
                Scope { policies: &self.config.policies, only: request.only.as_ref(), indexes: &caches.indexes };
            let inventory = inventory::read(&self.clients, registry.clone(), scope);
            let (inventory, usage) = tokio::join!(inventory, usage::read(&sources, &self.aliases));
            (state, caches, inventory, usage)
        };
        let read = within(request.stop_at, reading).await;
        let out_of_time = read.is_none();
        let (state, caches, plan, usage) = if let Some((state, caches, inventory, usage)) = read {
            let terms = Terms { now, archive: self.archiving(request.mode) };
            let mut plan = plan(inventory?, &usage, &self.config.policies, terms);
            if guard::spare_repositories(&mut plan, self.config.guards.max_percent_per_repository) {
                plan.judge_again(&usage, &self.config.policies);
            }
            (state, caches, plan, usage)
        } else {
            let plan = Plan { registry, now, archive: Archiving::default(), repositories: Vec::new() };
            (None, Arc::default(), plan, Usage::default())
        };
        let (obstacles, warnings) =
            state.as_ref().map(|state| (state.refusals.clone(), state.warnings.clone())).unwrap_or_default();
        let mut prepared = Prepared {
            program: self,
            request,
            started,
            calls_before,
            run_id,
            plan,
            usage,
            usage_read_at: started,
            identity,
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

    /// What is remembered of earlier runs, if it is to be.
    async fn state(&self, identity: &Identity) -> Option<State> {
        let location = self.config.state.as_ref()?;
        let soaks = !self.config.guards.soak.is_zero();
        // In a box, since the futures of S3 are large.
        Some(Box::pin(State::read(&self.clients, location, &identity.registry, soaks)).await)
    }

    /// How the archive is treated. A dry run treats it as the configured mode does, so that it shows the same.
    fn archiving(&self, mode: Mode) -> Archiving {
        let candidates = [mode, self.config.mode].contains(&Mode::Archive);
        Archiving { candidates, delete_after: self.config.archive.delete_after }
    }

    /// Brings an image back from the archive, with its parts and whatever refers to them, and waits until all of it
    /// can be pulled; looks again after every `pause`.
    ///
    /// # Errors
    /// Where there is no such image, its repository cannot be read, or a call fails.
    pub async fn restore(&self, image: &ImageReference, pause: Duration) -> Result<Restored, RestoreError> {
        cleanup::restore(&self.clients, image, pause).await
    }

    /// The sources of use that the configuration names.
    fn sources(&self, identity: &Identity, caches: &Arc<Caches>) -> Vec<Box<dyn Source>> {
        let mut sources: Vec<Box<dyn Source>> = Vec::new();
        if let Some(ecs) = &self.config.in_use.ecs {
            sources.push(Box::new(Ecs {
                clients: self.clients.clone(),
                place: identity.registry.clone(),
                task_definitions: ecs.task_definitions,
                caches: Arc::clone(caches),
            }));
        }
        if self.config.in_use.lambda {
            sources.push(Box::new(Lambda {
                clients: self.clients.clone(),
                place: identity.registry.clone(),
                caches: Arc::clone(caches),
            }));
        }
        if !self.config.in_use.keep_lists.is_empty() {
            sources.push(Box::new(KeepLists {
                clients: self.clients.clone(),
                place: identity.registry.clone(),
                objects: self.config.in_use.keep_lists.clone(),
                aliases: Arc::clone(&self.aliases),
            }));
        }
        if let Some(uses) = &self.config.in_use.eks {
            sources.push(Box::new(self.eks(identity, uses)));
        }
        sources.extend(self.services(identity, caches).map(|service| Box::new(service) as Box<dyn Source>));
        sources.extend(self.contexts(identity).map(|cluster| Box::new(cluster) as Box<dyn Source>));
        sources
    }

    fn eks(&self, identity: &Identity, uses: &EksUse) -> Eks {
        Eks { clients: self.clients.clone(), place: identity.registry.clone(), uses: uses.clone() }
    }

    /// The other services that are switched on.
    fn services(&self, identity: &Identity, caches: &Arc<Caches>) -> impl Iterator<Item = OtherService> {
        self.config.in_use.services.iter().map(move |&service| OtherService {
            service,
            clients: self.clients.clone(),
            place: identity.registry.clone(),
            caches: Arc::clone(caches),
        })
    }

    /// The clusters that contexts of kubeconfigs name.
    fn contexts(&self, identity: &Identity) -> impl Iterator<Item = ClusterSource> {
        let eks = self.config.in_use.eks.as_ref();
        self.config.in_use.kubernetes.iter().map(move |uses| {
            let context = Context { file: &uses.kubeconfig, name: &uses.context };
            let settings = Settings::of(eks, &uses.context);
            ClusterSource::from_context(&context, identity.registry.clone(), settings, self.clients.patience)
        })
    }
}

/// A result, unless the time is over before.
async fn within<T>(stop_at: Option<Instant>, work: impl Future<Output = T>) -> Option<T> {
    match stop_at {
        None => Some(work.await),
        Some(stop_at) => timeout_at(stop_at, work).await.ok(),
    }
}

fn log_refusals<'a>(run_id: &str, refusals: impl IntoIterator<Item = &'a Refusal>) {
    for refusal in refusals {
        tracing::warn!(event = "guard_tripped", run_id, guard = %refusal.guard, observed = refusal.observed, "{refusal}");
    }
}

fn log_missing(run_id: &str, missing: &[Missing]) {
    for missing in missing {
        tracing::warn!(
            event = "missing_image",
            run_id,
            image = %missing.reference,
            live = missing.live,
            users = missing.users.join("; "),
            "an image in use cannot be pulled"
        );
    }
}

fn log_plan(run_id: &str, plan: &Plan, refusals: &[Refusal]) {
    for repository in &plan.repositories {
        let candidates = repository.verdicts.iter().filter(|verdict| verdict.deletes()).count();
        tracing::info!(
            event = "repository_planned",
            run_id,
            repository = %repository.name,
            images = repository.verdicts.len(),
            candidates,
            left_alone = repository.left_alone.as_ref().map(ToString::to_string),
            "planned a repository"
        );
    }
    log_refusals(run_id, refusals);
}

impl Prepared<'_> {
    /// What the lifecycle policies of the repositories that were read may do to images that stay: for each repository
    /// that has one, the images, or why that cannot be told.
    #[must_use]
    pub fn lifecycle(&self) -> Vec<(RepositoryName, Result<Vec<Threat>, String>)> {
        self.lifecycle_of(|_| true)
    }

    fn lifecycle_of(
        &self,
        wanted: impl Fn(&RepositoryPlan) -> bool,
    ) -> Vec<(RepositoryName, Result<Vec<Threat>, String>)> {
        let repositories = self.plan.repositories.iter().filter(|repository| wanted(repository));
        let threats = repositories.filter_map(|repository| {
            let policy = repository.stored.lifecycle.as_ref()?;
            let threats = policy.as_ref().map_err(Clone::clone).and_then(|policy| repository.threats(policy));
            Some((repository.name.clone(), threats))
        });
        threats.collect()
    }

    /// Warns of lifecycle policies that may take an image in use.
    fn warn_of_lifecycles(&mut self) {
        let has_images_in_use = |repository: &RepositoryPlan| repository.verdicts.iter().any(Verdict::in_use);
        let found = self.lifecycle_of(has_images_in_use);
        let mut unread = 0;
        for (name, threats) in found {
            match threats {
                Ok(threats) => {
                    let mut in_use = threats.iter().filter(|threat| threat.in_use);
                    if let Some(first) = in_use.next() {
                        self.warnings.push(format!(
                            "the lifecycle policy of `{name}` may {} {} images in use, such as `{}` by its rule {}: ECR does not know that they are in use",
                            first.action,
                            in_use.count() + 1,
                            first.image,
                            first.rule
                        ));
                    }
                }
                Err(problem) if unread == 0 => {
                    unread += 1;
                    self.warnings.push(format!("the lifecycle policy of `{name}` could not be read: {problem}"));
                }
                Err(_) => unread += 1,
            }
        }
        if unread > 1 {
            self.warnings.push(format!("{} more lifecycle policies could not be read", unread - 1));
        }
    }

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
            let readable = |image: &&Image| image.media_type != MediaType::Index && image.status == Status::Active;
            let images: Vec<_> = repository.stored.images.iter().filter(readable).map(|image| image.digest).collect();
            let layers = inventory::layers(&self.program.clients, &repository.name, &images).await?;
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
        static NOTHING: Memory = Memory { ledger: None, counts: None };
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
        answer.warnings.extend(self.program.config.in_use.unprotected());
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
