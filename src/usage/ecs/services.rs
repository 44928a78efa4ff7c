//! Services: the task definition they want, those of deployments and task sets under way, and the revisions and
//! deployments to look up.

use std::sync::Arc;

use aws_sdk_ecs::types::{ResourceManagementType, Service};
use futures::{StreamExt, stream};

use super::{AT_ONCE, Ecs, Ended, Findings, User, check_complete, merged, named};
use crate::aws::{ApiError, Bucket, all_pages};

const PAGE: i32 = 100;
const BATCH: usize = 10;

impl Ecs {
    pub(super) async fn services(&self, cluster: &str) -> Result<Findings, ApiError> {
        const OPERATION: &str = "ecs:ListServices";
        let arns = all_pages(OPERATION, cluster, |token| async move {
            self.clients.paced(Bucket::Services).await;
            let request = self
                .clients
                .ecs
                .list_services()
                .cluster(cluster)
                .max_results(PAGE)
                .set_next_token(token);
            let answer = request
                .send()
                .await
                .map_err(|error| ApiError::new(OPERATION, cluster, &error))?;
            Ok((answer.service_arns, answer.next_token))
        })
        .await?;
        let batches =
            stream::iter(arns.chunks(BATCH)).map(|batch| self.describe_services(cluster, batch));
        merged(batches.buffer_unordered(AT_ONCE)).await
    }

    async fn describe_services(
        &self,
        cluster: &str,
        arns: &[String],
    ) -> Result<Findings, ApiError> {
        const OPERATION: &str = "ecs:DescribeServices";
        self.clients.paced(Bucket::Services).await;
        let request = self
            .clients
            .ecs
            .describe_services()
            .cluster(cluster)
            .set_services(Some(arns.to_vec()));
        let answer = request
            .send()
            .await
            .map_err(|error| ApiError::new(OPERATION, cluster, &error))?;
        let answered = answer.services().iter().map(Service::service_arn);
        check_complete(OPERATION, arns, answered, answer.failures(), Ended::Fine)?;
        let mut findings = Findings::default();
        for service in answer.services() {
            let user = self.user(
                "ECS service",
                service.service_name().unwrap_or_default(),
                Some(cluster),
                true,
            );
            note(&mut findings, &user, service)?;
            // An Express service says more about itself; so may a kind that is not known yet.
            let customer = Some(&ResourceManagementType::Customer);
            if service.resource_management_type().is_some()
                && service.resource_management_type() != customer
            {
                self.express_service(
                    &mut findings,
                    &user,
                    service.service_arn().unwrap_or_default(),
                )
                .await?;
            }
        }
        Ok(findings)
    }

    async fn express_service(
        &self,
        findings: &mut Findings,
        user: &Arc<User>,
        arn: &str,
    ) -> Result<(), ApiError> {
        const OPERATION: &str = "ecs:DescribeExpressGatewayService";
        self.clients.paced(Bucket::OtherEcs).await;
        let request = self
            .clients
            .ecs
            .describe_express_gateway_service()
            .service_arn(arn);
        let answer = request
            .send()
            .await
            .map_err(|error| ApiError::new(OPERATION, arn, &error))?;
        let service = answer
            .service()
            .ok_or_else(|| ApiError::answer(OPERATION, arn, "the answer holds no service"))?;
        for configuration in service.active_configurations() {
            findings.name_definition(user, configuration.task_definition_arn());
            if let Some(container) = configuration.primary_container() {
                findings
                    .images
                    .push((Arc::clone(user), container.image().to_owned(), None));
            }
            if let Some(revision) = configuration.service_revision_arn() {
                findings
                    .revisions
                    .insert(revision.to_owned(), Arc::clone(user));
            }
        }
        Ok(())
    }
}

/// Everything a service names. One that has no tasks, or is draining, still counts.
fn note(findings: &mut Findings, user: &Arc<User>, service: &Service) -> Result<(), ApiError> {
    findings.name_definition(user, service.task_definition());
    for deployment in service.deployments() {
        findings.name_definition(user, deployment.task_definition());
    }
    for task_set in service.task_sets() {
        findings.name_definition(user, task_set.task_definition());
    }
    for revision in service.current_service_revisions() {
        let arn = named("ecs:DescribeServices", &user.name, revision.arn())?;
        findings.revisions.insert(arn, Arc::clone(user));
    }
    if let Some(arn) = service.current_service_deployment() {
        findings
            .deployments
            .insert(arn.to_owned(), Arc::clone(user));
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
        let place = Registry {
            account: "111111111111".parse().unwrap(),
            region: "eu-west-1".parse().unwrap(),
        };
        let user = Arc::new(User {
            place,
            kind: "ECS service".into(),
            name: "web".to_owned(),
            cluster: None,
            live: true,
        });
        let revision = ServiceCurrentRevisionSummary::builder().build();
        let service = Service::builder()
            .current_service_revisions(revision)
            .build();
        let error = note(&mut Findings::default(), &user, &service).unwrap_err();
        let message =
            "`ecs:DescribeServices` for `web` failed: the answer names a revision without an ARN";
        assert_eq!(error.to_string(), message);
    }
}
