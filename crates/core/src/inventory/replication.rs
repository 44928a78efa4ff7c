//! Replication of deletions to other registries.
//!
//! Source: "Private image replication", Amazon ECR User Guide.

use serde::Deserialize;

use crate::image::{AccountId, Region, Registry, RepositoryName};

/// A replication rule that repeats deletions in other registries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replication {
    /// Prefixes of the repositories that it applies to; empty for all.
    prefixes: Vec<String>,
    /// Registries in which deletions are repeated.
    pub destinations: Vec<Registry>,
}

impl Replication {
    /// Returns whether it applies to a repository.
    #[must_use]
    pub fn applies_to(&self, repository: &RepositoryName) -> bool {
        self.prefixes.is_empty()
            || self
                .prefixes
                .iter()
                .any(|prefix| repository.starts_with(prefix))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RegistryAnswer {
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

/// Parses the rules that repeat deletions in an answer of `DescribeRegistry`.
pub fn replications(answer: &[u8]) -> Result<Vec<Replication>, serde_json::Error> {
    let answer: RegistryAnswer = serde_json::from_slice(answer)?;
    let rules = answer
        .replication_configuration
        .into_iter()
        .flat_map(|configuration| configuration.rules);
    let repeating = rules.filter(|rule| {
        rule.delete_replication
            .as_ref()
            .is_some_and(|deletion| deletion.enabled)
    });
    let repeated = repeating.map(|rule| {
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
    Ok(repeated.collect())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn parsed(rules: &Value) -> Vec<Replication> {
        replications(
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
        let applies_to =
            |rule: &Replication, name: &str| rule.applies_to(&RepositoryName::new(name).unwrap());
        assert!(applies_to(&rules[0], "team/app") && !applies_to(&rules[0], "other"));
        let rules = parsed(
            &json!([{"destinations": to, "deleteReplication": {"enabled": true},
            "repositoryFilters": [{"filter": "team/", "filterType": "OTHER"}]}]),
        );
        assert!(applies_to(&rules[0], "other"));
    }

    #[test]
    fn what_is_not_understood_is_an_error() {
        for answer in ["", "[]", r#"{"replicationConfiguration": {}}"#] {
            assert!(replications(answer.as_bytes()).is_err(), "{answer}");
        }
        assert_eq!(replications(b"{}").unwrap(), []);
    }
}
