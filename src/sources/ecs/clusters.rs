//! Clusters, in which everything else is looked for.

use futures::TryStreamExt;

use super::Ecs;
use crate::aws::{ApiError, Operation};

const PAGE: i32 = 100;

/// A cluster that may hold something.
pub(super) struct Cluster {
    pub(super) arn: String,
    /// Whether it has capacity providers of its own, without which there are no daemons.
    pub(super) has_own_capacity: bool,
}

impl Ecs {
    /// Reads the clusters.
    pub(super) async fn clusters(&self) -> Result<Vec<Cluster>, ApiError> {
        let ecs = &self.clients.ecs;
        let request = |token| {
            let request = ecs.list_clusters().max_results(PAGE);
            request.set_next_token(token).send()
        };
        let arns = self
            .clients
            .list(Operation::ListClusters, "", request, |answer| {
                (answer.cluster_arns, answer.next_token)
            })
            .await?;
        let request = |arns| ecs.describe_clusters().set_clusters(Some(arns)).send();
        let clusters: Vec<Vec<_>> = self.describe_all("", &arns, request).try_collect().await?;
        Ok(clusters.iter().flatten().filter_map(existing).collect())
    }
}

/// Returns a cluster that exists. A deleted one is listed as inactive for a while; it was empty
/// before it could be deleted.
fn existing(cluster: &aws_sdk_ecs::types::Cluster) -> Option<Cluster> {
    if cluster.status() == Some("INACTIVE") {
        return None;
    }
    let is_own = |provider: &String| !matches!(provider.as_str(), "FARGATE" | "FARGATE_SPOT");
    Some(Cluster {
        arn: cluster.cluster_arn()?.to_owned(),
        has_own_capacity: cluster.capacity_providers().iter().any(is_own),
    })
}
