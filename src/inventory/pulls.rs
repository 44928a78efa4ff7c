//! Who else may need the images of a registry: the policies of the registry and its repositories, and replication that
//! repeats deletions.

use std::sync::{Arc, Mutex, PoisonError};

use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        interceptors::{Intercept, context::FinalizerInterceptorContextRef},
        runtime_components::RuntimeComponents,
    },
};
use aws_smithy_types::config_bag::ConfigBag;
use serde::Deserialize;

use crate::{
    aws::{ApiError, Bucket, Clients},
    image::{AccountId, Region, Registry, RepositoryName},
};

/// A rule by which a registry repeats deletions in others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replication {
    /// The prefixes of the repositories that it is for; empty: all.
    prefixes: Vec<String>,
    /// The registries where deletions are repeated.
    pub destinations: Vec<Registry>,
}

impl Replication {
    /// Whether it is for this repository.
    #[must_use]
    pub fn is_for(&self, repository: &RepositoryName) -> bool {
        self.prefixes.is_empty()
            || self
                .prefixes
                .iter()
                .any(|prefix| repository.starts_with(prefix))
    }
}

/// The policy of a repository; none if it has none, or is gone.
pub(crate) async fn repository_policy(
    clients: &Clients,
    name: &RepositoryName,
) -> Result<Option<String>, ApiError> {
    const OPERATION: &str = "ecr:GetRepositoryPolicy";
    clients.paced(Bucket::EcrRead).await;
    let answer = clients
        .ecr
        .get_repository_policy()
        .repository_name(&**name)
        .send()
        .await;
    match answer.map_err(|error| ApiError::new(OPERATION, name, &error)) {
        Ok(answer) => said(OPERATION, name, answer.policy_text),
        Err(error)
            if error.is("RepositoryPolicyNotFoundException")
                || error.is("RepositoryNotFoundException") =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// The policy of a registry; none if it has none.
pub(crate) async fn registry_policy(clients: &Clients) -> Result<Option<String>, ApiError> {
    const OPERATION: &str = "ecr:GetRegistryPolicy";
    clients.paced(Bucket::EcrRead).await;
    match clients
        .ecr
        .get_registry_policy()
        .send()
        .await
        .map_err(|error| ApiError::new(OPERATION, "", &error))
    {
        Ok(answer) => said(OPERATION, "", answer.policy_text),
        Err(error) if error.is("RegistryPolicyNotFoundException") => Ok(None),
        Err(error) => Err(error),
    }
}

/// An answer that there is a policy holds its text.
fn said(
    operation: &'static str,
    resource: &str,
    text: Option<String>,
) -> Result<Option<String>, ApiError> {
    text.map(Some)
        .ok_or_else(|| ApiError::answer(operation, resource, "the answer holds no policy"))
}

/// The rules by which a registry repeats deletions elsewhere. The SDK does not know that they may, so the answer is read
/// as it came ("Private image replication", Amazon ECR User Guide).
pub(crate) async fn replications(clients: &Clients) -> Result<Vec<Replication>, ApiError> {
    const OPERATION: &str = "ecr:DescribeRegistry";
    clients.paced(Bucket::EcrRead).await;
    let body = Body::default();
    let request = clients
        .ecr
        .describe_registry()
        .customize()
        .interceptor(body.clone());
    request
        .send()
        .await
        .map_err(|error| ApiError::new(OPERATION, "", &error))?;
    let body = std::mem::take(&mut *body.0.lock().unwrap_or_else(PoisonError::into_inner));
    parse(&body).map_err(|problem| ApiError::answer(OPERATION, "", problem))
}

/// Keeps the body of an answer.
#[derive(Debug, Clone, Default)]
struct Body(Arc<Mutex<Vec<u8>>>);

impl Intercept for Body {
    fn name(&self) -> &'static str {
        "Body"
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

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    replication_configuration: Option<Configuration>,
}

#[derive(Deserialize)]
struct Configuration {
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    destinations: Vec<Destination>,
    #[serde(default)]
    repository_filters: Vec<Filter>,
    delete_replication: Option<Deletion>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Destination {
    region: Region,
    registry_id: AccountId,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Filter {
    filter: String,
    filter_type: String,
}

#[derive(Deserialize)]
struct Deletion {
    enabled: bool,
}

fn parse(answer: &[u8]) -> Result<Vec<Replication>, String> {
    let answer: Answer = serde_json::from_slice(answer).map_err(|error| error.to_string())?;
    let rules = answer
        .replication_configuration
        .into_iter()
        .flat_map(|configuration| configuration.rules);
    let repeating = rules.filter(|rule| {
        rule.delete_replication
            .as_ref()
            .is_some_and(|deletion| deletion.enabled)
    });
    let replications = repeating.map(|rule| {
        // A filter of another kind may be for any repository.
        let all = rule
            .repository_filters
            .iter()
            .any(|filter| filter.filter_type != "PREFIX_MATCH");
        let prefixes = rule
            .repository_filters
            .into_iter()
            .map(|filter| filter.filter);
        let registry = |to: Destination| Registry {
            account: to.registry_id,
            region: to.region,
        };
        Replication {
            prefixes: if all { Vec::new() } else { prefixes.collect() },
            destinations: rule.destinations.into_iter().map(registry).collect(),
        }
    });
    Ok(replications.collect())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn parsed(rules: &Value) -> Vec<Replication> {
        parse(
            json!({"registryId": "1", "replicationConfiguration": {"rules": rules}})
                .to_string()
                .as_bytes(),
        )
        .unwrap()
    }

    #[test]
    fn only_rules_that_repeat_deletions_count() {
        let to = json!([{"region": "us-east-1", "registryId": "222222222222"}]);
        for deletion in [json!(null), json!({"enabled": false})] {
            assert_eq!(
                parsed(&json!([{"destinations": to, "deleteReplication": deletion}])),
                []
            );
        }
        assert_eq!(parsed(&json!([{"destinations": to}])), []);
        let rules = parsed(
            &json!([{"destinations": to, "deleteReplication": {"enabled": true},
            "repositoryFilters": [{"filter": "team/", "filterType": "PREFIX_MATCH"}]}]),
        );
        assert_eq!(
            rules[0].destinations[0].to_string(),
            "222222222222 us-east-1"
        );
        let is_for =
            |rule: &Replication, name: &str| rule.is_for(&RepositoryName::new(name).unwrap());
        assert!(is_for(&rules[0], "team/app") && !is_for(&rules[0], "other"));
        let rules = parsed(
            &json!([{"destinations": to, "deleteReplication": {"enabled": true},
            "repositoryFilters": [{"filter": "team/", "filterType": "OTHER"}]}]),
        );
        assert!(is_for(&rules[0], "other"));
    }

    #[test]
    fn what_is_not_understood_is_an_error() {
        for answer in ["", "[]", r#"{"replicationConfiguration": {}}"#] {
            assert!(parse(answer.as_bytes()).is_err(), "{answer}");
        }
        assert_eq!(parse(b"{}"), Ok(Vec::new()));
    }
}
