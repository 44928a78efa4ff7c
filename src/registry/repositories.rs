//! Reading a registry: its repositories, and the images of those in scope.

use std::{cell::RefCell, collections::BTreeMap, sync::Arc};

use aws_sdk_ecr::types::{ImageTagMutability, Repository as Description};
use aws_smithy_types::retry::RetryConfig;
use futures::{StreamExt, stream};

use super::{
    PAGE,
    absences::Absences,
    images::read_images,
    lifecycle_policy::lifecycle_policy_lately,
    policies::{RepositoryPolicies, RepositoryPolicy, repository_policy},
    readings::{Known, Readings, is_excluded},
};
use crate::{
    aws::{ApiError, Cause, Clients, Identity, Operation, list},
    counted::Counted,
    image::{KnownTags, Registry, RepositoryName},
    inventory::{Content, Inventory, NotRead, Repository},
    policy::{Action, Choice, Policies, Policy, RepositoryGlobs, RepositoryTags},
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
    /// Whether the run deletes or archives. Then it asks again for policies before it does.
    pub acts: bool,
    /// Whether everything asked for is read whatever the policies are, for a snapshot.
    pub whole: bool,
}

/// Reads a registry: all its repositories, and the images of those in scope.
///
/// # Errors
/// If the repositories cannot be listed. A failure in one of them is its content.
pub(crate) async fn read(
    clients: &Clients,
    registry: Registry,
    scope: Scope<'_>,
) -> Result<(Inventory, RepositoryPolicies), ApiError> {
    let names = list_repositories(clients).await?;
    Counted::Repositories.expect(names.len());
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
        known_tags: RefCell::default(),
    };
    let read: Vec<(Repository, Option<RepositoryPolicy>)> = stream::iter(names)
        .map(|(name, described)| reader.read(name, described))
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let shared = Arc::new(registry.clone());
    let (mut repositories, mut policies) = (Vec::new(), RepositoryPolicies::new());
    for (repository, policy) in read {
        let key = (Arc::clone(&shared), repository.name.clone());
        policies.extend(policy.map(|policy| (key, policy)));
        repositories.push(repository);
    }
    let inventory = Inventory {
        registry,
        repositories,
    };
    Ok((inventory, policies))
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
    /// Tags of the images that were read.
    known_tags: RefCell<KnownTags>,
}

impl Reader<'_> {
    async fn read(
        &self,
        name: RepositoryName,
        described: Described,
    ) -> (Repository, Option<RepositoryPolicy>) {
        let is_below = self.caches.iter().any(|prefix| is_below(&name, prefix));
        let is_cache = is_below || self.caches.iter().any(|prefix| prefix == ROOT);
        let mut pull_policy = None;
        let (policy, content) = match self.choose(&name, &described.arn, is_cache).await {
            Ok(Choice::Policy(policy)) => {
                let content;
                (content, pull_policy) = self.read_content(&name, policy).await;
                (Some(policy.position), content)
            }
            Ok(choice) => (None, Content::NotRead(not_chosen(choice, is_below))),
            Err(content) => (None, content),
        };
        let content = match content {
            Content::NotRead(NotRead::NotAsked) => content,
            Content::NotRead(_) | Content::TagsUnread(_) if self.scope.whole => {
                let content;
                (content, pull_policy) = self.read_images(&name, false).await;
                content
            }
            content => content,
        };
        let images = content.images().map_or(0, |it| it.images.len());
        tracing::info!(event = "repository_read", repository = %name, images, "read a repository");
        Counted::Images.done(images);
        Counted::Repositories.done(1);
        let repository = Repository {
            name,
            policy,
            mutable_tags: described.mutable_tags,
            content,
        };
        (repository, pull_policy)
    }

    /// Finds the policy of a repository, by its AWS tags where they decide.
    ///
    /// # Errors
    /// Returns what is known of the repository instead, if it is not asked for or has no tags that
    /// could be read.
    async fn choose(
        &self,
        name: &RepositoryName,
        arn: &str,
        is_cache: bool,
    ) -> Result<Choice<'_>, Content> {
        let Scope {
            policies,
            only,
            whole,
            ..
        } = self.scope;
        if only.is_some_and(|only| !only.matches(name)) {
            return Err(Content::NotRead(NotRead::NotAsked));
        }
        let by_tags = policies.depend_on_tags(name, is_cache);
        let without = || policies.of(name, is_cache, &RepositoryTags::new());
        if !by_tags && !whole {
            return Ok(without());
        }
        match tags(self.clients, name, arn).await {
            Ok(tags) => Ok(policies.of(name, is_cache, &tags)),
            Err(error) if error.cause == Cause::RepositoryNotFound => Err(Content::Vanished),
            Err(_) if !by_tags => Ok(without()),
            Err(error) => Err(Content::TagsUnread(error.to_string())),
        }
    }

    async fn read_content(
        &self,
        name: &RepositoryName,
        policy: &Policy,
    ) -> (Content, Option<RepositoryPolicy>) {
        if policy.action == Action::LeaveAlone {
            let policy = policy.position;
            return (Content::NotRead(NotRead::Policy { policy }), None);
        }
        let annotated = policy.git().is_some_and(|git| git.annotation);
        self.read_images(name, annotated).await
    }

    /// Reads the images of a repository, with `annotated` what their annotations say, and at the same
    /// time its policies in ECR.
    async fn read_images(
        &self,
        name: &RepositoryName,
        annotated: bool,
    ) -> (Content, Option<RepositoryPolicy>) {
        let (clients, known) = (self.clients, self.scope.known);
        let readings = Readings::of(known, self.registry, name);
        let readings = readings.with_excluded(self.is_excluded);
        let revisions = annotated.then(|| known.revisions(self.registry));
        let lately = known.absences(self.registry, clients.now());
        // Who may pull decides what is deleted: a dry run, which asks once, asks now.
        let before_recheck = Absences {
            are_believed: self.scope.acts,
            ..lately
        };
        let (content, lifecycle, pull_policy) = tokio::join!(
            read_images(
                clients,
                name,
                known.indexes(self.registry),
                revisions,
                &readings
            ),
            lifecycle_policy_lately(clients, name, lately),
            repository_policy(clients, name, before_recheck)
        );
        let content = match content {
            Ok(content) => self.with_shared_tags(content).with_lifecycle(lifecycle),
            Err(error) if error.cause == Cause::RepositoryNotFound => Content::Vanished,
            Err(error) => Content::Failed(error.to_string()),
        };
        (content, Some(pull_policy))
    }

    /// Lets tags that many images have take their memory once.
    fn with_shared_tags(&self, mut content: Content) -> Content {
        if let Content::Complete(images) | Content::Unclear { images, .. } = &mut content {
            let mut known = self.known_tags.borrow_mut();
            let tags = images.images.iter_mut().map(|image| &mut image.tags);
            tags.for_each(|tags| known.share(tags));
        }
        content
    }
}

/// Returns why a repository that no policy decides on is not read.
fn not_chosen(choice: Choice<'_>, is_below: bool) -> NotRead {
    match choice {
        Choice::Cache if is_below => NotRead::PullThroughCache,
        Choice::Cache => NotRead::RootCache,
        Choice::Protected(tag) => NotRead::Protected {
            tag: tag.to_owned(),
        },
        Choice::Unknown(tag, name) => NotRead::UnknownPolicy {
            tag: tag.to_owned(),
            name,
        },
        Choice::None | Choice::Policy(_) => NotRead::NoPolicy,
    }
}

/// Returns whether a pull-through cache rule of that prefix fills a repository.
fn is_below(repository: &str, prefix: &str) -> bool {
    let rest = repository.strip_prefix(prefix);
    rest.is_some_and(|rest| rest.starts_with('/'))
}

/// A repository as it is listed.
pub(super) struct Described {
    arn: String,
    /// Whether a tag in it can be moved to another image.
    mutable_tags: bool,
}

/// Lists the repositories by name.
pub(super) async fn list_repositories(
    clients: &Clients,
) -> Result<BTreeMap<RepositoryName, Described>, ApiError> {
    let request = || clients.ecr.describe_repositories().max_results(PAGE);
    let repositories = list!(clients, DescribeRepositories, "", request(), repositories).await?;
    let described = repositories.iter().map(|repository: &Description| {
        let mutability = repository.image_tag_mutability();
        let described = Described {
            arn: repository.repository_arn().unwrap_or_default().to_owned(),
            mutable_tags: mutability != Some(&ImageTagMutability::Immutable),
        };
        let name = RepositoryName::new(repository.repository_name().unwrap_or_default());
        name.map(|name| (name, described))
    });
    described.collect::<Result<_, _>>().map_err(|error| {
        let problem = format!("a repository has no usable name: {error}");
        ApiError::answer(Operation::DescribeRepositories, "", problem)
    })
}

/// Reads the AWS tags of a repository. There are at most 50, which one answer holds.
async fn tags(
    clients: &Clients,
    name: &RepositoryName,
    arn: &str,
) -> Result<RepositoryTags, ApiError> {
    let request = clients.ecr.list_tags_for_resource().resource_arn(arn);
    let answer = clients
        .call(Operation::ListTagsForResource, name, request.send())
        .await?;
    let missing = || ApiError::answer(Operation::ListTagsForResource, name, "it holds no tags");
    let tags = answer.tags.ok_or_else(missing)?;
    Ok(tags.into_iter().map(|tag| (tag.key, tag.value)).collect())
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
