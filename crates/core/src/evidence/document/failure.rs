//! Errors whose kind a document keeps, since advice depends on it.

use serde::{Deserialize, Serialize};

use super::super::SourceError;

/// An error by its kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Failure {
    AccessDenied(String),
    Unreachable(String),
    Cluster {
        problem: String,
        advice: Option<String>,
    },
}

impl Failure {
    /// Returns an error by its kind; `None` if nothing depends on that.
    pub(super) fn of(error: &SourceError) -> Option<Self> {
        match error.clone() {
            SourceError::AccessDenied(text) => Some(Self::AccessDenied(text)),
            SourceError::Unreachable(text) => Some(Self::Unreachable(text)),
            SourceError::Cluster { problem, advice } => Some(Self::Cluster { problem, advice }),
            _ => None,
        }
    }
}

impl From<Failure> for SourceError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::AccessDenied(text) => Self::AccessDenied(text),
            Failure::Unreachable(text) => Self::Unreachable(text),
            Failure::Cluster { problem, advice } => Self::Cluster { problem, advice },
        }
    }
}
