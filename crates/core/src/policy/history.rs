//! Conditions of keep rules on the past, which the use ledger knows (K9).

use jiff::SignedDuration;

use super::{KeepRule, Order, RuleImage};
use crate::{
    evidence::RepositoryLedger,
    image::{Image, Time},
};

/// Time for which the ledger has to know the past before a rule ranks by it.
pub(super) const RANKED_AFTER: SignedDuration = SignedDuration::from_hours(30 * 24);
const DAY_HOURS: i64 = 24;

/// Something that a rule asks for and that is not known of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleDoubt {
    /// No tag holds a version, by which the rule ranks (K10).
    NoVersion,
    /// The use ledger does not reach back as far as the rule asks for (K9).
    YoungLedger {
        /// Age of the ledger, in days.
        days: i64,
        /// Time at which it reaches back far enough.
        until: Time,
    },
}

/// The past of a repository, as a rule asks for it.
pub(super) struct History<'a> {
    rule: &'a KeepRule,
    ledger: &'a RepositoryLedger,
    now: Time,
    /// Doubt for which the rule keeps whatever meets its other conditions.
    pub(super) doubt: Option<RuleDoubt>,
}

impl KeepRule {
    /// Returns for how long the use ledger has to know the past; `None` if the rule does not ask
    /// for it.
    #[must_use]
    pub fn ledger_window(&self) -> Option<SignedDuration> {
        let ranks = matches!(self.by, Order::Used | Order::Tagged).then_some(RANKED_AFTER);
        self.used_within.max(self.tagged_within).max(ranks)
    }

    /// Returns whether it is about the last use of images.
    #[must_use]
    pub fn is_about_use(&self) -> bool {
        self.used_within.is_some() || self.by == Order::Used
    }

    fn is_about_new_tags(&self) -> bool {
        self.tagged_within.is_some() || self.by == Order::Tagged
    }
}

impl<'a> History<'a> {
    pub(super) fn new(rule: &'a KeepRule, ledger: &'a RepositoryLedger, now: Time) -> Self {
        let age = ledger.age(now);
        let is_young = |window: &SignedDuration| age < *window;
        let doubt = |window: SignedDuration| {
            let rest = i64::try_from((window - age).as_millis()).unwrap_or(i64::MAX);
            RuleDoubt::YoungLedger {
                days: age.as_hours() / DAY_HOURS,
                until: Time::from_millis(now.millis().saturating_add(rest)).unwrap_or(now),
            }
        };
        Self {
            rule,
            ledger,
            now,
            doubt: rule.ledger_window().filter(is_young).map(doubt),
        }
    }

    /// Returns whether the conditions on the past hold.
    pub(super) fn meets(&self, entry: &RuleImage<'_>) -> bool {
        let rule = self.rule;
        let used = |limit| entry.used_at.is_some_and(|at| self.is_within(limit, at));
        let is_used = (rule.by != Order::Used || entry.used_at.is_some())
            && rule.used_within.is_none_or(used);
        let is_tagged = !rule.is_about_new_tags()
            || (self.newest_tag(entry)).is_some_and(|tag| self.is_new(entry, tag));
        self.doubt.is_some() || is_used && is_tagged
    }

    /// Returns whether a tag was first seen as lately as the rule asks for. A time that is not known
    /// may be any (P4).
    pub(super) fn is_new(&self, entry: &RuleImage<'_>, tag: usize) -> bool {
        let limit = self
            .rule
            .tagged_within
            .zip(self.first_sight(entry.image, tag));
        limit.is_none_or(|(limit, at)| self.is_within(limit, at))
    }

    /// Returns the tag that was first seen last, of those that the rule is about; `None` if it does
    /// not ask for that.
    pub(super) fn newest_tag(&self, entry: &RuleImage<'_>) -> Option<usize> {
        let tags = self.rule.tags_of(entry);
        let tags = tags.filter(|_| self.rule.is_about_new_tags());
        tags.max_by_key(|&tag| self.first_sight(entry.image, tag))
    }

    /// Returns when a tag was first seen, if the rule orders by that.
    pub(super) fn order_of(&self, entry: &RuleImage<'_>, tag: Option<usize>) -> Option<Time> {
        let tag = tag.filter(|_| self.rule.by == Order::Tagged)?;
        self.first_sight(entry.image, tag)
    }

    fn first_sight(&self, image: &Image, tag: usize) -> Option<Time> {
        self.ledger.tagged_at(image, &image.tags[tag])
    }

    fn is_within(&self, limit: SignedDuration, at: Time) -> bool {
        at.age(self.now) <= limit
    }
}
