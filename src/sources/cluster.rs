//! What one Kubernetes cluster uses, of EKS or any other.

use std::sync::Arc;

use futures::{FutureExt, future::LocalBoxFuture};
use tokio::sync::Semaphore;

use super::{Reading, Source};
use crate::{
    evidence::{SourceError, Uses},
    image::Registry,
    kubernetes::{Cluster, ClusterError, Context, Rule, Settings, Timeouts},
};

/// A cluster as a source.
pub(crate) struct ClusterSource {
    /// Source that it belongs to: `eks` or `kubernetes`.
    pub(crate) name: &'static str,
    pub(crate) cluster: String,
    /// Account and Region that it belongs to, or was configured in.
    pub(crate) location: Registry,
    pub(crate) treatment: Treatment,
}

/// Treatment of a cluster.
pub(crate) enum Treatment {
    Read(Box<Cluster>, Settings),
    /// It is not read, and that is no failure; the note says why.
    Skip(&'static str),
    Fail(ClusterError),
}

impl ClusterSource {
    /// Makes the source for a context of a kubeconfig.
    pub(crate) fn from_context(
        context: &Context<'_>,
        location: Registry,
        settings: Settings,
        timeouts: Timeouts,
        pages: &Arc<Semaphore>,
    ) -> Self {
        let treatment = match context.client(timeouts) {
            Ok(client) => {
                let cluster = Cluster {
                    name: context.name.to_owned(),
                    location: location.clone(),
                    client,
                    pages: Arc::clone(pages),
                };
                Treatment::Read(Box::new(cluster), settings)
            }
            Err(problem) => Treatment::Fail(problem.of(context.name)),
        };
        Self {
            name: "kubernetes",
            cluster: context.name.to_owned(),
            location,
            treatment,
        }
    }

    /// Returns the permissions that are missing to read it.
    pub(crate) async fn missing_permissions(&self) -> Result<Vec<Rule>, ClusterError> {
        match &self.treatment {
            Treatment::Read(cluster, settings) => {
                let missing = cluster.missing_permissions(settings).await;
                missing.map_err(|problem| problem.of(&self.cluster))
            }
            Treatment::Skip(_) => Ok(Vec::new()),
            Treatment::Fail(error) => Err(error.clone()),
        }
    }
}

impl Source for ClusterSource {
    fn name(&self) -> &'static str {
        self.name
    }

    fn location(&self) -> &Registry {
        &self.location
    }

    fn cluster(&self) -> Option<&str> {
        Some(&self.cluster)
    }

    fn read<'a>(&'a self, uses: &'a mut Uses) -> LocalBoxFuture<'a, Result<Reading, SourceError>> {
        async move {
            let mut reading = Reading::default();
            match &self.treatment {
                Treatment::Read(cluster, settings) => {
                    let read = cluster.read(settings, uses).await;
                    read.map_err(|problem| problem.of(&self.cluster))?;
                }
                Treatment::Skip(why) => reading.note = Some((*why).to_owned()),
                Treatment::Fail(error) => return Err(error.clone().into()),
            }
            Ok(reading)
        }
        .boxed_local()
    }
}
