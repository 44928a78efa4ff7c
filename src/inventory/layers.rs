//! The layers of images, for sizes that count each of them once. No decision depends on them.

use std::collections::HashMap;

use serde::Deserialize;

use super::ecr::{BATCH, manifests};
use crate::{
    aws::{ApiError, Clients},
    image::Digest,
};

/// A layer as a manifest names it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Layer {
    /// Its digest, as it is written.
    pub digest: Box<str>,
    /// Its compressed bytes.
    pub size: u64,
}

#[derive(Deserialize)]
struct ImageManifest {
    layers: Vec<Layer>,
}

/// The layers of each image whose manifest can be read and understood. Reading one counts as a pull.
///
/// # Errors
/// Where a call fails.
pub(crate) async fn layers(
    clients: &Clients,
    repository: &str,
    images: &[Digest],
) -> Result<HashMap<Digest, Vec<Layer>>, ApiError> {
    let mut layers = HashMap::with_capacity(images.len());
    for batch in images.chunks(BATCH) {
        for (digest, manifest) in manifests(clients, repository, batch).await? {
            if let Ok(Ok(manifest)) =
                manifest.map(|text| serde_json::from_str::<ImageManifest>(&text))
            {
                layers.insert(digest, manifest.layers);
            }
        }
    }
    Ok(layers)
}
