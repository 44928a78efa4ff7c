//! Trying actions: which of those that reading takes are allowed.
//!
//! IAM decides before a service looks at what it was asked, so a call about something that does not
//! exist shows as much as one about something that does, and changes nothing. A real repository and
//! cluster are named where there are any, for policies that allow these only.

use std::error::Error;

use aws_sdk_ecr::types::ImageIdentifier;
use aws_smithy_runtime_api::{client::result::SdkError, http::Response};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::{ApiError, Cause, Clients, LambdaService, Operation};
use crate::config::InUse;

const NOTHING: &str = "ecr-cleanup-access-check";
const NO_DIGEST: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tried {
    pub(crate) action: Operation,
    pub(crate) outcome: Outcome,
}

/// Result of trying an action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    Allowed,
    Denied,
    /// Neither; the error says why.
    Unknown(ApiError),
}

impl Tried {
    /// Evaluates an action by the error of its call, if there was one.
    pub(crate) fn new(action: Operation, error: Option<&ApiError>) -> Self {
        let outcome = match error {
            None => Outcome::Allowed,
            Some(error) if error.cause.is_denied() => Outcome::Denied,
            // The service looked at what it was asked, and so IAM had allowed the call; or there is
            // nothing to allow.
            Some(error) if error.cause.is_from_request() => Outcome::Allowed,
            Some(error) => Outcome::Unknown(error.clone()),
        };
        Self { action, outcome }
    }
}

impl Cause {
    /// Returns whether the service answered, and found fault with what it was asked or does not
    /// know such a call.
    const fn is_from_request(self) -> bool {
        matches!(
            self,
            Self::RepositoryNotFound
                | Self::ImageNotFound
                | Self::PolicyNotFound
                | Self::ResourceNotFound
                | Self::ObjectNotFound
                | Self::PreconditionFailed
                | Self::StorageClassRefused
                | Self::ClientException
                | Self::UnknownOperation
                | Self::Service
        )
    }
}

/// The actions that were tried so far with some clients.
struct Trial<'a> {
    clients: &'a Clients,
    tried: Vec<Tried>,
}

impl Trial<'_> {
    /// Makes a call, records what it shows of the action, and returns its answer if there is one.
    async fn call<T, E>(
        &mut self,
        action: Operation,
        request: impl Future<Output = Result<T, SdkError<E, Response>>>,
    ) -> Option<T>
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let answer = self.clients.call(action, "", request).await;
        self.tried.push(Tried::new(action, answer.as_ref().err()));
        answer.ok()
    }
}

/// Makes calls one after the other, whatever their answers.
macro_rules! try_each {
    ($trial:ident: $($operation:ident => $request:expr;)*) => {
        $($trial.call(Operation::$operation, $request.send()).await;)*
    };
}

impl Clients {
    /// Tries every action that reading these sources takes.
    pub(crate) async fn try_sources(&self, in_use: &InUse) -> Vec<Tried> {
        let mut tried = Vec::new();
        if in_use.ecs.is_some() {
            tried.extend(self.try_ecs().await);
        }
        if in_use.eks.is_some() {
            tried.extend(self.try_eks().await);
        }
        if in_use.lambda {
            tried.extend(self.try_lambda().await);
        }
        tried
    }

    /// Tries every action that reading a registry takes, with the AWS tags of repositories if these
    /// are read.
    pub(crate) async fn try_ecr(&self, reads_tags: bool) -> Vec<Tried> {
        let mut trial = self.trial();
        let ecr = &self.ecr;
        let request = ecr.describe_repositories().max_results(1).send();
        let repositories = trial.call(Operation::DescribeRepositories, request).await;
        let first = repositories.and_then(|answer| answer.repositories?.into_iter().next());
        let arn = first.as_ref().and_then(|it| it.repository_arn.clone());
        if let Some(arn) = arn.filter(|_| reads_tags) {
            let request = ecr.list_tags_for_resource().resource_arn(arn).send();
            trial.call(Operation::ListTagsForResource, request).await;
        }
        let name = first.and_then(|it| it.repository_name);
        let name = &name.unwrap_or_else(|| NOTHING.to_owned());
        let image = ImageIdentifier::builder().image_digest(NO_DIGEST).build();
        try_each! { trial:
            DescribeImages => ecr.describe_images().repository_name(name).max_results(1);
            BatchGetImage => ecr.batch_get_image().repository_name(name).image_ids(image);
            GetRepositoryPolicy => ecr.get_repository_policy().repository_name(name);
            GetRegistryPolicy => ecr.get_registry_policy();
            DescribeRegistry => ecr.describe_registry();
            ListPullTimeUpdateExclusions => ecr.list_pull_time_update_exclusions().max_results(1);
            DescribePullThroughCacheRules => ecr.describe_pull_through_cache_rules().max_results(1);
        }
        trial.tried
    }

    async fn try_ecs(&self) -> Vec<Tried> {
        let mut trial = self.trial();
        let ecs = &self.ecs;
        let request = ecs.list_clusters().max_results(1).send();
        let clusters = trial.call(Operation::ListClusters, request).await;
        let cluster = clusters.and_then(|answer| answer.cluster_arns?.into_iter().next());
        let cluster = &cluster.unwrap_or_else(|| NOTHING.to_owned());
        try_each! { trial:
            DescribeClusters => ecs.describe_clusters().clusters(cluster);
            ListServices => ecs.list_services().cluster(cluster).max_results(1);
            DescribeServices => ecs.describe_services().cluster(cluster).services(NOTHING);
            ListTasks => ecs.list_tasks().cluster(cluster).max_results(1);
            DescribeTasks => ecs.describe_tasks().cluster(cluster).tasks(NOTHING);
            ListTaskDefinitions => ecs.list_task_definitions().max_results(1);
            DescribeTaskDefinition => ecs.describe_task_definition().task_definition(NOTHING);
            DescribeServiceDeployments =>
                ecs.describe_service_deployments().service_deployment_arns(NOTHING);
            DescribeServiceRevisions =>
                ecs.describe_service_revisions().service_revision_arns(NOTHING);
            ListDaemons => ecs.list_daemons().cluster_arn(cluster).max_results(1);
            DescribeDaemon => ecs.describe_daemon().daemon_arn(NOTHING);
            DescribeDaemonDeployments =>
                ecs.describe_daemon_deployments().daemon_deployment_arns(NOTHING);
            DescribeDaemonRevisions =>
                ecs.describe_daemon_revisions().daemon_revision_arns(NOTHING);
            ListDaemonTaskDefinitions => ecs.list_daemon_task_definitions().max_results(1);
            DescribeDaemonTaskDefinition =>
                ecs.describe_daemon_task_definition().daemon_task_definition(NOTHING);
        }
        trial.tried
    }

    async fn try_eks(&self) -> Vec<Tried> {
        let mut trial = self.trial();
        let request = self.eks.list_clusters().max_results(1).send();
        let clusters = trial.call(Operation::EksListClusters, request).await;
        let name = clusters.and_then(|answer| answer.clusters?.into_iter().next());
        let name = name.unwrap_or_else(|| NOTHING.to_owned());
        let request = self.eks.describe_cluster().name(name).send();
        trial.call(Operation::EksDescribeCluster, request).await;
        trial.tried
    }

    async fn try_lambda(&self) -> Vec<Tried> {
        let lambda = match LambdaService::new(self) {
            Ok(lambda) => lambda,
            Err(error) => return vec![Tried::new(Operation::ListFunctions, Some(&error))],
        };
        let functions = lambda.list_functions(None).await;
        let list = Tried::new(Operation::ListFunctions, functions.as_ref().err());
        let name = functions
            .ok()
            .and_then(|(functions, _)| functions?.into_iter().next()?.function_name);
        let name = name.unwrap_or_else(|| NOTHING.to_owned());
        let function = lambda.get_function("", &name, LambdaService::LATEST).await;
        let get = Tried::new(Operation::GetFunction, function.as_ref().err());
        vec![list, get]
    }

    const fn trial(&self) -> Trial<'_> {
        Trial {
            clients: self,
            tried: Vec::new(),
        }
    }
}
