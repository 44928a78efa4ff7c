//! Signatures, attestations and the like: how an image is related to its subject.

use serde::Serialize;

use super::{ArtifactType, Digest, Image};

/// Relation of an image to its subject, as its tag or its artifact type tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Attachment {
    /// It signs the subject.
    Signs,
    /// It attests the subject, as a provenance does.
    Attests,
    /// It is a bill of materials of the subject.
    Describes,
    /// It indexes the layers of the subject for lazy loading (SOCI).
    IndexesLayers,
    /// It lists the referrers of the subject, for registries without a referrers API: the fallback
    /// tag of the OCI distribution specification.
    ListsReferrers,
    /// It refers to the subject in another way.
    RefersTo,
}

/// Parts of suffixes of tags and of artifact types, with their meaning. The first that is found
/// counts.
const MARKS: [(&str, Attachment); 13] = [
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
    /// Returns the relation of this image to one of its subjects.
    #[must_use]
    pub fn attachment_to(&self, subject: &Digest) -> Attachment {
        let mark = |text: &str| {
            MARKS
                .iter()
                .find(|(part, _)| text.contains(part))
                .map(|&(_, meaning)| meaning)
        };
        let by_type = || match &self.artifact_type {
            ArtifactType::Other(artifact_type) => mark(artifact_type),
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
                mark(suffix)
            }
        };
        by_tag().or_else(by_type).unwrap_or(Attachment::RefersTo)
    }
}
