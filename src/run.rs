//! The road: gather what is stored and what is in use, plan, guard, act, report.
//!
//! A dry run is the same road, left before acting.

use std::sync::Arc;

use futures::FutureExt;
use tokio::time::{Duration, Instant, timeout_at};
use tracing::Instrument;

use crate::{
    access::{self, Access},
    aws::{ApiError, Calls, Clients, Identity},
    cleanup::{self, Cleaner, Outcome, RestoreError, Restored},
    config::{Config, EksUse, Mode},
    guard::{self, Refusal},
    image::{Aliases, Image, ImageReference, MediaType, Parsed, Status, Time},
    inventory::{self, Scope},
    kubernetes::{Context, Settings},
    plan::{Archiving, Explanation, Plan, Terms, plan},
    policy::RepositoryGlobs,
    report::{Answer, ExactBytes, Facts, Metrics, gather},
    usage::{self, ClusterSource, Source, Usage, ecs::Ecs, eks::Eks},
};

/// A run ends by itself this long before it would be killed (A6).
pub const MARGIN: Duration = Duration::from_secs(45);

/// What sources this version does not read, so that nobody believes in a protection that is not there.
const UNREAD: &str = "this version reads what Amazon ECS, Amazon EKS and Kubernetes use and nothing else: images that only Lambda or another service uses are not protected";

/// The program, ready to run: built once, before the first event.
pub struct Program {
    config: Config,
    clients: Clients,
    aliases: Arc<Aliases>,
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
    /// Why a run that acts would be refused.
    pub refusals: Vec<Refusal>,
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
        Self { config, clients, aliases }
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
        Ok(usage::read(&self.sources(&identity), &self.aliases).await)
    }

    /// Which rights are missing.
    ///
    /// # Errors
    /// Where it is not even known who the program is.
    pub async fn access(&self) -> Result<Access, ApiError> {
        let identity = self.clients.identity().await?;
        let eks = self.config.in_use.eks.as_ref().map(|uses| self.eks(&identity, uses));
        Ok(access::check(&self.clients, &self.config, eks, self.contexts(&identity)).await)
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
        let now = self.clients.now();
        let identity = self.clients.identity().await?;
        let registry = identity.registry.clone();
        let sources = self.sources(&identity);
        let scope = Scope { policies: &self.config.policies, only: request.only.as_ref() };
        let reading = async {
            let inventory = inventory::read(&self.clients, registry.clone(), scope);
            tokio::join!(inventory, usage::read(&sources, &self.aliases))
        };
        let (plan, usage, out_of_time) = match within(request.stop_at, reading).await {
            Some((inventory, usage)) => {
                let terms = Terms { now, archive: self.archiving(request.mode) };
                let mut plan = plan(inventory?, &usage, &self.config.policies, terms);
                if guard::spare_repositories(&mut plan, self.config.guards.max_percent_per_repository) {
                    plan.judge_again(&usage, &self.config.policies);
                }
                (plan, usage, false)
            }
            None => (
                Plan { registry, now, archive: Archiving::default(), repositories: Vec::new() },
                Usage::default(),
                true,
            ),
        };
        let refusals = if out_of_time { Vec::new() } else { guard::refusals(&plan, &usage, &self.config.guards) };
        log_plan(&run_id, &plan, &refusals);
        Ok(Prepared {
            program: self,
            request,
            started,
            calls_before,
            run_id,
            plan,
            usage,
            usage_read_at: started,
            refusals,
            out_of_time,
        })
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
    fn sources(&self, identity: &Identity) -> Vec<Box<dyn Source>> {
        let mut sources: Vec<Box<dyn Source>> = Vec::new();
        if let Some(ecs) = &self.config.in_use.ecs {
            sources.push(Box::new(Ecs {
                clients: self.clients.clone(),
                place: identity.registry.clone(),
                task_definitions: ecs.task_definitions,
            }));
        }
        if let Some(uses) = &self.config.in_use.eks {
            sources.push(Box::new(self.eks(identity, uses)));
        }
        sources.extend(self.contexts(identity).map(|cluster| Box::new(cluster) as Box<dyn Source>));
        sources
    }

    fn eks(&self, identity: &Identity, uses: &EksUse) -> Eks {
        Eks { clients: self.clients.clone(), place: identity.registry.clone(), uses: uses.clone() }
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

    async fn read_usage(&self) -> Usage {
        match self.in_use().await {
            Ok(usage) => usage,
            Err(error) => Usage::unknown(&error),
        }
    }
}

/// A result, unless the time is over before.
async fn within<T>(stop_at: Option<Instant>, work: impl Future<Output = T>) -> Option<T> {
    match stop_at {
        None => Some(work.await),
        Some(stop_at) => timeout_at(stop_at, work).await.ok(),
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
    for refusal in refusals {
        tracing::warn!(event = "guard_tripped", run_id, guard = %refusal.guard, observed = refusal.observed, "{refusal}");
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

    /// Does what was asked for: deletes or archives what the plan says if the mode is to, and otherwise nothing.
    pub async fn finish(self) -> Finished {
        let mode = self.request.mode;
        let outcome = if mode == Mode::Plan || self.out_of_time { None } else { self.act().await };
        let answer = self.gather(mode, outcome.as_ref());
        for missing in &answer.missing {
            tracing::warn!(
                event = "missing_image",
                run_id = self.run_id,
                image = %missing.reference,
                live = missing.live,
                users = missing.users.join("; "),
                "an image in use cannot be pulled"
            );
        }
        let seconds = self.started.elapsed().as_secs_f64();
        let calls = self.program.clients.calls.so_far().since(self.calls_before);
        let metrics = Metrics::ended(&answer, seconds, calls);
        tracing::info!(
            event = "run_completed",
            run_id = self.run_id,
            status = ?answer.status,
            images_scanned = answer.counts.images,
            images_deleted = answer.counts.deleted,
            images_archived = answer.counts.archived,
            images_failed = answer.counts.failed,
            bytes_deleted = answer.bytes.deleted,
            duration_s = seconds,
            "{}", answer.summary
        );
        Finished { answer, metrics }
    }

    async fn act(&self) -> Option<Outcome> {
        let program = self.program;
        let clearance = guard::judge(&self.plan, &self.usage, &program.config.guards).ok()?;
        let cleaner = Cleaner {
            clients: &program.clients,
            policies: &program.config.policies,
            read_usage: &|| program.read_usage().boxed_local(),
            usage_read_at: self.usage_read_at,
            stop_at: self.request.stop_at,
        };
        let span = tracing::info_span!("acting", run_id = self.run_id);
        Some(cleaner.clean(clearance).instrument(span).await)
    }

    fn gather(&self, mode: Mode, outcome: Option<&Outcome>) -> Answer {
        let mut answer = gather(Facts {
            run_id: &self.run_id,
            mode,
            plan: &self.plan,
            usage: &self.usage,
            refusals: &self.refusals,
            outcome,
            out_of_time: self.out_of_time,
            usd_per_gb_month: self.program.config.usd_per_gb_month,
        });
        answer.warnings.push(UNREAD.to_owned());
        answer
    }
}
