//! Manifests of indexes.

use serde::{Deserialize, Serialize};

use crate::image::{ArtifactType, Digest, DigestError, Interned};

/// A manifest that an index names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Child {
    /// Digest of the child.
    pub digest: Digest,
    /// Role in the index; `None` if the index does not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
}

/// Role of a manifest in an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// A platform, such as `linux/arm64`.
    Platform(Interned),
    /// `attestation`, or the type of another artifact.
    Artifact(Interned),
}

impl Role {
    /// Returns it for people.
    #[must_use]
    pub const fn text(self) -> Interned {
        let (Self::Platform(text) | Self::Artifact(text)) = self;
        text
    }
}

#[derive(Deserialize)]
struct IndexManifest {
    manifests: Vec<Descriptor>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    digest: String,
    platform: Option<Platform>,
    artifact_type: Option<String>,
    media_type: Option<String>,
    annotations: Option<Annotations>,
}

#[derive(Deserialize)]
struct Platform {
    #[serde(default)]
    os: String,
    #[serde(default)]
    architecture: String,
    variant: Option<String>,
}

#[derive(Deserialize)]
struct Annotations {
    #[serde(rename = "vnd.docker.reference.type")]
    reference_type: Option<String>,
}

/// A manifest of an index that cannot be parsed, so that the images it needs are not known.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// It is not the JSON of an index.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// It names a child by something else than a SHA-256 digest.
    #[error(transparent)]
    Digest(#[from] DigestError),
}

impl Platform {
    /// Returns its name; `None` if it is unknown.
    fn name(&self) -> Option<Interned> {
        let Self {
            os,
            architecture,
            variant,
        } = self;
        if os.is_empty() || os == "unknown" || architecture.is_empty() {
            return None;
        }
        let variant = variant.as_ref().map(|variant| format!("/{variant}"));
        let variant = variant.unwrap_or_default();
        Some((*format!("{os}/{architecture}{variant}")).into())
    }
}

/// Parses the children in the manifest of an index, in its order.
pub fn children(manifest: &str) -> Result<Vec<Child>, ManifestError> {
    let index: IndexManifest = serde_json::from_str(manifest)?;
    let child = |descriptor: Descriptor| {
        Ok(Child {
            digest: descriptor.digest.parse()?,
            role: descriptor.role(),
        })
    };
    let children = index.manifests.into_iter().map(child);
    let mut children = children.collect::<Result<Vec<Child>, ManifestError>>()?;
    // They were collected in the memory of the descriptors, which is several times as much.
    children.shrink_to_fit();
    Ok(children)
}

/// Beginnings of the media types of layers.
const LAYERS: [&str; 2] = [
    "application/vnd.oci.image.layer.",
    "application/vnd.docker.image.rootfs.diff.",
];

/// Returns whether an index names the configuration of a build cache and its layers, and nothing
/// else (K13).
#[must_use]
pub fn is_build_cache(children: &[Child]) -> bool {
    let types = children.iter().map(|child| match &child.role {
        Some(Role::Artifact(text)) => Some(&**text),
        _ => None,
    });
    let is_config = |text| ArtifactType::new(Some(text)).is_build_cache();
    let mut names = types.clone();
    let mut all = types;
    names.any(|text| text.is_some_and(is_config))
        && all.all(|text| text.is_some_and(|text| is_config(text) || is_layer(text)))
}

fn is_layer(media_type: &str) -> bool {
    LAYERS.iter().any(|start| media_type.starts_with(start))
}

impl Descriptor {
    /// Returns its media type, if it is no manifest but a part of a build cache.
    fn blob(&self) -> Option<Role> {
        let media_type = self.media_type.as_deref()?;
        let is_config = ArtifactType::new(Some(media_type)).is_build_cache();
        (is_config || is_layer(media_type)).then(|| Role::Artifact(media_type.into()))
    }

    fn role(&self) -> Option<Role> {
        let attestation = self
            .annotations
            .as_ref()
            .and_then(|annotations| annotations.reference_type.as_deref());
        if attestation == Some("attestation-manifest") {
            return Some(Role::Artifact("attestation".into()));
        }
        let platform = self.platform.as_ref().and_then(Platform::name);
        let artifact = || match ArtifactType::new(self.artifact_type.as_deref()) {
            ArtifactType::ContainerImage => None,
            _ => self.artifact_type.as_deref().map(Into::into),
        };
        let platform = platform.map(Role::Platform);
        let named = platform.or_else(|| artifact().map(Role::Artifact));
        named.or_else(|| self.blob())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(n: u8) -> Digest {
        Digest::from_bytes([n; 32])
    }

    #[test]
    fn reads_platforms_attestations_and_artifacts() {
        let manifest = serde_json::json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": [
                {"digest": digest(1), "platform": {"os": "linux", "architecture": "arm64", "variant": "v8"}, "size": 1},
                {"digest": digest(2), "platform": {"os": "linux", "architecture": "amd64", "os.version": "1"}},
                {"digest": digest(3), "platform": {"os": "unknown", "architecture": "unknown"},
                 "annotations": {"vnd.docker.reference.type": "attestation-manifest", "x": "y"}},
                {"digest": digest(4), "artifactType": "application/vnd.amazon.soci.index.v2+json"},
                {"digest": digest(5)},
                {"digest": digest(6), "artifactType": "application/vnd.oci.image.config.v1+json"},
            ]
        });
        let roles: Vec<_> = children(&manifest.to_string())
            .unwrap()
            .into_iter()
            .map(|child| child.role)
            .collect();
        let platform = |text: &str| Some(Role::Platform(text.into()));
        let artifact = |text: &str| Some(Role::Artifact(text.into()));
        let expected = [
            platform("linux/arm64/v8"),
            platform("linux/amd64"),
            artifact("attestation"),
            artifact("application/vnd.amazon.soci.index.v2+json"),
            None,
            None,
        ];
        assert_eq!(roles, expected);
    }

    /// The form in which BuildKit writes a cache where images are not asked for (K13).
    #[test]
    fn an_index_of_nothing_but_a_cache_is_a_build_cache() {
        const CONFIG: &str = "application/vnd.buildkit.cacheconfig.v0";
        const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+zstd";
        const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";
        const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
        let is_cache = |manifests: &[serde_json::Value]| {
            let manifest = serde_json::json!({"schemaVersion": 2, "manifests": manifests});
            is_build_cache(&children(&manifest.to_string()).unwrap())
        };
        let part =
            |n, media_type: &str| serde_json::json!({"digest": digest(n), "mediaType": media_type});
        let runs = serde_json::json!({"digest": digest(7), "mediaType": CONFIG,
            "platform": {"os": "linux", "architecture": "arm64"}});
        let config = part(1, CONFIG);
        for (expected, manifests) in [
            (true, vec![config.clone()]),
            (
                true,
                vec![part(2, LAYER), part(3, DOCKER_LAYER), config.clone()],
            ),
            (false, vec![]),
            (false, vec![part(2, LAYER)]),
            (false, vec![part(2, IMAGE), config.clone()]),
            (
                false,
                vec![serde_json::json!({"digest": digest(2)}), config.clone()],
            ),
            (false, vec![runs, config]),
        ] {
            assert_eq!(is_cache(&manifests), expected, "{manifests:?}");
        }
    }

    #[test]
    fn what_cannot_be_understood_is_an_error() {
        for manifest in [
            "",
            "{}",
            r#"{"manifests":{}}"#,
            r#"{"manifests":[{}]}"#,
            r#"{"manifests":[{"digest":"x"}]}"#,
        ] {
            assert!(children(manifest).is_err(), "{manifest}");
        }
    }
}
