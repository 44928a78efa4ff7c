//! One stored image.

use crate::ecr::manifest::Manifest;
use crate::moment::Moment;
use std::borrow::Cow;

/// One stored manifest: an image, an index, or an artifact.
///
/// The public fields may be changed at will, also to what ECR would never answer. Tags and manifest
/// are indexed by the repository and change through it.
#[derive(Debug, Clone)]
pub struct Image {
    pub(crate) manifest: Manifest,
    pub(crate) tags: Vec<String>,
    /// When the digest was first stored.
    pub pushed_at: Option<Moment>,
    /// When it was last pulled, as far as ECR tells.
    pub pulled_at: Option<Moment>,
    /// In bytes; of an index the largest child's.
    pub size: Option<i64>,
    /// The media type of the manifest.
    pub media_type: Option<Cow<'static, str>>,
    /// The media type of the configuration, or the artifact type.
    pub artifact_media_type: Option<Cow<'static, str>>,
    /// The digest this is a referrer of.
    pub subject: Option<String>,
    /// `ACTIVE`, `ARCHIVED`, `ACTIVATING`, or anything a test wants.
    pub status: Cow<'static, str>,
    /// When it was last archived.
    pub archived_at: Option<Moment>,
    /// When it was last restored.
    pub activated_at: Option<Moment>,
    /// The failure code that `BatchGetImage` answers for it.
    pub pull_failure: Option<String>,
    /// Leaves the digest out of `DescribeImages`, which the SDK allows for.
    pub without_digest: bool,
}

impl Image {
    /// Its tags, in the order they were put on.
    #[must_use]
    pub fn tags(&self) -> &[String] {
        &self.tags
    }

    /// Returns whether a listing with this `imageStatus` filter shows it; without a filter only
    /// active images are shown.
    pub(crate) fn has_status(&self, wanted: Option<&str>) -> bool {
        match wanted.unwrap_or("ACTIVE") {
            "ANY" => true,
            wanted => self.status == wanted,
        }
    }

    /// Returns whether a listing with this `tagStatus` filter shows it.
    pub(crate) fn has_tag_status(&self, wanted: Option<&str>) -> bool {
        match wanted {
            Some("TAGGED") => !self.tags.is_empty(),
            Some("UNTAGGED") => self.tags.is_empty(),
            _ => true,
        }
    }
}
