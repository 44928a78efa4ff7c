//! What is stored: every repository in scope with all its images and the children of its indexes.

mod ecr;
mod layers;
mod lifecycle;
mod manifest;
mod pulls;

use std::{collections::HashMap, ops::RangeInclusive};

use serde::Serialize;

use crate::image::{Digest, Image, MediaType, Registry, RepositoryName, Time};

pub use ecr::{Scope, read};
pub(crate) use ecr::{describe, identifier, list, read_images};
pub use layers::Layer;
pub(crate) use layers::layers;
pub use lifecycle::Lifecycle;
pub use manifest::Child;
pub use pulls::Replication;
pub(crate) use pulls::{registry_policy, replications, repository_policy};

/// All repositories of a registry, as far as they could be read.
#[derive(Debug, Clone)]
pub struct Inventory {
    /// The registry.
    pub registry: Registry,
    /// Every repository that exists, by name: also those that nobody asked to clean.
    pub repositories: Vec<Repository>,
}

impl From<Inventory> for Vec<Inventory> {
    fn from(inventory: Inventory) -> Self {
        vec![inventory]
    }
}

/// A repository and what is known of its images.
#[derive(Debug, Clone)]
pub struct Repository {
    /// Its name.
    pub name: RepositoryName,
    /// The policy that judges it, by position in the configuration; none if it is not judged.
    pub policy: Option<usize>,
    /// Whether a tag in it can be moved to another image.
    pub mutable_tags: bool,
    /// What was read.
    pub content: Content,
}

/// What was read of a repository.
#[derive(Debug, Clone)]
pub enum Content {
    /// Everything that is needed to judge its images.
    Complete(Images),
    /// All images, but something about them that stops any judgement (G5, P4).
    Unclear {
        /// The images that could be read.
        images: Images,
        /// What is unclear.
        why: Unclear,
    },
    /// Nothing, since nothing of it may be deleted.
    NotRead(NotRead),
    /// Nothing, since it was deleted while the run was on.
    Vanished,
    /// Nothing, since it could not be listed.
    Failed(String),
}

/// Why a repository is not even read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum NotRead {
    /// No policy matches it.
    NoPolicy,
    /// Its policy says to leave it alone.
    Policy {
        /// The policy's position in the configuration.
        policy: usize,
    },
    /// It is a pull-through cache, and its policy does not name it without a wildcard (K1).
    PullThroughCache,
    /// This run was asked for other repositories.
    NotAsked,
}

/// The images of a repository.
#[derive(Debug, Clone, Default)]
pub struct Images {
    /// All of them, each digest once, in the order of their digests.
    pub images: Vec<Image>,
    /// The children that each index names, in the order of its manifest.
    pub children: HashMap<Digest, Vec<Child>>,
    /// When manifests were read, from the first call to the last answer: ECR counts that as a pull.
    pub manifests_read: Option<RangeInclusive<Time>>,
    /// The repository's own lifecycle policy. Nothing but warnings depends on it.
    pub lifecycle: Lifecycle,
}

impl Images {
    /// Whether an image is an index whose children are not known: what is archived cannot be read.
    #[must_use]
    pub fn is_unread(&self, image: &Image) -> bool {
        image.media_type == MediaType::Index && !self.children.contains_key(&image.digest)
    }
}

/// Why a repository's images cannot be judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Unclear {
    /// `DescribeImages` gave an image without a digest, or with one that is none.
    #[error("an image was listed without a usable digest")]
    NoDigest,
    /// An image with a tag that is none.
    #[error("`{digest}` has a tag that cannot be understood: {problem}")]
    Tag {
        /// The image.
        digest: Digest,
        /// What is wrong with it.
        problem: String,
    },
    /// An image that refers to something that is no digest.
    #[error("`{digest}` refers to `{subject}`, which is no digest")]
    Subject {
        /// The image.
        digest: Digest,
        /// What it refers to.
        subject: Box<str>,
    },
    /// An image whose media type is unknown: it may be an index that needs others.
    #[error("`{digest}` has the media type `{media_type}`, which may name other images")]
    MediaType {
        /// The image.
        digest: Digest,
        /// Its media type; empty if none was given.
        media_type: Box<str>,
    },
    /// An index whose manifest could not be read or understood.
    #[error("the index `{digest}` could not be read: {problem}")]
    Index {
        /// The index.
        digest: Digest,
        /// What went wrong.
        problem: String,
    },
}

impl Repository {
    /// The images, whether or not they can be judged; none if they were not read.
    #[must_use]
    pub const fn images(&self) -> Option<&Images> {
        match &self.content {
            Content::Complete(images) | Content::Unclear { images, .. } => Some(images),
            Content::NotRead(_) | Content::Vanished | Content::Failed(_) => None,
        }
    }
}
