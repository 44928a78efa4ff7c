//! The Lambda function: an event in, an answer or a typed error out, metrics on stdout.

use std::{env, io::Write, time::SystemTime};

use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use crate::{
    aws::{ApiError, Clients},
    config::{Config, ConfigError},
    event::{Event, EventError},
    pipeline::{MARGIN, Program, PublishError, Request},
    report::{Metrics, SavedPlanError, Status},
};

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
            | Self::Internal(_) => "Internal",
            Self::Refused(_) | Self::SavedPlan(_) => "Refused",
            Self::InvalidConfig(_) => "InvalidConfig",
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
    let deployment =
        env::var("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_else(|_| "ecr-cleanup".to_owned());
    let mut send = |metrics: &Metrics, run_id: &str| {
        let line = metrics.line(&deployment, event.trigger, run_id, program.now().millis());
        // Metrics that cannot be written are no reason to stop.
        let _ = writeln!(stdout, "{line}");
    };
    let left = deadline.duration_since(SystemTime::now());
    let stop_at = Instant::now() + left.unwrap_or_default().saturating_sub(MARGIN);
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
