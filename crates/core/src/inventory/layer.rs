//! Layers of images, for sizes that count each of them once.

use serde::{Deserialize, Serialize};

/// A layer as a manifest names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layer {
    /// Digest, as it is written.
    pub digest: Box<str>,
    /// Compressed bytes.
    pub size: u64,
}

#[derive(Deserialize)]
struct ImageManifest {
    layers: Vec<Layer>,
}

impl Layer {
    /// Parses the layers in the manifest of an image; returns `None` if it has none.
    #[must_use]
    pub fn all_of(manifest: &str) -> Option<Vec<Self>> {
        let manifest: ImageManifest = serde_json::from_str(manifest).ok()?;
        Some(manifest.layers)
    }
}
