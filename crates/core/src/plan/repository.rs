//! The plan for one repository.

use std::{collections::HashMap, ops::RangeInclusive, sync::Arc};

use super::{LeftAlone, RepositoryKey, Verdict, decide::Subject};
use crate::{
    image::{Digest, Image, MediaType, Registry, RepositoryName, Time},
    inventory::{Child, Content, Images, LifecyclePolicy, Repository},
};

/// An image with its verdict.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedImage {
    /// Image, as it was when it was read.
    pub image: Image,
    /// Verdict.
    pub verdict: Verdict,
}

/// A verdict for each image of a repository.
#[derive(Debug, Clone, PartialEq)]
pub struct RepositoryPlan {
    name: RepositoryName,
    registry: Arc<Registry>,
    told_apart: bool,
    left_alone: Option<LeftAlone>,
    images: Vec<PlannedImage>,
    children: HashMap<Digest, Vec<Child>>,
    manifests_read: Option<RangeInclusive<Time>>,
    lifecycle: LifecyclePolicy,
    policy: Option<usize>,
    mutable_tags: bool,
    read: bool,
}

/// A repository while its plan is being made.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) name: RepositoryName,
    pub(super) registry: Arc<Registry>,
    pub(super) left_alone: Option<LeftAlone>,
    /// In the order of the images.
    pub(super) verdicts: Vec<Verdict>,
    told_apart: bool,
    stored: Images,
    policy: Option<usize>,
    mutable_tags: bool,
    read: bool,
}

impl Draft {
    pub(super) fn new(repository: Repository, registry: &Arc<Registry>, told_apart: bool) -> Self {
        let (mut stored, left_alone, read) = match repository.content {
            Content::Complete(images) => (images, None, true),
            Content::Unclear { images, why } => (images, Some(LeftAlone::Unclear(why)), true),
            Content::NotRead(why) => (Images::default(), Some(LeftAlone::NotRead(why)), false),
            Content::Vanished => (Images::default(), Some(LeftAlone::Vanished), true),
            Content::Failed(error) => (Images::default(), Some(LeftAlone::Failed { error }), false),
        };
        stored.images.sort_unstable_by_key(|image| image.digest);
        Self {
            name: repository.name,
            registry: Arc::clone(registry),
            left_alone,
            verdicts: Vec::new(),
            told_apart,
            stored,
            policy: repository.policy,
            mutable_tags: repository.mutable_tags,
            read,
        }
    }

    pub(super) fn subject(&self) -> Subject<'_> {
        Subject {
            name: &self.name,
            registry: &self.registry,
            left_alone: self.left_alone.as_ref(),
            images: self.stored.images.iter().collect(),
            children: &self.stored.children,
            policy: self.policy,
            read: self.read,
        }
    }
}

impl From<Draft> for RepositoryPlan {
    fn from(draft: Draft) -> Self {
        let images = draft.stored.images.into_iter().zip(draft.verdicts);
        Self {
            name: draft.name,
            registry: draft.registry,
            told_apart: draft.told_apart,
            left_alone: draft.left_alone,
            images: images
                .map(|(image, verdict)| PlannedImage { image, verdict })
                .collect(),
            children: draft.stored.children,
            manifests_read: draft.stored.manifests_read,
            lifecycle: draft.stored.lifecycle,
            policy: draft.policy,
            mutable_tags: draft.mutable_tags,
            read: draft.read,
        }
    }
}

impl RepositoryPlan {
    pub(super) fn subject(&self) -> Subject<'_> {
        Subject {
            name: &self.name,
            registry: &self.registry,
            left_alone: self.left_alone.as_ref(),
            images: self.images.iter().map(|planned| &planned.image).collect(),
            children: &self.children,
            policy: self.policy,
            read: self.read,
        }
    }

    /// Returns its name.
    #[must_use]
    pub const fn name(&self) -> &RepositoryName {
        &self.name
    }

    /// Returns its registry.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Returns what identifies it.
    #[must_use]
    pub fn key(&self) -> RepositoryKey {
        (Arc::clone(&self.registry), self.name.clone())
    }

    /// Returns its name for people, with the host if there are several registries.
    #[must_use]
    pub fn title(&self) -> String {
        self.host().map_or_else(
            || self.name.to_string(),
            |host| format!("{host}/{}", self.name),
        )
    }

    /// Returns the host of its registry, if there are several registries.
    #[must_use]
    pub fn host(&self) -> Option<String> {
        self.told_apart.then(|| self.registry.host())
    }

    /// Returns why nothing of it is deleted, if so.
    #[must_use]
    pub const fn left_alone(&self) -> Option<&LeftAlone> {
        self.left_alone.as_ref()
    }

    /// Returns the images in the order of their digests; none if it was not read.
    #[must_use]
    pub fn images(&self) -> &[PlannedImage] {
        &self.images
    }

    /// Returns the children of each index.
    #[must_use]
    pub const fn children(&self) -> &HashMap<Digest, Vec<Child>> {
        &self.children
    }

    /// Returns when manifests were read, which ECR counts as pulls.
    #[must_use]
    pub const fn manifests_read(&self) -> Option<&RangeInclusive<Time>> {
        self.manifests_read.as_ref()
    }

    /// Returns its lifecycle policy in ECR.
    #[must_use]
    pub const fn lifecycle(&self) -> &LifecyclePolicy {
        &self.lifecycle
    }

    /// Returns the position of its policy in the configuration.
    #[must_use]
    pub const fn policy(&self) -> Option<usize> {
        self.policy
    }

    /// Returns whether a tag in it can be moved to another image.
    #[must_use]
    pub const fn has_mutable_tags(&self) -> bool {
        self.mutable_tags
    }

    /// Returns whether everything in it is known.
    #[must_use]
    pub const fn was_read(&self) -> bool {
        self.read
    }

    /// Returns whether an image is an index whose children are not known: an archived manifest
    /// cannot be read.
    pub(super) fn is_opaque(&self, image: &Image) -> bool {
        image.media_type == MediaType::Index && !self.children.contains_key(&image.digest)
    }

    /// Returns the images that may be deleted or archived.
    pub fn candidates(&self) -> impl Iterator<Item = &PlannedImage> {
        self.images
            .iter()
            .filter(|planned| planned.verdict.deletes())
    }

    /// Returns the image of a digest.
    #[must_use]
    pub fn image(&self, digest: &Digest) -> Option<&PlannedImage> {
        let order = |planned: &PlannedImage| planned.image.digest.cmp(digest);
        let position = self.images.binary_search_by(order).ok()?;
        self.images.get(position)
    }
}
