//! Signatures, attestations and the like: how an image is related to its subject.

use serde::Serialize;

use super::{ArtifactType, Digest, Image, MediaType, Tag};

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

/// Endings of signature tags, whatever the image is that has them: those of cosign.
const ENDINGS: [&str; 3] = [".sig", ".att", ".sbom"];

impl Image {
    /// Returns what this image refers to, by its subject or by any tag that names a digest: what
    /// keeps that keeps this one too (G3). Nothing refers to itself.
    pub fn subjects(&self) -> impl Iterator<Item = Digest> + '_ {
        let subject = self.subject.as_deref().copied();
        let tagged = self.tags.iter().filter_map(Tag::digest);
        let named = subject.into_iter().chain(tagged.map(|(digest, _)| digest));
        named.filter(|digest| *digest != self.digest)
    }

    /// Returns whether it has a subject.
    #[must_use]
    pub fn is_referrer(&self) -> bool {
        let subject = self.subject.as_deref();
        subject.is_some_and(|subject| *subject != self.digest)
    }

    /// Returns whether a tag of this image says that it belongs to another one (K5).
    ///
    /// Mirrors tag images by digests too. So without an ending of a signature, only what cannot run
    /// is taken for an attachment.
    #[must_use]
    pub fn is_signature_tag(&self, tag: &Tag, can_run: bool) -> bool {
        tag.digest().is_some_and(|(digest, ending)| {
            digest != self.digest && (!can_run || ENDINGS.contains(&ending))
        })
    }

    /// Returns whether it is attached to an image, rather than only tagged with the digest of that
    /// (K5).
    #[must_use]
    pub fn is_attached_to(&self, subject: &Digest, can_run: bool) -> bool {
        let signs = |tag: &Tag| {
            let digest = tag.digest().map(|(digest, _)| digest);
            digest == Some(*subject) && self.is_signature_tag(tag, can_run)
        };
        self.subject.as_deref() == Some(subject) || self.tags.iter().any(signs)
    }

    /// Returns its tags besides signature tags, each with its position: those that rules match.
    pub fn ordinary_tags(&self, can_run: bool) -> impl Iterator<Item = (usize, &Tag)> {
        let tags = self.tags.iter().enumerate();
        tags.filter(move |(_, tag)| !self.is_signature_tag(tag, can_run))
    }

    /// Returns whether it is an attachment: a signature, an attestation or the like (K5).
    #[must_use]
    pub fn is_attachment(&self, can_run: bool) -> bool {
        let mut tags = self.tags.iter();
        self.is_referrer() || tags.any(|tag| self.is_signature_tag(tag, can_run))
    }

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
        let mut tags = self.tags.iter().filter_map(Tag::digest);
        let ending = tags
            .find(|(digest, _)| digest == subject)
            .map(|(_, ending)| ending);
        let by_tag = match ending {
            Some("") if self.media_type == MediaType::Index => Some(Attachment::ListsReferrers),
            Some(ending) => mark(ending),
            None => None,
        };
        by_tag.or_else(by_type).unwrap_or(Attachment::RefersTo)
    }
}
