//! Keep rules: what of a repository stays because of its tags, its age and its place among the newest.
//!
//! A policy is a union of rules (P3): each rule can only keep. What no rule keeps is not yet deleted, since use and the
//! image graph have their say in `plan`.

mod evaluate;
mod pattern;
mod version;
pub mod wildcard;

use std::num::NonZeroU32;

use jiff::SignedDuration;
use serde::Serialize;

pub use evaluate::{Evaluation, Kept, Missed, Place, Standing};
pub use pattern::{Pattern, RepositoryGlobs};

/// All policies, in the order of the configuration: the first that matches a repository judges it (K1).
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Policies(pub Vec<Policy>);

/// What to do with the repositories whose names match.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Policy {
    /// The position in the configuration document, from 0.
    pub position: usize,
    /// Which repositories this policy judges.
    pub repositories: RepositoryGlobs,
    /// What happens to their images.
    pub action: Action,
}

/// What a policy does.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Nothing: not even reading them.
    LeaveAlone,
    /// Keeping what its rules keep, and deleting the rest.
    Keep(KeepRules),
}

/// The keep rules of one policy.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct KeepRules {
    /// The rules; an image stays if one of them keeps it.
    pub rules: Vec<KeepRule>,
    /// Whether a repository in which no tag is matched by any rule is cleaned all the same (K7).
    pub delete_unmatched: bool,
}

/// A rule keeps an image when all its conditions hold (K2).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct KeepRule {
    /// What explanations call it.
    pub name: String,
    /// Some tag of the image matches.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<Pattern>,
    /// That same tag does not match this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub except: Option<Pattern>,
    /// The image has no tag; a signature's tag counts as none.
    pub untagged: bool,
    /// The image was pushed at most this long ago.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pushed_within: Option<SignedDuration>,
    /// The image was pulled at most this long ago; never pulled: pushed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pulled_within: Option<SignedDuration>,
    /// The image is among this many newest that meet the other conditions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub newest: Option<NonZeroU32>,
    /// The newest are counted for each value of this named group of `tags`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per: Option<String>,
    /// Only this many values of `per`, those with the newest images, are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub newest_groups: Option<NonZeroU32>,
    /// What makes an image newer than another.
    pub by: Order,
}

/// The order in which places are given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// By push time (K3).
    #[default]
    Pushed,
    /// By the version in the tag, then by push time.
    Version,
}

impl Policies {
    /// The policy that judges a repository. One that matches only by a wildcard does not reach into a pull-through
    /// cache (K1), whose images are somebody else's releases.
    #[must_use]
    pub fn of(&self, repository: &str, pull_through_cache: bool) -> Option<&Policy> {
        let policy = self
            .0
            .iter()
            .find(|policy| policy.repositories.matches(repository))?;
        (!pull_through_cache || policy.repositories.names_exactly(repository)).then_some(policy)
    }
}

impl KeepRules {
    /// Whether some rule is about tags.
    #[must_use]
    pub fn name_tags(&self) -> bool {
        self.rules.iter().any(|rule| rule.tags.is_some())
    }

    /// Whether a tag is one that some rule is about.
    #[must_use]
    pub fn match_tag(&self, tag: &str) -> bool {
        self.rules.iter().any(|rule| rule.matches_tag(tag))
    }
}

impl KeepRule {
    /// Whether this rule gives places, and so keeps nothing that takes none.
    const fn counts(&self) -> bool {
        self.newest.is_some() || self.newest_groups.is_some()
    }

    /// Whether a tag is one that this rule is about.
    fn matches_tag(&self, tag: &str) -> bool {
        self.tags.as_ref().is_some_and(|tags| tags.is_match(tag))
            && !self
                .except
                .as_ref()
                .is_some_and(|except| except.is_match(tag))
    }
}
