//! Who pulls by a tag alone: the next start may get another image than the one that runs.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::User;
use crate::image::{Digest, ImageReference};

/// What is live and names an image by a tag without a digest.
#[derive(Debug, Default)]
pub(super) struct Pulls(BTreeMap<ImageReference, Pull>);

/// Those who pull by one tag.
#[derive(Debug, Default)]
pub struct Pull {
    /// They themselves.
    pub users: BTreeSet<Arc<User>>,
    /// The digests that the tag meant when they started, as far as they say, each with the first who does.
    pub resolved: BTreeMap<Digest, Arc<User>>,
}

impl Pulls {
    pub(super) fn add(
        &mut self,
        user: &Arc<User>,
        image: &ImageReference,
        resolved: Option<Digest>,
    ) {
        if !user.live || image.digest.is_some() {
            return;
        }
        let pull = self.0.entry(image.clone()).or_default();
        pull.users.insert(Arc::clone(user));
        if let Some(digest) = resolved {
            pull.resolved
                .entry(digest)
                .or_insert_with(|| Arc::clone(user));
        }
    }

    pub(super) fn merge(&mut self, other: Self) {
        for (image, more) in other.0 {
            let pull = self.0.entry(image).or_default();
            pull.users.extend(more.users);
            for (digest, user) in more.resolved {
                pull.resolved.entry(digest).or_insert(user);
            }
        }
    }

    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = (&ImageReference, &Pull)> {
        self.0.iter()
    }
}
