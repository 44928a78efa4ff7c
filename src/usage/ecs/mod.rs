//! What Amazon ECS uses (U3): tasks, services with everything they may start or roll back to, daemons, Express
//! services, and task definitions.
//!
//! Read from what changes fastest to what never changes: services and tasks first, then the active task definitions,
//! so that a definition registered meanwhile is seen. The newer operations are called only where an older answer says
//! that there is something to read.

mod clusters;
mod daemons;
mod definitions;
mod revisions;
mod services;
mod tasks;

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::Arc,
};

use aws_sdk_ecs::types::Failure;
use futures::{FutureExt, Stream, StreamExt, TryStreamExt, future::LocalBoxFuture, stream};

use super::{Collector, Source, User};
use crate::{
    aws::{ApiError, Clients},
    config::TaskDefinitions,
    image::{ReferenceError, Registry},
    kubernetes::ClusterError,
    state::Caches,
};

/// How many clusters, or batches of one kind, are read at once. The pace of calls is what bounds them.
const AT_ONCE: usize = 8;

/// Amazon ECS in one account and Region.
pub struct Ecs {
    /// The clients.
    pub clients: Clients,
    /// The account and Region.
    pub place: Registry,
    /// Which task definitions count though nothing names them.
    pub task_definitions: TaskDefinitions,
    /// What is known of task definitions already.
    pub caches: Arc<Caches>,
}

/// Why a source is incomplete.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// A call failed, or its answer was not complete.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// A Kubernetes cluster could not be read completely.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// Something names an image in a way that cannot be understood.
    #[error("{user}: {error}")]
    Reference {
        /// Who names it.
        user: String,
        /// What is wrong.
        error: ReferenceError,
    },
}

/// What clusters hold, before the things it names are looked up.
#[derive(Default)]
struct Findings {
    /// Image, digest if it is resolved, and who uses it.
    images: Vec<(Arc<User>, String, Option<String>)>,
    /// Task definitions, by ARN, with who names them.
    task_definitions: BTreeMap<String, BTreeSet<Arc<User>>>,
    /// Service deployments to look up.
    deployments: BTreeMap<String, Arc<User>>,
    /// Service revisions to look up.
    revisions: BTreeMap<String, Arc<User>>,
    /// Daemon deployments to look up.
    daemon_deployments: BTreeMap<String, Arc<User>>,
    /// Daemon revisions to look up.
    daemon_revisions: BTreeMap<String, Arc<User>>,
}

impl Findings {
    fn merge(&mut self, other: Self) {
        self.images.extend(other.images);
        for (arn, users) in other.task_definitions {
            self.task_definitions.entry(arn).or_default().extend(users);
        }
        self.deployments.extend(other.deployments);
        self.revisions.extend(other.revisions);
        self.daemon_deployments.extend(other.daemon_deployments);
        self.daemon_revisions.extend(other.daemon_revisions);
    }

    fn name_definition(&mut self, user: &Arc<User>, arn: Option<&str>) {
        if let Some(arn) = arn {
            self.task_definitions
                .entry(arn.to_owned())
                .or_default()
                .insert(Arc::clone(user));
        }
    }
}

impl Source for Ecs {
    fn name(&self) -> &'static str {
        "ecs"
    }

    fn place(&self) -> &Registry {
        &self.place
    }

    fn read<'a>(&'a self, found: &'a mut Collector) -> LocalBoxFuture<'a, Result<(), SourceError>> {
        async {
            let mut findings = self.read_clusters().await?;
            self.read_deployments(&mut findings).await?;
            self.read_revisions(&mut findings).await?;
            self.read_daemon_deployments(&mut findings).await?;
            self.read_daemon_revisions(&mut findings).await?;
            for (user, image, digest) in &findings.images {
                add(found, user, image, digest.as_deref())?;
            }
            self.read_task_definitions(findings.task_definitions, found)
                .await
        }
        .boxed_local()
    }
}

impl Ecs {
    fn user(&self, kind: &'static str, name: &str, cluster: Option<&str>, live: bool) -> Arc<User> {
        let cluster = cluster.map(|cluster| last_part(cluster).to_owned());
        Arc::new(User {
            place: self.place.clone(),
            kind: kind.into(),
            name: name.to_owned(),
            cluster,
            live,
        })
    }

    /// Everything in every cluster.
    async fn read_clusters(&self) -> Result<Findings, SourceError> {
        let clusters = self.clusters().await?;
        let findings = stream::iter(&clusters).map(|cluster| async move {
            let mut findings = self.services(&cluster.arn).await?;
            findings.merge(self.tasks(&cluster.arn).await?);
            if cluster.has_own_capacity {
                findings.merge(self.daemons(&cluster.arn).await?);
            }
            Ok::<_, SourceError>(findings)
        });
        merged(findings.buffer_unordered(AT_ONCE)).await
    }
}

/// The findings of several places as one.
async fn merged<E>(findings: impl Stream<Item = Result<Findings, E>>) -> Result<Findings, E> {
    findings
        .try_fold(Findings::default(), |mut all, more| async move {
            all.merge(more);
            Ok(all)
        })
        .await
}

fn add(
    found: &mut Collector,
    user: &Arc<User>,
    image: &str,
    digest: Option<&str>,
) -> Result<(), SourceError> {
    found.add_pull(user, image, digest);
    found
        .add(user, image, digest)
        .map_err(|error| SourceError::Reference {
            user: user.to_string(),
            error,
        })
}

/// What a Describe answer says of things that are not in it: one that is called MISSING has ended meanwhile.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// That is no failure.
    Fine,
    /// That is a failure too: somebody still names it.
    Failure,
}

/// Checks that a Describe answer is about everything it was asked for (U4).
fn check_complete<'a>(
    operation: &'static str,
    asked: &[String],
    answered: impl Iterator<Item = Option<&'a str>>,
    failures: &[Failure],
    ended: Ended,
) -> Result<(), ApiError> {
    let mut open: HashSet<&str> = asked.iter().map(String::as_str).collect();
    for arn in answered.flatten() {
        open.remove(arn);
    }
    for failure in failures {
        let (arn, reason) = (
            failure.arn().unwrap_or_default(),
            failure.reason().unwrap_or("no reason given"),
        );
        if reason != "MISSING" || ended == Ended::Failure {
            let detail = failure
                .detail()
                .map(|detail| format!(" ({detail})"))
                .unwrap_or_default();
            return Err(ApiError::answer(
                operation,
                arn,
                format!("{reason}{detail}"),
            ));
        }
        open.remove(arn);
    }
    match open.iter().min() {
        None => Ok(()),
        Some(arn) => Err(ApiError::answer(
            operation,
            arn,
            "the answer does not say anything about it",
        )),
    }
}

/// The ARN of something that an answer names: without it, nobody can look it up.
fn named(operation: &'static str, resource: &str, arn: Option<&str>) -> Result<String, ApiError> {
    arn.map(ToOwned::to_owned).ok_or_else(|| {
        ApiError::answer(
            operation,
            resource,
            "the answer names a revision without an ARN",
        )
    })
}

/// The part of an ARN that people know: what follows the last `/`.
fn last_part(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}
