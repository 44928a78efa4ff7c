//! Service deployments and revisions: the digests that a service is pinned to, and those it would roll back to.
//!
//! When a tag moves, the service goes on to pull the digest it was deployed with, though its task definition names
//! the tag. Only the service revision says which digest that is.

use std::sync::Arc;

use aws_sdk_ecs::types::{ServiceDeployment, ServiceRevision, ServiceRevisionSummary};
use futures::{StreamExt, TryStreamExt, stream};

use super::{AT_ONCE, Ecs, Ended, Findings, check_complete, named};
use crate::aws::{ApiError, Bucket};

const BATCH: usize = 20;

impl Ecs {
    /// Adds the revisions that current deployments come from, go to, or roll back to.
    pub(super) async fn read_deployments(&self, findings: &mut Findings) -> Result<(), ApiError> {
        let arns: Vec<String> = findings.deployments.keys().cloned().collect();
        let batches =
            stream::iter(arns.chunks(BATCH)).map(|batch| self.describe_deployments(batch));
        let deployments: Vec<Vec<ServiceDeployment>> =
            batches.buffer_unordered(AT_ONCE).try_collect().await?;
        for deployment in deployments.iter().flatten() {
            let Some(user) = deployment
                .service_deployment_arn()
                .and_then(|arn| findings.deployments.get(arn))
            else {
                continue;
            };
            let sources = deployment
                .source_service_revisions()
                .iter()
                .map(ServiceRevisionSummary::arn);
            let target = deployment
                .target_service_revision()
                .map(ServiceRevisionSummary::arn);
            let rollback = deployment
                .rollback()
                .map(|rollback| rollback.service_revision_arn());
            for arn in sources.chain(target).chain(rollback) {
                let arn = named("ecs:DescribeServiceDeployments", &user.name, arn)?;
                findings
                    .revisions
                    .entry(arn)
                    .or_insert_with(|| Arc::clone(user));
            }
        }
        Ok(())
    }

    async fn describe_deployments(
        &self,
        arns: &[String],
    ) -> Result<Vec<ServiceDeployment>, ApiError> {
        const OPERATION: &str = "ecs:DescribeServiceDeployments";
        self.clients.paced(Bucket::ServiceDeployments).await;
        let request = self
            .clients
            .ecs
            .describe_service_deployments()
            .set_service_deployment_arns(Some(arns.to_vec()));
        let answer = request
            .send()
            .await
            .map_err(|error| ApiError::new(OPERATION, "", &error))?;
        let answered = answer
            .service_deployments()
            .iter()
            .map(ServiceDeployment::service_deployment_arn);
        check_complete(OPERATION, arns, answered, answer.failures(), Ended::Failure)?;
        Ok(answer.service_deployments.unwrap_or_default())
    }

    /// Adds the images of every revision, and the task definitions they were made of.
    pub(super) async fn read_revisions(&self, findings: &mut Findings) -> Result<(), ApiError> {
        let arns: Vec<String> = findings.revisions.keys().cloned().collect();
        let batches = stream::iter(arns.chunks(BATCH)).map(|batch| self.describe_revisions(batch));
        let revisions: Vec<Vec<ServiceRevision>> =
            batches.buffer_unordered(AT_ONCE).try_collect().await?;
        for revision in revisions.iter().flatten() {
            let Some(user) = revision
                .service_revision_arn()
                .and_then(|arn| findings.revisions.get(arn))
                .cloned()
            else {
                continue;
            };
            findings.name_definition(&user, revision.task_definition());
            for container in revision.container_images() {
                if let Some(image) = container.image() {
                    let digest = container.image_digest().map(ToOwned::to_owned);
                    findings
                        .images
                        .push((Arc::clone(&user), image.to_owned(), digest));
                }
            }
        }
        Ok(())
    }

    async fn describe_revisions(&self, arns: &[String]) -> Result<Vec<ServiceRevision>, ApiError> {
        const OPERATION: &str = "ecs:DescribeServiceRevisions";
        self.clients.paced(Bucket::ServiceRevisions).await;
        let request = self
            .clients
            .ecs
            .describe_service_revisions()
            .set_service_revision_arns(Some(arns.to_vec()));
        let answer = request
            .send()
            .await
            .map_err(|error| ApiError::new(OPERATION, "", &error))?;
        let answered = answer
            .service_revisions()
            .iter()
            .map(ServiceRevision::service_revision_arn);
        check_complete(OPERATION, arns, answered, answer.failures(), Ended::Failure)?;
        Ok(answer.service_revisions.unwrap_or_default())
    }
}
