//! What a plan is made for, besides use and policies.

use jiff::SignedDuration;

use crate::image::{Image, Status, Time};

/// AWS charges at least this long for an archived image, deleted or not.
const ARCHIVE_CHARGE: SignedDuration = SignedDuration::from_hours(90 * 24);

/// The time a plan is made for, and how it treats the archive. A time alone leaves the archive alone.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    /// The time.
    pub now: Time,
    /// The archive.
    pub archive: Archiving,
}

/// How a plan treats the archive.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Archiving {
    /// Whether candidates are moved to the archive, rather than deleted.
    pub candidates: bool,
    /// An image that was archived longer ago than this is a candidate for deletion; none: never (G7).
    pub delete_after: Option<SignedDuration>,
}

impl From<Time> for Terms {
    fn from(now: Time) -> Self {
        Self {
            now,
            archive: Archiving::default(),
        }
    }
}

impl Terms {
    /// Whether an image has been in the archive for so long that it is no reason to stay any more.
    pub(super) fn archived_long_enough(&self, image: &Image) -> bool {
        match (image.status, self.archive.delete_after, image.archived_at()) {
            (Status::Archived, Some(limit), Some(archived_at)) => archived_at.age(self.now) > limit,
            _ => false,
        }
    }

    /// Until when AWS charges for an archived image, if that is still to come.
    pub(super) fn charged_until(&self, archived_at: Time) -> Option<Time> {
        let charge = i64::try_from(ARCHIVE_CHARGE.as_millis()).ok()?;
        let until = Time::from_millis(archived_at.millis().saturating_add(charge))?;
        (until > self.now).then_some(until)
    }
}
