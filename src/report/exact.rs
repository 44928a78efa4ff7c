//! Sizes with each layer of a repository counted once, however many images share it.

use std::{
    collections::{HashMap, HashSet},
    ops::AddAssign,
};

use serde::Serialize;

use crate::{
    image::{Digest, MediaType},
    inventory::Layer,
    plan::{PlannedImage, RepositoryPlan},
};

/// Compressed bytes, each layer of a repository counted once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ExactBytes {
    /// Size of everything that was read.
    pub scanned: u64,
    /// Size of the layers that only candidates use.
    pub candidates: u64,
    /// Images whose manifests were read, which AWS counts as pulls.
    pub manifests_read: u64,
    /// Images whose manifests could not be read. Their layers are counted as if none were shared.
    pub unread: u64,
}

impl AddAssign for ExactBytes {
    fn add_assign(&mut self, other: Self) {
        self.scanned += other.scanned;
        self.candidates += other.candidates;
        self.manifests_read += other.manifests_read;
        self.unread += other.unread;
    }
}

impl ExactBytes {
    /// Returns the sizes of one repository.
    #[must_use]
    pub fn of(repository: &RepositoryPlan, layers: &HashMap<Digest, Vec<Layer>>) -> Self {
        let mut bytes = Self::default();
        let mut sizes: HashMap<&str, u64> = HashMap::new();
        let mut needed: HashSet<&str> = HashSet::new();
        let images = repository.images().iter();
        for PlannedImage { image, verdict } in
            images.filter(|planned| planned.image.media_type != MediaType::Index)
        {
            if let Some(layers) = layers.get(&image.digest) {
                bytes.manifests_read += 1;
                sizes.extend(layers.iter().map(|layer| (&*layer.digest, layer.size)));
                if !verdict.deletes() {
                    needed.extend(layers.iter().map(|layer| &*layer.digest));
                }
            } else {
                bytes.unread += 1;
                bytes.scanned += image.bytes;
                bytes.candidates += if verdict.deletes() { image.bytes } else { 0 };
            }
        }
        bytes.scanned += sizes.values().sum::<u64>();
        bytes.candidates += sizes
            .iter()
            .filter(|(layer, _)| !needed.contains(*layer))
            .map(|(_, size)| size)
            .sum::<u64>();
        bytes
    }
}
