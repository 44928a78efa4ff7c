//! Daemons, which ECS runs once on every instance of a cluster's own capacity: they are in no list
//! of services or task definitions. An endpoint that does not know their operations has none.

use aws_sdk_ecs::{
    config::Builder,
    operation::{
        list_daemon_task_definitions::ListDaemonTaskDefinitionsOutput,
        list_daemons::ListDaemonsOutput,
    },
    types::{
        DaemonDeploymentRevisionDetail, DaemonDeploymentStatus, DaemonTaskDefinition,
        DaemonTaskDefinitionStatusFilter,
    },
};
use aws_smithy_types::retry::RetryConfig;

use super::{
    Ecs,
    findings::{Findings, Need, add_named, add_sources},
    last_part,
};
use crate::aws::{ApiError, Cause, Operation};

impl Ecs {
    /// Finds the revisions and the deployments of a cluster's daemons.
    pub(super) async fn daemons(&self, cluster: &str) -> Result<Findings, ApiError> {
        const OPERATION: Operation = Operation::ListDaemons;
        let request = |token| {
            let request = self.clients.ecs.list_daemons().cluster_arn(cluster);
            let request = request.max_results(100).set_next_token(token);
            request.customize().config_override(self.impatient()).send()
        };
        let page = |answer: ListDaemonsOutput| (answer.daemon_summaries_list, answer.next_token);
        let daemons = self.clients.list(OPERATION, cluster, request, page).await;
        let mut findings = Findings::default();
        for daemon in none_if_unknown(daemons)? {
            let arn = daemon
                .daemon_arn
                .ok_or_else(|| ApiError::answer(OPERATION, cluster, "a daemon has no ARN"))?;
            self.describe_daemon(&mut findings, cluster, &arn).await?;
        }
        Ok(findings)
    }

    /// Lists the ARNs of all ACTIVE daemon task definitions.
    pub(super) async fn active_daemon_definitions(&self) -> Result<Vec<String>, ApiError> {
        const OPERATION: Operation = Operation::ListDaemonTaskDefinitions;
        let request = |token| {
            let request = self.clients.ecs.list_daemon_task_definitions();
            let request = request.status(DaemonTaskDefinitionStatusFilter::Active);
            let request = request.max_results(100).set_next_token(token);
            request.customize().config_override(self.impatient()).send()
        };
        let page = |answer: ListDaemonTaskDefinitionsOutput| {
            (answer.daemon_task_definitions, answer.next_token)
        };
        let definitions = self.clients.list(OPERATION, "", request, page).await;
        none_if_unknown(definitions)?
            .into_iter()
            .map(|definition| {
                let unnamed = || ApiError::answer(OPERATION, "", "a definition has no ARN");
                definition.arn.ok_or_else(unnamed)
            })
            .collect()
    }

    /// Reads the images of all containers of a daemon task definition; `None` for one without.
    pub(super) async fn describe_daemon_definition(
        &self,
        arn: &str,
    ) -> Result<Vec<Option<String>>, ApiError> {
        const OPERATION: Operation = Operation::DescribeDaemonTaskDefinition;
        let request = self.clients.ecs.describe_daemon_task_definition();
        let request = request.daemon_task_definition(arn).send();
        let answer = self.clients.call(OPERATION, arn, request).await?;
        let containers = answer.daemon_task_definition();
        let containers = containers.map(DaemonTaskDefinition::container_definitions);
        let images = containers.unwrap_or_default().iter().map(|container| {
            let image = container.image().to_owned();
            Some(image).filter(|image| !image.is_empty())
        });
        Ok(images.collect())
    }

    /// Returns the settings of calls that an endpoint may not know: one such answers them like a
    /// service that fails for a moment.
    fn impatient(&self) -> Builder {
        const ATTEMPTS: u32 = 3;
        let retries = self.clients.ecs.config().retry_config().cloned();
        let retries = retries.unwrap_or_else(RetryConfig::standard);
        let attempts = retries.max_attempts().min(ATTEMPTS);
        Builder::new().retry_config(retries.with_max_attempts(attempts))
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
        let revisions = daemon.current_revisions().iter();
        let revisions = revisions.map(|it| (it.arn(), Need::of_current(it.total_running_count())));
        add_named(&mut findings.daemon_revisions, &user, OPERATION, revisions)?;
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
        const OPERATION: Operation = Operation::DescribeDaemonDeployments;
        let deployments = std::mem::take(&mut findings.daemon_deployments);
        let arns: Vec<String> = deployments.keys().cloned().collect();
        let request = |arns| {
            let request = self.clients.ecs.describe_daemon_deployments();
            request.set_daemon_deployment_arns(Some(arns)).send()
        };
        let missing = self.describe("", &arns, request, |arn, deployment| {
            let Some(user) = deployments.get(arn) else {
                return Ok(());
            };
            let status = deployment.status().map(DaemonDeploymentStatus::as_str);
            let sources = deployment.source_daemon_revisions().iter();
            let sources = sources.map(|it| it.arn());
            let revisions = &mut findings.daemon_revisions;
            let ended_at = deployment.finished_at();
            add_sources(revisions, (user, OPERATION), (status, ended_at), sources)?;
            let target = deployment.target_daemon_revision();
            let target = target.map(DaemonDeploymentRevisionDetail::arn);
            let rollback = deployment.rollback();
            let rollback = rollback.map(|it| it.rollback_target_daemon_revision_arn());
            let started = target.into_iter().chain(rollback);
            let named = started.map(|arn| (arn, Need::Starts));
            add_named(&mut findings.daemon_revisions, user, OPERATION, named)
        });
        for arn in missing.await? {
            if let Some(user) = deployments.get(&arn) {
                findings.forget_deployment(OPERATION, &arn, user)?;
            }
        }
        Ok(())
    }

    /// Adds the images of every daemon revision, and the definitions they were made of.
    pub(super) async fn read_daemon_revisions(
        &self,
        findings: &mut Findings,
    ) -> Result<(), ApiError> {
        let revisions = std::mem::take(&mut findings.daemon_revisions);
        let arns: Vec<String> = revisions.keys().cloned().collect();
        let request = |arns| {
            let request = self.clients.ecs.describe_daemon_revisions();
            request.set_daemon_revision_arns(Some(arns)).send()
        };
        let missing = self.describe("", &arns, request, |arn, described| {
            if let Some(revision) = revisions.get(arn) {
                let images = described.container_images().iter();
                let images = images.map(|it| (it.image(), it.image_digest())).collect();
                let definition = described.daemon_task_definition_arn();
                findings.add_revision(revision, definition, images);
            }
            Ok(())
        });
        for arn in missing.await? {
            if let Some(revision) = revisions.get(&arn) {
                findings.forget(Operation::DescribeDaemonRevisions, &arn, revision)?;
            }
        }
        Ok(())
    }
}

/// Returns nothing of an endpoint that does not know daemons.
fn none_if_unknown<T>(listed: Result<Vec<T>, ApiError>) -> Result<Vec<T>, ApiError> {
    match listed {
        Err(error) if error.cause == Cause::UnknownOperation => Ok(Vec::new()),
        listed => listed,
    }
}
