//! Hygiene: habits that make it hard to say what runs. Reported, and never acted on.

use std::collections::HashMap;

use serde::Serialize;

use crate::{
    image::{Digest, Registry, Tag},
    inventory::Images,
    plan::{Plan, RepositoryPlan},
    policy::{Action, KeepRules, Policies},
    usage::Usage,
};

/// What somebody may want to change.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Hygiene {
    /// Repositories in which a tag can be moved to another image.
    pub mutable_repositories: Findings<String>,
    /// Tags that were moved after something that still runs was started from them: its next start gets another image.
    pub moved_tags: Findings<MovedTag>,
    /// Images that something live pulls by a tag and without a digest.
    pub pulled_by_tag: Findings<PulledByTag>,
    /// Tags that no rule of their repository's policy is about.
    pub unmatched_tags: Findings<String>,
}

/// How many there are, and the first of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Findings<T> {
    /// How many.
    pub count: usize,
    /// The first ones, by name.
    pub first: Vec<T>,
}

/// A tag that is somewhere else by now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MovedTag {
    /// The image as it is pulled.
    pub image: String,
    /// The digest that runs.
    pub runs: Digest,
    /// The digest that has the tag now.
    pub now: Digest,
    /// Who runs it, the first of all.
    pub user: String,
}

/// An image that is pulled by its tag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PulledByTag {
    /// The image as it is pulled.
    pub image: String,
    /// Who pulls it, the first of all.
    pub user: String,
    /// How many there are.
    pub users: usize,
}

impl<T> Default for Findings<T> {
    fn default() -> Self {
        Self {
            count: 0,
            first: Vec::new(),
        }
    }
}

impl<T> Findings<T> {
    /// The most that are listed.
    const CAP: usize = 20;

    fn add(&mut self, finding: impl FnOnce() -> T) {
        self.count += 1;
        if self.first.len() < Self::CAP {
            self.first.push(finding());
        }
    }
}

impl Hygiene {
    /// What there is to say of a plan and the use it was made by. Only repositories that were read can tell.
    pub(super) fn of(plan: &Plan, usage: &Usage, policies: &Policies) -> Self {
        let mut hygiene = Self::default();
        for repository in plan
            .repositories
            .iter()
            .filter(|repository| repository.was_read())
        {
            if repository.mutable_tags {
                hygiene.mutable_repositories.add(|| repository.title());
            }
            if let Some(Action::Keep(rules)) = repository
                .policy
                .map(|position| &policies.0[position].action)
            {
                hygiene.look_at_tags(repository, rules);
            }
        }
        hygiene.look_at_pulls(plan, usage);
        hygiene
    }

    /// Shortens the lists.
    pub(super) fn cap(&mut self, cap: usize) {
        self.mutable_repositories.first.truncate(cap);
        self.moved_tags.first.truncate(cap);
        self.pulled_by_tag.first.truncate(cap);
        self.unmatched_tags.first.truncate(cap);
    }

    fn look_at_tags(&mut self, repository: &RepositoryPlan, rules: &KeepRules) {
        if !rules.name_tags() {
            return;
        }
        for image in repository
            .stored
            .images
            .iter()
            .filter(|image| image.may_take_place())
        {
            for tag in image.tags.iter().filter(|tag| !rules.match_tag(tag)) {
                self.unmatched_tags
                    .add(|| format!("{}:{tag}", repository.title()));
            }
        }
    }

    fn look_at_pulls(&mut self, plan: &Plan, usage: &Usage) {
        let mut by_tag: HashMap<(&Registry, &str), HashMap<&Tag, Digest>> = HashMap::new();
        for (image, pull) in usage.pulled_by_tag() {
            let repository = match &image.registry {
                Some(registry) => plan.repository_in(registry, &image.repository),
                None => plan.repository(&image.repository),
            };
            let Some(repository) = repository else {
                continue;
            };
            let title = || {
                repository
                    .host()
                    .map_or_else(|| image.to_string(), |host| format!("{host}/{image}"))
            };
            let first = |users: &mut dyn Iterator<Item = String>| users.next().unwrap_or_default();
            self.pulled_by_tag.add(|| PulledByTag {
                image: title(),
                user: first(&mut pull.users.iter().map(ToString::to_string)),
                users: pull.users.len(),
            });
            let key = (&*repository.registry, &*repository.name);
            let tags = by_tag
                .entry(key)
                .or_insert_with(|| tags(&repository.stored));
            let Some(&now) = image.tag.as_ref().and_then(|tag| tags.get(tag)) else {
                continue;
            };
            for (&runs, user) in &pull.resolved {
                // What is not stored may be the digest of a configuration rather than of an image.
                if repository.image(&runs).is_some() && !is_part(&repository.stored, runs, now) {
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

fn tags(stored: &Images) -> HashMap<&Tag, Digest> {
    stored
        .images
        .iter()
        .flat_map(|image| image.tags.iter().map(|tag| (tag, image.digest)))
        .collect()
}

/// Whether a digest is another one, or a child of it to any depth.
fn is_part(stored: &Images, part: Digest, whole: Digest) -> bool {
    let mut open = vec![whole];
    let mut seen = Vec::new();
    while let Some(digest) = open.pop() {
        if digest == part {
            return true;
        }
        if !seen.contains(&digest) {
            seen.push(digest);
            open.extend(
                stored
                    .children
                    .get(&digest)
                    .into_iter()
                    .flatten()
                    .map(|child| child.digest),
            );
        }
    }
    false
}
