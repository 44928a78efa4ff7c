//! Reading who else may need the images of a registry: the policies of the registry and its
//! repositories, and replication that repeats deletions.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use super::absences::Absences;
use crate::{
    aws::{ApiError, Cause, Clients, Operation},
    image::RepositoryName,
    inventory::{self, Replication},
    plan::RepositoryKey,
};
use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        interceptors::{Intercept, context::FinalizerInterceptorContextRef},
        runtime_components::RuntimeComponents,
    },
};
use aws_smithy_types::config_bag::ConfigBag;

/// The policy of a repository; `None` if it has none.
pub(crate) type RepositoryPolicy = Result<Option<String>, ApiError>;

/// The policies of the repositories that were read.
pub(crate) type RepositoryPolicies = BTreeMap<RepositoryKey, RepositoryPolicy>;

/// Reads the policy of a repository, unless it lately had none; `None` if it has none or does not
/// exist any more.
pub(super) async fn repository_policy(
    clients: &Clients,
    name: &RepositoryName,
    absences: Absences<'_>,
) -> RepositoryPolicy {
    const OPERATION: Operation = Operation::GetRepositoryPolicy;
    if absences.knows(OPERATION, name) {
        return Ok(None);
    }
    let policy = repository_policy_now(clients, name).await;
    absences.note(OPERATION, name, matches!(policy, Ok(None)));
    policy
}

/// Reads the policy of a repository; `None` if it has none or does not exist any more.
pub(super) async fn repository_policy_now(
    clients: &Clients,
    name: &RepositoryName,
) -> RepositoryPolicy {
    let request = clients.ecr.get_repository_policy().repository_name(&**name);
    let answer = clients.call(Operation::GetRepositoryPolicy, name, request.send());
    match answer.await {
        Ok(answer) => policy_text(Operation::GetRepositoryPolicy, name, answer.policy_text),
        Err(error) => match error.cause {
            Cause::PolicyNotFound | Cause::RepositoryNotFound => Ok(None),
            _ => Err(error),
        },
    }
}

/// Reads the policy of a registry; `None` if it has none.
pub(crate) async fn registry_policy(clients: &Clients) -> Result<Option<String>, ApiError> {
    let request = clients.ecr.get_registry_policy().send();
    match clients
        .call(Operation::GetRegistryPolicy, "", request)
        .await
    {
        Ok(answer) => policy_text(Operation::GetRegistryPolicy, "", answer.policy_text),
        Err(error) if error.cause == Cause::PolicyNotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Returns the text of a policy, without which an answer that there is one cannot be used.
fn policy_text(
    operation: Operation,
    resource: &str,
    text: Option<String>,
) -> Result<Option<String>, ApiError> {
    text.map(Some)
        .ok_or_else(|| ApiError::answer(operation, resource, "the answer holds no policy"))
}

/// Reads the rules by which a registry repeats deletions elsewhere.
///
/// The SDK does not know that they may, so the answer is read as it came ("Private image
/// replication", Amazon ECR User Guide).
pub(crate) async fn replications(clients: &Clients) -> Result<Vec<Replication>, ApiError> {
    const OPERATION: Operation = Operation::DescribeRegistry;
    let body = BodyInterceptor::default();
    let request = clients.ecr.describe_registry().customize();
    let request = request.interceptor(body.clone()).send();
    clients.call(OPERATION, "", request).await?;
    let body = std::mem::take(&mut *body.0.lock().unwrap_or_else(PoisonError::into_inner));
    inventory::replications(&body)
        .map_err(|error| ApiError::answer(OPERATION, "", error.to_string()))
}

/// Keeps the body of an answer.
#[derive(Debug, Clone, Default)]
struct BodyInterceptor(Arc<Mutex<Vec<u8>>>);

impl Intercept for BodyInterceptor {
    fn name(&self) -> &'static str {
        "BodyInterceptor"
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(body) = context
            .response()
            .and_then(|response| response.body().bytes())
        {
            body.clone_into(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
        }
        Ok(())
    }
}
