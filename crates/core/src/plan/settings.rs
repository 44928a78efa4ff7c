//! Settings of a plan, besides policies.

use jiff::SignedDuration;

use crate::{
    image::{Image, Status, Time},
    policy::{Ceiling, Limits},
};

/// AWS charges at least this long for an archived image, deleted or not.
const ARCHIVE_CHARGE: SignedDuration = SignedDuration::from_hours(90 * 24);

/// Time that a plan is made for, and treatment of the archive. A time alone leaves the archive
/// alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlanSettings {
    /// Time.
    pub now: Time,
    /// Treatment of the archive.
    pub archive: Archiving,
    /// Time for which a pull by others keeps an image that nothing else keeps (U13); `None` if it
    /// keeps none.
    pub keep_pulled_within: Option<SignedDuration>,
    /// Whether registries are cleaned besides that are not in the plan.
    pub has_others: bool,
}

/// Treatment of the archive.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Archiving {
    /// Whether candidates are moved to the archive, rather than deleted.
    pub candidates: bool,
    /// Time in the archive after which an image may be deleted; `None` for never (G7).
    pub delete_after: Option<SignedDuration>,
}

impl From<Time> for PlanSettings {
    fn from(now: Time) -> Self {
        Self {
            now,
            archive: Archiving::default(),
            keep_pulled_within: None,
            has_others: false,
        }
    }
}

impl PlanSettings {
    /// Returns the settings for a repository whose policy has these limits.
    pub(super) fn within(mut self, limits: Limits) -> Self {
        self.archive.candidates |= limits.mode == Some(Ceiling::Archive);
        self
    }

    /// Returns whether an image has been archived for so long that this is no reason to keep it any
    /// more.
    pub(super) fn archived_long_enough(&self, image: &Image) -> bool {
        match (image.status, self.archive.delete_after, image.archived_at()) {
            (Status::Archived, Some(limit), Some(archived_at)) => archived_at.age(self.now) > limit,
            _ => false,
        }
    }

    /// Returns until when AWS charges for an archived image; `None` if that time is over.
    pub(super) fn charged_until(&self, archived_at: Time) -> Option<Time> {
        let charge = i64::try_from(ARCHIVE_CHARGE.as_millis()).ok()?;
        let until = Time::from_millis(archived_at.millis().saturating_add(charge))?;
        (until > self.now).then_some(until)
    }
}
