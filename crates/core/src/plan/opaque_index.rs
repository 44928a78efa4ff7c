//! Indexes whose children are not known, since an archived manifest cannot be read, and their
//! possible children.

use jiff::SignedDuration;

use crate::image::{Digest, Image, Status, Time};

/// Time by which a child may be younger than its index, whatever the push times are.
const MARGIN: SignedDuration = SignedDuration::from_hours(1);

/// The kept indexes whose children are not known, taken together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OpaqueIndexes {
    /// One of them.
    pub(super) index: Digest,
    /// Push time of the last of them; `None` if it is not known of all.
    last_pushed: Option<Time>,
    /// Time at which the first of them was archived; `None` if it is not known of all, or if one
    /// was restored before.
    first_archived: Option<Time>,
}

impl OpaqueIndexes {
    /// Takes indexes together; returns `None` if there are none.
    pub(super) fn new<'a>(indexes: impl Iterator<Item = &'a Image>) -> Option<Self> {
        let single = |index: &Image| Self {
            index: index.digest,
            last_pushed: index.pushed_at,
            first_archived: index
                .archived_at()
                .filter(|_| index.restored_at().is_none()),
        };
        indexes.map(single).reduce(|all, one| Self {
            index: all.index,
            last_pushed: all.last_pushed.zip(one.last_pushed).map(|(a, b)| a.max(b)),
            first_archived: all
                .first_archived
                .zip(one.first_archived)
                .map(|(a, b)| a.min(b)),
        })
    }

    /// Returns whether one of them may name an image.
    ///
    /// ECR accepts an index only if everything that it names can be pulled, and archives none of
    /// that while the index is active. So an image that came later is not a child, nor one that was
    /// archived before they were.
    pub(super) fn may_name(&self, image: &Image) -> bool {
        let (Some(last_pushed), Some(first_archived)) = (self.last_pushed, self.first_archived)
        else {
            return true;
        };
        match (image.archived_at(), image.pushed_at) {
            (Some(archived), _) if image.status == Status::Archived => archived >= first_archived,
            (Some(archived), _) => archived < last_pushed || archived >= first_archived,
            (None, Some(pushed)) => last_pushed.age(pushed) <= MARGIN,
            (None, None) => true,
        }
    }
}
