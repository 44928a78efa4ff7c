//! Events: what somebody asks the function to do (SPEC 2.2).
//!
//! An event can narrow what the configuration allows and never widen it, and one that is not understood is refused:
//! a misspelt `dryrun` must not delete.

use serde_json::{Map, Value};

use crate::{
    config::{Config, Mode},
    policy::RepositoryGlobs,
};

/// The fields that a person's event may have.
const FIELDS: [&str; 5] = ["mode", "repositories", "explain", "verify", "dry_run"];

/// What an event asks for.
#[derive(Debug, Clone)]
pub struct Event {
    /// What to do.
    pub mode: Mode,
    /// The only repositories to look at; none: all.
    pub only: Option<RepositoryGlobs>,
    /// The image to explain.
    pub explain: Option<String>,
    /// Whether to ask for every image in use, and nothing else.
    pub verify: bool,
    /// Who asks.
    pub trigger: Trigger,
}

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// An EventBridge rule or EventBridge Scheduler.
    Schedule,
    /// A person, or a program of theirs.
    Person,
}

/// An event that is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// It is neither an object nor null.
    #[error("expected an object such as `{{\"mode\":\"plan\"}}`, got {0}")]
    Shape(&'static str),
    /// It comes from a service that has nothing to say here.
    #[error(
        "this is {0}; send a scheduled event, or one of the fields `mode`, `repositories`, `explain`, `verify`, `dry_run`"
    )]
    Envelope(String),
    /// A field that is not known.
    #[error("unknown field `{field}`; accepted are {}{}", accepted(), suggestion.map(|name| format!(" (did you mean `{name}`?)")).unwrap_or_default())]
    Field {
        /// The field.
        field: String,
        /// What may have been meant.
        suggestion: Option<&'static str>,
    },
    /// A field with a value that it cannot have.
    #[error("`{field}`: {problem}")]
    Value {
        /// The field.
        field: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// More than the configuration allows.
    #[error(
        "`mode`: `{asked}` is more than the configured mode `{configured}`, and an event can only narrow; change `mode` in the configuration"
    )]
    Widens {
        /// What the event asks for.
        asked: &'static str,
        /// What the configuration allows.
        configured: &'static str,
    },
}

fn accepted() -> String {
    FIELDS.map(|field| format!("`{field}`")).join(", ")
}

const fn mode_name(mode: Mode) -> &'static str {
    match mode {
        Mode::Plan => "plan",
        Mode::Archive => "archive",
        Mode::Delete => "delete",
    }
}

impl Event {
    /// Reads an event.
    ///
    /// # Errors
    /// Where it is not one of the known shapes, or asks for more than the configuration allows.
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
                trigger: Trigger::Schedule,
            });
        }
        if let Some(envelope) = envelope(fields) {
            return Err(EventError::Envelope(envelope));
        }
        if let Some(field) = fields
            .keys()
            .find(|field| !FIELDS.contains(&field.as_str()))
        {
            return Err(EventError::Field {
                field: field.clone(),
                suggestion: suggestion(field),
            });
        }
        let verify = match fields.get("verify") {
            None => false,
            Some(Value::Bool(true)) if fields.len() == 1 => true,
            Some(Value::Bool(true)) => {
                let problem =
                    "verifying asks for every image in use; leave out the other fields".to_owned();
                return Err(EventError::Value {
                    field: "verify",
                    problem,
                });
            }
            Some(other) => {
                return Err(EventError::Value {
                    field: "verify",
                    problem: format!("expected `true`, got {other}"),
                });
            }
        };
        let explain = fields
            .get("explain")
            .map(|value| text("explain", value))
            .transpose()?;
        let mode = mode(fields)?.unwrap_or(Mode::Plan);
        if explain.is_some() && mode != Mode::Plan {
            return Err(EventError::Value {
                field: "explain",
                problem: "explaining changes nothing; leave out `mode`".to_owned(),
            });
        }
        if mode > config.mode {
            let (asked, configured) = (mode_name(mode), mode_name(config.mode));
            return Err(EventError::Widens { asked, configured });
        }
        let only = fields.get("repositories").map(globs).transpose()?;
        Ok(Self {
            mode,
            only,
            explain,
            verify,
            trigger: Trigger::Person,
        })
    }
}

/// A schedule's event: `detail` is an object from a rule and a string from Scheduler, and says nothing in either.
fn is_scheduled(fields: &Map<String, Value>) -> bool {
    let is = |field: &str, values: &[&str]| {
        fields
            .get(field)
            .and_then(Value::as_str)
            .is_some_and(|value| values.contains(&value))
    };
    is("detail-type", &["Scheduled Event"]) && is("source", &["aws.events", "aws.scheduler"])
}

/// What another service's event is called.
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

fn mode(fields: &Map<String, Value>) -> Result<Option<Mode>, EventError> {
    let value = |field, problem: &str| EventError::Value {
        field,
        problem: problem.to_owned(),
    };
    let asked = match fields.get("mode") {
        None => None,
        Some(mode) => match mode.as_str() {
            Some("plan") => Some(Mode::Plan),
            Some("archive") => Some(Mode::Archive),
            Some("delete") => Some(Mode::Delete),
            _ => {
                return Err(value(
                    "mode",
                    &format!("expected `plan`, `archive` or `delete`, got {mode}"),
                ));
            }
        },
    };
    match (fields.get("dry_run"), asked) {
        (None, asked) => Ok(asked),
        (Some(Value::Bool(true)), None | Some(Mode::Plan)) => Ok(Some(Mode::Plan)),
        (Some(Value::Bool(true)), Some(_)) => Err(value(
            "dry_run",
            "`true` contradicts `mode`; write `mode` alone",
        )),
        (Some(Value::Bool(false)), _) => Err(value(
            "dry_run",
            "`false` does not say what to do; write `\"mode\":\"delete\"`",
        )),
        (Some(other), _) => Err(value("dry_run", &format!("expected `true`, got {other}"))),
    }
}

fn text(field: &'static str, value: &Value) -> Result<String, EventError> {
    let problem = || EventError::Value {
        field,
        problem: format!("expected a string, got {value}"),
    };
    value
        .as_str()
        .filter(|text| !text.is_empty())
        .map(ToOwned::to_owned)
        .ok_or_else(problem)
}

fn globs(value: &Value) -> Result<RepositoryGlobs, EventError> {
    let field = "repositories";
    let list = value.as_array().filter(|list| !list.is_empty());
    let list = list.ok_or_else(|| EventError::Value {
        field,
        problem: format!("expected a list of globs, got {value}"),
    })?;
    let globs = list
        .iter()
        .map(|glob| text(field, glob))
        .collect::<Result<Vec<_>, _>>()?;
    RepositoryGlobs::new(&globs).map_err(|problems| EventError::Value {
        field,
        problem: problems
            .into_iter()
            .map(|(_, problem)| problem)
            .collect::<Vec<_>>()
            .join("; "),
    })
}

/// The accepted field that a misspelt one is closest to in form: the same letters but for case and separators.
fn suggestion(field: &str) -> Option<&'static str> {
    let plain = |text: &str| {
        text.chars()
            .filter(char::is_ascii_alphanumeric)
            .collect::<String>()
            .to_ascii_lowercase()
    };
    let written = plain(field);
    let close = |name: &&&str| {
        let name = plain(name);
        name == written
            || (written.len() > 3 && (name.starts_with(&written) || written.starts_with(&name)))
    };
    FIELDS.iter().find(close).copied()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(event: &Value, configured: &str) -> Result<Event, EventError> {
        Event::parse(
            event,
            &Config::parse(&format!("mode: {configured}")).unwrap(),
        )
    }

    #[test]
    fn schedules_run_the_configured_mode() {
        for (source, detail) in [("aws.events", json!({})), ("aws.scheduler", json!("{}"))] {
            let event = json!({"version": "0", "detail-type": "Scheduled Event", "source": source, "detail": detail});
            for (configured, mode) in [("plan", Mode::Plan), ("delete", Mode::Delete)] {
                let event = parse(&event, configured).unwrap();
                assert_eq!((event.mode, event.trigger), (mode, Trigger::Schedule));
            }
        }
    }

    #[test]
    fn an_empty_event_only_plans() {
        for event in [
            json!({}),
            Value::Null,
            json!({"repositories": ["a/*"]}),
            json!({"dry_run": true}),
        ] {
            assert_eq!(parse(&event, "delete").unwrap().mode, Mode::Plan, "{event}");
        }
    }

    #[test]
    fn an_event_narrows_and_never_widens() {
        assert_eq!(
            parse(&json!({"mode": "delete"}), "delete").unwrap().mode,
            Mode::Delete
        );
        assert_eq!(
            parse(&json!({"mode": "plan"}), "delete").unwrap().mode,
            Mode::Plan
        );
        let error = parse(&json!({"mode": "delete"}), "plan").unwrap_err();
        assert_eq!(
            error,
            EventError::Widens {
                asked: "delete",
                configured: "plan"
            }
        );
        let only = parse(&json!({"repositories": ["team/*"]}), "plan")
            .unwrap()
            .only
            .unwrap();
        assert!(
            only.matches("team/app") && !only.matches("team/app/api") && !only.matches("other")
        );
    }

    #[test]
    fn what_is_not_understood_is_refused_in_words() {
        for (event, message) in [
            (
                json!({"key1": "value1"}),
                "unknown field `key1`; accepted are `mode`, `repositories`, `explain`, `verify`, `dry_run`",
            ),
            (
                json!({"dryrun": true}),
                "unknown field `dryrun`; accepted are `mode`, `repositories`, `explain`, `verify`, `dry_run` (did you mean `dry_run`?)",
            ),
            (
                json!({"Mode": "plan"}),
                "unknown field `Mode`; accepted are `mode`, `repositories`, `explain`, `verify`, `dry_run` (did you mean `mode`?)",
            ),
            (
                json!({"dry_run": false}),
                "`dry_run`: `false` does not say what to do; write `\"mode\":\"delete\"`",
            ),
            (
                json!({"dry_run": true, "mode": "delete"}),
                "`dry_run`: `true` contradicts `mode`; write `mode` alone",
            ),
            (
                json!({"dry_run": "yes"}),
                "`dry_run`: expected `true`, got \"yes\"",
            ),
            (
                json!({"mode": "purge"}),
                "`mode`: expected `plan`, `archive` or `delete`, got \"purge\"",
            ),
            (
                json!({"repositories": []}),
                "`repositories`: expected a list of globs, got []",
            ),
            (
                json!({"repositories": "a"}),
                "`repositories`: expected a list of globs, got \"a\"",
            ),
            (
                json!({"repositories": [1]}),
                "`repositories`: expected a string, got 1",
            ),
            (json!({"explain": 5}), "`explain`: expected a string, got 5"),
            (
                json!({"explain": "a:1", "mode": "delete"}),
                "`explain`: explaining changes nothing; leave out `mode`",
            ),
            (
                json!({"verify": false}),
                "`verify`: expected `true`, got false",
            ),
            (
                json!({"verify": true, "mode": "delete"}),
                "`verify`: verifying asks for every image in use; leave out the other fields",
            ),
            (
                json!([]),
                "expected an object such as `{\"mode\":\"plan\"}`, got a list",
            ),
            (
                json!({"Records": []}),
                "this is a batch of records from SNS, SQS, S3 or a stream; send a scheduled event, or one of the fields `mode`, `repositories`, `explain`, `verify`, `dry_run`",
            ),
            (
                json!({"source": "aws.ecr", "detail-type": "ECR Image Action", "detail": {}}),
                "this is the event `ECR Image Action` of `aws.ecr`; send a scheduled event, or one of the fields `mode`, `repositories`, `explain`, `verify`, `dry_run`",
            ),
        ] {
            assert_eq!(parse(&event, "delete").unwrap_err().to_string(), message);
        }
        assert!(parse(&json!({"repositories": ["[z-a]"]}), "plan").is_err());
    }
}
