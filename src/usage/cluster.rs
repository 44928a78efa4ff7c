//! What one Kubernetes cluster uses, of EKS or any other.

use std::sync::Arc;

use futures::{FutureExt, future::LocalBoxFuture};
use tokio::sync::Semaphore;

use super::{Collector, Source, SourceError};
use crate::{
    image::Registry,
    kubernetes::{Cluster, ClusterError, Context, Patience, Problem, Rule, Settings},
};

/// A cluster as a source.
pub(crate) struct ClusterSource {
    /// Which source it belongs to: `eks` or `kubernetes`.
    pub(crate) name: &'static str,
    /// Its name.
    pub(crate) cluster: String,
    /// The account and Region it belongs to, or was configured in.
    pub(crate) place: Registry,
    /// What there is to do with it.
    pub(crate) state: State,
}

/// What there is to do with a cluster.
pub(crate) enum State {
    /// It is read.
    Read(Box<Cluster>, Settings),
    /// It is not read, and that is no failure: why.
    Passed(&'static str),
    /// It cannot be read.
    Unreadable(Problem),
}

impl ClusterSource {
    /// A cluster that a context of a kubeconfig names.
    pub(crate) fn from_context(
        context: &Context<'_>,
        place: Registry,
        settings: Settings,
        patience: Patience,
        pages: &Arc<Semaphore>,
    ) -> Self {
        let state = match context.client(patience) {
            Ok(client) => {
                let cluster = Cluster {
                    name: context.name.to_owned(),
                    place: place.clone(),
                    client,
                    pages: Arc::clone(pages),
                };
                State::Read(Box::new(cluster), settings)
            }
            Err(problem) => State::Unreadable(problem),
        };
        Self {
            name: "kubernetes",
            cluster: context.name.to_owned(),
            place,
            state,
        }
    }

    /// The rights that are missing to read it.
    pub(crate) async fn missing_rights(&self) -> Result<Vec<Rule>, ClusterError> {
        match &self.state {
            State::Read(cluster, settings) => cluster.missing_rights(settings).await,
            State::Passed(_) => Ok(Vec::new()),
            State::Unreadable(problem) => Err(problem.clone().of(&self.cluster)),
        }
    }
}

impl Source for ClusterSource {
    fn name(&self) -> &'static str {
        self.name
    }

    fn place(&self) -> &Registry {
        &self.place
    }

    fn cluster(&self) -> Option<&str> {
        Some(&self.cluster)
    }

    fn read<'a>(&'a self, found: &'a mut Collector) -> LocalBoxFuture<'a, Result<(), SourceError>> {
        async move {
            match &self.state {
                State::Read(cluster, settings) => cluster.read(settings, found).await?,
                State::Passed(why) => found.add_note(*why),
                State::Unreadable(problem) => return Err(problem.clone().of(&self.cluster).into()),
            }
            Ok(())
        }
        .boxed_local()
    }
}
