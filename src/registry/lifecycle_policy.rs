//! Reading the lifecycle policies of repositories.

use futures::{StreamExt, stream};

use super::{
    absences::Absences,
    repositories::{AT_ONCE, list_repositories},
};
use crate::{
    aws::{ApiError, Cause, Clients, Operation},
    image::RepositoryName,
    inventory::LifecyclePolicy,
    policy::RepositoryGlobs,
};

/// Reads the lifecycle policies of the repositories whose names match, in the order of these.
///
/// # Errors
/// If the repositories cannot be listed.
pub(crate) async fn lifecycle_policies(
    clients: &Clients,
    wanted: &RepositoryGlobs,
) -> Result<Vec<(RepositoryName, LifecyclePolicy)>, ApiError> {
    let names = list_repositories(clients).await?.into_keys();
    let reading = stream::iter(names.filter(|name| wanted.matches(name))).map(|name| async move {
        let policy = lifecycle_policy(clients, &name).await;
        (name, policy)
    });
    Ok(reading.buffered(AT_ONCE).collect().await)
}

/// Reads the lifecycle policy of a repository, unless it lately had none.
pub(super) async fn lifecycle_policy_lately(
    clients: &Clients,
    name: &RepositoryName,
    absences: Absences<'_>,
) -> LifecyclePolicy {
    const OPERATION: Operation = Operation::GetLifecyclePolicy;
    if absences.knows(OPERATION, name) {
        return LifecyclePolicy::None;
    }
    let policy = lifecycle_policy(clients, name).await;
    absences.note(OPERATION, name, matches!(policy, LifecyclePolicy::None));
    policy
}

async fn lifecycle_policy(clients: &Clients, name: &RepositoryName) -> LifecyclePolicy {
    let request = clients.ecr.get_lifecycle_policy().repository_name(&**name);
    let answer = clients.call(Operation::GetLifecyclePolicy, name, request.send());
    match answer.await {
        Ok(answer) => match answer.lifecycle_policy_text {
            Some(text) => LifecyclePolicy::Text(text.into()),
            None => LifecyclePolicy::None,
        },
        Err(error) => match error.cause {
            Cause::PolicyNotFound | Cause::RepositoryNotFound => LifecyclePolicy::None,
            _ => LifecyclePolicy::Unreadable(error.to_string().into()),
        },
    }
}
