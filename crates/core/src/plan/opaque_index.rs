//! Indexes whose children are not known, since an archived manifest cannot be read, and their
//! possible children.

use jiff::SignedDuration;

use crate::image::{Digest, Image, Status, Time};

/// Time by which a child may be younger than its index, whatever the push times are.
const MARGIN: SignedDuration = SignedDuration::from_hours(1);

/// Indexes whose children are not known, taken together.
#[derive(Debug)]
pub(super) struct OpaqueIndexes {
    /// One of them.
    pub(super) index: Digest,
    /// For the indexes in the order of their archiving: that time, and the last push time up to
    /// there, in milliseconds.
    times: Vec<(i64, i64)>,
}

impl OpaqueIndexes {
    /// Takes indexes together; returns `None` if there are none.
    pub(super) fn new<'a>(indexes: impl Iterator<Item = &'a Image>) -> Option<Self> {
        let mut index = None;
        let mut times: Vec<(i64, i64)> = Vec::new();
        for image in indexes {
            index.get_or_insert(image.digest);
            // One that was restored before may have been archived at any time.
            let archived_at = image
                .archived_at()
                .filter(|_| image.restored_at().is_none());
            times.push((
                archived_at.map_or(i64::MIN, Time::millis),
                image.pushed_at.map_or(i64::MAX, Time::millis),
            ));
        }
        times.sort_unstable();
        let mut last = i64::MIN;
        for (_, pushed) in &mut times {
            last = last.max(*pushed);
            *pushed = last;
        }
        Some(Self {
            index: index?,
            times,
        })
    }

    /// Returns whether one of them may name an image.
    ///
    /// ECR accepts an index only if everything that it names can be pulled, and archives none of
    /// that while the index is active. So an image that came later is not a child, nor one that was
    /// archived before the index was.
    pub(super) fn may_name(&self, image: &Image) -> bool {
        let pushed = |by: Option<i64>| image.pushed_at.is_none_or(|it| by >= Some(earliest(it)));
        let was_restored = image.restored_at().is_some();
        match image.archived_at() {
            // Its push time is that of its restoring, if it was restored (K3).
            archived_at if image.status == Status::Archived => {
                let archived_at = archived_at.map_or(i64::MAX, Time::millis);
                let last_pushed = self.last_pushed(archived_at);
                last_pushed.is_some() && (was_restored || pushed(last_pushed))
            }
            Some(archived_at) => {
                let archived_at = archived_at.millis();
                let last_pushed = self.last_pushed(i64::MAX);
                self.last_pushed(archived_at).is_some() || last_pushed > Some(archived_at)
            }
            None => image.archival.is_some() || pushed(self.last_pushed(i64::MAX)),
        }
    }

    /// Returns the last push time of the indexes that were archived up to a time; `None` if there
    /// are none.
    fn last_pushed(&self, archived_by: i64) -> Option<i64> {
        let end = self
            .times
            .partition_point(|&(archived_at, _)| archived_at <= archived_by);
        let (_, pushed) = self.times.get(end.checked_sub(1)?)?;
        Some(*pushed)
    }
}

/// Returns the earliest push time of an index that may name an image of this push time.
fn earliest(pushed_at: Time) -> i64 {
    let margin = i64::try_from(MARGIN.as_millis()).unwrap_or(i64::MAX);
    pushed_at.millis().saturating_sub(margin)
}
