//! Events: what the function is asked to do.
//!
//! An event can narrow what the configuration allows and never widen it. One that is not understood
//! is refused: a misspelt `dryrun` must not delete.

use serde_json::{Map, Value};

use crate::{
    config::{Config, Mode, nearest},
    image::TypedReferenceError,
    policy::{GlobError, RepositoryGlobs},
};

/// The fields that a person's event may have.
const FIELDS: [&str; 5] = ["mode", "repositories", "explain", "verify", "dry_run"];

/// What an event asks for.
#[derive(Debug, Clone)]
pub struct Event {
    /// The most that the run may do.
    pub mode: Mode,
    /// The only repositories to look at; `None` for all.
    pub only: Option<RepositoryGlobs>,
    /// The image to explain.
    pub explain: Option<String>,
    /// Whether to ask for every image in use, and to do nothing else.
    pub verify: bool,
}

/// Why an event is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// It is neither an object nor null.
    #[error("expected an object such as `{{\"mode\":\"plan\"}}`, got {0}")]
    Shape(&'static str),
    /// It comes from another service.
    #[error(
        "this is {0}; send a scheduled event, or one of the fields `mode`, `repositories`, `explain`, `verify`, `dry_run`"
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
    /// It has a field with a value that it cannot have.
    #[error("`{field}`: {problem}")]
    Value {
        /// The field.
        field: &'static str,
        /// What is wrong.
        problem: ValueError,
    },
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

/// What is wrong with the value of a field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// It is something else than it should be.
    #[error("expected {expected}, got {found}")]
    Unexpected {
        /// What it should be.
        expected: &'static str,
        /// What it is, as JSON.
        found: Value,
    },
    /// `verify` comes with other fields.
    #[error("verifying asks for every image in use; leave out the other fields")]
    VerifyWithOthers,
    /// `explain` comes with a mode that acts.
    #[error("explaining changes nothing; leave out `mode`")]
    ExplainWithMode,
    /// `dry_run` comes with a mode that acts.
    #[error("`true` contradicts `mode`; write `mode` alone")]
    DryRunWithMode,
    /// `dry_run` is false.
    #[error("`false` does not say what to do; write `\"mode\":\"delete\"`")]
    NoDryRun,
    /// Some globs are malformed.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Globs(Vec<GlobError>),
    /// The image to explain cannot be understood.
    #[error(transparent)]
    Image(#[from] TypedReferenceError),
}

impl ValueError {
    /// Returns the error of the event whose field has this value.
    pub(crate) const fn of(self, field: &'static str) -> EventError {
        EventError::Value {
            field,
            problem: self,
        }
    }
}

fn accepted() -> String {
    FIELDS.map(|field| format!("`{field}`")).join(", ")
}

fn hint(suggestion: Option<&str>) -> String {
    suggestion.map_or_else(String::new, |name| format!(" (did you mean `{name}`?)"))
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
        if is_scheduled(fields) {
            return Ok(Self {
                mode: config.mode,
                only: None,
                explain: None,
                verify: false,
            });
        }
        if let Some(envelope) = envelope(fields) {
            return Err(EventError::Envelope(envelope));
        }
        Self::of_person(fields, config.mode)
    }

    fn of_person(fields: &Map<String, Value>, configured: Mode) -> Result<Self, EventError> {
        let is_unknown = |field: &&String| !FIELDS.contains(&field.as_str());
        if let Some(field) = fields.keys().find(is_unknown) {
            return Err(EventError::Field {
                field: field.clone(),
                suggestion: nearest(field, &FIELDS),
            });
        }
        let verify = verify(fields)?;
        let explain = fields.get("explain").map(|value| text("explain", value));
        let explain = explain.transpose()?;
        let mode = mode(fields)?.unwrap_or(Mode::Plan);
        if explain.is_some() && mode != Mode::Plan {
            return Err(ValueError::ExplainWithMode.of("explain"));
        }
        if mode > configured {
            return Err(EventError::Widens {
                asked: mode,
                configured,
            });
        }
        let only = fields.get("repositories").map(globs).transpose()?;
        Ok(Self {
            mode,
            only,
            explain,
            verify,
        })
    }
}

/// Tells a schedule's event. `detail` is an object from a rule and a string from Scheduler, and
/// holds nothing in either.
fn is_scheduled(fields: &Map<String, Value>) -> bool {
    let text = |field: &str| fields.get(field).and_then(Value::as_str);
    text("detail-type") == Some("Scheduled Event")
        && matches!(text("source"), Some("aws.events" | "aws.scheduler"))
}

/// Returns what the event of another service is called.
fn envelope(fields: &Map<String, Value>) -> Option<String> {
    let text = |field: &str| fields.get(field).and_then(Value::as_str);
    if let (Some(source), Some(detail_type)) = (text("source"), text("detail-type")) {
        return Some(format!("the event `{detail_type}` of `{source}`"));
    }
    let name = match fields {
        _ if fields.contains_key("Records") => "a batch of records from SNS, SQS, S3 or a stream",
        _ if fields.contains_key("requestContext") => {
            "a web request, or a record of a failed invocation"
        }
        _ if fields.contains_key("awslogs") => "a batch of log lines",
        _ => return None,
    };
    Some(name.to_owned())
}

fn verify(fields: &Map<String, Value>) -> Result<bool, EventError> {
    match fields.get("verify") {
        None => Ok(false),
        Some(Value::Bool(true)) if fields.len() == 1 => Ok(true),
        Some(Value::Bool(true)) => Err(ValueError::VerifyWithOthers.of("verify")),
        Some(other) => Err(unexpected("verify", "`true`", other)),
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
        (Some(Value::Bool(true)), Some(_)) => Err(ValueError::DryRunWithMode.of("dry_run")),
        (Some(Value::Bool(false)), _) => Err(ValueError::NoDryRun.of("dry_run")),
        (Some(other), _) => Err(unexpected("dry_run", "`true`", other)),
    }
}

fn text(field: &'static str, value: &Value) -> Result<String, EventError> {
    let text = value.as_str().filter(|text| !text.is_empty());
    text.map(ToOwned::to_owned)
        .ok_or_else(|| unexpected(field, "a string", value))
}

fn globs(value: &Value) -> Result<RepositoryGlobs, EventError> {
    let field = "repositories";
    let list = value.as_array().filter(|list| !list.is_empty());
    let list = list.ok_or_else(|| unexpected(field, "a list of globs", value))?;
    let globs: Result<Vec<_>, _> = list.iter().map(|glob| text(field, glob)).collect();
    RepositoryGlobs::new(&globs?).map_err(|problems| {
        let problems = problems.into_iter().map(|(_, problem)| problem);
        ValueError::Globs(problems.collect()).of(field)
    })
}

fn unexpected(field: &'static str, expected: &'static str, found: &Value) -> EventError {
    let found = found.clone();
    ValueError::Unexpected { expected, found }.of(field)
}

#[cfg(test)]
mod tests;
