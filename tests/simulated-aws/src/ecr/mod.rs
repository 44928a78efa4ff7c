//! ECR: its state and its operations.

mod batch;
mod describe;
pub(crate) mod image;
pub(crate) mod manifest;
pub(crate) mod push;
mod put;
mod referrers;
pub(crate) mod registry;
pub(crate) mod repository;
mod storage;

use crate::error::{Answer, ApiError, json};
use crate::input::{required, text};
use crate::world::{Identity, Location, World};
use repository::Repository;
use serde_json::{Value, json as object};

/// Answers one ECR operation.
#[expect(clippy::too_many_lines, reason = "an arm for each operation")]
pub(crate) fn answer(
    world: &mut World,
    from: &Location,
    caller: &Identity,
    operation: &str,
    body: &Value,
) -> Answer {
    // A caller may name another account's registry.
    let account = text(body, "registryId").unwrap_or(&from.account);
    let location = Location::new(account, &from.region);
    if operation == "BatchDeleteImage" {
        return batch::delete(world, &location, body);
    }
    let archived = world.archived_failure_code.clone();
    let region = world.at(&location);
    let now = region.now;
    match operation {
        "DescribeRepositories" => describe::repositories(region, body),
        "DescribeRegistry" => registry::describe(region),
        "GetRegistryPolicy" => registry::policy(region),
        "DescribePullThroughCacheRules" => registry::pull_through_cache_rules(region, body),
        "ListPullTimeUpdateExclusions" => registry::pull_time_update_exclusions(region, body),
        "DescribeImages" => describe::images(find(region, body)?, body),
        "ListImages" => describe::list(find(region, body)?, body),
        "ListImageReferrers" => referrers::list(find(region, body)?, body),
        "BatchGetImage" => {
            let recorded = !region.ecr.is_excluded(caller);
            let repository = find(region, body)?;
            repository.now = now;
            batch::get(repository, body, &archived, recorded)
        }
        "PutImage" => {
            let repository = find(region, body)?;
            repository.now = now;
            put::image(repository, body)
        }
        "UpdateImageStorageClass" => {
            let repository = find(region, body)?;
            repository.now = now;
            storage::update(repository, body)
        }
        "GetLifecyclePolicy" => {
            let repository = find(region, body)?;
            let missing = "LifecyclePolicyNotFoundException";
            policy(
                repository,
                repository.lifecycle_policy.as_ref(),
                "lifecyclePolicyText",
                missing,
            )
        }
        "PutLifecyclePolicy" => {
            let policy = required(body, "lifecyclePolicyText")?;
            let repository = find(region, body)?;
            repository.lifecycle_policy = Some(policy.to_owned());
            let missing = "LifecyclePolicyNotFoundException";
            self::policy(
                repository,
                repository.lifecycle_policy.as_ref(),
                "lifecyclePolicyText",
                missing,
            )
        }
        "ListTagsForResource" => {
            let arn = required(body, "resourceArn")?;
            let name = arn.split_once(":repository/").map_or(arn, |(_, name)| name);
            let account = region.location.account.clone();
            let found = region.ecr.repositories.get(name);
            let repository = found.ok_or_else(|| not_found(name, &account))?;
            let tags = repository.aws_tags.iter();
            let tags = tags.map(|(key, value)| object!({"Key": key, "Value": value}));
            json(&object!({"tags": tags.collect::<Vec<_>>()}))
        }
        "GetRepositoryPolicy" => {
            let repository = find(region, body)?;
            let missing = "RepositoryPolicyNotFoundException";
            policy(
                repository,
                repository.repository_policy.as_ref(),
                "policyText",
                missing,
            )
        }
        _ => Err(ApiError::unknown_operation(operation)),
    }
}

fn find<'a>(
    region: &'a mut crate::world::Region,
    body: &Value,
) -> Result<&'a mut Repository, ApiError> {
    let name = required(body, "repositoryName")?;
    let account = region.location.account.clone();
    region
        .ecr
        .repositories
        .get_mut(name)
        .ok_or_else(|| not_found(name, &account))
}

fn not_found(name: &str, account: &str) -> ApiError {
    ApiError::new(
        "RepositoryNotFoundException",
        format!(
            "The repository with name '{name}' does not exist in the registry with id '{account}'"
        ),
    )
}

fn policy(repository: &Repository, text: Option<&String>, member: &str, missing: &str) -> Answer {
    let Some(text) = text else {
        let what = missing.trim_end_matches("NotFoundException");
        return Err(ApiError::new(
            missing,
            format!(
                "{what} does not exist for the repository with name '{}' in the registry with id '{}'",
                repository.name, repository.location.account
            ),
        ));
    };
    json(&object!({
        "registryId": repository.location.account,
        "repositoryName": repository.name,
        member: text,
    }))
}
