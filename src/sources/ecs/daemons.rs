//! Daemons, which ECS runs once on every instance of a cluster's own capacity: they are in no list
//! of services or task definitions.

use std::{pin::pin, sync::Arc};

use aws_sdk_ecs::types::{DaemonDeployment, DaemonDeploymentRevisionDetail};
use futures::TryStreamExt;

use super::{Ecs, Findings, add_named, last_part, named};
use crate::aws::{ApiError, Operation};

const PAGE: i32 = 100;

impl Ecs {
    /// Finds the revisions and the deployments of a cluster's daemons.
    pub(super) async fn daemons(&self, cluster: &str) -> Result<Findings, ApiError> {
        const OPERATION: Operation = Operation::ListDaemons;
        let request = |token| {
            let request = self.clients.ecs.list_daemons().cluster_arn(cluster);
            request.max_results(PAGE).set_next_token(token).send()
        };
        let daemons = self.clients.list(OPERATION, cluster, request, |answer| {
            (answer.daemon_summaries_list, answer.next_token)
        });
        let mut findings = Findings::default();
        for daemon in daemons.await? {
            let arn = daemon
                .daemon_arn
                .ok_or_else(|| ApiError::answer(OPERATION, cluster, "a daemon has no ARN"))?;
            self.describe_daemon(&mut findings, cluster, &arn).await?;
        }
        Ok(findings)
    }

    async fn describe_daemon(
        &self,
        findings: &mut Findings,
        cluster: &str,
        arn: &str,
    ) -> Result<(), ApiError> {
        const OPERATION: Operation = Operation::DescribeDaemon;
        let request = self.clients.ecs.describe_daemon().daemon_arn(arn).send();
        let answer = self.clients.call(OPERATION, arn, request).await?;
        let daemon = answer
            .daemon()
            .ok_or_else(|| ApiError::answer(OPERATION, arn, "the answer holds no daemon"))?;
        let user = self.user("ECS daemon", last_part(arn), Some(cluster), true);
        for revision in daemon.current_revisions() {
            let arn = named(OPERATION, &user.name, revision.arn())?;
            findings.daemon_revisions.insert(arn, Arc::clone(&user));
        }
        if let Some(deployment) = daemon.deployment_arn() {
            findings
                .daemon_deployments
                .insert(deployment.to_owned(), user);
        }
        Ok(())
    }

    /// Adds the revisions that daemon deployments come from, go to, or roll back to.
    pub(super) async fn read_daemon_deployments(
        &self,
        findings: &mut Findings,
    ) -> Result<(), ApiError> {
        let arns: Vec<String> = findings.daemon_deployments.keys().cloned().collect();
        let mut batches = pin!(self.describe_all("", &arns, |arns| {
            let request = self.clients.ecs.describe_daemon_deployments();
            request.set_daemon_deployment_arns(Some(arns)).send()
        }));
        while let Some(deployments) = batches.try_next().await? {
            for deployment in &deployments {
                add_revisions(findings, deployment)?;
            }
        }
        Ok(())
    }

    /// Adds the images of every daemon revision.
    pub(super) async fn read_daemon_revisions(
        &self,
        findings: &mut Findings,
    ) -> Result<(), ApiError> {
        let arns: Vec<String> = findings.daemon_revisions.keys().cloned().collect();
        let mut batches = pin!(self.describe_all("", &arns, |arns| {
            let request = self.clients.ecs.describe_daemon_revisions();
            request.set_daemon_revision_arns(Some(arns)).send()
        }));
        while let Some(revisions) = batches.try_next().await? {
            for revision in &revisions {
                let user = revision
                    .daemon_revision_arn()
                    .and_then(|arn| findings.daemon_revisions.get(arn));
                let Some(user) = user.cloned() else { continue };
                for container in revision.container_images() {
                    findings.add_image(&user, container.image(), container.image_digest());
                }
            }
        }
        Ok(())
    }
}

fn add_revisions(findings: &mut Findings, deployment: &DaemonDeployment) -> Result<(), ApiError> {
    let user = deployment
        .daemon_deployment_arn()
        .and_then(|arn| findings.daemon_deployments.get(arn));
    let Some(user) = user else { return Ok(()) };
    let sources = deployment
        .source_daemon_revisions()
        .iter()
        .map(DaemonDeploymentRevisionDetail::arn);
    let target = deployment
        .target_daemon_revision()
        .map(DaemonDeploymentRevisionDetail::arn);
    let rollback = deployment
        .rollback()
        .map(|rollback| rollback.rollback_target_daemon_revision_arn());
    let named = sources.chain(target).chain(rollback);
    let operation = Operation::DescribeDaemonDeployments;
    add_named(&mut findings.daemon_revisions, user, operation, named)
}
