//! Reading the lifecycle policies of repositories.

use crate::{
    aws::{Cause, Clients, Operation},
    image::RepositoryName,
    inventory::LifecyclePolicy,
};

pub(super) async fn lifecycle_policy(clients: &Clients, name: &RepositoryName) -> LifecyclePolicy {
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
