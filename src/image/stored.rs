//! An image as the registry stores it.

use serde::Serialize;

use super::{ArtifactType, Digest, MediaType, Tag, Time};

/// One manifest of a repository with all its tags, as `DescribeImages` reports it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Image {
    /// The manifest's digest.
    pub digest: Digest,
    /// Its tags, sorted; none for an untagged image.
    pub tags: Box<[Tag]>,
    /// When this digest was first stored, or restored from the archive if that was later (K3). A tag added later
    /// does not change it.
    pub pushed_at: Option<Time>,
    /// The last pull that ECR recorded, up to a day behind.
    pub pulled_at: Option<Time>,
    /// When it was archived and restored, if ever.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub archival: Option<Box<Archival>>,
    /// Compressed bytes of its layers; for an index, ECR reports the largest child's.
    pub bytes: u64,
    /// What kind of manifest it is.
    pub media_type: MediaType,
    /// What it carries.
    pub artifact_type: ArtifactType,
    /// The image that this one refers to: a signature's or an attestation's.
    pub subject: Option<Box<Digest>>,
    /// Whether it can be pulled.
    pub status: Status,
}

/// When an image was last archived and last restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Archival {
    /// When it was last archived, also if it was restored since.
    pub archived_at: Option<Time>,
    /// When it was last restored, also if it was archived again since.
    pub restored_at: Option<Time>,
}

/// Where an image is kept, and so whether it can be pulled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// In standard storage.
    Active,
    /// In the archive: it cannot be pulled until it is restored.
    Archived,
    /// On its way back from the archive.
    Restoring,
    /// A status this program does not know: the image is kept (P4).
    Unknown,
}

impl Image {
    /// When it was last archived, also if it was restored since.
    #[must_use]
    pub fn archived_at(&self) -> Option<Time> {
        self.archival.as_ref()?.archived_at
    }

    /// When it was last restored, also if it was archived again since.
    #[must_use]
    pub fn restored_at(&self) -> Option<Time> {
        self.archival.as_ref()?.restored_at
    }

    /// Whether this can take one of the places that a keep rule gives to the newest images (K5), as far as the
    /// image itself tells: index children are known by their parents only.
    #[must_use]
    pub fn may_take_place(&self) -> bool {
        self.status != Status::Archived
            && self.subject.is_none()
            && self.artifact_type == ArtifactType::ContainerImage
            && !self.is_attachment()
    }

    /// Whether it may be part of an index of which nothing is known.
    #[must_use]
    pub fn may_be_part(&self) -> bool {
        self.tags.is_empty() && self.subject.is_none()
    }

    /// Whether all its tags say that it belongs to another image: signatures and the like are stored under
    /// `sha256-<hex>...` tags.
    #[must_use]
    pub fn is_attachment(&self) -> bool {
        !self.tags.is_empty() && self.tags.iter().all(|tag| tag.attached_to().is_some())
    }

    /// What people call it after its repository: `:tag` by the first tag, or `@` and a short digest.
    #[must_use]
    pub fn name(&self) -> String {
        self.tags.first().map_or_else(
            || format!("@{}", self.digest.short()),
            |tag| format!(":{tag}"),
        )
    }

    /// What this image refers to, by its subject or by its tags: whatever keeps that keeps this one too (G3).
    pub fn subjects(&self) -> impl Iterator<Item = Digest> + '_ {
        self.subject
            .as_deref()
            .copied()
            .into_iter()
            .chain(self.tags.iter().filter_map(Tag::attached_to))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_small() {
        assert!(size_of::<Image>() <= 144, "{} bytes", size_of::<Image>());
    }
}
