//! Layers of images, for exact sizes: an image never has others, so its manifest is read once.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::object::StateObject;
use crate::{image::Digest, inventory::Layer};

/// The most layers that are remembered, of all images together: some 20 MB as they are stored.
const MOST: usize = 400_000;

/// The layers of each image.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KnownLayers(BTreeMap<Digest, Vec<Layer>>);

impl StateObject for KnownLayers {
    const NAME: &'static str = "image-layers";
}

impl KnownLayers {
    /// Returns what is known of an image.
    pub(crate) fn get(&self, image: &Digest) -> Option<&Vec<Layer>> {
        self.0.get(image)
    }

    /// Adds what was read, as far as there is room for it, and forgets all but the `present` images.
    pub(crate) fn record(
        &mut self,
        read: &BTreeMap<Digest, Vec<Layer>>,
        present: Option<&BTreeSet<Digest>>,
    ) {
        self.record_within(read, present, MOST);
    }

    fn record_within(
        &mut self,
        read: &BTreeMap<Digest, Vec<Layer>>,
        present: Option<&BTreeSet<Digest>>,
        most: usize,
    ) {
        if let Some(present) = present {
            self.0.retain(|image, _| present.contains(image));
        }
        let weight = |layers: &Vec<Layer>| 1 + layers.len();
        let mut all: usize = self.0.values().map(weight).sum();
        for (image, layers) in read {
            if all + weight(layers) > most {
                return;
            }
            all += weight(layers);
            self.0.insert(*image, layers.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_layers_are_remembered_of_images_that_there_are() {
        let digest = |number| Digest::from_bytes([number; 32]);
        let layers = |count: u64| {
            let layer = |size| Layer {
                digest: format!("sha256:{size}").into(),
                size,
            };
            (0..count).map(layer).collect::<Vec<_>>()
        };
        let read = |images: &[(u8, u64)]| {
            let images = images.iter();
            images
                .map(|&(image, count)| (digest(image), layers(count)))
                .collect()
        };
        let mut known = KnownLayers::default();
        known.record_within(&read(&[(1, 3), (2, 3), (3, 3)]), None, 8);
        assert_eq!(known.get(&digest(2)), Some(&layers(3)));
        assert_eq!(known.get(&digest(3)), None, "there is no room");
        let present = BTreeSet::from([digest(2), digest(4)]);
        known.record_within(&read(&[(4, 3)]), Some(&present), 8);
        assert_eq!(known.get(&digest(1)), None, "there is no such image");
        assert_eq!(known.get(&digest(4)), Some(&layers(3)));
    }
}
