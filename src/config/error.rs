//! What can be wrong with a configuration, and where.

use std::fmt::{self, Display, Formatter};

use thiserror::Error;

use super::path::Path;

/// Everything that is wrong with a configuration, displayed as one problem a line.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{}", lines(.0))]
pub struct ConfigError(pub(super) Vec<Problem>);

impl From<Problem> for ConfigError {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

fn lines(problems: &[Problem]) -> String {
    let lines: Vec<String> = problems.iter().map(Problem::to_string).collect();
    lines.join("\n")
}

/// One thing that is wrong: `policies[1].keep[0].newest: expected 1 or more, found 0`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Error)]
#[error("{place}: {message}")]
pub(super) struct Problem {
    pub(super) place: Place,
    pub(super) message: String,
}

impl Problem {
    pub(super) fn new(place: Place, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { place, message }
    }
}

/// Location of a problem in the document.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// An environment variable.
    Variable(&'static str),
    /// A line and a column of the document, both counted from 1.
    Position(u64, u64),
    Setting(Path),
}

impl Display for Place {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(name) => f.write_str(name),
            Self::Position(line, column) => write!(f, "line {line}, column {column}"),
            Self::Setting(path) => path.fmt(f),
        }
    }
}
