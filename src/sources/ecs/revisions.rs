//! Service deployments and revisions: the digests that a service is pinned to, and those it would
//! roll back to.
//!
//! When a tag moves, the service still pulls the digest it was deployed with, though its task
//! definition names the tag. Only the service revision says which digest that is.

use aws_sdk_ecs::types::{ServiceDeploymentStatus, ServiceRevisionSummary};

use super::{
    Ecs,
    findings::{Findings, Need, add_named, add_sources},
};
use crate::aws::{ApiError, Operation};

impl Ecs {
    /// Adds the revisions that current deployments come from, lead to, or roll back to.
    pub(super) async fn read_deployments(&self, findings: &mut Findings) -> Result<(), ApiError> {
        const OPERATION: Operation = Operation::DescribeServiceDeployments;
        let deployments = std::mem::take(&mut findings.deployments);
        let arns: Vec<String> = deployments.keys().cloned().collect();
        let request = |arns| {
            let request = self.clients.ecs.describe_service_deployments();
            request.set_service_deployment_arns(Some(arns)).send()
        };
        let missing = self.describe("", &arns, request, |arn, deployment| {
            let Some(user) = deployments.get(arn) else {
                return Ok(());
            };
            let status = deployment.status().map(ServiceDeploymentStatus::as_str);
            let sources = deployment.source_service_revisions().iter();
            let sources = sources.map(|it| it.arn());
            let ended_at = deployment.finished_at();
            let revisions = &mut findings.revisions;
            add_sources(revisions, (user, OPERATION), (status, ended_at), sources)?;
            let target = deployment.target_service_revision();
            let target = target.map(ServiceRevisionSummary::arn);
            let rollback = deployment.rollback().map(|it| it.service_revision_arn());
            let started = target.into_iter().chain(rollback);
            let named = started.map(|arn| (arn, Need::Starts));
            add_named(&mut findings.revisions, user, OPERATION, named)
        });
        for arn in missing.await? {
            if let Some(user) = deployments.get(&arn) {
                findings.forget_deployment(OPERATION, &arn, user)?;
            }
        }
        Ok(())
    }

    /// Adds the images of every revision, and the task definitions they were made of.
    pub(super) async fn read_revisions(&self, findings: &mut Findings) -> Result<(), ApiError> {
        let revisions = std::mem::take(&mut findings.revisions);
        let arns: Vec<String> = revisions.keys().cloned().collect();
        let request = |arns| {
            let request = self.clients.ecs.describe_service_revisions();
            request.set_service_revision_arns(Some(arns)).send()
        };
        let missing = self.describe("", &arns, request, |arn, described| {
            if let Some(revision) = revisions.get(arn) {
                let images = described.container_images().iter();
                let images = images.map(|it| (it.image(), it.image_digest())).collect();
                findings.add_revision(revision, described.task_definition(), images);
            }
            Ok(())
        });
        for arn in missing.await? {
            if let Some(revision) = revisions.get(&arn) {
                findings.forget(Operation::DescribeServiceRevisions, &arn, revision)?;
            }
        }
        Ok(())
    }
}
