//! What an index manifest says of its children.

use serde::{Deserialize, Serialize};

use crate::image::Digest;

/// A manifest that an index names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Child {
    /// The child's digest.
    pub digest: Digest,
    /// What it is to the index: a platform such as `linux/arm64`, or `attestation`; none if the index does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<Box<str>>,
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

/// The children in an index manifest, in its order.
///
/// # Errors
/// Where it is no JSON, has no `manifests`, or names a child by anything but a SHA-256 digest: whoever cannot say
/// which images an index needs cannot say that another is not needed.
pub(super) fn children(manifest: &str) -> Result<Vec<Child>, String> {
    let index: IndexManifest = serde_json::from_str(manifest).map_err(|error| error.to_string())?;
    index
        .manifests
        .into_iter()
        .map(|descriptor| {
            let digest = descriptor
                .digest
                .parse()
                .map_err(|error: crate::image::DigestError| error.to_string())?;
            Ok(Child {
                digest,
                role: descriptor.role(),
            })
        })
        .collect()
}

impl Descriptor {
    fn role(&self) -> Option<Box<str>> {
        let attestation = self
            .annotations
            .as_ref()
            .and_then(|annotations| annotations.reference_type.as_deref());
        if attestation == Some("attestation-manifest") {
            return Some("attestation".into());
        }
        match &self.platform {
            Some(Platform {
                os, architecture, ..
            }) if os.is_empty() || os == "unknown" || architecture.is_empty() => None,
            Some(Platform {
                os,
                architecture,
                variant: None,
            }) => Some(format!("{os}/{architecture}").into()),
            Some(Platform {
                os,
                architecture,
                variant: Some(variant),
            }) => Some(format!("{os}/{architecture}/{variant}").into()),
            None => None,
        }
        .or_else(|| self.artifact_type.as_deref().map(Into::into))
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
            ]
        });
        let roles: Vec<_> = children(&manifest.to_string())
            .unwrap()
            .into_iter()
            .map(|child| child.role.map(String::from))
            .collect();
        let expected = [
            Some("linux/arm64/v8"),
            Some("linux/amd64"),
            Some("attestation"),
            Some("application/vnd.amazon.soci.index.v2+json"),
            None,
        ];
        assert_eq!(roles, expected.map(|role| role.map(str::to_owned)));
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
