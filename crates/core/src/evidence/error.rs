//! Errors of sources.

use super::Gap;
use crate::image::{ReferenceError, escaped};

/// Reason for which a source is incomplete. The advice of a refusal follows from the variant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// The program's role lacks a permission.
    #[error("{}", escaped(.0))]
    AccessDenied(String),
    /// The role of an account cannot be assumed.
    #[error("{}", escaped(.0))]
    Unreachable(String),
    /// A Kubernetes cluster could not be read.
    #[error("{}{}", escaped(problem), and(advice.as_deref()))]
    Cluster {
        /// Problem.
        problem: String,
        /// Advice, as a clause; `None` if the problem itself says what to do.
        advice: Option<String>,
    },
    /// A call failed, or its answer is not complete.
    #[error("{}", escaped(.0))]
    Call(String),
    /// The run had no time left to read it.
    #[error("it had not answered when the time of the run was over")]
    OutOfTime,
    /// Its evidence was not delivered as it has to be.
    #[error(transparent)]
    Gap(#[from] Gap),
    /// It is not known which images are in use of some repositories, which are left alone. Everything
    /// else was read.
    #[error("{}", escaped(.0))]
    InDoubt(String),
    /// A user names an image in a way that cannot be parsed, and may be of any repository.
    #[error("{}: {}", escaped(user), escaped(&error.to_string()))]
    Reference {
        /// User.
        user: String,
        /// Error.
        error: ReferenceError,
    },
}

fn and(advice: Option<&str>) -> String {
    advice.map_or_else(String::new, |advice| format!("; {}", escaped(advice)))
}

impl SourceError {
    /// Returns the error without advice.
    #[must_use]
    pub fn problem(&self) -> String {
        match self {
            Self::Cluster { problem, .. } => escaped(problem).into_owned(),
            other => other.to_string(),
        }
    }

    /// Returns a conversion of the error of a reference that this user holds.
    pub fn reference(user: &impl ToString) -> impl Fn(ReferenceError) -> Self {
        |error| Self::Reference {
            user: user.to_string(),
            error,
        }
    }
}
