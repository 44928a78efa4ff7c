//! Service deployments and revisions: the digests that a service is pinned to, and those it would
//! roll back to.
//!
//! When a tag moves, the service goes on to pull the digest it was deployed with, though its task
//! definition names the tag. Only the service revision says which digest that is.

use std::pin::pin;

use aws_sdk_ecs::types::{ServiceDeployment, ServiceRevisionSummary};
use futures::TryStreamExt;

use super::{Ecs, Findings, add_named};
use crate::aws::{ApiError, Operation};

impl Ecs {
    /// Adds the revisions that current deployments come from, go to, or roll back to.
    pub(super) async fn read_deployments(&self, findings: &mut Findings) -> Result<(), ApiError> {
        let arns: Vec<String> = findings.deployments.keys().cloned().collect();
        let mut batches = pin!(self.describe_all("", &arns, |arns| {
            let request = self.clients.ecs.describe_service_deployments();
            request.set_service_deployment_arns(Some(arns)).send()
        }));
        while let Some(deployments) = batches.try_next().await? {
            for deployment in &deployments {
                add_revisions(findings, deployment)?;
            }
        }
        Ok(())
    }

    /// Adds the images of every revision, and the task definitions they were made of.
    pub(super) async fn read_revisions(&self, findings: &mut Findings) -> Result<(), ApiError> {
        let arns: Vec<String> = findings.revisions.keys().cloned().collect();
        let mut batches = pin!(self.describe_all("", &arns, |arns| {
            let request = self.clients.ecs.describe_service_revisions();
            request.set_service_revision_arns(Some(arns)).send()
        }));
        while let Some(revisions) = batches.try_next().await? {
            for revision in &revisions {
                let user = revision
                    .service_revision_arn()
                    .and_then(|arn| findings.revisions.get(arn));
                let Some(user) = user.cloned() else { continue };
                findings.name_definition(&user, revision.task_definition());
                for container in revision.container_images() {
                    findings.add_image(&user, container.image(), container.image_digest());
                }
            }
        }
        Ok(())
    }
}

fn add_revisions(findings: &mut Findings, deployment: &ServiceDeployment) -> Result<(), ApiError> {
    let user = deployment
        .service_deployment_arn()
        .and_then(|arn| findings.deployments.get(arn));
    let Some(user) = user else { return Ok(()) };
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
    let named = sources.chain(target).chain(rollback);
    let operation = Operation::DescribeServiceDeployments;
    add_named(&mut findings.revisions, user, operation, named)
}
