//! What one Kubernetes cluster uses, of EKS or any other.

use std::sync::Arc;

use futures::{FutureExt, future::LocalBoxFuture};
use tokio::sync::Semaphore;

use super::{Reading, Source};
use crate::{
    evidence::{SourceError, Uses},
    image::Registry,
    kubernetes::{Cluster, ClusterError, Context, Problem, Rule, Settings, Timeouts},
};

/// A cluster as a source.
pub(crate) struct ClusterSource {
    /// Source that it belongs to: `eks` or `kubernetes`.
    pub(crate) name: &'static str,
    /// Name of the cluster.
    pub(crate) cluster: String,
    /// Account and Region that it belongs to, or was configured in.
    pub(crate) location: Registry,
    /// Treatment.
    pub(crate) treatment: Treatment,
}

/// Treatment of a cluster.
pub(crate) enum Treatment {
    /// It is read.
    Read(Box<Cluster>, Settings),
    /// It is not read, and that is no failure: a remark.
    Skip(&'static str),
    /// It cannot be read.
    Fail(Problem),
}

impl ClusterSource {
    /// Creates the source for a context of a kubeconfig.
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
            Err(problem) => Treatment::Fail(problem),
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
            Treatment::Read(cluster, settings) => cluster.missing_permissions(settings).await,
            Treatment::Skip(_) => Ok(Vec::new()),
            Treatment::Fail(problem) => Err(problem.clone().of(&self.cluster)),
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
                Treatment::Read(cluster, settings) => cluster.read(settings, uses).await?,
                Treatment::Skip(why) => reading.note = Some((*why).to_owned()),
                Treatment::Fail(problem) => return Err(problem.clone().of(&self.cluster).into()),
            }
            Ok(reading)
        }
        .boxed_local()
    }
}
