//! The lifecycle policies that repositories have of their own.

use futures::{StreamExt, stream};

use crate::{
    aws::{ApiError, Bucket, Clients},
    image::RepositoryName,
};

/// How many are read at once.
const AT_ONCE: usize = 8;

/// A repository's lifecycle policy, or why it could not be read; none if there is none.
pub(crate) type Lifecycle = Result<Option<String>, ApiError>;

/// Reads the lifecycle policies of some repositories, in their order, each with the clients of its registry.
pub(crate) async fn lifecycles(repositories: &[(&Clients, &RepositoryName)]) -> Vec<Lifecycle> {
    stream::iter(repositories).map(|(clients, name)| lifecycle(clients, name)).buffered(AT_ONCE).collect().await
}

async fn lifecycle(clients: &Clients, name: &RepositoryName) -> Lifecycle {
    const OPERATION: &str = "ecr:GetLifecyclePolicy";
    clients.paced(Bucket::EcrRead).await;
    let answer = clients.ecr.get_lifecycle_policy().repository_name(&**name).send().await;
    match answer.map_err(|error| ApiError::new(OPERATION, name, &error)) {
        Ok(answer) => Ok(answer.lifecycle_policy_text),
        Err(error) if error.is("LifecyclePolicyNotFoundException") || error.is("RepositoryNotFoundException") => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
