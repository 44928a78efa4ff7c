//! What registries store, as it was read.

mod layer;
mod manifest;
mod own_readings;
mod replication;
mod revision;

use std::{collections::HashMap, ops::RangeInclusive};

use serde::Serialize;

use crate::image::{Digest, Image, MediaType, Registry, RepositoryName, Time};

pub use layer::Layer;
pub use manifest::{Child, ManifestError, Role, children, is_build_cache};
pub use own_readings::{OwnReading, OwnReadings};
pub use replication::{Replication, replications};
pub use revision::{Revisions, revisions};

/// The repositories of a registry.
#[derive(Debug, Clone)]
pub struct Inventory {
    /// Registry.
    pub registry: Registry,
    /// Every repository of it, also those that are not to be cleaned.
    pub repositories: Vec<Repository>,
}

impl Inventory {
    /// Returns the name of each repository, with the registry.
    pub fn names(&self) -> impl Iterator<Item = (&Registry, &RepositoryName)> {
        let repositories = self.repositories.iter();
        repositories.map(|repository| (&self.registry, &repository.name))
    }
}

impl From<Inventory> for Vec<Inventory> {
    fn from(inventory: Inventory) -> Self {
        vec![inventory]
    }
}

/// A repository and what is known of its images.
#[derive(Debug, Clone)]
pub struct Repository {
    /// Name.
    pub name: RepositoryName,
    /// Position of its policy in the configuration; `None` if no policy applies.
    pub policy: Option<usize>,
    /// Whether a tag in it can be moved to another image.
    pub mutable_tags: bool,
    /// Images, or why they are not known.
    pub content: Content,
}

/// Content of a repository.
#[derive(Debug, Clone)]
pub enum Content {
    /// Everything that a plan needs.
    Complete(Images),
    /// All images, with a doubt about them that rules out any deletion (G5, P4).
    Unclear {
        /// Images that could be read.
        images: Images,
        /// Doubt.
        why: Unclear,
    },
    /// It was not read, since nothing of it may be deleted.
    NotRead(NotRead),
    /// It was not read, since its AWS tags, which decide on its policy, could not be: the error.
    TagsUnread(String),
    /// The repository was deleted during the run.
    Vanished,
    /// It could not be listed.
    Failed(String),
}

/// Reason for which a repository is not read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum NotRead {
    /// No policy matches it.
    NoPolicy,
    /// Its policy leaves it alone.
    Policy {
        /// Position of the policy in the configuration.
        policy: usize,
    },
    /// Its policy tag says that it is left alone.
    Protected {
        /// Key of the tag.
        tag: String,
    },
    /// Its policy tag has a value that is the name of no policy.
    UnknownPolicy {
        /// Key of the tag.
        tag: String,
        /// Value of the tag.
        name: String,
    },
    /// It is a pull-through cache, and its policy does not name it without a wildcard (K1).
    PullThroughCache,
    /// It may be a pull-through cache, as any repository may where a rule has the prefix `ROOT`.
    RootCache,
    /// The run was asked for other repositories.
    NotAsked,
}

/// The images of a repository.
#[derive(Debug, Clone, Default)]
pub struct Images {
    /// Images, each digest once, in the order of their digests.
    pub images: Vec<Image>,
    /// Children of each index, in the order of its manifest.
    pub children: HashMap<Digest, Vec<Child>>,
    /// Time from the first call that read a manifest to the last answer. ECR counts such a call as
    /// a pull.
    pub manifests_read: Option<RangeInclusive<Time>>,
    /// Pulls that are the program's own reading of manifests, as the images were listed.
    pub own_readings: OwnReadings,
    /// Commits that the annotations of each image name, where Git history asks for them (K14).
    pub revisions: HashMap<Digest, Revisions>,
    /// Lifecycle policy of the repository, on which only warnings depend.
    pub lifecycle: LifecyclePolicy,
}

/// The lifecycle policy that a repository has in ECR.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum LifecyclePolicy {
    /// It has none.
    #[default]
    None,
    /// Its text.
    Text(Box<str>),
    /// It could not be read: the error.
    Unreadable(Box<str>),
}

impl Images {
    /// Returns whether an image is an index whose children are not known: an archived manifest
    /// cannot be read.
    #[must_use]
    pub fn is_opaque(&self, image: &Image) -> bool {
        image.media_type == MediaType::Index && !self.children.contains_key(&image.digest)
    }
}

/// Reason for which the images of a repository cannot be decided on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Unclear {
    /// `DescribeImages` listed an image without a valid digest.
    #[error("an image was listed without a usable digest")]
    NoDigest,
    /// An image has an invalid tag.
    #[error("`{digest}` has a tag that cannot be understood: {problem}")]
    Tag {
        /// Image.
        digest: Digest,
        /// Error.
        problem: String,
    },
    /// An image has a subject that is not a digest.
    #[error("`{digest}` refers to `{subject}`, which is no digest")]
    Subject {
        /// Image.
        digest: Digest,
        /// Subject.
        subject: Box<str>,
    },
    /// An image has an unknown media type: it may be an index that needs others.
    #[error("`{digest}` has the media type `{media_type}`, which may name other images")]
    MediaType {
        /// Image.
        digest: Digest,
        /// Media type; empty if none was given.
        media_type: Box<str>,
    },
    /// The manifest of an index could not be parsed.
    #[error("the index `{digest}` could not be understood: {problem}")]
    Index {
        /// Index.
        digest: Digest,
        /// Error.
        problem: String,
    },
    /// The annotations of images could not be read.
    #[error("the annotations of `{digest}` could not be read: {problem}")]
    Annotations {
        /// One of the images.
        digest: Digest,
        /// Error.
        problem: String,
    },
    /// The manifest of an index could not be read.
    #[error("the index `{digest}` could not be read: {problem}")]
    Unread {
        /// Index.
        digest: Digest,
        /// Error.
        problem: String,
    },
}

impl Repository {
    /// Returns the images, whether or not they can be decided on; `None` if they were not read.
    #[must_use]
    pub const fn images(&self) -> Option<&Images> {
        self.content.images()
    }
}

impl Content {
    /// Returns the images, whether or not they can be decided on; `None` if they were not read.
    #[must_use]
    pub const fn images(&self) -> Option<&Images> {
        match self {
            Self::Complete(images) | Self::Unclear { images, .. } => Some(images),
            Self::NotRead(_) | Self::TagsUnread(_) | Self::Vanished | Self::Failed(_) => None,
        }
    }

    /// Adds the lifecycle policy, if the images were read.
    #[must_use]
    pub fn with_lifecycle(mut self, lifecycle: LifecyclePolicy) -> Self {
        if let Self::Complete(images) | Self::Unclear { images, .. } = &mut self {
            images.lifecycle = lifecycle;
        }
        self
    }
}
