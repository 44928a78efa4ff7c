//! Daemons, which ECS runs once on every instance of a cluster's own capacity: they are in no list of services or
//! task definitions.

use std::sync::Arc;

use aws_sdk_ecs::types::{DaemonDeployment, DaemonDeploymentRevisionDetail, DaemonRevision};
use futures::{StreamExt, TryStreamExt, stream};

use super::{AT_ONCE, Ecs, Ended, Findings, check_complete, last_part, named};
use crate::aws::{ApiError, Bucket, all_pages};

const PAGE: i32 = 100;
const BATCH: usize = 20;

impl Ecs {
    /// The revisions and the deployments of a cluster's daemons.
    pub(super) async fn daemons(&self, cluster: &str) -> Result<Findings, ApiError> {
        const OPERATION: &str = "ecs:ListDaemons";
        let daemons = all_pages(OPERATION, cluster, |token| async move {
            self.clients.paced(Bucket::OtherEcs).await;
            let request = self
                .clients
                .ecs
                .list_daemons()
                .cluster_arn(cluster)
                .max_results(PAGE)
                .set_next_token(token);
            let answer = request
                .send()
                .await
                .map_err(|error| ApiError::new(OPERATION, cluster, &error))?;
            Ok((answer.daemon_summaries_list, answer.next_token))
        })
        .await?;
        let mut findings = Findings::default();
        for daemon in daemons {
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
        const OPERATION: &str = "ecs:DescribeDaemon";
        self.clients.paced(Bucket::OtherEcs).await;
        let request = self.clients.ecs.describe_daemon().daemon_arn(arn);
        let answer = request
            .send()
            .await
            .map_err(|error| ApiError::new(OPERATION, arn, &error))?;
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
        let batches =
            stream::iter(arns.chunks(BATCH)).map(|batch| self.describe_daemon_deployments(batch));
        let deployments: Vec<Vec<DaemonDeployment>> =
            batches.buffer_unordered(AT_ONCE).try_collect().await?;
        for deployment in deployments.iter().flatten() {
            let user = deployment
                .daemon_deployment_arn()
                .and_then(|arn| findings.daemon_deployments.get(arn));
            let Some(user) = user else { continue };
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
            for arn in sources.chain(target).chain(rollback) {
                let arn = named("ecs:DescribeDaemonDeployments", &user.name, arn)?;
                findings
                    .daemon_revisions
                    .entry(arn)
                    .or_insert_with(|| Arc::clone(user));
            }
        }
        Ok(())
    }

    async fn describe_daemon_deployments(
        &self,
        arns: &[String],
    ) -> Result<Vec<DaemonDeployment>, ApiError> {
        const OPERATION: &str = "ecs:DescribeDaemonDeployments";
        self.clients.paced(Bucket::OtherEcs).await;
        let request = self
            .clients
            .ecs
            .describe_daemon_deployments()
            .set_daemon_deployment_arns(Some(arns.to_vec()));
        let answer = request
            .send()
            .await
            .map_err(|error| ApiError::new(OPERATION, "", &error))?;
        let answered = answer
            .daemon_deployments()
            .iter()
            .map(DaemonDeployment::daemon_deployment_arn);
        check_complete(OPERATION, arns, answered, answer.failures(), Ended::Failure)?;
        Ok(answer.daemon_deployments.unwrap_or_default())
    }

    /// Adds the images of every daemon revision.
    pub(super) async fn read_daemon_revisions(
        &self,
        findings: &mut Findings,
    ) -> Result<(), ApiError> {
        let arns: Vec<String> = findings.daemon_revisions.keys().cloned().collect();
        let batches =
            stream::iter(arns.chunks(BATCH)).map(|batch| self.describe_daemon_revisions(batch));
        let revisions: Vec<Vec<DaemonRevision>> =
            batches.buffer_unordered(AT_ONCE).try_collect().await?;
        for revision in revisions.iter().flatten() {
            let user = revision
                .daemon_revision_arn()
                .and_then(|arn| findings.daemon_revisions.get(arn));
            let Some(user) = user else { continue };
            for container in revision.container_images() {
                if let Some(image) = container.image() {
                    let digest = container.image_digest().map(ToOwned::to_owned);
                    findings
                        .images
                        .push((Arc::clone(user), image.to_owned(), digest));
                }
            }
        }
        Ok(())
    }

    async fn describe_daemon_revisions(
        &self,
        arns: &[String],
    ) -> Result<Vec<DaemonRevision>, ApiError> {
        const OPERATION: &str = "ecs:DescribeDaemonRevisions";
        self.clients.paced(Bucket::OtherEcs).await;
        let request = self
            .clients
            .ecs
            .describe_daemon_revisions()
            .set_daemon_revision_arns(Some(arns.to_vec()));
        let answer = request
            .send()
            .await
            .map_err(|error| ApiError::new(OPERATION, "", &error))?;
        let answered = answer
            .daemon_revisions()
            .iter()
            .map(DaemonRevision::daemon_revision_arn);
        check_complete(OPERATION, arns, answered, answer.failures(), Ended::Failure)?;
        Ok(answer.daemon_revisions.unwrap_or_default())
    }
}
