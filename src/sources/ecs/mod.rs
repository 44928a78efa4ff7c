//! What Amazon ECS uses (U3): tasks, services with everything they may start or roll back to,
//! daemons, Express services, and task definitions.
//!
//! Read from what changes fastest to what never changes: services and tasks first, then the active
//! task definitions, so that a definition registered meanwhile is seen.

mod clusters;
mod daemons;
mod definitions;
mod describe;
mod revisions;
mod services;
mod tasks;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use futures::{FutureExt, Stream, StreamExt, TryStreamExt, future::LocalBoxFuture, stream};

use self::definitions::Definition;
use super::{Reading, Source};
use crate::{
    aws::{ApiError, Clients, Operation},
    cache::Caches,
    config::TaskDefinitions,
    evidence::{EvidenceKind, SourceError, User, Uses},
    image::Registry,
};

/// Number of clusters, or batches of one kind, that are read at once. The rate limits are what
/// bounds them.
const AT_ONCE: usize = 8;

pub(crate) struct Ecs {
    pub(crate) clients: Clients,
    pub(crate) location: Registry,
    /// Task definitions that count though nothing names them.
    pub(crate) task_definitions: TaskDefinitions,
    pub(crate) caches: Arc<Caches>,
}

/// Definitions of tasks and daemons that something names, by ARN, with who names them.
type Named = BTreeMap<(Definition, String), BTreeSet<Arc<User>>>;

/// Contents of clusters, before the things they name are looked up.
#[derive(Default)]
struct Findings {
    /// Image, digest if it is resolved, and who uses it.
    images: Vec<(Arc<User>, String, Option<String>)>,
    definitions: Named,
    // What is to be looked up, by ARN.
    deployments: BTreeMap<String, Arc<User>>,
    revisions: BTreeMap<String, Arc<User>>,
    daemon_deployments: BTreeMap<String, Arc<User>>,
    daemon_revisions: BTreeMap<String, Arc<User>>,
}

impl Findings {
    fn merge(&mut self, other: Self) {
        self.images.extend(other.images);
        for (definition, users) in other.definitions {
            self.definitions
                .entry(definition)
                .or_default()
                .extend(users);
        }
        self.deployments.extend(other.deployments);
        self.revisions.extend(other.revisions);
        self.daemon_deployments.extend(other.daemon_deployments);
        self.daemon_revisions.extend(other.daemon_revisions);
    }

    /// Adds an image. Containers that ECS itself adds have none to their name.
    fn add_image(&mut self, user: &Arc<User>, image: Option<&str>, digest: Option<&str>) {
        if let Some(image) = image {
            let digest = digest.map(ToOwned::to_owned);
            let image = (Arc::clone(user), image.to_owned(), digest);
            self.images.push(image);
        }
    }

    fn name_definition(&mut self, user: &Arc<User>, arn: Option<&str>) {
        if let Some(arn) = arn {
            let definition = (Definition::of(arn), arn.to_owned());
            let users = self.definitions.entry(definition).or_default();
            users.insert(Arc::clone(user));
        }
    }
}

impl Source for Ecs {
    fn name(&self) -> &'static str {
        "ecs"
    }

    fn location(&self) -> &Registry {
        &self.location
    }

    fn read<'a>(&'a self, uses: &'a mut Uses) -> LocalBoxFuture<'a, Result<Reading, SourceError>> {
        async {
            let mut findings = self.read_clusters().await?;
            self.read_deployments(&mut findings).await?;
            self.read_revisions(&mut findings).await?;
            self.read_daemon_deployments(&mut findings).await?;
            self.read_daemon_revisions(&mut findings).await?;
            for (user, image, digest) in &findings.images {
                add(uses, user, image, digest.as_deref())?;
            }
            self.read_definitions(findings.definitions, uses).await?;
            Ok(Reading::default())
        }
        .boxed_local()
    }
}

impl Ecs {
    fn user(&self, kind: &'static str, name: &str, cluster: Option<&str>, live: bool) -> Arc<User> {
        Arc::new(User {
            location: self.location.clone(),
            kind: kind.into(),
            name: name.to_owned(),
            cluster: cluster.map(|cluster| last_part(cluster).to_owned()),
            live,
        })
    }

    /// Reads everything in every cluster.
    async fn read_clusters(&self) -> Result<Findings, SourceError> {
        let clusters = self.clusters().await?;
        let findings = stream::iter(&clusters).map(|cluster| async move {
            let mut findings = self.services(cluster).await?;
            findings.merge(self.tasks(cluster).await?);
            findings.merge(self.daemons(cluster).await?);
            Ok::<_, SourceError>(findings)
        });
        merged(findings.buffer_unordered(AT_ONCE)).await
    }
}

async fn merged<E>(findings: impl Stream<Item = Result<Findings, E>>) -> Result<Findings, E> {
    findings
        .try_fold(Findings::default(), |mut all, more| async move {
            all.merge(more);
            Ok(all)
        })
        .await
}

fn add(
    uses: &mut Uses,
    user: &Arc<User>,
    image: &str,
    digest: Option<&str>,
) -> Result<(), SourceError> {
    uses.add(user, image, digest, EvidenceKind::Pull)
        .map_err(SourceError::reference(user))?;
    Ok(())
}

/// Returns the ARN of a revision that an answer names: without it, nobody can look it up.
fn named(operation: Operation, resource: &str, arn: Option<&str>) -> Result<String, ApiError> {
    arn.map(ToOwned::to_owned).ok_or_else(|| {
        let problem = "the answer names a revision without an ARN";
        ApiError::answer(operation, resource, problem)
    })
}

/// Adds revisions that an answer names, unless they are known already.
fn add_named<'a>(
    revisions: &mut BTreeMap<String, Arc<User>>,
    user: &Arc<User>,
    operation: Operation,
    arns: impl Iterator<Item = Option<&'a str>>,
) -> Result<(), ApiError> {
    for arn in arns {
        let arn = named(operation, &user.name, arn)?;
        revisions.entry(arn).or_insert_with(|| Arc::clone(user));
    }
    Ok(())
}

/// Returns the part of an ARN that people know: what follows the last `/`.
fn last_part(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}
