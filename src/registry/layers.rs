//! Reading the layers of images, for sizes that count each layer once. No decision depends on them.

use std::collections::BTreeMap;

use super::{BATCH, manifests::manifests, readings::Readings};
use crate::{
    aws::{ApiError, Clients},
    counted::Counted,
    image::{Digest, Image},
    inventory::Layer,
};

/// Reads the layers of each image whose manifest can be read and understood.
pub(crate) async fn layers(
    clients: &Clients,
    repository: &str,
    images: &[&Image],
    readings: &Readings<'_>,
) -> Result<BTreeMap<Digest, Vec<Layer>>, ApiError> {
    let mut layers = BTreeMap::new();
    for batch in images.chunks(BATCH) {
        for (digest, manifest) in manifests(clients, repository, batch, readings).await? {
            let all = manifest.ok().and_then(|text| Layer::all_of(&text));
            layers.extend(all.map(|all| (digest, all)));
        }
        Counted::Manifests.done(batch.len());
    }
    Ok(layers)
}
