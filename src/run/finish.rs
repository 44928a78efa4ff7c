//! The end of the road: lock, remember, act, look once more, report.

use std::{collections::BTreeSet, sync::Arc};

use futures::{FutureExt, future::LocalBoxFuture};
use tracing::Instrument;

use super::{Finished, Prepared, Program, log_missing, log_refusals, within};
use crate::{
    cleanup::{Cleaner, Outcome},
    config::Mode,
    guard::{self, Refusal},
    image::Time,
    report::{self, Answer, Metrics, Publication},
    state::Held,
    usage::Usage,
    verify,
};

impl Prepared<'_> {
    /// Does what was asked for: deletes or archives what the plan says if the mode is to, and otherwise nothing. Writes down what
    /// the next run should know, and the report.
    pub async fn finish(mut self) -> Finished {
        let mode = self.request.mode;
        let outcome = if self.out_of_time {
            None
        } else {
            self.get_ready_and_act().await
        };
        let mut answer = self.gather(mode, outcome.as_ref());
        self.look_at_missing(&mut answer, outcome.as_ref()).await;
        self.publish(&mut answer).await;
        log_missing(&self.run_id, &answer.missing);
        let seconds = self.started.elapsed().as_secs_f64();
        let calls = self.program.clients.calls.so_far().since(self.calls_before);
        let metrics = Metrics::ended(&answer, seconds, calls);
        tracing::info!(
            event = "run_completed",
            run_id = self.run_id,
            status = %answer.status,
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

    /// Takes the lock, proves that state and report can be written, and acts if no guard objects. Time that runs out
    /// before the first deletion ends it without one.
    fn get_ready_and_act(&mut self) -> LocalBoxFuture<'_, Option<Outcome>> {
        Box::pin(async move {
            let acts = self.request.mode != Mode::Plan;
            let stop_at = self.request.stop_at;
            let mut lock = None;
            let ready = within(stop_at, async {
                if acts && let Some(state) = &self.state {
                    match state.lock(&self.run_id, self.program.clients.clock()).await {
                        Ok(held) => lock = Some(held),
                        Err(refusal) => self.obstacles.push(refusal),
                    }
                }
                self.write_down().await;
            })
            .await;
            self.out_of_time = ready.is_none();
            let now = self.program.clients.now();
            let known = std::mem::take(&mut self.refusals);
            self.refusals = guard::refusals(self.case(now));
            log_refusals(
                &self.run_id,
                self.refusals
                    .iter()
                    .filter(|refusal| !known.contains(refusal)),
            );
            let outcome = if acts && !self.out_of_time {
                self.act(now, lock.as_ref()).await
            } else {
                None
            };
            if let Some(lock) = lock {
                if lock.lost().get() {
                    self.warnings.push(
                        "another run took the lock meanwhile, so this one stopped early".to_owned(),
                    );
                } else if let Some(Err(problem)) =
                    self.program.at_the_end(stop_at, lock.release()).await
                {
                    self.warnings.push(format!(
                        "the run lock could not be given back, and ends by itself: {problem}"
                    ));
                }
            }
            outcome
        })
    }

    /// Writes down what the next run should know, and the images for the report. What cannot be written stops a run
    /// that acts; one that only plans goes on.
    async fn write_down(&mut self) {
        let narrowed = self.request.only.is_some();
        if let Some(state) = &mut self.state
            && let Err(problem) = state.record(&self.plan, &self.usage, narrowed).await
        {
            self.obstacles.push(Refusal::state_unreadable(&problem));
        }
        if let Some(publication) = self.publication()
            && let Err(problem) = publication.images(&self.plan).await
        {
            self.obstacles.push(Refusal::report_unwritable(&problem));
        }
        let refused = !guard::refusals(self.case(self.program.clients.now())).is_empty();
        if let Some(state) = &self.state
            && !refused
            && let Err(problem) = state.record_counts(self.usage.coverage()).await
        {
            self.obstacles.push(Refusal::state_unreadable(&problem));
        }
    }

    async fn act(&self, now: Time, lock: Option<&Held>) -> Option<Outcome> {
        let program = self.program;
        let clearance = guard::judge(self.case(now)).ok()?;
        let cleaner = Cleaner {
            clients: &self.places.registries,
            policies: &program.config.policies,
            read_usage: &|| self.read_usage_again().boxed_local(),
            usage_read_at: self.usage_read_at,
            stop_at: self.request.stop_at,
            in_flight: program.patience.in_flight,
            use_fresh_for: program.patience.use_fresh_for,
            lock_lost: lock.map(Held::lost),
        };
        let span = tracing::info_span!("acting", run_id = self.run_id);
        let cleaning = cleaner.clean(clearance).instrument(span);
        Some(match lock {
            Some(lock) => lock.during(cleaning).await,
            None => cleaning.await,
        })
    }

    async fn read_usage_again(&self) -> Result<Usage, Refusal> {
        let fresh = self.program.read_usage(&self.places, &self.caches).await;
        let refusal = guard::fresh_use_refusals(self.case(self.plan.now), &fresh)
            .into_iter()
            .next();
        refusal.map_or(Ok(fresh), Err)
    }

    /// After deleting or archiving, asks ECR once more for the images in use of the repositories it touched.
    fn look_at_missing<'b>(
        &'b self,
        answer: &'b mut Answer,
        outcome: Option<&'b Outcome>,
    ) -> LocalBoxFuture<'b, ()> {
        Box::pin(async move {
            let Some(outcome) = outcome else { return };
            let touched = outcome
                .repositories
                .iter()
                .filter(|of| !of.deleted.is_empty() || !of.archived.is_empty());
            let touched = touched.map(|of| &self.plan.repositories[of.position]);
            let touched = touched
                .map(|repository| (Arc::clone(&repository.registry), repository.name.clone()));
            let touched: BTreeSet<_> = touched.collect();
            let mut used = verify::used(&self.plan.registries, &self.usage);
            used.retain(|repository, _| touched.contains(repository));
            let program = self.program;
            let listing = program
                .at_the_end(
                    self.request.stop_at,
                    verify::list(&self.places.registries, used),
                )
                .await;
            match listing {
                Some(listing) => {
                    answer.missing = verify::missing_now(&self.plan, &self.usage, &listing);
                    answer.warnings.extend(listing.failures(self.plan.registries.len() > 1).map(|(name, problem)| {
                        format!("whether every image in use is still there could not be asked for `{name}`: {problem}")
                    }));
                }
                None => {
                    answer.warnings.push(
                        "there was no time to look whether every image in use is still there"
                            .to_owned(),
                    );
                }
            }
        })
    }

    /// Writes the answer where reports go, and tells who wants to hear.
    fn publish<'b>(&'b self, answer: &'b mut Answer) -> LocalBoxFuture<'b, ()> {
        Box::pin(async move {
            let Program {
                config, clients, ..
            } = self.program;
            let stop_at = self.request.stop_at;
            if let Some(publication) = self.publication() {
                answer.report = Some(publication.address());
                let problem = match self
                    .program
                    .at_the_end(stop_at, publication.answer(answer))
                    .await
                {
                    Some(Ok(())) => None,
                    Some(Err(problem)) => Some(problem),
                    None => Some("there was no time".to_owned()),
                };
                if let Some(problem) = problem {
                    answer.report = None;
                    answer
                        .warnings
                        .push(format!("the report could not be written: {problem}"));
                }
            }
            if let Some(topic) = &config.notify {
                let problem = match self
                    .program
                    .at_the_end(stop_at, report::notify(clients, topic, answer))
                    .await
                {
                    Some(Ok(())) => return,
                    Some(Err(error)) => error.to_string(),
                    None => "there was no time".to_owned(),
                };
                answer
                    .warnings
                    .push(format!("nobody was notified: {problem}"));
            }
        })
    }

    fn publication(&self) -> Option<Publication<'_>> {
        let location = self.program.config.report.as_ref()?;
        Some(Publication::new(
            &self.program.clients,
            location,
            &self.run_id,
        ))
    }
}
