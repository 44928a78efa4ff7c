//! Why a cluster could not be read completely: which cluster, which kind, and what to do.

use std::{io, sync::Arc};

use base64::DecodeError;

use super::{
    client::ServerError, failure::Failure, helm::ReleaseError, kind::Kind, token::TokenError,
};
use crate::{evidence::SourceError, image::ReferenceError};

/// A cluster that was not read completely.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}", SourceError::from(self.clone()))]
pub(crate) struct ClusterError {
    cluster: String,
    problem: Arc<Problem>,
    advice: Option<String>,
}

/// Problem with a cluster.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    #[error(
        "it is {0}, so that what it uses cannot be read; wait until it is ACTIVE or deleted, or leave it out with `in_use.eks.clusters`"
    )]
    Status(String),
    #[error("it is not read: {0}")]
    NotRead(String),
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
        "`list` of `{what}` was refused: it does not accept who the program says it is ({message})"
    )]
    Unauthorized { what: String, message: String },
    #[error("`list` of `{kind}` was denied ({message})")]
    Denied { kind: Box<Kind>, message: String },
    #[error("`list` of `{kind}` failed: {failure}")]
    List { kind: Box<Kind>, failure: Failure },
    #[error("`list` of `{kind}` was not complete: {problem}")]
    Page { kind: Box<Kind>, problem: String },
    #[error("its API groups could not be discovered: {0}")]
    Discovery(#[from] DiscoveryError),
    /// A group of which nothing is known, which is most often that the server behind it is dead.
    #[error("the API group `{group}/{version}` does not answer{}", .error.as_ref().map(|error| format!(": {error}")).unwrap_or_default())]
    Group {
        group: String,
        version: String,
        error: Option<DiscoveryError>,
    },
    /// An object of a kind, with what an exclusion calls it if it has a name that can be read.
    #[error("{problem}")]
    InObject {
        kind: Box<Kind>,
        id: Option<String>,
        problem: Box<Self>,
    },
    #[error("its texts cannot be searched: {0}")]
    Scanner(String),
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

/// Reason for which kinds could not be discovered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DiscoveryError {
    #[error("`{0}`: {1}")]
    Failed(String, Failure),
    #[error("`{0}`: {1}")]
    Json(String, serde_json::Error),
    #[error("`/apis` answered with a `{0}`")]
    Kind(String),
    #[error("a group has no name")]
    Nameless,
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
    #[error(transparent)]
    Token(#[from] TokenError),
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

    /// Adds what to do, as a clause.
    pub(crate) fn with_advice(self, advice: Option<String>) -> Self {
        Self { advice, ..self }
    }
}

impl From<ClusterError> for SourceError {
    fn from(error: ClusterError) -> Self {
        let ClusterError {
            cluster,
            problem,
            advice,
        } = error;
        Self::Cluster {
            problem: format!("cluster `{cluster}`: {problem}"),
            advice,
        }
    }
}

impl DiscoveryError {
    /// Returns whether the server answered, so that it is the group that was asked about which is
    /// broken.
    pub(crate) const fn is_of_group(&self) -> bool {
        match self {
            Self::Failed(_, Failure::Status(status, _)) => *status != 403,
            Self::Json(..) => true,
            Self::Failed(..) | Self::Kind(_) | Self::Nameless => false,
        }
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
            advice: None,
        }
    }

    /// Returns what the failure of a list means.
    pub(crate) fn of_list(kind: &Kind, failure: Failure) -> Self {
        let kind = Box::new(kind.clone());
        match failure {
            Failure::Status(401, message) => Self::Unauthorized {
                what: kind.to_string(),
                message,
            },
            Failure::Status(403, message) => Self::Denied { kind, message },
            failure => Self::List { kind, failure },
        }
    }

    /// Returns whether the cluster answered, so that others of its kinds may be in order.
    pub(crate) fn is_of_kind(&self) -> bool {
        match self {
            Self::Denied { .. } | Self::Page { .. } | Self::Group { .. } => true,
            Self::List { failure, .. } => {
                matches!(failure, Failure::Status(..) | Failure::TooLarge)
            }
            _ => false,
        }
    }
}
