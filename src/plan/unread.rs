//! Indexes whose children are not known, since what is archived cannot be read, and what may be among those children.

use jiff::SignedDuration;

use crate::image::{Digest, Image, Status, Time};

/// How much older than its index a part may at least be taken to be, whatever the push times say.
const MARGIN: SignedDuration = SignedDuration::from_hours(1);

/// Indexes that stay and whose children are not known, as far as it matters which images they may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unread {
    /// One of them.
    pub(super) index: Digest,
    /// When the last of them was pushed; none if that is not known of all.
    last_pushed: Option<Time>,
    /// When the first of them was archived; none if that is not known of all, or one was in the archive before.
    first_archived: Option<Time>,
}

impl Unread {
    /// All of these together; none if there are none.
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

    /// Whether one of them may name this image. ECR takes an index only when everything it names is there and can be
    /// pulled, and archives nothing of it while the index is active. So what came later is no part of them, nor what
    /// went to the archive before they did.
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
