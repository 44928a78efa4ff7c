//! An image as the registry stores it.

use serde::Serialize;

use super::{ArtifactType, Digest, MediaType, Tags, Time};

/// A manifest of a repository with all its tags, as `DescribeImages` reports it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Image {
    /// Digest of the manifest.
    pub digest: Digest,
    /// Tags, sorted; empty for an untagged image.
    pub tags: Tags,
    /// Time at which this digest was first stored, or restored from the archive if that was later
    /// (K3). Adding a tag does not change it.
    pub pushed_at: Option<Time>,
    /// Last pull that ECR recorded, up to a day late.
    pub pulled_at: Option<Time>,
    /// Times of archiving and restoring; `None` if it was never archived.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub archival: Option<Box<Archival>>,
    /// Compressed bytes of its layers. For an index, ECR reports those of the largest child.
    pub bytes: u64,
    /// Kind of manifest.
    pub media_type: MediaType,
    /// Kind of content.
    pub artifact_type: ArtifactType,
    /// Image that this one refers to, if it is a signature, an attestation or the like.
    pub subject: Option<Box<Digest>>,
    /// Storage class, which decides whether it can be pulled.
    pub status: Status,
}

/// Times at which an image was last archived and last restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Archival {
    /// Last archiving, also if it was restored since.
    pub archived_at: Option<Time>,
    /// Last restoring, also if it was archived again since.
    pub restored_at: Option<Time>,
}

/// Storage class of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// In standard storage: it can be pulled.
    Active,
    /// In the archive: it cannot be pulled before it is restored.
    Archived,
    /// Being restored from the archive.
    Restoring,
    /// A status that this version does not know: the image is kept (P4).
    Unknown,
}

impl Image {
    /// Returns when it was last archived, also if it was restored since.
    #[must_use]
    pub fn archived_at(&self) -> Option<Time> {
        self.archival.as_ref()?.archived_at
    }

    /// Returns when it was last restored, also if it was archived again since.
    #[must_use]
    pub fn restored_at(&self) -> Option<Time> {
        self.archival.as_ref()?.restored_at
    }

    /// Returns what follows its repository in messages: `:` and its first tag, or `@` and a short
    /// digest.
    #[must_use]
    pub fn name(&self) -> String {
        self.tags.first().map_or_else(
            || format!("@{}", self.digest.short()),
            |tag| format!(":{tag}"),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_small() {
        assert!(size_of::<Image>() <= 96, "{} bytes", size_of::<Image>());
    }
}
