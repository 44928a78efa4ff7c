//! Finishes a run: applies the plan, lists what is missing, reports.

use std::collections::BTreeSet;

use futures::future::LocalBoxFuture;

use super::{Finished, Planned, apply::Applied, log, sizes, verify};
use crate::{
    image::Time,
    plan::{self, Missing, RepositoryKey},
    report::{
        self, Answer, ExclusiveBytes, Extent, Metrics, Page, Publication, PublishError, Warning,
        WarningCode,
    },
    state::{Day, History, StateError},
};

impl Planned<'_> {
    /// Deletes or archives what the plan says if the mode asks for it, writes down what the next
    /// run should know, and reports.
    pub async fn finish(self) -> Finished {
        let mut applied = if self.out_of_time {
            self.save_facts().await;
            Applied {
                out_of_time: true,
                ..Applied::default()
            }
        } else {
            self.apply().await
        };
        let (missing, warnings) = self.missing(&mut applied).await;
        let mut answer = self.answer_with(self.request.mode, &applied, missing);
        let extent = Extent {
            whole: self.request.only.is_none(),
            acted: applied.outcome.is_some(),
            checked: warnings.is_empty(),
        };
        answer.warnings.extend(warnings);
        self.publish(&mut answer, &applied).await;
        log::missing(&self.run.id, &answer.missing);
        log::warnings(&self.run.id, &answer.warnings);
        let (seconds, calls) = (self.run.seconds(), self.program.calls_of(&self.run));
        let metrics = if self.out_of_time {
            Metrics::cut_short(&answer, seconds, calls)
        } else {
            Metrics::ended(&answer, extent, seconds, calls)
        };
        tracing::info!(
            event = "run_completed",
            run_id = self.run.id,
            status = %answer.status,
            images_scanned = answer.counts.images,
            images_deleted = answer.counts.deleted,
            images_archived = answer.counts.archived,
            images_failed = answer.counts.failed,
            bytes_deleted = answer.bytes.deleted,
            duration_s = seconds,
            "{}", answer.summary
        );
        // There may be many images, and this is not needed any more.
        drop((self.usage, self.state, self.caches));
        let outcome = applied.outcome.as_ref();
        let images = outcome.map(|outcome| report::handled(&self.plan, outcome));
        Finished {
            answer,
            metrics,
            images: images.unwrap_or_default(),
            usage_counts: applied.usage_counts,
        }
    }

    /// Returns the missing images and warnings of what could not be checked. The images in use of
    /// the repositories that were changed are looked up again, since some may be missing now.
    fn missing<'b>(
        &'b self,
        applied: &'b mut Applied,
    ) -> LocalBoxFuture<'b, (Vec<Missing>, Vec<Warning>)> {
        Box::pin(async move {
            let Some(outcome) = &applied.outcome else {
                return (plan::missing(&self.plan, &self.usage), Vec::new());
            };
            let looked = &mut applied.looked;
            let changed = outcome.repositories.iter().filter(|of| of.has_changes());
            let changed: BTreeSet<&RepositoryKey> = changed.map(|of| &of.repository).collect();
            let mut left = verify::named(self.plan.registries(), &self.usage);
            left.retain(|repository, _| {
                changed.contains(repository) && !looked.includes(repository)
            });
            let clients = &self.locations.registries;
            let listing = verify::list(clients, left, verify::look);
            let listing = self
                .program
                .at_the_end(&self.request.stop_at, listing)
                .await;
            let late = listing.is_none().then(|| {
                let message = "there was no time to check whether every image in use still exists";
                Warning::new(WarningCode::MissingUnchecked, message)
            });
            looked.extend(listing.unwrap_or_default());
            let missing = verify::missing_now(&self.plan, &self.usage, looked);
            let several = self.plan.registries().len() > 1;
            let failures = looked.failures(several).map(|(name, error)| {
                let message = format!(
                    "whether every image in use still exists could not be checked for `{name}`: {error}"
                );
                Warning::about(name, WarningCode::MissingUnchecked, message)
            });
            (missing, late.into_iter().chain(failures).collect())
        })
    }

    /// Writes the answer to the report, and notifies.
    fn publish<'b>(
        &'b self,
        answer: &'b mut Answer,
        applied: &'b Applied,
    ) -> LocalBoxFuture<'b, ()> {
        Box::pin(async move {
            let (program, stop_at) = (self.program, &self.request.stop_at);
            if let Some(publication) = self.publication() {
                answer.report = Some(publication.address());
                let writing = publication.answer(answer);
                let written = program.at_the_end(stop_at, writing).await;
                if let Some(problem) = problem(written) {
                    answer.report = None;
                    let message = format!("the report could not be written: {problem}");
                    answer.warn(WarningCode::ReportUnwritable, message);
                }
            }
            for recipient in &program.config.notify {
                let message = (&*answer).into();
                let sending = report::notify(&program.clients, recipient, &message);
                let sent = program.at_the_end(stop_at, sending).await;
                if let Some(problem) = problem(sent) {
                    let message = format!("a message about this run could not be sent: {problem}");
                    answer.warn(WarningCode::NotificationFailed, message);
                }
            }
            // Last, since nothing waits for it.
            if let Some(publication) = self.publication() {
                let writing = self.publish_page(&publication, answer, applied);
                let written = program.at_the_end(stop_at, writing).await;
                if let Some(problem) = problem(written) {
                    let message = format!("the report could not be written as a page: {problem}");
                    answer.warn(WarningCode::ReportUnwritable, message);
                }
            }
        })
    }

    /// Writes the report as a page, with this run in the history.
    async fn publish_page(
        &self,
        publication: &Publication<'_>,
        answer: &Answer,
        applied: &Applied,
    ) -> Result<(), PublishError> {
        let history = match &self.state {
            // What a narrowed run saw is not comparable with the others.
            Some(state) if self.request.only.is_none() && !applied.out_of_time => {
                let run = day(answer, self.plan.now());
                let stored = sizes::stored(answer);
                let added = state.add_sizes(sizes::date(self.plan.now()), &stored);
                if let Err(error) = added.await {
                    tracing::warn!(event = "facts_not_saved", "{error}");
                }
                state.add_to_history(&run).await.map(Some)
            }
            Some(state) => state.history().await.map(Some),
            None => Ok(None),
        };
        let outcome = applied.outcome.as_ref();
        let page = Page {
            outcome,
            ..self.page(answer)
        };
        publication.page(with_history(page, history)).await
    }

    /// Returns the report of the plan as an HTML page that needs nothing else.
    pub async fn html(&self, answer: &Answer, exclusive: Option<&ExclusiveBytes>) -> String {
        let history = match &self.state {
            Some(state) => state.history().await.map(Some),
            None => Ok(None),
        };
        let page = Page {
            exclusive,
            ..self.page(answer)
        };
        with_history(page, history)
    }

    fn page<'b>(&'b self, answer: &'b Answer) -> Page<'b> {
        Page {
            plan: &self.plan,
            usage: &self.usage,
            answer,
            outcome: None,
            exclusive: None,
            history: None,
        }
    }

    pub(super) fn publication(&self) -> Option<Publication<'_>> {
        Some(Publication {
            clients: &self.program.clients,
            location: self.program.config.report.as_ref()?,
            run_id: &self.run.id,
        })
    }
}

/// Returns a page with the history of earlier runs, or with a warning that says why not.
fn with_history(page: Page<'_>, history: Result<Option<History>, StateError>) -> String {
    match history {
        Ok(history) => {
            let history = history.as_ref();
            Page { history, ..page }.to_html()
        }
        Err(error) => {
            let mut answer = page.answer.clone();
            let message = format!("the history of earlier runs could not be used: {error}");
            answer.warn(WarningCode::StateUnusable, message);
            let answer = &answer;
            Page { answer, ..page }.to_html()
        }
    }
}

/// Returns a run as a day of the history: what it left, and what it deleted.
fn day(answer: &Answer, now: Time) -> Day {
    let (counts, bytes) = (answer.counts, answer.bytes);
    Day {
        images: counts.images - counts.deleted,
        bytes: bytes.scanned.saturating_sub(bytes.deleted),
        candidates: counts.candidates - counts.deleted,
        candidate_bytes: bytes.candidates.saturating_sub(bytes.deleted),
        deleted: counts.deleted,
        deleted_bytes: bytes.deleted,
        ..Day::of(now)
    }
}

/// Returns what went wrong at the end of a run, if anything; `None` in `done` is that time ran out.
fn problem<E: ToString>(done: Option<Result<(), E>>) -> Option<String> {
    match done {
        Some(done) => done.err().map(|error| error.to_string()),
        None => Some("there was no time".to_owned()),
    }
}
