//! Trying actions: which of those that reading takes are allowed.
//!
//! IAM decides before a service looks at what it was asked, so a call about something that is not there tells as much
//! as one about something that is, and changes nothing. A real repository and cluster are named where there are any,
//! for policies that allow these only.

use super::{ApiError, Clients, LambdaService};
use crate::config::InUse;

/// A name for what is not there.
const NOTHING: &str = "ecr-cleanup-access-check";
/// The digest of nothing.
const NO_DIGEST: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";

/// An action that was tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tried {
    /// As IAM names it.
    pub(crate) action: &'static str,
    /// Whether it is allowed.
    pub(crate) outcome: Outcome,
}

/// What a try says of an action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is allowed.
    Allowed,
    /// It is not.
    Denied,
    /// Nothing: why.
    Unknown(String),
}

impl Tried {
    pub(crate) fn new(action: &'static str, error: Option<&ApiError>) -> Self {
        let outcome = match error.map(|error| (error, error.code.as_deref())) {
            None => Outcome::Allowed,
            Some((_, Some(code)))
                if code.contains("AccessDenied") || code.contains("NotAuthorized") =>
            {
                Outcome::Denied
            }
            // The service answered: only about what it was asked, or that it is asked too often.
            Some((error, Some(code))) if error.unknown_operation || code.contains("Throttl") => {
                Outcome::Unknown(error.to_string())
            }
            Some((_, Some(code))) if !code.contains("Server") && !code.contains("Internal") => {
                Outcome::Allowed
            }
            Some((error, _)) => Outcome::Unknown(error.to_string()),
        };
        Self { action, outcome }
    }
}

/// Makes a call, notes what it says of the action, and gives its answer if there is one.
macro_rules! attempt {
    ($tried:ident, $action:literal, $request:expr) => {{
        let answer = $request
            .send()
            .await
            .map_err(|error| ApiError::new($action, "", &error));
        $tried.push(Tried::new($action, answer.as_ref().err()));
        answer.ok()
    }};
}

impl Clients {
    /// Tries every action that reading these sources takes.
    pub(crate) async fn try_sources(&self, in_use: &InUse) -> Vec<Tried> {
        let mut tried = Vec::new();
        if in_use.ecs.is_some() {
            tried.extend(self.try_ecs().await);
        }
        if in_use.eks.is_some() {
            let clusters = attempt!(
                tried,
                "eks:ListClusters",
                self.eks.list_clusters().max_results(1)
            );
            let name = clusters.and_then(|answer| answer.clusters?.into_iter().next());
            let name = name.unwrap_or_else(|| NOTHING.to_owned());
            attempt!(
                tried,
                "eks:DescribeCluster",
                self.eks.describe_cluster().name(name)
            );
        }
        if in_use.lambda {
            tried.extend(self.try_lambda().await);
        }
        tried
    }

    /// Tries every action that reading a registry takes.
    pub(crate) async fn try_ecr(&self) -> Vec<Tried> {
        let mut tried = Vec::new();
        let ecr = &self.ecr;
        let repositories = attempt!(
            tried,
            "ecr:DescribeRepositories",
            ecr.describe_repositories().max_results(1)
        );
        let name = repositories
            .and_then(|answer| answer.repositories?.into_iter().next()?.repository_name);
        let name = name.unwrap_or_else(|| NOTHING.to_owned());
        attempt!(
            tried,
            "ecr:DescribeImages",
            ecr.describe_images().repository_name(&name).max_results(1)
        );
        let image = aws_sdk_ecr::types::ImageIdentifier::builder()
            .image_digest(NO_DIGEST)
            .build();
        attempt!(
            tried,
            "ecr:BatchGetImage",
            ecr.batch_get_image()
                .repository_name(&name)
                .image_ids(image)
        );
        attempt!(
            tried,
            "ecr:GetRepositoryPolicy",
            ecr.get_repository_policy().repository_name(&name)
        );
        attempt!(tried, "ecr:GetRegistryPolicy", ecr.get_registry_policy());
        attempt!(tried, "ecr:DescribeRegistry", ecr.describe_registry());
        attempt!(
            tried,
            "ecr:DescribePullThroughCacheRules",
            ecr.describe_pull_through_cache_rules().max_results(1)
        );
        tried
    }

    async fn try_lambda(&self) -> Vec<Tried> {
        let lambda = match LambdaService::new(self) {
            Ok(lambda) => lambda,
            Err(error) => return vec![Tried::new(LambdaService::LIST, Some(&error))],
        };
        let functions = lambda.list_functions(None).await;
        let list = Tried::new(LambdaService::LIST, functions.as_ref().err());
        let name = functions
            .ok()
            .and_then(|(functions, _)| functions?.into_iter().next()?.function_name);
        let name = name.unwrap_or_else(|| NOTHING.to_owned());
        let function = lambda.get_function("", &name, LambdaService::LATEST).await;
        vec![
            list,
            Tried::new(LambdaService::GET, function.as_ref().err()),
        ]
    }

    async fn try_ecs(&self) -> Vec<Tried> {
        let mut tried = Vec::new();
        let ecs = &self.ecs;
        let clusters = attempt!(
            tried,
            "ecs:ListClusters",
            ecs.list_clusters().max_results(1)
        );
        let cluster = clusters.and_then(|answer| answer.cluster_arns?.into_iter().next());
        let cluster = cluster.unwrap_or_else(|| NOTHING.to_owned());
        attempt!(
            tried,
            "ecs:DescribeClusters",
            ecs.describe_clusters().clusters(&cluster)
        );
        attempt!(
            tried,
            "ecs:ListServices",
            ecs.list_services().cluster(&cluster).max_results(1)
        );
        attempt!(
            tried,
            "ecs:DescribeServices",
            ecs.describe_services().cluster(&cluster).services(NOTHING)
        );
        attempt!(
            tried,
            "ecs:ListTasks",
            ecs.list_tasks().cluster(&cluster).max_results(1)
        );
        attempt!(
            tried,
            "ecs:DescribeTasks",
            ecs.describe_tasks().cluster(&cluster).tasks(NOTHING)
        );
        attempt!(
            tried,
            "ecs:ListTaskDefinitions",
            ecs.list_task_definitions().max_results(1)
        );
        attempt!(
            tried,
            "ecs:DescribeTaskDefinition",
            ecs.describe_task_definition().task_definition(NOTHING)
        );
        attempt!(
            tried,
            "ecs:DescribeServiceDeployments",
            ecs.describe_service_deployments()
                .service_deployment_arns(NOTHING)
        );
        attempt!(
            tried,
            "ecs:DescribeServiceRevisions",
            ecs.describe_service_revisions()
                .service_revision_arns(NOTHING)
        );
        tried
    }
}
