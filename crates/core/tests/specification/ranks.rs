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
    /// Returns by what an image is newer than another in an order (K3).
    fn newness(&self, by: Order, i: usize, pushed: Time) -> (Option<Time>, Option<Time>) {
        match by {
            Order::Pushed | Order::Version => (Some(pushed), None),
            Order::Pulled => (self.last_pull(i, true).or(Some(pushed)), None),
            Order::Used => (self.last_use(i), Some(pushed)),
            Order::Tagged => (self.world.history.tagged_at(self.world.images[i]), Some(pushed)),
        }
    }

    /// Returns what a rule keeps of a repository (K2, K3, K4, K5, K9, K10).
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
        let ranks = rule.newest.is_some() || rule.newest_groups.is_some();
        if ranks && self.is_young(rule) {
            return met & (counts | tagged);
        }
        if !ranks {
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
                groups.entry(group).or_default().push((
                    Reverse(version),
                    Reverse(self.newness(rule.by, i, pushed)),
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

    /// Returns an image and its parts, to any depth.
    fn parts(&self, i: usize) -> Set {
        let world = self.world;
        let more = |parts: Set| parts | world.set(|part| world.parents[part].meets(parts));
        world.images.iter().fold(Set::one(i), |parts, _| more(parts))
    }

    /// Returns the last pull of an image or a part of it: one that may be somebody else's, or surely
    /// is (K12).
    pub(crate) fn last_pull(&self, i: usize, may_be: bool) -> Option<Time> {
        let (world, parts) = (self.world, self.parts(i));
        let parts = (0..self.tags.len()).filter(|&part| parts.has(part));
        parts.filter_map(|part| world.pull(part, may_be)).max()
    }

    /// Returns the last use of an image or a part of it that runs saw (K9).
    fn last_use(&self, i: usize) -> Option<Time> {
        let parts = self.parts(i);
        let parts = (0..self.tags.len()).filter(|&part| parts.has(part));
        parts.filter_map(|part| self.world.history.used_at(self.world.images[part])).max()
    }

    /// Returns whether a rule asks for more of the past than runs saw (K9).
    fn is_young(&self, rule: &KeepRule) -> bool {
        let month = SignedDuration::from_hours(30 * 24);
        let ranks = matches!(rule.by, Order::Used | Order::Tagged).then_some(month);
        let asked = [rule.used_within, rule.tagged_within, ranks].into_iter().flatten();
        asked.max().is_some_and(|asked| self.world.history.age() < asked)
    }

    /// Returns whether the conditions of a rule on the past hold (K9).
    fn meets_past(&self, rule: &KeepRule, i: usize) -> bool {
        let within = |limit: Option<SignedDuration>, at: Option<Time>| {
            limit.zip(at).is_none_or(|(limit, at)| at.age(self.world.settings.now) <= limit)
        };
        let (used_at, image) = (self.last_use(i), self.world.images[i]);
        let is_used = within(rule.used_within, used_at);
        let is_new = within(rule.tagged_within, self.world.history.tagged_at(image));
        let names_none = rule.tags.is_none() && rule.all_tags.is_empty();
        let is_meant = |tag: &Tag| match rule.tags {
            Some(_) => matches(rule, tag),
            None => names_none || is_about(rule, tag),
        };
        let has_tag = self.tags[i].iter().any(|tag| is_meant(tag));
        let asks_for_use = rule.used_within.is_some() || rule.by == Order::Used;
        let asks_for_tag = rule.tagged_within.is_some() || rule.by == Order::Tagged;
        self.is_young(rule)
            || (!asks_for_use || used_at.is_some() && is_used)
                && (!asks_for_tag || has_tag && is_new)
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
            && self.meets_past(rule, i)
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
        Order::Pushed | Order::Pulled | Order::Used | Order::Tagged => Some((group(tag), None)),
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
