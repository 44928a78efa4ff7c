//! Reading a registry: its repositories, and the images of those in scope.

use std::collections::BTreeMap;

use aws_sdk_ecr::types::{ImageTagMutability, Repository as Description};
use aws_smithy_types::retry::RetryConfig;
use futures::{StreamExt, stream};

use super::{
    PAGE,
    images::read_images,
    lifecycle_policy::lifecycle_policy,
    readings::{Known, Readings, is_excluded},
};
use crate::{
    aws::{ApiError, Cause, Clients, Identity, Operation, list},
    image::{Registry, RepositoryName},
    inventory::{Content, Inventory, NotRead, Repository},
    policy::{Action, Policies, RepositoryGlobs, git::GitRules},
};

/// Number of repositories that are read at once: enough for the rate limit where an answer takes
/// half a second.
pub(super) const AT_ONCE: usize = 16;

/// Prefix of a pull-through cache rule that may fill any repository.
const ROOT: &str = "ROOT";

/// Which repositories are read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scope<'a> {
    /// Repositories for which these have the action `leave_alone` are not read.
    pub policies: &'a Policies,
    /// The repositories this run was asked for; `None` if it was asked for all.
    pub only: Option<&'a RepositoryGlobs>,
    /// The manifests that were read before.
    pub known: Known<'a>,
    /// The program's own identity.
    pub own: &'a Identity,
}

/// Reads a registry: all its repositories, and the images of those in scope.
///
/// # Errors
/// If the repositories cannot be listed. A failure in one of them is its content.
pub(crate) async fn read(
    clients: &Clients,
    registry: Registry,
    scope: Scope<'_>,
) -> Result<Inventory, ApiError> {
    let names = list_repositories(clients).await?;
    let (caches, is_excluded) = if names.is_empty() {
        (Vec::new(), false)
    } else {
        let (caches, is_excluded) = tokio::join!(
            pull_through_cache_prefixes(clients),
            is_excluded(clients, scope.own)
        );
        // Where nothing else tells, what cannot be found out now is taken to be so: that keeps more.
        let may_be = |error: ApiError| {
            let is_told = error.cause.is_denied() || error.cause == Cause::UnknownOperation;
            !is_told && !scope.known.has_state
        };
        (caches?, is_excluded.unwrap_or_else(may_be))
    };
    let reader = &Reader {
        clients,
        registry: &registry,
        caches,
        is_excluded,
        scope,
    };
    let repositories = stream::iter(names)
        .map(|(name, mutable_tags)| reader.read(name, mutable_tags))
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    Ok(Inventory {
        registry,
        repositories,
    })
}

/// Reads the repositories of a registry.
struct Reader<'a> {
    clients: &'a Clients,
    registry: &'a Registry,
    /// Prefixes that pull-through cache rules fill.
    caches: Vec<String>,
    /// Whether ECR does not record what the program reads.
    is_excluded: bool,
    scope: Scope<'a>,
}

impl Reader<'_> {
    async fn read(&self, name: RepositoryName, mutable_tags: bool) -> Repository {
        let Self {
            clients,
            caches,
            scope,
            ..
        } = self;
        let readings = Readings::of(scope.known, self.registry, &name);
        let readings = readings.with_excluded(self.is_excluded);
        let is_below = caches.iter().any(|prefix| is_below(&name, prefix));
        let is_cache = is_below || caches.iter().any(|prefix| prefix == ROOT);
        let policy = scope.policies.of(&name, is_cache);
        let revisions = |_: &GitRules| scope.known.revisions(self.registry);
        let content = match policy {
            _ if scope.only.is_some_and(|only| !only.matches(&name)) => {
                Content::NotRead(NotRead::NotAsked)
            }
            None if scope.policies.of(&name, false).is_some() => Content::NotRead(if is_below {
                NotRead::PullThroughCache
            } else {
                NotRead::RootCache
            }),
            None => Content::NotRead(NotRead::NoPolicy),
            Some(policy) if policy.action == Action::LeaveAlone => {
                Content::NotRead(NotRead::Policy {
                    policy: policy.position,
                })
            }
            // Asked for together, since nothing else of a run would have to wait for the lifecycle
            // policy.
            Some(policy) => match tokio::join!(
                read_images(
                    clients,
                    &name,
                    scope.known.indexes(self.registry),
                    policy.git().filter(|git| git.annotation).map(revisions),
                    &readings
                ),
                lifecycle_policy(clients, &name)
            ) {
                (Ok(content), lifecycle) => content.with_lifecycle(lifecycle),
                (Err(error), _) if error.cause == Cause::RepositoryNotFound => Content::Vanished,
                (Err(error), _) => Content::Failed(error.to_string()),
            },
        };
        let policy = policy.map(|policy| policy.position);
        tracing::info!(event = "repository_read", repository = %name, images = content.images().map_or(0, |it| it.images.len()), "read a repository");
        Repository {
            name,
            policy,
            mutable_tags,
            content,
        }
    }
}

/// Returns whether a pull-through cache rule of that prefix fills a repository.
fn is_below(repository: &str, prefix: &str) -> bool {
    let rest = repository.strip_prefix(prefix);
    rest.is_some_and(|rest| rest.starts_with('/'))
}

/// Lists the repositories by name, each with whether a tag in it can be moved to another image.
pub(super) async fn list_repositories(
    clients: &Clients,
) -> Result<BTreeMap<RepositoryName, bool>, ApiError> {
    let request = || clients.ecr.describe_repositories().max_results(PAGE);
    let repositories = list!(clients, DescribeRepositories, "", request(), repositories).await?;
    let described = repositories.iter().map(|repository: &Description| {
        let mutability = repository.image_tag_mutability();
        let is_mutable = mutability != Some(&ImageTagMutability::Immutable);
        let name = RepositoryName::new(repository.repository_name().unwrap_or_default());
        name.map(|name| (name, is_mutable))
    });
    described.collect::<Result<_, _>>().map_err(|error| {
        let problem = format!("a repository has no usable name: {error}");
        ApiError::answer(Operation::DescribeRepositories, "", problem)
    })
}

/// Lists the prefixes that pull-through cache rules fill. An endpoint that does not know the
/// operation has no such caches.
async fn pull_through_cache_prefixes(clients: &Clients) -> Result<Vec<String>, ApiError> {
    const OPERATION: Operation = Operation::DescribePullThroughCacheRules;
    let request = |token| {
        let request = clients.ecr.describe_pull_through_cache_rules();
        let quick = aws_sdk_ecr::config::Builder::new()
            .retry_config(RetryConfig::standard().with_max_attempts(3));
        let request = request.max_results(PAGE).set_next_token(token);
        request.customize().config_override(quick).send()
    };
    let rules = clients.list(OPERATION, "", request, |answer| {
        (answer.pull_through_cache_rules, answer.next_token)
    });
    let prefixes = match rules.await {
        Ok(rules) => rules.into_iter().map(|rule| rule.ecr_repository_prefix),
        Err(error) if error.cause == Cause::UnknownOperation => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    prefixes
        .collect::<Option<_>>()
        .ok_or_else(|| ApiError::answer(OPERATION, "", "a rule has no prefix"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cache_prefix_reaches_what_is_below_it_only() {
        assert!(is_below("docker-hub/library/nginx", "docker-hub"));
        assert!(!is_below("docker-hub-copy/nginx", "docker-hub"));
        assert!(!is_below("docker-hub", "docker-hub"));
    }
}
