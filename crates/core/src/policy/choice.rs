//! Which policy a repository has: by its name, its AWS tags and whether it is a pull-through cache
//! (K1).

use std::{collections::BTreeMap, iter};

use super::{Action, Policies, Policy, wildcard::Wildcard};

/// AWS tags of a repository.
pub type RepositoryTags = BTreeMap<String, String>;

/// Value of the policy tag that leaves a repository alone.
pub const PROTECT: &str = "protect";

/// The policy of a repository, or why it has none.
#[derive(Debug, Clone, PartialEq)]
pub enum Choice<'a> {
    /// It has this one.
    Policy(&'a Policy),
    /// None matches it.
    None,
    /// It is a pull-through cache, and none that matches it reaches those.
    Cache,
    /// Its policy tag, of this key, says that it is left alone.
    Protected(&'a str),
    /// Its policy tag, of this key, has a value that is the name of no policy.
    Unknown(&'a str, String),
}

impl Policies {
    /// Returns the policy of a repository. If its policy tag names one, that is it; else it is the
    /// first that matches it. To a pull-through cache that applies only if it names it without a
    /// wildcard; else the first does that reaches caches, or leaves alone what it matches (K1).
    #[must_use]
    pub fn of(&self, repository: &str, is_cache: bool, tags: &RepositoryTags) -> Choice<'_> {
        let tag = self.tag.as_deref();
        if let Some((key, value)) = tag.and_then(|key| Some((key, tags.get(key)?))) {
            let mut policies = self.all.iter();
            let named = policies.find(|policy| policy.name.as_ref() == Some(value));
            return match named {
                _ if value == PROTECT => Choice::Protected(key),
                Some(policy) => Choice::Policy(policy),
                None => Choice::Unknown(key, value.clone()),
            };
        }
        let matches = |policy: &&Policy| policy.matches(repository, tags);
        let mut matching = self.all.iter().filter(matches);
        match matching.next() {
            None => Choice::None,
            Some(first) if !is_cache || first.repositories.names_exactly(repository) => {
                Choice::Policy(first)
            }
            Some(first) => {
                let mut from_first = iter::once(first).chain(matching);
                let reaching = from_first.find(|policy| policy.decides_on_caches());
                reaching.map_or(Choice::Cache, Choice::Policy)
            }
        }
    }

    /// Returns whether the AWS tags of a repository decide on its policy.
    #[must_use]
    pub fn depend_on_tags(&self, repository: &str, is_cache: bool) -> bool {
        let by_name = |policy: &&Policy| policy.repositories.matches(repository);
        let mut by_name = self.all.iter().filter(by_name);
        let has_tags = |policy: &Policy| !policy.repository_tags.is_empty();
        self.tag.is_some()
            || if is_cache {
                by_name.any(has_tags)
            } else {
                by_name.next().is_some_and(has_tags)
            }
    }

    /// Returns whether AWS tags of repositories are read.
    #[must_use]
    pub fn read_tags(&self) -> bool {
        let mut policies = self.all.iter();
        self.tag.is_some() || policies.any(|policy| !policy.repository_tags.is_empty())
    }

    /// Returns each policy that can never apply, with one before it that matches whatever it
    /// matches. One that the policy tag may name can.
    pub fn covered(&self) -> impl Iterator<Item = (&Policy, &Policy)> {
        let all = self.all.iter().enumerate();
        let nameless = all.filter(|(_, policy)| self.tag.is_none() || policy.name.is_none());
        nameless.filter_map(|(position, policy)| {
            let mut before = self.all[..position].iter();
            let covering = before.find(|it| it.covers(policy))?;
            Some((policy, covering))
        })
    }
}

impl Policy {
    /// Returns whether it matches the name and the tags of a repository.
    fn matches(&self, repository: &str, tags: &RepositoryTags) -> bool {
        let mut wanted = self.repository_tags.iter();
        let has = |key, glob: &Wildcard| tags.get(key).is_some_and(|value| glob.matches(value));
        self.repositories.matches(repository) && wanted.all(|(key, glob)| has(key, glob))
    }

    fn decides_on_caches(&self) -> bool {
        self.pull_through_cache || self.action == Action::LeaveAlone
    }

    /// Returns whether no repository is left for a later policy, as far as that can be told.
    fn covers(&self, later: &Self) -> bool {
        let leaves_caches = later.pull_through_cache && !self.decides_on_caches();
        let mut wanted = self.repository_tags.iter();
        let has_tags = wanted.all(|(key, glob)| {
            let of_later = later.repository_tags.get(key);
            of_later.is_some_and(|it| it == glob || *glob == Wildcard::any())
        });
        !leaves_caches && has_tags && self.repositories.cover(&later.repositories)
    }
}
