//! The conditions of a keep rule: whether an image meets them, and by which of its tags.

use jiff::SignedDuration;

use super::{Eligibility, KeepRule, Order, Pattern, RuleImage, VERSION_GROUP, version::Version};
use crate::image::{ArtifactType, Tag, Time};

/// A tag without a version.
pub(super) struct NoVersion;

impl RuleImage<'_> {
    /// Returns the part that it has in a ranking of images: an artifact has none.
    pub(super) fn eligibility_as_image(&self) -> Eligibility {
        match self.image.artifact_type {
            ArtifactType::ContainerImage => self.eligibility,
            _ => Eligibility::None,
        }
    }
}

impl KeepRule {
    /// Returns the part that an image has in the ranking of this rule: an artifact has none in that
    /// of images.
    pub(super) fn eligibility(&self, entry: &RuleImage<'_>) -> Eligibility {
        match self.artifacts {
            Some(_) => entry.eligibility,
            None => entry.eligibility_as_image(),
        }
    }

    /// Returns the positions of the tags that match `tags` and not `except`.
    pub(super) fn matching_tags<'a>(
        &'a self,
        entry: &RuleImage<'a>,
    ) -> impl Iterator<Item = usize> + 'a {
        let tags = entry.image.ordinary_tags(entry.can_run);
        tags.filter(|(_, tag)| self.matches_tag(tag))
            .map(|(index, _)| index)
    }

    /// Returns the positions of the tags by which an image meets the rule.
    pub(super) fn tags_of<'a>(&'a self, entry: &RuleImage<'a>) -> impl Iterator<Item = usize> + 'a {
        let tags = entry.image.ordinary_tags(entry.can_run);
        let is_any = !self.names_tags();
        let is_meant = move |tag: &Tag| match self.tags {
            Some(_) => self.matches_tag(tag),
            None => is_any || self.is_about(tag),
        };
        tags.filter(move |(_, tag)| is_meant(tag))
            .map(|(index, _)| index)
    }

    /// Returns the position of the first tag that one of `all_tags` matches.
    pub(super) fn tag_of_several(&self, entry: &RuleImage<'_>) -> Option<usize> {
        if self.all_tags.is_empty() {
            return None;
        }
        let mut tags = entry.image.ordinary_tags(entry.can_run);
        let found = tags.find(|(_, tag)| self.all_tags.iter().any(|it| it.is_match(tag)));
        found.map(|(index, _)| index)
    }

    /// Returns whether an image meets every condition but its rank; `matching` is a tag that matches
    /// `tags` and not `except`.
    pub(super) fn meets(&self, entry: &RuleImage<'_>, matching: Option<usize>, now: Time) -> bool {
        let image = entry.image;
        let has_tag = |is_it: &dyn Fn(&Tag) -> bool| {
            let mut tags = image.ordinary_tags(entry.can_run);
            tags.any(|(_, tag)| is_it(tag))
        };
        let has = |pattern: &Pattern| has_tag(&|tag| pattern.is_match(tag));
        (self.tags.is_none() || matching.is_some())
            && self.all_tags.iter().all(has)
            && !self.no_tag.as_ref().is_some_and(has)
            && !(self.untagged && has_tag(&|_| true))
            && within(self.pushed_within, image.pushed_at, now)
            && within(self.pulled_within, entry.pulled_at.or(image.pushed_at), now)
    }

    /// Returns the version in a tag, if the rule orders by it.
    pub(super) fn version<'a>(&self, tag: &'a Tag) -> Result<Option<Version<'a>>, NoVersion> {
        match self.by {
            Order::Pushed | Order::Pulled | Order::Used | Order::Tagged => Ok(None),
            Order::Version => {
                let text = match &self.version {
                    Some(version) => version.group(tag, VERSION_GROUP),
                    None => Some(&**tag),
                };
                text.and_then(Version::parse).map(Some).ok_or(NoVersion)
            }
        }
    }

    /// Returns the group of a tag: the value of the named group, empty if it took no part in the
    /// match.
    pub(super) fn group<'a>(&self, tag: &'a Tag) -> &'a str {
        match (&self.per, &self.tags) {
            (Some(per), Some(tags)) => tags.group(tag, per).unwrap_or_default(),
            _ => "",
        }
    }
}

/// Returns whether a time is at most that long ago. An unknown time is within every limit (P4).
fn within(limit: Option<SignedDuration>, time: Option<Time>, now: Time) -> bool {
    match (limit, time) {
        (Some(limit), Some(time)) => time.age(now) <= limit,
        _ => true,
    }
}
