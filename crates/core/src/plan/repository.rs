//! The plan for one repository.

use std::{
    collections::{HashMap, HashSet},
    ops::RangeInclusive,
    sync::Arc,
};

use super::{
    DeleteReason, LeftAlone, RepositoryKey, Verdict, can_run::can_run, eligibility::counts,
    graph::Graph, last_pull::LastPulls, subject::Subject,
};
use crate::{
    image::{Digest, Image, MediaType, Registry, RepositoryName, Tag, Time},
    inventory::{Child, Content, Images, LifecyclePolicy, OwnReadings, Repository, Revisions},
    policy::{Ceiling, Limits, Policy},
};

/// An image with its verdict.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PlannedImage<'a> {
    /// Image, as it was when it was read.
    pub image: &'a Image,
    /// Verdict.
    pub verdict: &'a Verdict,
}

/// A verdict for each image of a repository.
#[derive(Debug, Clone, PartialEq)]
pub struct RepositoryPlan {
    facts: Facts,
    /// In the order of their digests. They stay where they were read to: put together with their
    /// verdicts, they would need as much memory again.
    images: Vec<Image>,
    /// In the order of the images.
    verdicts: Vec<Verdict>,
    children: HashMap<Digest, Vec<Child>>,
    manifests_read: Option<RangeInclusive<Time>>,
    own_readings: OwnReadings,
    revisions: HashMap<Digest, Revisions>,
    lifecycle: LifecyclePolicy,
}

/// Facts about a repository besides its images.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Facts {
    pub(super) key: RepositoryKey,
    pub(super) left_alone: Option<LeftAlone>,
    told_apart: bool,
    pub(super) policy: Option<usize>,
    /// Terms of the policy.
    pub(super) terms: Option<Arc<Terms>>,
    mutable_tags: bool,
    read: bool,
}

/// Terms of a policy, for all repositories that it applies to.
#[derive(Debug, PartialEq)]
pub(super) struct Terms {
    title: String,
    /// Rules, as JSON; `None` if it has none.
    rules: Option<Arc<str>>,
    limits: Limits,
}

impl From<&Policy> for Terms {
    fn from(policy: &Policy) -> Self {
        Self {
            title: policy.title(),
            rules: policy.rules(),
            limits: policy.limits,
        }
    }
}

/// A repository while its plan is being made.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) facts: Facts,
    /// In the order of the images.
    pub(super) verdicts: Vec<Verdict>,
    stored: Images,
}

impl Draft {
    pub(super) fn new(repository: Repository, registry: &Arc<Registry>, told_apart: bool) -> Self {
        let (mut stored, left_alone, read) = match repository.content {
            Content::Complete(images) => (images, None, true),
            Content::Unclear { images, why } => (images, Some(LeftAlone::Unclear(why)), true),
            Content::NotRead(why) => (Images::default(), Some(LeftAlone::NotRead(why)), false),
            Content::TagsUnread(error) => (
                Images::default(),
                Some(LeftAlone::TagsUnread { error }),
                false,
            ),
            Content::Vanished => (Images::default(), Some(LeftAlone::Vanished), true),
            Content::Failed(error) => (Images::default(), Some(LeftAlone::Failed { error }), false),
        };
        stored.images.sort_unstable_by_key(|image| image.digest);
        let facts = Facts {
            key: (Arc::clone(registry), repository.name),
            left_alone,
            told_apart,
            policy: repository.policy,
            terms: None,
            mutable_tags: repository.mutable_tags,
            read,
        };
        Self {
            facts,
            verdicts: Vec::new(),
            stored,
        }
    }

    pub(super) fn subject(&self) -> Subject<'_> {
        let stored = &self.stored;
        self.facts.subject(
            &stored.images,
            &stored.children,
            &stored.own_readings,
            &stored.revisions,
        )
    }
}

impl Facts {
    pub(super) fn limits(&self) -> Limits {
        let terms = self.terms.as_ref();
        terms.map(|terms| terms.limits).unwrap_or_default()
    }

    pub(super) fn policy_title(&self) -> Option<&str> {
        self.terms.as_ref().map(|terms| &*terms.title)
    }

    fn subject<'a>(
        &'a self,
        images: &'a [Image],
        children: &'a HashMap<Digest, Vec<Child>>,
        own_readings: &'a OwnReadings,
        revisions: &'a HashMap<Digest, Revisions>,
    ) -> Subject<'a> {
        Subject {
            name: &self.key.1,
            registry: &self.key.0,
            left_alone: self.left_alone.as_ref(),
            images,
            children,
            own_readings,
            revisions,
            policy: self.policy,
            known: self.read && !matches!(self.left_alone, Some(LeftAlone::Unclear(_))),
        }
    }
}

impl From<Draft> for RepositoryPlan {
    fn from(draft: Draft) -> Self {
        Self {
            facts: draft.facts,
            images: draft.stored.images,
            verdicts: draft.verdicts,
            children: draft.stored.children,
            manifests_read: draft.stored.manifests_read,
            own_readings: draft.stored.own_readings,
            revisions: draft.stored.revisions,
            lifecycle: draft.stored.lifecycle,
        }
    }
}

impl RepositoryPlan {
    pub(super) fn subject(&self) -> Subject<'_> {
        self.facts.subject(
            &self.images,
            &self.children,
            &self.own_readings,
            &self.revisions,
        )
    }

    /// Returns its name.
    #[must_use]
    pub const fn name(&self) -> &RepositoryName {
        &self.facts.key.1
    }

    /// Returns its registry.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.facts.key.0
    }

    /// Returns what identifies it.
    #[must_use]
    pub const fn key(&self) -> &RepositoryKey {
        &self.facts.key
    }

    /// Returns its name for people, with the host if there are several registries.
    #[must_use]
    pub fn title(&self) -> String {
        self.host().map_or_else(
            || self.name().to_string(),
            |host| format!("{host}/{}", self.name()),
        )
    }

    /// Returns the host of its registry, if there are several registries.
    #[must_use]
    pub fn host(&self) -> Option<String> {
        self.facts.told_apart.then(|| self.registry().host())
    }

    /// Returns why nothing of it is deleted, if so.
    #[must_use]
    pub const fn left_alone(&self) -> Option<&LeftAlone> {
        self.facts.left_alone.as_ref()
    }

    /// Returns the images in the order of their digests; none if it was not read.
    #[must_use]
    pub fn images(
        &self,
    ) -> impl DoubleEndedIterator<Item = PlannedImage<'_>> + ExactSizeIterator + Clone {
        let images = self.images.iter().zip(&self.verdicts);
        images.map(|(image, verdict)| PlannedImage { image, verdict })
    }

    /// Returns the images without their verdicts, in the same order.
    #[must_use]
    pub fn stored_images(&self) -> &[Image] {
        &self.images
    }

    /// Returns the image at a position.
    pub(super) fn image_at(&self, position: usize) -> PlannedImage<'_> {
        PlannedImage {
            image: &self.images[position],
            verdict: &self.verdicts[position],
        }
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
        self.facts.policy
    }

    /// Returns the rules that decide about it, as JSON; `None` if its policy has none.
    #[must_use]
    pub fn rules(&self) -> Option<&str> {
        self.facts.terms.as_ref()?.rules.as_deref()
    }

    /// Returns the name of its policy.
    #[must_use]
    pub fn policy_title(&self) -> Option<&str> {
        self.facts.policy_title()
    }

    /// Returns what its policy allows a run.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.facts.limits()
    }

    /// Returns whether a run may do anything with its candidates.
    #[must_use]
    pub fn acts(&self) -> bool {
        self.limits().mode != Some(Ceiling::Plan)
    }

    /// Returns whether a tag in it can be moved to another image.
    #[must_use]
    pub const fn has_mutable_tags(&self) -> bool {
        self.facts.mutable_tags
    }

    /// Returns whether its images were listed.
    #[must_use]
    pub const fn was_read(&self) -> bool {
        self.facts.read
    }

    /// Returns whether an image is an index whose children are not known: an archived manifest
    /// cannot be read.
    pub(super) fn is_opaque(&self, image: &Image) -> bool {
        image.media_type == MediaType::Index && !self.children.contains_key(&image.digest)
    }

    /// Returns the last pull of each image that is known to be somebody else's, in their order.
    #[must_use]
    pub fn last_pulls(&self) -> Vec<Option<Time>> {
        let subject = self.subject();
        let pulls = LastPulls {
            images: subject.images,
            graph: &Graph::new(subject.images, subject.children),
            own: &self.own_readings,
        };
        let positions = (0..).zip(subject.images);
        positions.map(|(index, _)| pulls.by_others(index)).collect()
    }

    /// Returns the tags that rules match, of all images but attachments, artifacts and archived ones
    /// (K5).
    pub fn ruled_tags(&self) -> impl Iterator<Item = &Tag> {
        let subject = self.subject();
        self.images.iter().flat_map(move |image| {
            let can_run = can_run(image, subject.images, subject.children);
            let tags = image.ordinary_tags(can_run).map(|(_, tag)| tag);
            tags.filter(move |_| counts(image, can_run))
        })
    }

    /// Returns the images that rules are about, each with the tags that they match: no attachments,
    /// artifacts, archived ones or untagged children.
    pub fn ruled_images(&self) -> impl Iterator<Item = (PlannedImage<'_>, Vec<&Tag>)> {
        let subject = self.subject();
        let children = self.children.values().flatten();
        let children: HashSet<Digest> = children.map(|child| child.digest).collect();
        self.images().filter_map(move |planned| {
            let image = planned.image;
            let can_run = can_run(image, subject.images, subject.children);
            let tags: Vec<&Tag> = image.ordinary_tags(can_run).map(|(_, tag)| tag).collect();
            let is_part = tags.is_empty() && children.contains(&image.digest);
            (counts(image, can_run) && !is_part).then_some((planned, tags))
        })
    }

    /// Returns the image that decides about an image: the one that it is deleted with, to any depth.
    #[must_use]
    pub fn decided_by<'a>(&'a self, planned: PlannedImage<'a>) -> PlannedImage<'a> {
        let mut root = planned;
        // As many steps as there are images suffice, also in a circle.
        for _ in &self.images {
            let next = match root.verdict {
                Verdict::Delete(DeleteReason::PartOf { index, .. }) => self.image(index),
                Verdict::Delete(DeleteReason::RefersTo { subject, .. }) => self.image(subject),
                _ => None,
            };
            let Some(next) = next else { break };
            root = next;
        }
        root
    }

    /// Returns the images that may be deleted or archived.
    pub fn candidates(&self) -> impl Iterator<Item = PlannedImage<'_>> {
        self.images().filter(|planned| planned.verdict.deletes())
    }

    /// Returns what an image refers to that is not in this repository.
    pub fn subjects_elsewhere<'a>(&'a self, image: &'a Image) -> impl Iterator<Item = Digest> + 'a {
        let subjects = image.subjects();
        subjects.filter(|subject| self.image(subject).is_none())
    }

    /// Returns the image of a digest.
    #[must_use]
    pub fn image(&self, digest: &Digest) -> Option<PlannedImage<'_>> {
        let order = |image: &Image| image.digest.cmp(digest);
        let position = self.images.binary_search_by(order).ok()?;
        Some(self.image_at(position))
    }
}
