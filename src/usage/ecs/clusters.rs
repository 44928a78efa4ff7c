//! Clusters: where to look for everything else.

use futures::{StreamExt, TryStreamExt, stream};

use super::{AT_ONCE, Ecs, Ended, check_complete};
use crate::aws::{ApiError, Bucket, all_pages};

const PAGE: i32 = 100;
const BATCH: usize = 100;

/// A cluster that may hold something.
pub(super) struct Cluster {
    /// Its ARN.
    pub(super) arn: String,
    /// Whether it has capacity providers of its own, without which there are no daemons.
    pub(super) has_own_capacity: bool,
}

impl Ecs {
    pub(super) async fn clusters(&self) -> Result<Vec<Cluster>, ApiError> {
        const OPERATION: &str = "ecs:ListClusters";
        let arns = all_pages(OPERATION, "", |token| async move {
            self.clients.paced(Bucket::Clusters).await;
            let request = self
                .clients
                .ecs
                .list_clusters()
                .max_results(PAGE)
                .set_next_token(token);
            let answer = request
                .send()
                .await
                .map_err(|error| ApiError::new(OPERATION, "", &error))?;
            Ok((answer.cluster_arns, answer.next_token))
        })
        .await?;
        let batches = stream::iter(arns.chunks(BATCH)).map(|batch| self.describe_clusters(batch));
        batches.buffer_unordered(AT_ONCE).try_concat().await
    }

    async fn describe_clusters(&self, arns: &[String]) -> Result<Vec<Cluster>, ApiError> {
        const OPERATION: &str = "ecs:DescribeClusters";
        self.clients.paced(Bucket::Clusters).await;
        let request = self
            .clients
            .ecs
            .describe_clusters()
            .set_clusters(Some(arns.to_vec()));
        let answer = request
            .send()
            .await
            .map_err(|error| ApiError::new(OPERATION, "", &error))?;
        let clusters = answer.clusters();
        let answered = clusters.iter().map(|cluster| cluster.cluster_arn());
        check_complete(OPERATION, arns, answered, answer.failures(), Ended::Fine)?;
        // A deleted cluster is listed as inactive for a while; it was empty before it could be deleted.
        let existing = clusters
            .iter()
            .filter(|cluster| cluster.status() != Some("INACTIVE"));
        Ok(existing
            .filter_map(|cluster| {
                let own =
                    |provider: &String| !matches!(provider.as_str(), "FARGATE" | "FARGATE_SPOT");
                let has_own_capacity = cluster.capacity_providers().iter().any(own);
                Some(Cluster {
                    arn: cluster.cluster_arn()?.to_owned(),
                    has_own_capacity,
                })
            })
            .collect())
    }
}
