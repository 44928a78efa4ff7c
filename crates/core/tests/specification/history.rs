//! What runs saw before: the use ledger of the planner, and the same as the specification takes it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use ecr_cleanup_core::{
    evidence::{Listed, UseLedger},
    image::{Digest, Image, Tags, Time},
    inventory::{Inventory, Repository},
};
use jiff::SignedDuration;

use crate::world::{Use, hours_ago, usage};

/// What runs saw of images, in hours ago.
#[derive(Debug, Clone, Default)]
pub(crate) struct History {
    /// First run.
    pub(crate) began: Option<i64>,
    /// By digest: the last use, and the first sight of all its tags.
    pub(crate) seen: BTreeMap<Digest, (Option<i64>, Option<i64>)>,
}

impl History {
    /// Returns for how long runs saw all use.
    pub(crate) fn age(&self) -> SignedDuration {
        SignedDuration::from_hours(self.began.unwrap_or(0))
    }

    /// Returns the last use of an image, if a run saw it.
    pub(crate) fn used_at(&self, image: &Image) -> Option<Time> {
        let (seen, _) = self.seen.get(&image.digest)?;
        let at = seen.filter(|seen| self.began.is_some_and(|began| *seen <= began));
        // An image that was pushed later is another one.
        at.map(hours_ago).filter(|at| image.pushed_at.is_none_or(|pushed_at| pushed_at <= *at))
    }

    /// Returns the first sight of the tags of an image: its push, if they were there already when
    /// the first run came.
    pub(crate) fn tagged_at(&self, image: &Image) -> Option<Time> {
        let seen = self.seen.get(&image.digest).and_then(|(_, tagged)| *tagged);
        let new = seen.filter(|seen| self.began.is_some_and(|began| *seen < began));
        new.map(hours_ago).max(image.pushed_at)
    }

    /// Returns the ledger that runs wrote, each at a moment at which something changed.
    pub(crate) fn ledger(&self, inventories: &[Inventory]) -> Arc<UseLedger> {
        let mut ledger = UseLedger::default();
        let Some(began) = self.began else { return Arc::new(ledger) };
        let changes = self.seen.values().flat_map(|&(seen, tagged)| [seen, tagged]);
        let mut moments: BTreeSet<i64> = changes.flatten().filter(|at| *at < began).collect();
        moments.insert(began);
        for &moment in moments.iter().rev() {
            let used = self.seen.iter().filter(|(_, (seen, _))| *seen == Some(moment));
            let used: Vec<Use> = used.map(|(digest, _)| Use::Digest(*digest)).collect();
            let images: Vec<Vec<Image>> =
                repositories(inventories).map(|(_, it)| self.images_at(it, moment)).collect();
            let listed = repositories(inventories).zip(&images);
            let listed = listed.map(|((inventory, repository), images)| Listed {
                registry: &inventory.registry,
                name: &repository.name,
                images: repository.images().map(|_| &**images),
            });
            let listed: Vec<Listed<'_>> = listed.collect();
            ledger.merge(ledger.observe(&listed, &usage(&used), hours_ago(moment)));
        }
        Arc::new(ledger)
    }

    /// Returns the images of a repository as they were tagged then.
    fn images_at(&self, repository: &Repository, moment: i64) -> Vec<Image> {
        let images = repository.images().into_iter().flat_map(|it| &it.images).cloned();
        let tagged = images.map(|mut image| {
            let first = self.seen.get(&image.digest).and_then(|(_, tagged)| *tagged);
            if first.is_some_and(|first| first < moment) {
                image.tags = Tags::default();
            }
            image
        });
        tagged.collect()
    }
}

fn repositories(inventories: &[Inventory]) -> impl Iterator<Item = (&Inventory, &Repository)> {
    inventories.iter().flat_map(|it| it.repositories.iter().map(move |repository| (it, repository)))
}
