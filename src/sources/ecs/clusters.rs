//! Clusters, in which everything else is looked for.

use super::Ecs;
use crate::aws::{ApiError, list};

impl Ecs {
    /// Returns the ARNs of the clusters that may hold something. A deleted one is listed as inactive for a while; it was empty
    /// before it could be deleted.
    pub(super) async fn clusters(&self) -> Result<Vec<String>, ApiError> {
        let ecs = &self.clients.ecs;
        let request = || ecs.list_clusters().max_results(100);
        let arns = list!(self.clients, ListClusters, "", request(), cluster_arns).await?;
        let request = |arns| ecs.describe_clusters().set_clusters(Some(arns)).send();
        let mut clusters = Vec::new();
        self.describe("", &arns, request, |arn, cluster| {
            if cluster.status() != Some("INACTIVE") && !arn.is_empty() {
                clusters.push(arn.to_owned());
            }
            Ok(())
        })
        .await?;
        Ok(clusters)
    }
}
