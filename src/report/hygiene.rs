//! Hygiene: what makes it hard to know which image runs. Reported only, nothing is changed because
//! of it.

use std::collections::HashMap;

use jiff::SignedDuration;
use serde::Serialize;

use super::{idle_definitions::kept_by_idle_definitions, totals::own_bytes};
use crate::{
    evidence::UsageIndex,
    image::{Digest, Registry, Tag, Time},
    plan::{Plan, RepositoryPlan},
    policy::{Action, KeepRules, Policies},
};

/// Findings that make it hard to know which image runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Hygiene {
    /// Repositories with mutable tags.
    pub mutable_repositories: Findings<String>,
    /// Tags that moved since a running workload was started from them. Its next start gets another
    /// image.
    pub moved_tags: Findings<MovedTag>,
    /// Images that a running workload pulls by tag, without a digest.
    pub pulled_by_tag: Findings<PulledByTag>,
    /// Tags that no rule of the policy matches.
    pub unmatched_tags: Findings<String>,
    /// Repositories with images that stay only because of ACTIVE task definitions which nothing
    /// runs and which are not the newest of their family.
    pub kept_by_idle_task_definitions: Findings<IdleImages>,
    /// Repositories without images, or of which nothing was pushed or pulled in 90 days and nothing
    /// is in use.
    pub unused_repositories: Findings<String>,
    /// Repositories with at least 80 % of the images that ECR allows in one by default.
    pub nearly_full_repositories: Findings<String>,
}

/// The number of findings and the first of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Findings<T> {
    /// Number of all findings.
    pub count: usize,
    /// The first findings, by name.
    pub first: Vec<T>,
}

/// A tag that moved to another image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MovedTag {
    /// The image as it is pulled.
    pub image: String,
    /// The digest that runs.
    pub runs: Digest,
    /// The digest that has the tag now.
    pub now: Digest,
    /// The first user that runs it.
    pub user: String,
}

/// An image that is pulled by its tag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PulledByTag {
    /// The image as it is pulled.
    pub image: String,
    /// The first user that pulls it.
    pub user: String,
    /// Number of users.
    pub users: usize,
}

/// Images of a repository that stay only because of idle task definitions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IdleImages {
    /// The repository.
    pub repository: String,
    /// Number of images.
    pub images: usize,
    /// Compressed bytes.
    pub bytes: u64,
}

/// Images that ECR stores in a repository at most, unless the quota was raised.
///
/// Source: "Amazon ECR service quotas".
const QUOTA: usize = 100_000;
/// Time after which a repository that nobody pushes to or pulls from counts as unused.
const UNUSED_AFTER: SignedDuration = SignedDuration::from_hours(90 * 24);

impl<T> Default for Findings<T> {
    fn default() -> Self {
        Self {
            count: 0,
            first: Vec::new(),
        }
    }
}

impl<T> Findings<T> {
    /// The most findings that are listed.
    const CAP: usize = 20;

    fn add(&mut self, finding: impl FnOnce() -> T) {
        self.count += 1;
        if self.first.len() < Self::CAP {
            self.first.push(finding());
        }
    }
}

impl Hygiene {
    /// Returns the findings of a plan, in the repositories that were read.
    pub(super) fn of(plan: &Plan, usage: &UsageIndex, policies: &Policies) -> Self {
        let mut hygiene = Self::default();
        let repositories = plan.repositories().iter();
        for repository in repositories.filter(|repository| repository.was_read()) {
            if repository.has_mutable_tags() {
                hygiene.mutable_repositories.add(|| repository.title());
            }
            let policy = repository.policy().map(|position| &policies.all[position]);
            if let Some(Action::Keep(rules)) = policy.map(|policy| &policy.action) {
                hygiene.add_unmatched_tags(repository, rules);
            }
            hygiene.add_idle_images(repository);
            if is_unused(repository, plan.now()) {
                hygiene.unused_repositories.add(|| repository.title());
            }
            if repository.images().len() * 5 >= QUOTA * 4 {
                hygiene.nearly_full_repositories.add(|| repository.title());
            }
        }
        hygiene.add_tag_pulls(plan, usage);
        hygiene
    }

    /// Cuts the lists.
    pub(super) fn cap(&mut self, cap: usize) {
        self.mutable_repositories.first.truncate(cap);
        self.moved_tags.first.truncate(cap);
        self.pulled_by_tag.first.truncate(cap);
        self.unmatched_tags.first.truncate(cap);
        self.kept_by_idle_task_definitions.first.truncate(cap);
        self.unused_repositories.first.truncate(cap);
        self.nearly_full_repositories.first.truncate(cap);
    }

    fn add_idle_images(&mut self, repository: &RepositoryPlan) {
        let idle = kept_by_idle_definitions(repository);
        if idle.is_empty() {
            return;
        }
        let images = idle.iter().filter_map(|digest| repository.image(digest));
        self.kept_by_idle_task_definitions.add(|| IdleImages {
            repository: repository.title(),
            images: idle.len(),
            bytes: images.map(|planned| own_bytes(planned.image)).sum(),
        });
    }

    fn add_unmatched_tags(&mut self, repository: &RepositoryPlan, rules: &KeepRules) {
        if !rules.name_tags() {
            return;
        }
        for tag in repository.ruled_tags().filter(|tag| !rules.match_tag(tag)) {
            let title = || format!("{}:{tag}", repository.title());
            self.unmatched_tags.add(title);
        }
    }

    fn add_tag_pulls(&mut self, plan: &Plan, usage: &UsageIndex) {
        let mut by_tag: HashMap<(&Registry, &str), HashMap<&Tag, Digest>> = HashMap::new();
        for (image, pull) in usage.tag_pulls() {
            let repository = match &image.registry {
                Some(registry) => plan.repository_in(registry, &image.repository),
                None => plan.repository(&image.repository),
            };
            let Some(repository) = repository else {
                continue;
            };
            let title = || match repository.host() {
                Some(host) => format!("{host}/{image}"),
                None => image.to_string(),
            };
            let user = pull.users.first();
            self.pulled_by_tag.add(|| PulledByTag {
                image: title(),
                user: user.map(ToString::to_string).unwrap_or_default(),
                users: pull.users.len(),
            });
            let key = (repository.registry(), &**repository.name());
            let tags = by_tag.entry(key).or_insert_with(|| tags(repository));
            let Some(&now) = image.tag.as_ref().and_then(|tag| tags.get(tag)) else {
                continue;
            };
            for (&runs, user) in &pull.resolved {
                // A digest that is not stored may be that of an image's configuration.
                if repository.image(&runs).is_some() && !is_part(repository, runs, now) {
                    self.moved_tags.add(|| MovedTag {
                        image: title(),
                        runs,
                        now,
                        user: user.to_string(),
                    });
                }
            }
        }
    }
}

fn tags(repository: &RepositoryPlan) -> HashMap<&Tag, Digest> {
    let images = repository.stored_images().iter();
    images
        .flat_map(|image| image.tags.iter().map(|tag| (tag, image.digest)))
        .collect()
}

/// Returns whether nobody seems to need a repository.
fn is_unused(repository: &RepositoryPlan, now: Time) -> bool {
    let is_old = |time: Time| time.age(now) > UNUSED_AFTER;
    let mut images = repository.images();
    images.all(|it| it.image.pushed_at.is_some_and(is_old) && !it.verdict.in_use())
        && repository.last_pulls().into_iter().flatten().all(is_old)
}

/// Returns whether a digest is `whole`, or a child of it at any depth.
fn is_part(repository: &RepositoryPlan, part: Digest, whole: Digest) -> bool {
    let mut open = vec![whole];
    let mut seen = Vec::new();
    while let Some(digest) = open.pop() {
        if digest == part {
            return true;
        }
        if !seen.contains(&digest) {
            seen.push(digest);
            let children = repository.children().get(&digest).into_iter().flatten();
            open.extend(children.map(|child| child.digest));
        }
    }
    false
}
