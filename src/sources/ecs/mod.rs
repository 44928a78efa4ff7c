//! What Amazon ECS uses (U3): tasks, services with everything they may start or roll back to,
//! daemons, Express services, and task definitions.
//!
//! Read from what changes fastest to what never changes: services and tasks first, then the active
//! task definitions, so that a definition registered meanwhile is seen.

mod clusters;
mod daemons;
mod definitions;
mod describe;
mod findings;
mod recorded;
mod revisions;
mod services;
mod tasks;

use std::sync::Arc;

use futures::{FutureExt, StreamExt, future::LocalBoxFuture, stream};

use self::findings::{Findings, merged};
use super::{Reading, Source};
use crate::{
    aws::Clients,
    cache::Caches,
    config::{ConfigRecorder, TaskDefinitions},
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
    /// Whether AWS Config is asked for the text of task definitions.
    pub(crate) recorder: ConfigRecorder,
    pub(crate) caches: Arc<Caches>,
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
            let forgotten = findings.note();
            let recorded = self.read_definitions(findings, uses).await?;
            let notes: Vec<String> = forgotten.into_iter().chain(recorded).collect();
            Ok(Reading {
                note: (!notes.is_empty()).then(|| notes.join("; ")),
                ..Reading::default()
            })
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
            used_at: None,
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

/// Returns the part of an ARN that people know: what follows the last `/`.
fn last_part(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}
