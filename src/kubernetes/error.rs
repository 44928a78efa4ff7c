//! Why a cluster could not be read completely: which cluster, which kind, and what to do.

use std::{io, sync::Arc};

use base64::DecodeError;

use super::{
    client::{Failure, ServerError},
    helm::ReleaseError,
    kind::Kind,
};
use crate::{
    evidence::SourceError,
    image::{ReferenceError, escaped},
};

/// A cluster that was not read completely.
#[derive(Debug, Clone, thiserror::Error)]
#[error("cluster `{cluster}`: {}", escaped(&problem.to_string()))]
pub(crate) struct ClusterError {
    cluster: String,
    problem: Arc<Problem>,
}

/// Problem with a cluster.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    #[error(
        "it is {0}, so that what it uses cannot be read; wait until it is ACTIVE or deleted, or leave it out with `in_use.eks.clusters`"
    )]
    Status(String),
    #[error("EKS gave no {0}")]
    Incomplete(&'static str),
    /// It is on an Outpost, whose tokens are made otherwise.
    #[error(
        "it is a local cluster on an Outpost, which is not supported: leave it out with `in_use.eks.clusters`, and keep what it uses otherwise"
    )]
    Outpost,
    #[error("no AWS credentials are configured")]
    NoCredentials,
    #[error(transparent)]
    Server(#[from] ServerError),
    #[error(
        "`list` of `{kind}` was refused: it does not accept who the program says it is ({message}); give the program's role an access entry: `aws eks create-access-entry --cluster-name {cluster} --principal-arn ROLE_ARN --type STANDARD --kubernetes-groups ecr-cleanup:readers`, or check the token of the kubeconfig"
    )]
    Unauthorized {
        kind: String,
        cluster: String,
        message: String,
    },
    #[error("`list` of `{kind}` was denied ({message}); grant `list` on `{}` (`apiGroups: [\"{}\"]`) in all namespaces", .kind.plural, .kind.group)]
    Denied { kind: Kind, message: String },
    #[error("`list` of `{kind}` failed: {failure}")]
    List { kind: String, failure: Failure },
    #[error("`list` of `{kind}` was not complete: {problem}")]
    Page { kind: String, problem: String },
    #[error("its API groups could not be discovered: {0}")]
    Discovery(String),
    /// An object that does not look as its kind does.
    #[error("{object} cannot be understood: {problem}")]
    Object {
        object: String,
        problem: serde_json::Error,
    },
    /// An object that names an image in a way that cannot be understood (U2).
    #[error("{object}: {error}")]
    Reference {
        object: String,
        error: ReferenceError,
    },
    #[error("Helm release `{release}` cannot be read: {error}")]
    Release {
        release: String,
        error: ReleaseError,
    },
    #[error(
        "it has no pods and no deployments at all, which is more often a wrong cluster than the truth; if it may be empty, add it to `in_use.eks.allow_empty`"
    )]
    Empty,
    /// The configuration names it, and there is no such cluster.
    #[error(
        "`in_use.eks.clusters` names it, and there is no such cluster here: correct the name or remove it"
    )]
    Unknown,
    #[error("kubeconfig `{file}`: {error}")]
    Kubeconfig {
        file: String,
        error: KubeconfigError,
    },
}

/// Reason for which a context cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KubeconfigError {
    #[error("`{file}` cannot be read: {error}")]
    Unreadable { file: String, error: io::Error },
    #[error("it is not text")]
    NotText,
    /// The message of the parser would quote the file, which holds secrets.
    #[error("it is not the YAML of a kubeconfig")]
    NotYaml,
    #[error("there is no {what} `{name}`")]
    Missing { what: &'static str, name: String },
    #[error("`insecure-skip-tls-verify` is not supported: write `certificate-authority-data`")]
    Insecure,
    #[error("`tls-server-name` and `proxy-url` are not supported")]
    NameOrProxy,
    #[error("cluster `{0}` has no `certificate-authority-data`")]
    NoAuthority(String),
    #[error("bad base64: {0}")]
    Base64(#[from] DecodeError),
    #[error("the token file is not text")]
    TokenNotText,
    #[error(
        "user `{0}` has neither `token`, `tokenFile` nor `client-certificate-data`, and nothing else is supported (`exec` neither)"
    )]
    NoCredentials(String),
}

impl ClusterError {
    /// Makes the error for a cluster that the configuration names and that does not exist.
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
            problem: Arc::new(self),
        }
    }

    /// Returns what the failure of a list means.
    pub(crate) fn of_list(kind: &Kind, cluster: &str, failure: Failure) -> Self {
        match failure {
            Failure::Status(401, message) => Self::Unauthorized {
                kind: kind.to_string(),
                cluster: cluster.to_owned(),
                message,
            },
            Failure::Status(403, message) => Self::Denied {
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
