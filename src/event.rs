//! Events: what the function is asked to do.
//!
//! An event can narrow what the configuration allows and never widen it. One that is not understood
//! is refused: a misspelt `dryrun` must not delete.

mod phase;

use serde_json::{Map, Value};

use crate::{
    config::{Config, Mode, S3Objects, nearest},
    image::TypedReferenceError,
    policy::{GlobError, RepositoryGlobs},
    report::Trigger,
};

pub use phase::{Pass, PhaseEvent, PhaseFunction, PhaseFunctionError};

/// The fields that a person's event may have.
const FIELDS: [&str; 7] = [
    "mode",
    "repositories",
    "plan",
    "explain",
    "verify",
    "evidence",
    "dry_run",
];

/// Request of an event.
#[derive(Debug, Clone)]
pub struct Event {
    /// Who sent it.
    pub trigger: Trigger,
    /// The most that the run may do.
    pub mode: Mode,
    /// The only repositories to read. `None` for all.
    pub only: Option<RepositoryGlobs>,
    /// The saved plan to apply. `None` for none.
    pub plan: Option<S3Objects>,
    /// The image to explain. `None` for none.
    pub explain: Option<String>,
    /// Whether to check every image in use, and to do nothing else.
    pub verify: bool,
    /// Whether to publish what is in use, and to do nothing else.
    pub evidence: bool,
}

/// Reason for which an event is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// It is neither an object nor null.
    #[error("expected an object such as `{{\"mode\":\"plan\"}}`, got {0}")]
    Shape(&'static str),
    /// It comes from another service.
    #[error(
        "this is {0}; send a scheduled event, or one of the fields `mode`, `repositories`, `plan`, `explain`, `verify`, `evidence`, `dry_run`"
    )]
    Envelope(String),
    /// It has an unknown field.
    #[error("unknown field `{field}`; accepted are {}{}", accepted(), hint(*.suggestion))]
    Field {
        /// The field.
        field: String,
        /// The field that was probably meant.
        suggestion: Option<&'static str>,
    },
    /// A field is something else than it should be.
    #[error("`{field}`: expected {expected}, got {found}")]
    Unexpected {
        /// The field.
        field: &'static str,
        /// Expected value.
        expected: &'static str,
        /// Value that was found, as JSON.
        found: Value,
    },
    /// A phase of a distributed run is sent to a function that runs alone.
    #[error(
        "`phase`: this function has no `ECR_CLEANUP_PHASE`, and does whole runs; phases are for the functions of a state machine"
    )]
    PhaseElsewhere,
    /// Something else than a phase is sent to a function of a distributed run.
    #[error(
        "this function only does its phase of a distributed run (`ECR_CLEANUP_PHASE={0}`); send other events to a function without that"
    )]
    NoPhase(PhaseFunction),
    /// A phase is sent to the function of another one.
    #[error("`phase`: `{phase}` is not for this function (`ECR_CLEANUP_PHASE={function}`)")]
    OtherPhase {
        /// The phase.
        phase: String,
        /// The function.
        function: PhaseFunction,
    },
    /// A phase is not what it should be.
    #[error("a phase of a distributed run: {0}")]
    Phase(String),
    /// `verify` comes with other fields.
    #[error("`verify`: verifying asks for every image in use; leave out the other fields")]
    VerifyWithOthers,
    /// `evidence` comes with other fields.
    #[error("`evidence`: publishing writes everything in use; leave out the other fields")]
    EvidenceWithOthers,
    /// `evidence` is asked for, and the configuration does not say where to write it.
    #[error("`evidence`: the configuration has no `publish`, where evidence would be written")]
    NoPublish,
    /// `explain` comes with a mode that acts.
    #[error("`explain`: explaining changes nothing; leave out `mode`")]
    ExplainWithMode,
    /// A saved plan comes without a mode that acts.
    #[error("`plan`: a saved plan is for deleting; add `\"mode\":\"delete\"`")]
    PlanOnly,
    /// The image to explain cannot be understood.
    #[error("`explain`: {0}")]
    Image(#[from] TypedReferenceError),
    /// `dry_run` comes with a mode that acts.
    #[error("`dry_run`: `true` contradicts `mode`; write `mode` alone")]
    DryRunWithMode,
    /// `dry_run` is false.
    #[error("`dry_run`: `false` does not say what to do; write `\"mode\":\"delete\"`")]
    NoDryRun,
    /// Some globs are malformed.
    #[error("`repositories`: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Globs(Vec<GlobError>),
    /// It asks for more than the configuration allows.
    #[error(
        "`mode`: `{asked}` is more than the configured mode `{configured}`, and an event can only narrow; change `mode` in the configuration"
    )]
    Widens {
        /// The mode of the event.
        asked: Mode,
        /// The mode of the configuration.
        configured: Mode,
    },
}

fn accepted() -> String {
    FIELDS.map(|field| format!("`{field}`")).join(", ")
}

fn hint(suggestion: Option<&str>) -> String {
    let hint = suggestion.map(|name| format!(" (did you mean `{name}`?)"));
    hint.unwrap_or_default()
}

impl Event {
    /// Reads an event.
    ///
    /// # Errors
    /// If it is not one of the known shapes, or asks for more than the configuration allows.
    pub fn parse(event: &Value, config: &Config) -> Result<Self, EventError> {
        let fields = match event {
            Value::Null => &Map::new(),
            Value::Object(fields) => fields,
            Value::Bool(_) => return Err(EventError::Shape("a boolean")),
            Value::Number(_) => return Err(EventError::Shape("a number")),
            Value::String(_) => return Err(EventError::Shape("a string")),
            Value::Array(_) => return Err(EventError::Shape("a list")),
        };
        let text = |field: &str| fields.get(field).and_then(Value::as_str);
        let envelope = match (text("detail-type"), text("source")) {
            // `detail` is an object from a rule and a string from Scheduler, and holds nothing in
            // either.
            (Some("Scheduled Event"), Some("aws.events" | "aws.scheduler")) => {
                return Ok(Self {
                    trigger: Trigger::Scheduled,
                    mode: config.mode,
                    only: None,
                    plan: None,
                    explain: None,
                    verify: false,
                    evidence: false,
                });
            }
            (Some(detail_type), Some(source)) => {
                Some(format!("the event `{detail_type}` of `{source}`"))
            }
            _ => envelope(fields).map(ToOwned::to_owned),
        };
        match envelope {
            Some(envelope) => Err(EventError::Envelope(envelope)),
            None => Self::of_person(fields, config),
        }
    }

    fn of_person(fields: &Map<String, Value>, config: &Config) -> Result<Self, EventError> {
        if fields.contains_key("phase") {
            return Err(EventError::PhaseElsewhere);
        }
        let configured = config.mode;
        let is_unknown = |field: &&String| !FIELDS.contains(&field.as_str());
        if let Some(field) = fields.keys().find(is_unknown) {
            return Err(EventError::Field {
                field: field.clone(),
                suggestion: nearest(field, &FIELDS),
            });
        }
        let verify = alone(fields, "verify", EventError::VerifyWithOthers)?;
        let evidence = alone(fields, "evidence", EventError::EvidenceWithOthers)?;
        if evidence && config.publish.is_none() {
            return Err(EventError::NoPublish);
        }
        let explain = fields.get("explain");
        let explain = explain.map(|value| text("explain", value)).transpose()?;
        let mode = mode(fields)?.unwrap_or(Mode::Plan);
        if explain.is_some() && mode != Mode::Plan {
            return Err(EventError::ExplainWithMode);
        }
        if mode > configured {
            return Err(EventError::Widens {
                asked: mode,
                configured,
            });
        }
        let plan = fields.get("plan").map(object).transpose()?;
        if plan.is_some() && mode == Mode::Plan {
            return Err(EventError::PlanOnly);
        }
        let only = fields.get("repositories").map(globs).transpose()?;
        Ok(Self {
            trigger: Trigger::Manual,
            mode,
            only,
            plan,
            explain,
            verify,
            evidence,
        })
    }
}

/// Returns what the event of a service is called. `None` if it seems to be that of a person.
fn envelope(fields: &Map<String, Value>) -> Option<&'static str> {
    let envelopes = [
        (
            "Records",
            "a batch of records from SNS, SQS, S3 or a stream",
        ),
        (
            "requestContext",
            "a web request, or a record of a failed invocation",
        ),
        ("awslogs", "a batch of log lines"),
    ];
    let mut known = envelopes.into_iter();
    known.find_map(|(field, name)| fields.contains_key(field).then_some(name))
}

/// Returns whether an event asks for something that is all it may ask for.
fn alone(
    fields: &Map<String, Value>,
    field: &'static str,
    with_others: EventError,
) -> Result<bool, EventError> {
    match fields.get(field) {
        None => Ok(false),
        Some(Value::Bool(true)) if fields.len() == 1 => Ok(true),
        Some(Value::Bool(true)) => Err(with_others),
        Some(other) => Err(unexpected(field, "`true`", other)),
    }
}

fn mode(fields: &Map<String, Value>) -> Result<Option<Mode>, EventError> {
    let asked = fields.get("mode").map(|mode| {
        let known = mode.as_str().and_then(|name| name.parse().ok());
        known.ok_or_else(|| unexpected("mode", "`plan`, `archive` or `delete`", mode))
    });
    match (fields.get("dry_run"), asked.transpose()?) {
        (None, asked) => Ok(asked),
        (Some(Value::Bool(true)), None | Some(Mode::Plan)) => Ok(Some(Mode::Plan)),
        (Some(Value::Bool(true)), Some(_)) => Err(EventError::DryRunWithMode),
        (Some(Value::Bool(false)), _) => Err(EventError::NoDryRun),
        (Some(other), _) => Err(unexpected("dry_run", "`true`", other)),
    }
}

fn text(field: &'static str, value: &Value) -> Result<String, EventError> {
    let text = value.as_str().filter(|text| !text.is_empty());
    text.map(ToOwned::to_owned)
        .ok_or_else(|| unexpected(field, "a string", value))
}

fn object(value: &Value) -> Result<S3Objects, EventError> {
    let object = value.as_str().and_then(|text| S3Objects::one(text).ok());
    object.ok_or_else(|| unexpected("plan", "`s3://BUCKET/KEY`", value))
}

fn globs(value: &Value) -> Result<RepositoryGlobs, EventError> {
    let field = "repositories";
    let list = value.as_array().filter(|list| !list.is_empty());
    let list = list.ok_or_else(|| unexpected(field, "a list of globs", value))?;
    let globs: Result<Vec<_>, _> = list.iter().map(|glob| text(field, glob)).collect();
    RepositoryGlobs::new(&globs?).map_err(|problems| {
        let problems = problems.into_iter().map(|(_, problem)| problem);
        EventError::Globs(problems.collect())
    })
}

fn unexpected(field: &'static str, expected: &'static str, found: &Value) -> EventError {
    EventError::Unexpected {
        field,
        expected,
        found: found.clone(),
    }
}

#[cfg(test)]
mod tests;
