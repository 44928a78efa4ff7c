//! The registry of one account and Region.

use crate::ecr::repository::Repository;
use crate::error::{Answer, ApiError, json};
use crate::input::list;
use crate::moment::Moment;
use crate::page::Paging;
use crate::world::{Identity, Region};
use serde::Serialize;
use serde_json::{Value, json as object};
use std::collections::BTreeMap;

/// What ECR holds in one account and Region.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    /// Repositories by name; see [`Region::repository`].
    pub repositories: BTreeMap<String, Repository>,
    /// Pull through cache rules.
    pub pull_through_cache_rules: Vec<PullThroughCacheRule>,
    /// Roles and users whose pulls are not recorded.
    pub pull_time_update_exclusions: Vec<String>,
    /// The text of the registry's own policy.
    pub policy: Option<String>,
    /// The rules of the replication configuration, as `DescribeRegistry` answers them.
    pub replication_rules: Vec<Value>,
}

impl Registry {
    /// Returns whether the pulls of a caller are not recorded: of a session of a role that is
    /// excluded.
    pub(crate) fn is_excluded(&self, caller: &Identity) -> bool {
        let role = caller.arn.split('/').nth(1).unwrap_or_default();
        let role = format!("arn:aws:iam::{}:role/{role}", caller.account);
        self.pull_time_update_exclusions.contains(&role)
    }
}

/// A pull through cache rule.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PullThroughCacheRule {
    /// The prefix of the repositories, or `ROOT`.
    pub ecr_repository_prefix: String,
    /// For example `public.ecr.aws`.
    pub upstream_registry_url: String,
    /// When.
    pub created_at: Moment,
}

impl PullThroughCacheRule {
    /// A rule made long ago.
    pub fn new(prefix: impl Into<String>, upstream: impl Into<String>) -> Self {
        Self {
            ecr_repository_prefix: prefix.into(),
            upstream_registry_url: upstream.into(),
            created_at: crate::moment::days_ago(365),
        }
    }
}

pub(crate) fn describe(region: &Region) -> Answer {
    json(&object!({
        "registryId": region.location.account,
        "replicationConfiguration": {"rules": region.ecr.replication_rules},
    }))
}

pub(crate) fn policy(region: &Region) -> Answer {
    match &region.ecr.policy {
        Some(policy) => {
            json(&object!({"registryId": region.location.account, "policyText": policy}))
        }
        None => Err(ApiError::new(
            "RegistryPolicyNotFoundException",
            format!(
                "Registry policy does not exist in the registry with id '{}'",
                region.location.account
            ),
        )),
    }
}

pub(crate) fn pull_through_cache_rules(region: &Region, body: &Value) -> Answer {
    let paging = Paging::read(body, "pull-through-cache-rules", 100, 1000)?;
    let wanted = list(body, "ecrRepositoryPrefixes", 100)?;
    let mut rules: Vec<_> = region
        .ecr
        .pull_through_cache_rules
        .iter()
        .map(|rule| (rule.ecr_repository_prefix.as_str(), rule))
        .filter(|(prefix, _)| wanted.is_none_or(|wanted| wanted.iter().any(|one| one == prefix)))
        .filter(|(prefix, _)| paging.after().is_none_or(|after| *prefix > after))
        .collect();
    rules.sort_unstable_by_key(|(prefix, _)| *prefix);
    let page = paging.take(rules.into_iter());
    let mut answer = object!({"pullThroughCacheRules": page.items});
    if let Some(token) = page.next_token {
        answer["nextToken"] = token.into();
    }
    json(&answer)
}

pub(crate) fn pull_time_update_exclusions(region: &Region, body: &Value) -> Answer {
    let paging = Paging::read(body, "pull-time-update-exclusions", 100, 100)?;
    let mut excluded: Vec<_> = region.ecr.pull_time_update_exclusions.iter().collect();
    excluded.retain(|arn| paging.after().is_none_or(|after| arn.as_str() > after));
    excluded.sort_unstable();
    let page = paging.take(excluded.into_iter().map(|arn| (arn.as_str(), arn)));
    let mut answer = object!({"pullTimeUpdateExclusions": page.items});
    if let Some(token) = page.next_token {
        answer["nextToken"] = token.into();
    }
    json(&answer)
}
