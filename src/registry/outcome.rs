//! Outcome of deleting and archiving.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::{
    aws::{ApiError, Cause},
    guard::Refusal,
    image::{Digest, Registry, escaped},
    plan::{RepositoryKey, RepositoryPlan},
};

/// Outcome of a cleared plan.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Repositories that had something to delete or archive.
    pub(crate) repositories: Vec<RepositoryOutcome>,
    /// Number of candidates that the limit on deletions left for the next run.
    pub(crate) beyond_limit: u64,
    /// Refusal to go on, if evidence that was read again did not allow it.
    pub(crate) usage_lost: Option<Refusal>,
}

/// Outcome for the candidates of one repository.
#[derive(Debug)]
pub(crate) struct RepositoryOutcome {
    pub(crate) repository: RepositoryKey,
    pub(crate) deleted: Vec<Digest>,
    pub(crate) archived: Vec<Digest>,
    pub(crate) missing: Vec<Digest>,
    /// Images that changed since the plan, or belong to one that did.
    pub(crate) skipped: Vec<(Digest, Change)>,
    /// Images that a call did not delete or archive.
    pub(crate) failed: Vec<Failure>,
    /// Images that a call without a clear answer may have deleted or archived.
    pub(super) unclear: BTreeSet<Digest>,
    /// Reason for which it ended before everything was tried.
    pub(crate) stopped: Option<Stop>,
}

/// Change of an image between the plan and the recheck.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Change {
    Tags,
    /// Its status: it was archived or restored.
    Status,
    Pulled,
    Pushed,
    /// The policy of its repository, which says who may pull.
    Policy,
}

/// An image that could not be deleted or archived.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) digest: Digest,
    pub(crate) why: CallFailure,
}

/// Failure of a call, or of one image in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CallFailure {
    /// Failure code of ECR, error code of the call, or `no_answer`.
    pub(crate) code: String,
    pub(crate) message: String,
}

/// Reason for which the cleaning of a repository ended early.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stop {
    OutOfTime,
    UsageUnknown,
    /// A person stopped deletion.
    Ordered(Refusal),
    /// The repository was deleted during the run.
    Vanished,
    /// A policy denies it explicitly: the message of AWS.
    Protected(String),
    /// A failure that is not understood well enough to go on.
    Failure(CallFailure),
}

impl RepositoryOutcome {
    pub(super) fn new(repository: &RepositoryPlan) -> Self {
        Self {
            repository: repository.key().clone(),
            deleted: Vec::new(),
            archived: Vec::new(),
            missing: Vec::new(),
            skipped: Vec::new(),
            failed: Vec::new(),
            unclear: BTreeSet::new(),
            stopped: None,
        }
    }

    /// Returns whether an image was deleted or archived.
    #[must_use]
    pub(crate) const fn has_changes(&self) -> bool {
        !self.deleted.is_empty() || !self.archived.is_empty()
    }

    /// Returns the number of images that were deleted or archived, or may have been.
    pub(super) fn deletions(&self) -> u64 {
        (self.deleted.len() + self.archived.len() + self.unclear.len()) as u64
    }

    /// Adds what became of further images of the repository.
    pub(super) fn extend(&mut self, later: Self) {
        self.deleted.extend(later.deleted);
        self.archived.extend(later.archived);
        self.missing.extend(later.missing);
        self.skipped.extend(later.skipped);
        self.failed.extend(later.failed);
        self.unclear.extend(later.unclear);
        self.stopped = self.stopped.take().or(later.stopped);
    }

    pub(super) fn fail(&mut self, digest: Digest, why: CallFailure) {
        self.failed.push(Failure { digest, why });
    }
}

impl Outcome {
    /// Returns whether a repository had another policy than the plan was made with.
    pub(crate) fn met_other_policies(&self) -> bool {
        let mut skipped = self.repositories.iter().flat_map(|of| &of.skipped);
        skipped.any(|(_, change)| *change == Change::Policy)
    }

    /// Returns why a person stopped it, if one did.
    pub(crate) fn ordered_stop(&self) -> Option<&Refusal> {
        let mut stops = self
            .repositories
            .iter()
            .filter_map(|of| of.stopped.as_ref());
        stops.find_map(|stop| match stop {
            Stop::Ordered(refusal) => Some(refusal),
            _ => None,
        })
    }
}

impl CallFailure {
    /// Code of a call that was not answered.
    const NO_ANSWER: &'static str = "no_answer";

    pub(super) fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            message: escaped(&message.into()).into_owned(),
        }
    }

    /// Returns the failure of an answer that does not say what became of an image.
    pub(super) fn no_answer(message: impl Into<String>) -> Self {
        Self::new(Self::NO_ANSWER, message)
    }

    /// Returns the failure of a call, for whose images it is counted.
    pub(super) fn of(error: ApiError) -> Self {
        let code = error.code.unwrap_or_else(|| Self::NO_ANSWER.to_owned());
        Self::new(code, error.message)
    }
}

impl From<CallFailure> for Stop {
    fn from(failure: CallFailure) -> Self {
        Self::Failure(failure)
    }
}

impl Stop {
    /// Returns whether it stops every repository.
    pub(super) const fn ends_run(&self) -> bool {
        matches!(
            self,
            Self::OutOfTime | Self::UsageUnknown | Self::Ordered(_)
        )
    }

    pub(super) fn no_clients(registry: &Registry) -> Self {
        let message = format!("nothing lets the program into {registry}");
        CallFailure::new("no_clients", message).into()
    }

    /// Returns what a failed call means. A policy that denies it explicitly protects a repository
    /// on purpose, while a permission that is only missing is a mistake.
    pub(super) fn from_call(error: &ApiError) -> Self {
        match error.cause {
            Cause::RepositoryNotFound => Self::Vanished,
            Cause::ExplicitDeny => Self::Protected(error.message.clone()),
            _ => CallFailure {
                message: error.to_string(),
                ..CallFailure::of(error.clone())
            }
            .into(),
        }
    }
}
