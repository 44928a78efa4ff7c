//! Why a cluster could not be read completely: which cluster, which kind, and what to do.

use super::{
    client::{Failure, ServerError},
    kind::Kind,
    kubeconfig::KubeconfigError,
};
use crate::{evidence::SourceError, image::ReferenceError};

/// A cluster that was not read completely.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cluster `{cluster}`: {problem}")]
pub struct ClusterError {
    /// The cluster.
    pub(crate) cluster: String,
    /// What is wrong.
    pub(crate) problem: Box<Problem>,
}

/// What is wrong with a cluster.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Problem {
    /// It is in a state in which nobody can say what runs there.
    #[error(
        "it is {0}, so that what it uses cannot be read; wait until it is ACTIVE or gone, or leave it out with `in_use.eks.clusters`"
    )]
    Status(String),
    /// Something is missing without which it cannot be reached.
    #[error("EKS gave no {0}")]
    Incomplete(&'static str),
    /// It is on an Outpost, whose tokens are made otherwise.
    #[error(
        "it is a local cluster on an Outpost, which is not supported: leave it out with `in_use.eks.clusters`, and keep what it uses otherwise"
    )]
    Outpost,
    /// There are no credentials to sign with.
    #[error("no AWS credentials are configured")]
    NoCredentials,
    /// It cannot be reached as it was described.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// It does not know the program.
    #[error(
        "`list` of `{kind}` was refused: it does not accept who the program says it is ({message}); {advice}"
    )]
    Unauthorized {
        /// What was asked for.
        kind: String,
        /// What it said.
        message: String,
        /// What to do.
        advice: String,
    },
    /// It knows the program, and does not let it read a kind.
    #[error("`list` of `{kind}` was denied ({message}); grant `list` on `{}` (`apiGroups: [\"{}\"]`) in all namespaces", .kind.plural, .kind.group)]
    Denied {
        /// What was asked for.
        kind: Kind,
        /// What it said.
        message: String,
    },
    /// A list that failed.
    #[error("`list` of `{kind}` failed: {failure}")]
    List {
        /// What was asked for.
        kind: String,
        /// What went wrong.
        failure: Failure,
    },
    /// A list that came, but not whole.
    #[error("`list` of `{kind}` was not complete: {problem}")]
    Page {
        /// What was asked for.
        kind: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The API could not say what there is.
    #[error("its API groups could not be discovered: {0}")]
    Discovery(String),
    /// An object that does not look as its kind does.
    #[error("{object} cannot be understood: {problem}")]
    Object {
        /// Which one.
        object: String,
        /// What is wrong with it.
        problem: String,
    },
    /// An object that names an image in a way that cannot be understood (U2).
    #[error("{object}: {error}")]
    Reference {
        /// Which one.
        object: String,
        /// What is wrong.
        error: ReferenceError,
    },
    /// A stored release that cannot be read.
    #[error("Helm release `{release}` cannot be read: {problem}")]
    Release {
        /// Where it is stored.
        release: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Nothing is there.
    #[error(
        "it has no pods and no deployments at all, which is more often a wrong cluster than the truth; if it may be empty, add it to `in_use.eks.allow_empty`"
    )]
    Empty,
    /// The configuration names it, and there is no such cluster.
    #[error(
        "`in_use.eks.clusters` names it, and there is no such cluster here: correct the name or remove it"
    )]
    Unknown,
    /// The file that describes it is of no use.
    #[error(transparent)]
    Kubeconfig(#[from] KubeconfigError),
}

impl ClusterError {
    /// Creates the error for a cluster that the configuration names and that does not exist.
    pub(crate) fn unknown(cluster: &str) -> Self {
        Problem::Unknown.of(cluster)
    }
}

impl From<ClusterError> for SourceError {
    fn from(error: ClusterError) -> Self {
        Self::Cluster(error.to_string())
    }
}

impl Problem {
    /// Returns a conversion of the error of a reference in this object.
    pub(crate) fn reference(object: &impl ToString) -> impl Fn(ReferenceError) -> Self {
        |error| Self::Reference {
            object: object.to_string(),
            error,
        }
    }

    /// Returns the error of a cluster.
    pub(crate) fn of(self, cluster: &str) -> ClusterError {
        ClusterError {
            cluster: cluster.to_owned(),
            problem: Box::new(self),
        }
    }

    /// What a failed list means.
    pub(crate) fn of_list(kind: &Kind, cluster: &str, failure: Failure) -> Self {
        match failure {
            Failure::Status {
                status: 401,
                message,
            } => Self::Unauthorized {
                kind: kind.to_string(),
                message,
                advice: format!(
                    "give the program's role an access entry: `aws eks create-access-entry --cluster-name {cluster} --principal-arn ROLE_ARN --type STANDARD --kubernetes-groups ecr-cleanup:readers`, or check the token of the kubeconfig"
                ),
            },
            Failure::Status {
                status: 403,
                message,
            } => Self::Denied {
                kind: kind.clone(),
                message,
            },
            failure => Self::List {
                kind: kind.to_string(),
                failure,
            },
        }
    }
}
