//! `finish`: what became of a run, from what its phases left behind: one answer, one set of metrics,
//! one message. It also follows a phase that failed, and a run that never began.

use serde_json::{Value, json};

use super::{
    Phase, PhaseError, RunName,
    merge::{self, Part},
};
use crate::{
    guard::UsageCounts,
    image::{Registry, Time},
    pipeline::Program,
    report::{
        self, LocationMetrics, MergedEnd, Metrics, RegistryAnswer, RunAnswer, RunEnd, Status,
        Warning, WarningCode,
    },
    state,
    stop_time::StopTime,
};

/// A distributed run that has ended.
pub struct FinishedRun {
    /// Answer.
    pub answer: Value,
    /// Metrics.
    pub metrics: Metrics,
    /// Why it failed or was refused, if so.
    pub failed: Option<String>,
    /// Whether it was refused, rather than failed.
    pub is_refused: bool,
}

/// What the phases left behind.
#[derive(Default)]
struct Left {
    /// Time at which the run began; `None` if it did not.
    began_at: Option<Time>,
    parts: Vec<Part>,
    locations: Option<LocationMetrics>,
    lines: Value,
    /// Reason for which something of it cannot be read.
    problem: Option<String>,
}

impl Program {
    /// Finishes a run, of which `error` says why a phase failed, if one did.
    ///
    /// # Errors
    /// Returns an error if there is no state, or the identity of the program cannot be determined.
    pub async fn finish_run(
        &self,
        run: &RunName,
        error: Option<&Value>,
        stop_at: &StopTime,
    ) -> Result<FinishedRun, PhaseError> {
        let phase = self.phase(run).await?;
        let left = Box::pin(phase.left()).await;
        let now = phase.now();
        let error = error.map(described).or_else(|| left.problem.clone());
        let status = merge::status(&left.parts);
        let status = status.filter(|_| error.is_none());
        let summary = merge::summary(&left.parts, error.as_deref(), left.locations.as_ref());
        let failures = left.parts.iter().filter_map(Part::failure);
        let mut failures: Vec<Value> = failures.collect();
        failures.extend(error.as_ref().map(
            |error| json!({"code": "RunFailed", "message": error, "images": 0, "repositories": []}),
        ));
        let end = RunEnd {
            run: run.to_string(),
            mode: self.config.mode,
            status,
            summary: summary.clone(),
            locations: left.lines.clone(),
            registries: left.parts.iter().map(Part::line).collect(),
            failures,
        };
        let mut answer = RunAnswer::new(end, &left.answers());
        if let Some(warning) = phase.remember(&left, status, now).await {
            answer.warn(&warning);
        }
        self.tell(&mut answer, status, stop_at).await;
        let seconds = left.began_at.map(|began| began.age(now).as_secs_f64());
        let metrics: Vec<&Metrics> = left.reports().map(|report| &report.metrics).collect();
        let end = MergedEnd {
            status,
            seconds: seconds.unwrap_or_default(),
            registries: left.parts.len(),
            locations: left.locations,
        };
        log(run, status, &answer, &summary, end.seconds);
        let is_refused = status == Some(Status::Refused);
        Ok(FinishedRun {
            metrics: Metrics::merged(&metrics, &end),
            answer: answer.to_json(),
            failed: (status.is_none() || is_refused).then_some(summary),
            is_refused,
        })
    }

    /// Tells whoever is to be told.
    async fn tell(&self, answer: &mut RunAnswer, status: Option<Status>, stop_at: &StopTime) {
        let message = answer.message(self.config.mode, status);
        for recipient in &self.config.notify {
            let sending = report::notify(&self.clients, recipient, &message);
            let problem = match self.at_the_end(stop_at, sending).await {
                Some(Ok(())) => continue,
                Some(Err(error)) => error.to_string(),
                None => "there was no time".to_owned(),
            };
            let text = format!("a message about this run could not be sent: {problem}");
            answer.warn(&Warning::new(WarningCode::NotificationFailed, text));
        }
    }
}

fn log(run: &RunName, status: Option<Status>, answer: &RunAnswer, summary: &str, seconds: f64) {
    let (counts, bytes) = (answer.counts(), answer.bytes());
    let status = status.map_or_else(|| "failed".to_owned(), |it| it.to_string());
    tracing::info!(
        event = "run_completed",
        run_id = %run,
        status,
        images_scanned = counts.images,
        images_deleted = counts.deleted,
        images_archived = counts.archived,
        images_failed = counts.failed,
        bytes_deleted = bytes.deleted,
        duration_s = seconds,
        "{summary}"
    );
}

impl Left {
    fn reports(&self) -> impl Iterator<Item = &super::turn_report::TurnReport> {
        self.parts
            .iter()
            .filter_map(|part| part.report.as_ref().ok())
    }

    fn answers(&self) -> Vec<RegistryAnswer<'_>> {
        let answers = self.parts.iter().filter_map(|part| {
            let report = part.report.as_ref().ok()?;
            Some(RegistryAnswer {
                registry: &part.registry,
                answer: &report.answer,
                deleted: report.spent.deleted,
                archived: report.spent.archived,
                bytes: report.spent.bytes,
            })
        });
        answers.collect()
    }

    /// Returns the references of each source for the next run to compare with: of each the most that
    /// a registry was cleaned by; `None` unless no guard stopped any.
    fn usage_counts(&self) -> Option<UsageCounts> {
        let mut all = UsageCounts::default();
        for part in &self.parts {
            all.include(part.report.as_ref().ok()?.usage_counts.as_ref()?);
        }
        (!self.parts.is_empty()).then_some(all)
    }
}

impl Phase<'_> {
    /// Returns what the phases left behind, as far as it can be read.
    async fn left(&self) -> Left {
        let list = match self.read_list().await {
            Ok(Some((list, _))) => list,
            Ok(None) => {
                let problem = "it never began: nothing was listed".to_owned();
                return Left {
                    problem: Some(problem),
                    ..Left::default()
                };
            }
            Err(error) => {
                return Left {
                    problem: Some(error.to_string()),
                    ..Left::default()
                };
            }
        };
        let mut left = Left {
            began_at: Some(Time::from(list.began_at)),
            ..Left::default()
        };
        match self.locations(&list).await {
            Ok(listed) => {
                let indexes = self.indexes(&listed).await;
                let metrics = merge::locations(&indexes, self.now());
                left.lines = merge::location_lines(&listed, &indexes, &metrics);
                left.locations = Some(metrics);
            }
            Err(error) => left.problem = Some(error.to_string()),
        }
        for registry in list.registries {
            left.parts.push(self.part(registry).await);
        }
        left
    }

    async fn part(&self, registry: Registry) -> Part {
        let report = match self.report(&registry).await {
            Ok(Some(report)) => Ok(report),
            Ok(None) => Err("it was not cleaned, or how that ended is not known".to_owned()),
            Err(error) => Err(error.to_string()),
        };
        Part { registry, report }
    }

    /// Writes down the references of each source, for the next run to compare with, and returns a
    /// warning if that failed.
    async fn remember(&self, left: &Left, status: Option<Status>, now: Time) -> Option<Warning> {
        status?;
        let counts = left.usage_counts()?;
        let (config, clients) = (&self.program.config, &self.program.clients);
        let location = config.state.as_ref()?;
        let name = config.use_name();
        let remembering = state::remember(clients, location, self.home(), &name, counts, now);
        let error = Box::pin(remembering).await.err()?;
        let text = format!("the references of this run could not be written down: {error}");
        Some(Warning::new(WarningCode::StateUnusable, text))
    }
}

/// Returns an error of a state machine in a line: `States.Timeout: ...`.
fn described(error: &Value) -> String {
    let part = |key: &str| error[key].as_str();
    match (part("Error"), part("Cause")) {
        (Some(name), Some(cause)) => format!("{name}: {}", report::shortened(cause, 1000)),
        (Some(name), None) => name.to_owned(),
        _ => report::shortened(&error.to_string(), 1000).into_owned(),
    }
}
