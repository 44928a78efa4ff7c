//! What an image is to the one it refers to.

use serde::Serialize;

use super::{ArtifactType, Digest, Image};

/// What an image that refers to another one is to it, as far as its tag or its artifact type tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Attachment {
    /// A signature.
    Signs,
    /// An attestation, such as a provenance.
    Attests,
    /// A bill of materials.
    Describes,
    /// An index of its layers, for lazy loading (SOCI).
    IndexesLayers,
    /// A list of what refers to it, kept by clients for registries that keep none: the fallback tag of the OCI
    /// distribution specification.
    ListsReferrers,
    /// Something else.
    RefersTo,
}

/// Parts of tags' endings and of artifact types, and what they mean; the first that is found counts.
const SIGNS: [(&str, Attachment); 13] = [
    (".sbom", Attachment::Describes),
    ("spdx", Attachment::Describes),
    ("cyclonedx", Attachment::Describes),
    ("syft", Attachment::Describes),
    (".att", Attachment::Attests),
    ("attestation", Attachment::Attests),
    ("in-toto", Attachment::Attests),
    ("provenance", Attachment::Attests),
    (".soci.", Attachment::IndexesLayers),
    (".sig", Attachment::Signs),
    ("signature", Attachment::Signs),
    ("sigstore", Attachment::Signs),
    ("sbom", Attachment::Describes),
];

impl Image {
    /// What this image is to one of its subjects.
    #[must_use]
    pub fn attachment_to(&self, subject: &Digest) -> Attachment {
        let sign = |text: &str| {
            SIGNS
                .iter()
                .find(|(part, _)| text.contains(part))
                .map(|&(_, meaning)| meaning)
        };
        let by_type = || match &self.artifact_type {
            ArtifactType::Other(artifact_type) => sign(artifact_type),
            ArtifactType::ContainerImage | ArtifactType::HelmChart => None,
        };
        let tag = self
            .tags
            .iter()
            .find(|tag| tag.attached_to().as_ref() == Some(subject));
        let by_tag = || {
            let suffix = tag?.get("sha256-".len() + 64..)?;
            if suffix.is_empty() {
                Some(Attachment::ListsReferrers)
            } else {
                sign(suffix)
            }
        };
        by_tag().or_else(by_type).unwrap_or(Attachment::RefersTo)
    }
}
