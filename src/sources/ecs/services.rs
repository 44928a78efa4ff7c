//! Services: the task definition they want, those of deployments and task sets under way, and the
//! revisions and deployments to look up.

use std::sync::Arc;

use aws_sdk_ecs::types::{ExpressGatewayContainer, ResourceManagementType, Service};
use futures::{StreamExt, stream};

use super::{
    AT_ONCE, Ecs,
    findings::{Findings, Need, add_named, merged},
};
use crate::{
    aws::{ApiError, Operation, list},
    evidence::User,
};

impl Ecs {
    /// Finds what the services of a cluster use.
    pub(super) async fn services(&self, cluster: &str) -> Result<Findings, ApiError> {
        let ecs = &self.clients.ecs;
        let request = || ecs.list_services().cluster(cluster).max_results(100);
        let arns = list!(self.clients, ListServices, cluster, request(), service_arns).await?;
        let request = |arns| {
            let request = ecs.describe_services().cluster(cluster);
            request.set_services(Some(arns)).send()
        };
        let mut findings = Findings::default();
        let mut express = Vec::new();
        self.describe(cluster, &arns, request, |arn, service| {
            let name = service.service_name().unwrap_or_default();
            let user = self.user("ECS service", name, Some(cluster), true);
            add_service(&mut findings, &user, service)?;
            if may_be_express(service) {
                express.push((user, arn.to_owned()));
            }
            Ok(())
        })
        .await?;
        let express = stream::iter(express).map(|(user, arn)| self.express_service(user, arn));
        findings.merge(merged(express.buffer_unordered(AT_ONCE)).await?);
        Ok(findings)
    }

    async fn express_service(&self, user: Arc<User>, arn: String) -> Result<Findings, ApiError> {
        const OPERATION: Operation = Operation::DescribeExpressGatewayService;
        let request = self.clients.ecs.describe_express_gateway_service();
        let request = request.service_arn(&arn).send();
        let answer = self.clients.call(OPERATION, &arn, request).await?;
        let service = answer
            .service()
            .ok_or_else(|| ApiError::answer(OPERATION, &arn, "the answer holds no service"))?;
        let mut findings = Findings::default();
        for configuration in service.active_configurations() {
            let image = configuration.primary_container();
            let image = image.map(ExpressGatewayContainer::image);
            let definition = configuration.task_definition_arn();
            findings.need_definition(&user, definition, [image]);
            findings.add_image(&user, image, None);
            let revision = configuration.service_revision_arn();
            let revision = revision.map(|arn| (Some(arn), Need::Starts));
            let revisions = &mut findings.revisions;
            add_named(revisions, &user, OPERATION, revision.into_iter())?;
        }
        Ok(findings)
    }
}

/// Returns whether a service says more about itself as an Express service. A kind that is not known
/// yet may, too.
fn may_be_express(service: &Service) -> bool {
    let kind = service.resource_management_type();
    kind.is_some_and(|kind| *kind != ResourceManagementType::Customer)
}

/// Adds everything that a service names. One that has no tasks, or is draining, still counts.
fn add_service(
    findings: &mut Findings,
    user: &Arc<User>,
    service: &Service,
) -> Result<(), ApiError> {
    findings.need_definition(user, service.task_definition(), []);
    for deployment in service.deployments() {
        findings.need_definition(user, deployment.task_definition(), []);
    }
    for task_set in service.task_sets() {
        findings.need_definition(user, task_set.task_definition(), []);
    }
    let revisions = service.current_service_revisions().iter();
    let revisions = revisions.map(|it| (it.arn(), Need::of_current(it.running_task_count())));
    let operation = Operation::DescribeServices;
    add_named(&mut findings.revisions, user, operation, revisions)?;
    if let Some(arn) = service.current_service_deployment() {
        let deployments = &mut findings.deployments;
        deployments.insert(arn.to_owned(), Arc::clone(user));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use aws_sdk_ecs::types::ServiceCurrentRevisionSummary;

    use super::*;
    use crate::image::Registry;

    #[test]
    fn a_revision_that_cannot_be_looked_up_is_an_error() {
        let location = Registry {
            account: "111111111111".parse().unwrap(),
            region: "eu-west-1".parse().unwrap(),
        };
        let user = Arc::new(User {
            location,
            kind: "ECS service".into(),
            name: "web".to_owned(),
            cluster: None,
            live: true,
            used_at: None,
        });
        let revision = ServiceCurrentRevisionSummary::builder().build();
        let service = Service::builder().current_service_revisions(revision);
        let service = service.build();
        let error = add_service(&mut Findings::default(), &user, &service).unwrap_err();
        let message =
            "`ecs:DescribeServices` for `web` failed: the answer names a revision without an ARN";
        assert_eq!(error.to_string(), message);
    }
}
