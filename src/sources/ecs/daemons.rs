//! Daemons, which ECS runs once on every instance of a cluster's own capacity: they are in no list
//! of services or task definitions.

use std::sync::Arc;

use aws_sdk_ecs::types::DaemonDeploymentRevisionDetail;

use super::{Ecs, Findings, add_named, last_part, named};
use crate::aws::{ApiError, Operation, list};

impl Ecs {
    /// Finds the revisions and the deployments of a cluster's daemons.
    pub(super) async fn daemons(&self, cluster: &str) -> Result<Findings, ApiError> {
        let request = || {
            let request = self.clients.ecs.list_daemons().cluster_arn(cluster);
            request.max_results(100)
        };
        let daemons = list!(
            self.clients,
            ListDaemons,
            cluster,
            request(),
            daemon_summaries_list
        );
        let mut findings = Findings::default();
        for daemon in daemons.await? {
            let arn = daemon.daemon_arn.ok_or_else(|| {
                ApiError::answer(Operation::ListDaemons, cluster, "a daemon has no ARN")
            })?;
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
            let deployments = &mut findings.daemon_deployments;
            deployments.insert(deployment.to_owned(), user);
        }
        Ok(())
    }

    /// Adds the revisions that daemon deployments come from, lead to, or roll back to.
    pub(super) async fn read_daemon_deployments(
        &self,
        findings: &mut Findings,
    ) -> Result<(), ApiError> {
        let arns: Vec<String> = findings.daemon_deployments.keys().cloned().collect();
        let request = |arns| {
            let request = self.clients.ecs.describe_daemon_deployments();
            request.set_daemon_deployment_arns(Some(arns)).send()
        };
        self.describe("", &arns, request, |arn, deployment| {
            let Some(user) = findings.daemon_deployments.get(arn) else {
                return Ok(());
            };
            let sources = deployment.source_daemon_revisions().iter();
            let target = deployment.target_daemon_revision();
            let revisions = sources
                .chain(target)
                .map(DaemonDeploymentRevisionDetail::arn);
            let rollback = deployment.rollback();
            let rollback = rollback.map(|it| it.rollback_target_daemon_revision_arn());
            let operation = Operation::DescribeDaemonDeployments;
            let named = revisions.chain(rollback);
            add_named(&mut findings.daemon_revisions, user, operation, named)
        })
        .await
    }

    /// Adds the images of every daemon revision.
    pub(super) async fn read_daemon_revisions(
        &self,
        findings: &mut Findings,
    ) -> Result<(), ApiError> {
        let arns: Vec<String> = findings.daemon_revisions.keys().cloned().collect();
        let request = |arns| {
            let request = self.clients.ecs.describe_daemon_revisions();
            request.set_daemon_revision_arns(Some(arns)).send()
        };
        self.describe("", &arns, request, |arn, revision| {
            if let Some(user) = findings.daemon_revisions.get(arn).cloned() {
                for container in revision.container_images() {
                    findings.add_image(&user, container.image(), container.image_digest());
                }
            }
            Ok(())
        })
        .await
    }
}
