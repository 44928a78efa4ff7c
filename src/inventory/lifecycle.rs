//! The lifecycle policies that repositories have of their own.

use crate::{
    aws::{ApiError, Bucket, Clients},
    image::RepositoryName,
};

/// The text of a repository's lifecycle policy, or why it could not be read; none if there is none.
pub type Lifecycle = Option<Result<Box<str>, String>>;

/// Reads the lifecycle policy of a repository.
pub(super) async fn lifecycle(clients: &Clients, name: &RepositoryName) -> Lifecycle {
    const OPERATION: &str = "ecr:GetLifecyclePolicy";
    clients.paced(Bucket::EcrLifecycle).await;
    let answer = clients
        .ecr
        .get_lifecycle_policy()
        .repository_name(&**name)
        .send()
        .await;
    match answer.map_err(|error| ApiError::new(OPERATION, name, &error)) {
        Ok(answer) => answer.lifecycle_policy_text.map(|text| Ok(text.into())),
        Err(error)
            if error.is("LifecyclePolicyNotFoundException")
                || error.is("RepositoryNotFoundException") =>
        {
            None
        }
        Err(error) => Some(Err(error.to_string())),
    }
}
