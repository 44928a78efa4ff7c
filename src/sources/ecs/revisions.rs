//! Service deployments and revisions: the digests that a service is pinned to, and those it would
//! roll back to.
//!
//! When a tag moves, the service still pulls the digest it was deployed with, though its task
//! definition names the tag. Only the service revision says which digest that is.

use aws_sdk_ecs::types::ServiceRevisionSummary;

use super::{Ecs, Findings, add_named};
use crate::aws::{ApiError, Operation};

impl Ecs {
    /// Adds the revisions that current deployments come from, lead to, or roll back to.
    pub(super) async fn read_deployments(&self, findings: &mut Findings) -> Result<(), ApiError> {
        let arns: Vec<String> = findings.deployments.keys().cloned().collect();
        let request = |arns| {
            let request = self.clients.ecs.describe_service_deployments();
            request.set_service_deployment_arns(Some(arns)).send()
        };
        self.describe("", &arns, request, |arn, deployment| {
            let Some(user) = findings.deployments.get(arn) else {
                return Ok(());
            };
            let sources = deployment.source_service_revisions().iter();
            let target = deployment.target_service_revision();
            let revisions = sources.chain(target).map(ServiceRevisionSummary::arn);
            let rollback = deployment.rollback().map(|it| it.service_revision_arn());
            let operation = Operation::DescribeServiceDeployments;
            let named = revisions.chain(rollback);
            add_named(&mut findings.revisions, user, operation, named)
        })
        .await
    }

    /// Adds the images of every revision, and the task definitions they were made of.
    pub(super) async fn read_revisions(&self, findings: &mut Findings) -> Result<(), ApiError> {
        let arns: Vec<String> = findings.revisions.keys().cloned().collect();
        let request = |arns| {
            let request = self.clients.ecs.describe_service_revisions();
            request.set_service_revision_arns(Some(arns)).send()
        };
        self.describe("", &arns, request, |arn, revision| {
            if let Some(user) = findings.revisions.get(arn).cloned() {
                findings.name_definition(&user, revision.task_definition());
                for container in revision.container_images() {
                    findings.add_image(&user, container.image(), container.image_digest());
                }
            }
            Ok(())
        })
        .await
    }
}
