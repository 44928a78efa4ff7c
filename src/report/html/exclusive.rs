//! Bytes that the images of one reason alone need.

use std::collections::{BTreeMap, HashMap};

use super::reasons::{Kind, Reason};
use crate::{
    image::{Digest, MediaType},
    inventory::Layer,
    plan::{RepositoryKey, RepositoryPlan},
};

/// Reason of layers that images of several reasons need.
const SEVERAL: &str = "layers of several groups";

/// Compressed bytes by repository and reason, each layer of a repository counted once.
#[derive(Debug, Default)]
pub struct ExclusiveBytes(BTreeMap<RepositoryKey, BTreeMap<Reason, u64>>);

impl ExclusiveBytes {
    /// Adds a repository, given the layers of the images whose manifests were read.
    pub fn add(&mut self, repository: &RepositoryPlan, layers: &HashMap<Digest, Vec<Layer>>) {
        let of_repository = self.0.entry(repository.key().clone()).or_default();
        let mut owners: HashMap<&str, (u64, Reason)> = HashMap::new();
        let images = repository.images();
        for planned in images.filter(|it| it.image.media_type != MediaType::Index) {
            let reason = Reason::of(repository, planned);
            let Some(layers) = layers.get(&planned.image.digest) else {
                *of_repository.entry(reason).or_default() += planned.image.bytes;
                continue;
            };
            for layer in layers {
                let owner = owners.entry(&layer.digest);
                let (_, owner) = owner.or_insert_with(|| (layer.size, reason.clone()));
                if *owner != reason {
                    let kinds = [owner.kind, reason.kind];
                    let is_needed = kinds.iter().any(|kind| *kind != Kind::Delete);
                    let kind = if is_needed { Kind::Other } else { Kind::Delete };
                    *owner = Reason::new(kind, SEVERAL);
                }
            }
        }
        for (size, reason) in owners.into_values() {
            *of_repository.entry(reason).or_default() += size;
        }
    }

    /// Returns the bytes of each reason; `None` if the layers of the repository were not read.
    pub(super) fn of(&self, repository: &RepositoryPlan) -> Option<&BTreeMap<Reason, u64>> {
        self.0.get(repository.key())
    }
}
