//! The Lambda function: an event in, an answer or a typed error out, metrics on stdout.

mod phase;

use std::{env, io::Write, time::SystemTime};

use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use crate::{
    aws::{ApiError, Clients},
    config::{Config, ConfigError},
    event::{Event, EventError, PhaseFunction, PhaseFunctionError},
    pipeline::{MARGIN, PhaseError, Program, PublishError, Request},
    report::{Metrics, SavedPlanError, Status, Trigger},
};

pub use phase::handle_phase;

/// Reason for which an invocation is an error. The names of the variants are what alarms and
/// failure destinations see.
#[derive(Debug, thiserror::Error)]
pub enum FunctionError {
    /// A guard refused to let the run act.
    #[error("{0}")]
    Refused(String),
    /// The configuration cannot be used.
    #[error("{0}")]
    InvalidConfig(#[from] ConfigError),
    /// The event cannot be used.
    #[error("{0}")]
    InvalidEvent(#[from] EventError),
    /// Time ran out before `verify` had its answer.
    #[error(
        "time ran out before every image in use could be asked for, so nothing is known: give the function more time (900 seconds are the most), or use `ecr-cleanup verify`"
    )]
    OutOfTime,
    /// Evidence could not be published.
    #[error("{0}")]
    NotPublished(#[from] PublishError),
    /// The saved plan may not be applied.
    #[error("the saved plan is not applied: {0}. Nothing was deleted.")]
    SavedPlan(#[from] SavedPlanError),
    /// The environment names a phase that there is not.
    #[error("{0}")]
    InvalidPhase(#[from] PhaseFunctionError),
    /// A phase of a distributed run cannot be carried out.
    #[error("{0}")]
    Phase(#[from] PhaseError),
    /// A phase of a distributed run failed.
    #[error("{0}")]
    Failed(String),
    /// Anything else.
    #[error("{0}")]
    Internal(#[from] ApiError),
}

impl FunctionError {
    /// Returns the error's type, as Lambda reports it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::OutOfTime
            | Self::NotPublished(_)
            | Self::SavedPlan(SavedPlanError::Unread(_))
            | Self::Failed(_)
            | Self::Internal(_) => "Internal",
            Self::Phase(error) if !error.is_refusal() => "Internal",
            Self::Refused(_) | Self::SavedPlan(_) | Self::Phase(_) => "Refused",
            Self::InvalidConfig(_) | Self::InvalidPhase(_) => "InvalidConfig",
            Self::InvalidEvent(_) => "InvalidEvent",
        }
    }

    /// Logs the error, which Lambda itself shows only to who asked.
    pub fn log(&self) {
        tracing::error!(event = "run_failed", error_type = self.name(), "{self}");
    }
}

/// Handles one event. `deadline` is when Lambda ends the invocation; metrics go to `stdout`.
///
/// # Errors
/// If a run that was to act was refused, an event or a configuration cannot be used, or something
/// failed before anything was planned.
pub async fn handle(
    program: &Program,
    event: &Value,
    deadline: SystemTime,
    mut stdout: impl Write,
) -> Result<Value, FunctionError> {
    let event = Event::parse(event, program.config())?;
    let explain = event.explain.as_ref().map(|text| program.reference(text));
    let explain = explain.transpose().map_err(EventError::from)?;
    let mut send = |metrics: &Metrics, run_id: &str| {
        send(program, metrics, event.trigger, run_id, &mut stdout);
    };
    let stop_at = stop_at(deadline);
    let run = program.begin();
    if event.verify {
        send(&Metrics::started(), run.id());
        let verified = timeout_at(stop_at, program.verify_in(run)).await;
        let (verification, metrics) = verified.map_err(|_| FunctionError::OutOfTime)??;
        send(&metrics, &verification.run_id);
        return Ok(verification.to_json());
    }
    if event.evidence {
        let published = program.publish_evidence(&stop_at.into()).await?;
        return Ok(published.to_json());
    }
    let saved = match &event.plan {
        Some(object) => Some(program.saved_plan_in(object).await?),
        None => None,
    };
    let request = Request {
        mode: event.mode,
        only: event.only,
        stop_at: stop_at.into(),
        saved,
    };
    send(&Metrics::started(), run.id());
    let prepared = program.plan_in(run, request).await?;
    let explanation = explain.map(|image| prepared.explain(&image));
    let finished = prepared.finish().await;
    let mut answer = finished.answer;
    send(&finished.metrics, &answer.run_id);
    if answer.status == Status::Refused {
        return Err(FunctionError::Refused(answer.summary));
    }
    if let Some(explanation) = explanation {
        answer.summary = explanation.to_string();
        answer.explanation = Some(explanation);
    }
    Ok(answer.to_json())
}

/// Writes metrics. That they cannot be written is no reason to stop.
fn send(program: &Program, metrics: &Metrics, trigger: Trigger, run_id: &str, mut out: impl Write) {
    let deployment = env::var("AWS_LAMBDA_FUNCTION_NAME");
    let deployment = deployment.unwrap_or_else(|_| "ecr-cleanup".to_owned());
    let line = metrics.line(&deployment, trigger, run_id, program.now().millis());
    let _ = writeln!(out, "{line}");
}

/// Returns when an invocation ends by itself that Lambda ends at `deadline`.
fn stop_at(deadline: SystemTime) -> Instant {
    let left = deadline.duration_since(SystemTime::now());
    Instant::now() + left.unwrap_or_default().saturating_sub(MARGIN)
}

/// Returns which phases of a distributed run the function does; `None` if it does whole runs.
///
/// # Errors
/// If the environment names a phase that there is not.
pub fn phase_from_environment() -> Result<Option<PhaseFunction>, PhaseFunctionError> {
    let name = env::var("ECR_CLEANUP_PHASE").ok();
    let name = name.filter(|name| !name.is_empty());
    let function = name.map(|name| name.parse().map_err(|_| PhaseFunctionError(name)));
    function.transpose()
}

/// Returns the program that the environment describes.
///
/// # Errors
/// If the configuration cannot be found or used.
pub async fn program_from_environment(clients: Clients) -> Result<Program, ConfigError> {
    let variable = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
    let document = variable("ECR_CLEANUP_CONFIG");
    let pin = variable("ECR_CLEANUP_CONFIG_SHA256");
    let config = Config::load(document.as_deref(), pin.as_deref(), &clients).await?;
    Ok(Program::new(config, clients))
}
