//! Keep rules: images that are kept for their tags, their age and their rank among the newest.
//!
//! A policy is a union of rules (P3): a rule can only keep. Whether an image that no rule keeps is
//! deleted is decided in [`crate::plan`], which knows what is in use and how images belong
//! together.

mod choice;
mod conditions;
mod cover;
pub mod git;
mod history;
mod lifecycle;
mod limits;
mod pattern;
mod rank;
mod shape;
mod version;
pub mod wildcard;

use std::{collections::BTreeMap, num::NonZeroU32, sync::Arc};

use jiff::SignedDuration;
use serde::Serialize;

use git::GitRules;
use wildcard::Wildcard;

use crate::image::ArtifactType;
pub use choice::{Choice, PROTECT, RepositoryTags};
pub use history::RuleDoubt;
pub use lifecycle::{Imported, ImportedRule, LifecycleRule, LifecycleRules, Remark};
pub use limits::{Ceiling, Limits};
pub use pattern::{GlobError, Pattern, RepositoryGlobs};
pub use rank::{Eligibility, Evaluation, Kept, Missed, Rank, RuleImage};
pub use shape::Shape;

/// Name of the group of [`KeepRule::version`] that is the version.
pub const VERSION_GROUP: &str = "version";

/// All policies, in the order of the configuration: the first that matches a repository applies to
/// it (K1).
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Policies {
    /// All of them.
    pub all: Vec<Policy>,
    /// AWS tag of a repository that names its policy.
    pub tag: Option<String>,
}

/// A policy for the repositories whose names match.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Policy {
    /// Position in the configuration, from 0.
    pub position: usize,
    /// Name; `None` if none is written.
    pub name: Option<String>,
    /// Repositories that this policy applies to.
    pub repositories: RepositoryGlobs,
    /// AWS tags that these have besides, by key.
    pub repository_tags: BTreeMap<String, Wildcard>,
    /// Whether its wildcards reach pull-through caches.
    pub pull_through_cache: bool,
    /// Treatment of their images.
    pub action: Action,
    /// What it allows a run.
    pub limits: Limits,
}

/// Treatment of the images of a repository.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// They are not even read.
    LeaveAlone,
    /// Those that no rule keeps may be deleted.
    Keep(KeepRules),
}

/// The keep rules of one policy.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct KeepRules {
    /// Rules. An image is kept if one of them keeps it.
    pub rules: Vec<KeepRule>,
    /// Rule that keeps the newest images whatever the others say (K9). It is about no tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_least: Option<Box<KeepRule>>,
    /// Whether a repository is cleaned though no rule matches any of its tags (K7).
    pub delete_unmatched: bool,
    /// What Git history keeps besides (K14); `None` if it is not asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub git: Option<Box<GitRules>>,
}

/// A rule, which keeps an image if all its conditions hold (K2).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct KeepRule {
    /// Name, used in explanations.
    pub name: String,
    /// Type of the artifacts that the rule is about; `None` if it is about images.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifacts: Option<Wildcard>,
    /// A tag of the image matches this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<Pattern>,
    /// Pattern that the same tag does not match.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub except: Option<Pattern>,
    /// Each of these matches a tag of the image.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub all_tags: Vec<Pattern>,
    /// No tag of the image matches this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no_tag: Option<Pattern>,
    /// The image has no tag; signature tags do not count.
    pub untagged: bool,
    /// The image was pushed at most this long ago.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pushed_within: Option<SignedDuration>,
    /// The image or a child of it was pulled at most this long ago, or it was pushed if never pulled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pulled_within: Option<SignedDuration>,
    /// The image or a child of it was seen in use at most this long ago (K9).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub used_within: Option<SignedDuration>,
    /// A tag that the rule is about was first seen on the image at most this long ago (K9).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tagged_within: Option<SignedDuration>,
    /// The image is among this many newest of those that meet the other conditions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub newest: Option<NonZeroU32>,
    /// Named group of `tags`, for each value of which the newest are counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per: Option<String>,
    /// Number of values of `per` that are kept: those with the newest images.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub newest_groups: Option<NonZeroU32>,
    /// Order of the images.
    pub by: Order,
    /// Regular expression whose group `version` is the version in a tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<Pattern>,
}

/// Order in which images are ranked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// By push time (K3).
    #[default]
    Pushed,
    /// By the version in the tag, then by push time.
    Version,
    /// By the last pull (K12), or by push time if it was never pulled.
    Pulled,
    /// By the last use that is known, then by push time. What was never used is not ranked (K9).
    Used,
    /// By the first sight of a tag that the rule is about, then by push time (K9).
    Tagged,
}

impl Policies {
    /// Returns whether a rule is about pull times.
    #[must_use]
    pub fn use_pull_times(&self) -> bool {
        self.all.iter().any(|policy| match &policy.action {
            Action::Keep(keep) => {
                keep.git.is_some() || keep.rules.iter().any(KeepRule::uses_pull_times)
            }
            Action::LeaveAlone => false,
        })
    }

    /// Returns whether a policy asks what annotations of images say (K14).
    #[must_use]
    pub fn read_annotations(&self) -> bool {
        let mut git = self.all.iter().filter_map(Policy::git);
        git.any(|git| git.annotation)
    }

    /// Returns for how long the use ledger has to know the past; `None` if no rule asks for it (K9).
    #[must_use]
    pub fn ledger_window(&self) -> Option<SignedDuration> {
        let of_policies = self.all.iter().filter_map(|policy| match &policy.action {
            Action::Keep(keep) => keep.rules.iter().filter_map(KeepRule::ledger_window).max(),
            Action::LeaveAlone => None,
        });
        of_policies.max()
    }
}

impl Policy {
    /// Returns its name, or `policy N`, counted from 1.
    #[must_use]
    pub fn title(&self) -> String {
        let position = self.position + 1;
        let name = self.name.clone();
        name.unwrap_or_else(|| format!("policy {position}"))
    }

    /// Returns what Git history keeps; `None` if it is not asked.
    #[must_use]
    pub fn git(&self) -> Option<&GitRules> {
        match &self.action {
            Action::LeaveAlone => None,
            Action::Keep(keep) => keep.git.as_deref(),
        }
    }

    /// Returns the rules, as JSON; `None` if the policy leaves repositories alone.
    pub(crate) fn rules(&self) -> Option<Arc<str>> {
        match &self.action {
            Action::LeaveAlone => None,
            Action::Keep(rules) => serde_json::to_string(rules).ok().map(Into::into),
        }
    }
}

impl KeepRules {
    /// Returns whether a rule is about tags.
    #[must_use]
    pub fn name_tags(&self) -> bool {
        self.rules.iter().any(KeepRule::names_tags)
    }

    /// Returns all rules, that of `keep_at_least` last.
    pub fn all(&self) -> impl Iterator<Item = &KeepRule> {
        self.rules.iter().chain(self.at_least.as_deref())
    }

    /// Returns whether every rule is about artifacts, so that they say nothing of images (K7).
    #[must_use]
    pub fn are_about_artifacts_alone(&self) -> bool {
        let mut rules = self.rules.iter();
        !self.rules.is_empty() && rules.all(|rule| rule.artifacts.is_some())
    }

    /// Returns whether a rule is about artifacts.
    #[must_use]
    pub fn are_about_artifacts(&self) -> bool {
        self.rules.iter().any(|rule| rule.artifacts.is_some())
    }

    /// Returns whether a rule is about artifacts of this type.
    #[must_use]
    pub fn are_about_artifact(&self, artifact_type: &ArtifactType) -> bool {
        let mut types = self.rules.iter().filter_map(|rule| rule.artifacts.as_ref());
        types.any(|types| types.matches(artifact_type.text()))
    }

    /// Returns whether a rule is about this tag.
    #[must_use]
    pub fn match_tag(&self, tag: &str) -> bool {
        let mut rules = self.rules.iter();
        rules.any(|rule| rule.is_about_every_tag() || rule.is_about(tag))
    }
}

impl KeepRule {
    /// Creates a rule without conditions.
    #[must_use]
    pub const fn new(name: String) -> Self {
        Self {
            name,
            artifacts: None,
            tags: None,
            except: None,
            all_tags: Vec::new(),
            no_tag: None,
            untagged: false,
            pushed_within: None,
            pulled_within: None,
            used_within: None,
            tagged_within: None,
            newest: None,
            per: None,
            newest_groups: None,
            by: Order::Pushed,
            version: None,
        }
    }

    /// Returns whether this rule ranks images, and so keeps none that is not ranked.
    const fn ranks(&self) -> bool {
        self.newest.is_some() || self.newest_groups.is_some()
    }

    /// Returns whether this rule is about every tag, since it names none (K7).
    #[must_use]
    pub const fn is_about_every_tag(&self) -> bool {
        self.artifacts.is_none() && !self.names_tags() && !self.untagged
    }

    /// Returns whether this rule names the tags of images that it is about.
    #[must_use]
    pub const fn names_tags(&self) -> bool {
        self.artifacts.is_none() && (self.tags.is_some() || !self.all_tags.is_empty())
    }

    /// Returns whether this rule keeps whatever has other tags than those it names. It is for what
    /// there may be one day, so it is no mistake if it keeps nothing (K11).
    #[must_use]
    pub const fn is_for_the_rest(&self) -> bool {
        let narrowed = self.ranks() || self.pushed_within.is_some() || self.pulled_within.is_some();
        !narrowed && (self.except.is_some() || self.no_tag.is_some())
    }

    fn uses_pull_times(&self) -> bool {
        self.pulled_within.is_some() || self.by == Order::Pulled
    }

    /// Returns whether this rule names this tag.
    fn is_about(&self, tag: &str) -> bool {
        self.names_tags()
            && (self.matches_tag(tag) || self.all_tags.iter().any(|tags| tags.is_match(tag)))
    }

    /// Returns whether a tag matches `tags` and not `except`.
    fn matches_tag(&self, tag: &str) -> bool {
        self.tags.as_ref().is_some_and(|tags| tags.is_match(tag))
            && !self
                .except
                .as_ref()
                .is_some_and(|except| except.is_match(tag))
    }
}
