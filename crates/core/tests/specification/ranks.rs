//! What keep rules keep, as the rules say it: one image after the other, in each group of each rule.

use std::{cmp::Reverse, collections::BTreeMap};

use ecr_cleanup_core::{
    image::{Tag, Time},
    policy::{KeepRule, Order, Pattern},
};
use jiff::SignedDuration;

use crate::{planner::Naive, world::Set};

/// Versions in tags, from the lowest to the highest; those in one row are equal.
const VERSIONS: [&[&str]; 8] = [
    &["v1.0-rc2"],
    &["v1.0-rc10"],
    &["v1.0", "main-1", "dev-1"],
    &["v1.0-3"],
    &["v1.2"],
    &["v1.10"],
    &["main-2"],
    &["java21-v10"],
];

impl Naive<'_> {
    /// Returns what a rule keeps of a repository (K2, K3, K4, K5, K10).
    pub(crate) fn ruled(&self, home: usize, rule: &KeepRule) -> Set {
        let world = self.world;
        // A rule about artifacts ranks these alone, any other images.
        let kind = match rule.artifacts {
            None => world.artifacts.complement(),
            Some(_) => world.artifacts & world.set(|i| self.is_of_type(rule, i)),
        };
        let counts = kind
            & self.counting
            & world.set(|i| !world.archived.has(i) && self.subjects[i].is_empty())
            & world.set(|i| !world.artifacts.has(i) || self.is_artifact(i));
        let tagged = kind & world.set(|i| !self.tags[i].is_empty() && !self.is_newly_archived(i));
        let met = world.set(|i| world.home[i] == home && self.meets(rule, i));
        let met = match rule.artifacts {
            None => met & world.set(|i| !self.is_ruled_artifact(i)),
            Some(_) => met & (counts | tagged),
        };
        if rule.newest.is_none() && rule.newest_groups.is_none() {
            return met & world.set(|i| !world.archived.has(i) || tagged.has(i));
        }
        let (mut kept, mut groups) = (Set::default(), BTreeMap::<&str, Vec<_>>::new());
        for i in (0..self.tags.len()).filter(|&i| (met & (counts | tagged)).has(i)) {
            let Some(pushed) = world.images[i].pushed_at else { continue };
            let entries = entries(rule, &self.tags[i]);
            if entries.is_empty() {
                kept = kept | Set::one(i);
            }
            for (group, version) in entries {
                let newness = self.last_pull(i, true).filter(|_| rule.by == Order::Pulled);
                groups.entry(group).or_default().push((
                    Reverse(version),
                    Reverse(newness.unwrap_or(pushed)),
                    world.images[i].digest,
                    i,
                ));
            }
        }
        for group in groups.values_mut() {
            group.sort_unstable();
        }
        let mut groups: Vec<_> = groups.into_iter().collect();
        // A group is as new as the newest image of it that counts.
        groups.sort_by_key(|(_, group)| {
            *group.iter().find(|it| counts.has(it.3)).unwrap_or(&group[0])
        });
        let mut newer_groups = 0;
        for (_, group) in groups {
            let mut newer = Set::default();
            for (.., i) in group {
                let is_new = rule.newest.is_none_or(|newest| newer.len() < newest.get());
                if is_new && rule.newest_groups.is_none_or(|most| newer_groups < most.get()) {
                    kept = kept | Set::one(i);
                }
                newer = newer | Set::one(i) & counts;
            }
            newer_groups += u32::from(!newer.is_empty());
        }
        kept
    }

    /// Returns whether others are known to have pulled it or a part of it lately (U13).
    pub(crate) fn is_pulled(&self, i: usize) -> bool {
        let settings = self.world.settings;
        let pull = settings.keep_pulled_within.zip(self.last_pull(i, false));
        pull.is_some_and(|(within, at)| at.age(settings.now) <= within)
    }

    /// Returns the last pull of an image or a part of it: one that may be somebody else's, or surely
    /// is (K12).
    pub(crate) fn last_pull(&self, i: usize, may_be: bool) -> Option<Time> {
        let world = self.world;
        let more = |parts: Set| parts | world.set(|part| world.parents[part].meets(parts));
        let parts = world.images.iter().fold(Set::one(i), |parts, _| more(parts));
        let parts = (0..self.tags.len()).filter(|&part| parts.has(part));
        parts.filter_map(|part| world.pull(part, may_be)).max()
    }

    /// Returns whether an image meets every condition of a rule but its rank (K2, K12).
    fn meets(&self, rule: &KeepRule, i: usize) -> bool {
        let (world, image) = (self.world, self.world.images[i]);
        let within = |limit: Option<SignedDuration>, at: Option<Time>| {
            limit.zip(at).is_none_or(|(limit, at)| at.age(world.settings.now) <= limit)
        };
        let any = |pattern: &Pattern| self.tags[i].iter().any(|tag| pattern.is_match(tag));
        (rule.tags.is_none() || self.tags[i].iter().any(|tag| matches(rule, tag)))
            && rule.all_tags.iter().all(any)
            && !rule.no_tag.iter().any(any)
            && (!rule.untagged || self.tags[i].is_empty())
            && within(rule.pushed_within, image.pushed_at)
            && (rule.pulled_within.is_none()
                || within(rule.pulled_within, self.last_pull(i, true).or(image.pushed_at)))
    }
}

/// Returns whether a rule is about a tag that it names (K7).
pub(crate) fn is_about(rule: &KeepRule, tag: &Tag) -> bool {
    matches(rule, tag) || rule.all_tags.iter().any(|pattern| pattern.is_match(tag))
}

/// Returns whether a tag matches `tags` and not `except`.
fn matches(rule: &KeepRule, tag: &Tag) -> bool {
    let matches = |pattern: &Option<Pattern>| pattern.as_ref().is_some_and(|it| it.is_match(tag));
    matches(&rule.tags) && !matches(&rule.except)
}

/// Returns the groups of the tags that a rule is about, each with the version in its tag where the
/// rule orders by it and there is one; for a rule without tags, the one group that it has.
fn entries<'t>(rule: &KeepRule, tags: &[&'t Tag]) -> Vec<(&'t str, Option<usize>)> {
    let Some(pattern) = &rule.tags else { return vec![("", None)] };
    let group = |tag: &&'t Tag| {
        let group = rule.per.as_ref().and_then(|per| pattern.group(tag, per));
        group.unwrap_or_default()
    };
    let entry = |tag: &&'t Tag| match rule.by {
        Order::Pushed | Order::Pulled => Some((group(tag), None)),
        Order::Version => {
            let version = match &rule.version {
                Some(pattern) => pattern.group(tag, "version").and_then(|it| it.parse().ok()),
                None => version(tag),
            };
            version.map(|version| (group(tag), Some(version)))
        }
    };
    tags.iter().filter(|tag| matches(rule, tag)).filter_map(entry).collect()
}

/// Returns the place of the version in a tag among all versions.
fn version(tag: &Tag) -> Option<usize> {
    VERSIONS.iter().position(|equal| equal.contains(&&**tag))
}
