//! Sizes with each layer of a repository counted once, however many images share it.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::Serialize;

use super::ExclusiveBytes;
use crate::{
    image::{Digest, MediaType},
    inventory::Layer,
    plan::{PlannedImage, RepositoryPlan},
};

/// Compressed bytes, each layer of a repository counted once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ExactBytes {
    /// Size of everything that was read.
    pub scanned: u64,
    /// Size of the layers that only candidates use.
    pub candidates: u64,
    /// Images whose manifests this run read, which AWS counts as pulls.
    pub manifests_read: u64,
    /// Images whose layers are not known, since their manifests cannot be read or name none. Their layers are counted as if none were shared.
    pub unread: u64,
    /// Size of everything in a repository, and of the layers that only candidates use, by its title.
    #[serde(skip)]
    pub repositories: BTreeMap<String, [u64; 2]>,
}

/// Exact sizes, in all and by what decides.
#[derive(Debug, Default)]
pub struct ExactSizes {
    /// All of them.
    pub total: ExactBytes,
    /// Those that the images of one reason alone need.
    pub exclusive: ExclusiveBytes,
}

impl ExactSizes {
    /// Adds the sizes of a repository, given the layers of the images of which they are known.
    pub fn add(&mut self, repository: &RepositoryPlan, layers: &HashMap<Digest, Vec<Layer>>) {
        self.total.add(repository, layers);
        self.exclusive.add(repository, layers);
    }
}

impl ExactBytes {
    /// Adds the sizes of a repository, given the layers of the images of which they are known.
    fn add(&mut self, repository: &RepositoryPlan, layers: &HashMap<Digest, Vec<Layer>>) {
        let before = [self.scanned, self.candidates];
        let mut sizes: HashMap<&str, u64> = HashMap::new();
        let mut needed: HashSet<&str> = HashSet::new();
        for PlannedImage { image, verdict } in repository.images() {
            if image.media_type == MediaType::Index {
                continue;
            }
            if let Some(layers) = layers.get(&image.digest) {
                sizes.extend(layers.iter().map(|layer| (&*layer.digest, layer.size)));
                if !verdict.deletes() {
                    needed.extend(layers.iter().map(|layer| &*layer.digest));
                }
            } else {
                self.unread += 1;
                self.scanned += image.bytes;
                self.candidates += if verdict.deletes() { image.bytes } else { 0 };
            }
        }
        for (layer, size) in sizes {
            self.scanned += size;
            self.candidates += if needed.contains(layer) { 0 } else { size };
        }
        let of_it = [self.scanned - before[0], self.candidates - before[1]];
        self.repositories.insert(repository.title(), of_it);
    }
}
