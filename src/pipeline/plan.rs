//! Plans, from what was gathered.

use futures::future::LocalBoxFuture;
use tokio::time::Instant;

use super::{
    Locations, Program, Request, Run, apply::Applied, gather::Gathered, idle, log, unread,
};
use crate::{
    aws::ApiError,
    cache::AllCaches,
    config::Mode,
    evidence::{Unread, UsageIndex},
    guard::{self, GuardInput, Memory, PullingAccounts, Refusal, UnreadPullers},
    image::{Image, Time, TypedImage},
    inventory::Inventory,
    plan::{self, Archiving, Explanation, Missing, Plan, PlanSettings, RepositoryPlan, Veto},
    registry::RepositoryPolicies,
    report::{self, Answer, ExactSizes, Facts, Progress, Publication, Share, Warning, WarningCode},
    state::State,
};

/// A plan, with everything that it was made from.
pub struct Planned<'a> {
    pub(super) program: &'a Program,
    pub(super) request: Request,
    pub(super) run: Run,
    pub(super) plan: Plan,
    pulling: PullingAccounts,
    /// Policies of repositories that the plan was made with.
    pub(super) pull_policies: RepositoryPolicies,
    pub(super) usage: UsageIndex,
    /// Time at which reading of the evidence began.
    pub(super) usage_read_at: Instant,
    pub(super) locations: Locations,
    pub(super) histories: super::git::Histories,
    pub(super) state: Option<State>,
    pub(super) caches: AllCaches,
    pub(super) preconditions: Vec<Refusal>,
    pub(super) refusals: Vec<Refusal>,
    warnings: Vec<Warning>,
    /// What was not read.
    unread: Vec<Unread>,
    pub(super) out_of_time: bool,
}

/// A plan, with what it was decided by.
struct Decided {
    plan: Plan,
    /// Vetoes that the configuration turns into warnings.
    tolerated: Vec<Veto>,
    pulling: PullingAccounts,
}

impl Decided {
    /// Creates what is decided when time ran out.
    fn nothing(now: Time) -> Self {
        Self {
            plan: Plan::empty(now),
            tolerated: Vec::new(),
            pulling: PullingAccounts::default(),
        }
    }
}

impl Program {
    /// Gathers, plans and guards in a run that has begun.
    ///
    /// # Errors
    /// As [`Program::plan`].
    pub async fn plan_in(&self, run: Run, request: Request) -> Result<Planned<'_>, ApiError> {
        let (id, stop_at) = (run.id.clone(), request.stop_at.clone());
        tracing::info!(event = "run_started", run_id = id, mode = %request.mode, version = report::VERSION, "started");
        let planned = Box::pin(self.gather_and_plan(request, run)).await;
        if let (Err(error), Some(location), None) = (&planned, &self.config.report, &self.kept) {
            let publication = Publication {
                clients: &self.clients,
                location,
                run_id: &id,
            };
            let failed = report::failed(&id, error);
            let published = self.at_the_end(&stop_at, publication.answer(&failed)).await;
            if let Some(Err(error)) = published {
                tracing::error!(
                    event = "report_unwritable",
                    run_id = id,
                    "the report could not be written: {error}"
                );
            }
        }
        planned
    }

    async fn gather_and_plan(&self, request: Request, run: Run) -> Result<Planned<'_>, ApiError> {
        let now = self.clients.now();
        let delivered = self.delivered.as_ref();
        let now = delivered
            .and_then(|it| it.oldest(now))
            .map_or(now, |it| it.min(now));
        let own = self.clients.identity().await?;
        let gathered = self.gather(&request, own, &run).await?;
        Ok(self.plan_gathered(request, run, gathered, now).await)
    }

    /// Plans and guards what was gathered.
    pub(super) async fn plan_gathered(
        &self,
        request: Request,
        run: Run,
        mut gathered: Gathered,
        now: Time,
    ) -> Planned<'_> {
        let decided = if let Some(inventories) = gathered.inventories.take() {
            let settings = PlanSettings {
                now,
                archive: self.archiving(request.mode),
                keep_pulled_within: self.config.guards.unexplained_pulls.kept_within(),
                has_others: self.delivered.as_ref().is_some_and(|it| it.has_others()),
            };
            let deciding = self.decide(inventories, &gathered, settings);
            request.stop_at.in_time(deciding).await
        } else {
            None
        };
        let out_of_time = decided.is_none();
        let Decided {
            plan,
            tolerated,
            pulling,
        } = decided.unwrap_or_else(|| Decided::nothing(now));
        let mut planned = Planned {
            program: self,
            preconditions: gathered.preconditions(),
            warnings: self.warnings(&request, &plan, &gathered, &tolerated),
            unread: unread::all(
                &plan,
                &gathered.usage,
                &tolerated,
                &self.config.guards,
                gathered.locations.organization.as_ref(),
            ),
            request,
            run,
            plan,
            pulling,
            pull_policies: gathered.pull_policies,
            usage: gathered.usage,
            usage_read_at: gathered.read_at,
            locations: gathered.locations,
            histories: gathered.histories,
            state: gathered.state,
            caches: gathered.caches,
            refusals: Vec::new(),
            out_of_time,
        };
        if !out_of_time {
            planned.refusals = guard::refusals(planned.guard_input(planned.memory(), now));
        }
        log::unread(&planned.run.id, &planned.unread);
        log::plan(&planned.run.id, &planned.plan, &planned.refusals);
        planned
    }

    /// Makes the plan.
    fn decide<'a>(
        &'a self,
        inventories: Vec<Inventory>,
        gathered: &'a Gathered,
        settings: PlanSettings,
    ) -> LocalBoxFuture<'a, Decided> {
        Box::pin(async move {
            let (usage, policies) = (&gathered.usage, &gathered.histories.policies);
            let candidates = plan::candidates(inventories, usage, policies, settings);
            let limit = self.config.guards.max_percent_per_repository;
            let mut vetoes = guard::too_many_candidates(&candidates, limit);
            let (unread, pulling) = self.unread_pullers(&candidates, &vetoes, gathered).await;
            let (unread, tolerated) = match self.config.guards.unread_pull_accounts {
                UnreadPullers::Refuse => (unread, Vec::new()),
                UnreadPullers::Warn => (Vec::new(), unread),
            };
            vetoes.extend(unread);
            Decided {
                plan: candidates.decide(vetoes),
                tolerated,
                pulling,
            }
        })
    }

    /// Returns the warnings that a plan comes with; `tolerated` are vetoes that the configuration
    /// turns into warnings.
    fn warnings(
        &self,
        request: &Request,
        plan: &Plan,
        gathered: &Gathered,
        tolerated: &[Veto],
    ) -> Vec<Warning> {
        let tolerated = tolerated.iter().filter_map(|veto| {
            let repository = plan.repository_in(&veto.repository.0, &veto.repository.1)?;
            let (title, why) = (repository.title(), &veto.why);
            let message = format!("`{title}` is cleaned although {why}");
            Some(Warning::about(title, WarningCode::UnreadPullers, message))
        });
        let state = gathered.state.iter().flat_map(|state| &state.warnings);
        let is_whole = request.only.is_none()
            && !plan.registries().is_empty()
            && gathered.locations.unreachable().next().is_none();
        let idle = is_whole.then(|| idle::warnings(plan, &self.config.policies));
        tolerated
            .chain(state.map(|it| Warning::new(WarningCode::StateUnusable, it)))
            .chain(gathered.not_published.clone())
            .chain(super::lifecycle::warnings(plan))
            .chain(idle::root_caches(plan))
            .chain(super::mentioned::warnings(plan, &gathered.usage))
            .chain(super::mentioned::unmatched(plan, &gathered.usage))
            .chain(super::possible_children::warning(plan))
            .chain(super::git::unbelieved(plan))
            .chain(super::young_ledger::warning(plan))
            .chain(idle::rates(&self.config.aws))
            .chain(idle.into_iter().flatten())
            .collect()
    }

    /// Returns the treatment of the archive. A dry run treats it as the configured mode does, so
    /// that it shows the same.
    fn archiving(&self, mode: Mode) -> Archiving {
        Archiving {
            candidates: [mode, self.config.mode].contains(&Mode::Archive),
            delete_after: self.config.archive.delete_after,
        }
    }
}

impl Planned<'_> {
    /// Returns the plan.
    #[must_use]
    pub const fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Returns why a run that deletes would be refused.
    #[must_use]
    pub fn refusals(&self) -> &[Refusal] {
        &self.refusals
    }

    /// Explains the plan for one image.
    #[must_use]
    pub fn explain(&self, image: &TypedImage) -> Explanation {
        self.plan.explain(image)
    }

    /// Returns the sizes of what was planned, with each layer counted once.
    ///
    /// It reads the manifests of all images that can be pulled, which AWS counts as pulls of them.
    /// `None` if it was interrupted.
    ///
    /// # Errors
    /// Returns an error if a call fails.
    pub async fn exact_sizes(&self) -> Result<Option<ExactSizes>, ApiError> {
        let sizes = self.request.stop_at.in_time(self.read_sizes()).await;
        self.save_facts().await;
        sizes.transpose()
    }

    /// Writes down what was learnt, for a plan that is not finished.
    pub async fn save_facts(&self) {
        let (state, stop_at) = (self.state.as_ref(), &self.request.stop_at);
        self.program.save_facts(state, stop_at).await;
    }

    /// Returns the answer as it is without deleting anything.
    #[must_use]
    pub fn answer(&self) -> Answer {
        let applied = Applied {
            refusals: self.refusals.clone(),
            out_of_time: self.out_of_time,
            ..Applied::default()
        };
        let missing = plan::missing(&self.plan, &self.usage);
        self.answer_with(Mode::Plan, &applied, missing)
    }

    /// Returns the archived images that something live needs, if mode `archive` restores them.
    pub(super) fn needed_archived(&self) -> Vec<(&RepositoryPlan, Vec<&Image>)> {
        if !self.program.config.archive.restore_in_use {
            return Vec::new();
        }
        plan::needed_archived(&self.plan, &self.usage)
    }

    /// Returns the memory of earlier runs.
    pub(super) fn memory(&self) -> &Memory {
        static NOTHING: Memory = Memory {
            ledger: None,
            counts: None,
        };
        self.state.as_ref().map_or(&NOTHING, |state| &state.memory)
    }

    /// Returns the input of the guards.
    pub(super) fn guard_input<'b>(&'b self, memory: &'b Memory, now: Time) -> GuardInput<'b> {
        GuardInput {
            plan: &self.plan,
            saved: self.request.saved.as_ref().map(|saved| &saved.images),
            usage: &self.usage,
            guards: &self.program.config.guards,
            memory,
            pulling: &self.pulling,
            now,
            preconditions: &self.preconditions,
        }
    }

    pub(super) fn answer_with(
        &self,
        mode: Mode,
        applied: &Applied,
        missing: Vec<Missing>,
    ) -> Answer {
        let config = &self.program.config;
        let mut answer = report::gather(Facts {
            run_id: &self.run.id,
            mode,
            plan: &self.plan,
            usage: &self.usage,
            policies: &config.policies,
            unread: self.unread.clone(),
            unexplained_pulls: config.guards.unexplained_pulls,
            refusals: &applied.refusals,
            outcome: applied.outcome.as_ref(),
            to_restore: self
                .needed_archived()
                .iter()
                .map(|it| it.1.len() as u64)
                .sum(),
            restoring: &applied.restoring,
            missing,
            out_of_time: applied.out_of_time,
            is_interrupted: self.request.stop_at.is_interrupted(),
            progress: self.progress(),
            usd_per_gb_month: config.usd_per_gb_month,
        });
        answer.apply_saved(self.applied_plan());
        let memory = applied.memory.as_ref().unwrap_or(self.memory());
        let warnings = self.warnings.iter().chain(&applied.warnings);
        answer.warnings.extend(warnings.cloned());
        answer.warnings.extend(self.soaking(memory));
        answer.warnings.extend(self.misrecorded());
        let off = config.in_use.unprotected();
        let off = off.map(|it| Warning::new(WarningCode::SourceOff, it));
        answer.warnings.extend(off);
        answer
    }

    /// Returns how far reading came, if time ran out and the next run continues there.
    fn progress(&self) -> Option<Progress> {
        let (read, of) = self.caches.progress();
        let is_cut = self.out_of_time && self.state.is_some() && read < of;
        is_cut.then_some(Progress {
            task_definitions: Share { read, of },
        })
    }

    /// Returns a warning for each location in which AWS Config is not believed.
    fn misrecorded(&self) -> impl Iterator<Item = Warning> {
        self.caches.misrecorded().map(|(location, arn)| {
            let message = format!(
                "what AWS Config in {location} says of `{arn}` is not what ECS says, so nothing that it says was used; `in_use.ecs.config_recorder: off` does not ask it"
            );
            Warning::new(WarningCode::Misrecorded, message)
        })
    }

    /// Returns a warning about candidates that have not soaked long enough.
    fn soaking(&self, memory: &Memory) -> Option<Warning> {
        if !self.program.config.soaks() {
            return None;
        }
        let soaking = guard::select(self.guard_input(memory, self.plan.now())).soaking();
        let text = "candidates have not been candidates for as long as `guards.soak`, or the `soak` of their policy, asks for, and are kept until then";
        let warning = || Warning::new(WarningCode::Soaking, format!("{soaking} {text}"));
        (soaking > 0).then(warning)
    }
}
