//! Clusters, in which everything else is looked for.

use super::Ecs;
use crate::aws::{ApiError, list};

/// A cluster that may hold something.
pub(super) struct Cluster {
    pub(super) arn: String,
    /// Whether it has capacity providers of its own, without which there are no daemons.
    pub(super) has_own_capacity: bool,
}

impl Ecs {
    /// Reads the clusters that exist. A deleted one is listed as inactive for a while; it was empty
    /// before it could be deleted.
    pub(super) async fn clusters(&self) -> Result<Vec<Cluster>, ApiError> {
        let ecs = &self.clients.ecs;
        let request = || ecs.list_clusters().max_results(100);
        let arns = list!(self.clients, ListClusters, "", request(), cluster_arns).await?;
        let request = |arns| ecs.describe_clusters().set_clusters(Some(arns)).send();
        let mut clusters = Vec::new();
        self.describe("", &arns, request, |arn, cluster| {
            let is_own =
                |provider: &String| !matches!(provider.as_str(), "FARGATE" | "FARGATE_SPOT");
            if cluster.status() != Some("INACTIVE") && !arn.is_empty() {
                clusters.push(Cluster {
                    arn: arn.to_owned(),
                    has_own_capacity: cluster.capacity_providers().iter().any(is_own),
                });
            }
            Ok(())
        })
        .await?;
        Ok(clusters)
    }
}
