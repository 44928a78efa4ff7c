//! What became of the images that were to go.

use super::Change;
use crate::{aws::ApiError, guard::Refusal, image::Registry};

/// What became of a cleared plan.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The repositories that had something to delete.
    pub repositories: Vec<RepositoryOutcome>,
    /// Doomed images that the limit on deletions left for the next run.
    pub beyond_limit: u64,
    /// Why use could not be read again, if so: nothing more was deleted from then on.
    pub usage_lost: Option<Refusal>,
}

/// What became of the doomed images of one repository, by their positions.
#[derive(Debug)]
pub struct RepositoryOutcome {
    /// The repository's position in the plan.
    pub position: usize,
    /// Deleted by this run.
    pub deleted: Vec<u32>,
    /// Archived by this run.
    pub archived: Vec<u32>,
    /// Gone already.
    pub gone: Vec<u32>,
    /// Changed since the plan, or belonging to one that did.
    pub spared: Vec<(u32, Change)>,
    /// Neither deleted nor archived, though the call was made.
    pub failed: Vec<Failure>,
    /// Why it ended before everything was tried.
    pub stopped: Option<Stop>,
}

/// An image that could not be deleted or archived.
#[derive(Debug)]
pub struct Failure {
    /// Its position.
    pub index: u32,
    /// ECR's failure code, the error code of the call, or `no_answer`.
    pub code: String,
    /// What ECR said.
    pub message: String,
}

/// Why the cleaning of a repository ended early.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// The run's time is over.
    OutOfTime,
    /// What is in use could not be read again.
    UseUnknown,
    /// The repository was deleted meanwhile.
    Vanished,
    /// A policy denies it explicitly: somebody wants to keep this repository as it is. What AWS said.
    Protected(String),
    /// Something failed in a way that may not be passed over.
    Failure {
        /// The code.
        code: String,
        /// What it said.
        message: String,
    },
}

impl RepositoryOutcome {
    pub(super) const fn new(position: usize) -> Self {
        Self {
            position,
            deleted: Vec::new(),
            archived: Vec::new(),
            gone: Vec::new(),
            spared: Vec::new(),
            failed: Vec::new(),
            stopped: None,
        }
    }
}

impl Stop {
    pub(super) fn no_clients(registry: &Registry) -> Self {
        Self::Failure {
            code: "no_clients".to_owned(),
            message: format!("nothing lets the program into {registry}"),
        }
    }

    /// An explicit denial is somebody's will; a permission that is only missing is a mistake. Source: the IAM user guide,
    /// "Access denied error message examples".
    pub(super) fn if_protected(error: &ApiError) -> Option<Self> {
        let is_explicit =
            error.is("AccessDeniedException") && error.message.contains("explicit deny");
        is_explicit.then(|| Self::Protected(error.message.clone()))
    }

    pub(super) fn from_call(error: &ApiError) -> Self {
        if error.is("RepositoryNotFoundException") {
            return Self::Vanished;
        }
        if let Some(protected) = Self::if_protected(error) {
            return protected;
        }
        let code = error.code.clone().unwrap_or_else(|| "no_answer".to_owned());
        Self::Failure {
            code,
            message: error.to_string(),
        }
    }
}
