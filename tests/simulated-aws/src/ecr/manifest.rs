//! Manifests: given by a test, or made up.

use serde_json::Value;
use sha2::{Digest, Sha256};
use std::borrow::Cow;

/// The media type of an OCI image manifest.
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// The media type of an OCI image index.
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// The media type of a Docker manifest list.
pub const MANIFEST_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
/// The media type of the configuration of an OCI image.
pub const CONFIG: &str = "application/vnd.oci.image.config.v1+json";

/// The bytes of a manifest. Plain images are made up from a number when needed, so that a million
/// of them fit into memory.
#[derive(Debug, Clone)]
pub(crate) enum Manifest {
    Given(Box<str>),
    Made(u64),
}

impl Manifest {
    /// Returns the text, for an image of the repository with this seed.
    pub(crate) fn text(&self, seed: &str) -> Cow<'_, str> {
        match self {
            Self::Given(text) => Cow::Borrowed(text),
            Self::Made(number) => Cow::Owned(made(&format!("{seed}#{number}"))),
        }
    }

    /// Returns the digests an index lists; nothing for other manifests.
    pub(crate) fn children(&self) -> Vec<String> {
        match self {
            Self::Given(text) => serde_json::from_str(text)
                .map(|manifest| children(&manifest))
                .unwrap_or_default(),
            Self::Made(_) => Vec::new(),
        }
    }
}

/// Returns the digests an index lists.
pub(crate) fn children(manifest: &Value) -> Vec<String> {
    let listed = manifest.get("manifests").and_then(Value::as_array);
    listed
        .into_iter()
        .flatten()
        .filter_map(|child| child.get("digest").and_then(Value::as_str))
        .map(str::to_owned)
        .collect()
}

/// Returns the manifest of a plain image with made-up content.
pub(crate) fn made(content: &str) -> String {
    format!(
        r#"{{"schemaVersion":2,"mediaType":"{MANIFEST}","config":{{"mediaType":"{CONFIG}","digest":"{}","size":7023}},"layers":[]}}"#,
        digest_of(content)
    )
}

/// Returns the digest of a text.
pub(crate) fn digest_of(text: &str) -> String {
    let hash = Sha256::digest(text);
    let mut digest = String::with_capacity(71);
    digest.push_str("sha256:");
    digest.push_str(&hex::encode(hash));
    digest
}
