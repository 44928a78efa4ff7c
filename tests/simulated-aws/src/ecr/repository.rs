//! A repository and what is stored in it.

use crate::ecr::image::Image;
use crate::ecr::push::{Built, Push};
use crate::moment::Moment;
use crate::world::Location;
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

/// A repository.
#[derive(Debug, Clone)]
pub struct Repository {
    /// Its name.
    pub name: String,
    /// The account and Region it is in.
    pub location: Location,
    /// When it was created; a year before [`Moment::NOW`] unless changed.
    pub created_at: Moment,
    /// `MUTABLE`, `IMMUTABLE` and so on.
    pub tag_mutability: Cow<'static, str>,
    /// The text of its lifecycle policy.
    pub lifecycle_policy: Option<String>,
    /// The text of its repository policy.
    pub repository_policy: Option<String>,
    /// Its AWS tags.
    pub aws_tags: BTreeMap<String, String>,
    pub(crate) seed: String,
    pub(crate) now: Moment,
    pub(crate) images: BTreeMap<String, Image>,
    by_tag: HashMap<String, String>,
    parents: HashMap<String, Vec<String>>,
    pushes: u64,
}

impl Repository {
    pub(crate) fn new(location: &Location, name: &str, now: Moment) -> Self {
        Self {
            name: name.to_owned(),
            location: location.clone(),
            created_at: crate::moment::days_ago(365),
            tag_mutability: Cow::Borrowed("MUTABLE"),
            lifecycle_policy: None,
            repository_policy: None,
            aws_tags: BTreeMap::new(),
            seed: format!("{}/{}/{name}", location.account, location.region),
            now,
            images: BTreeMap::new(),
            by_tag: HashMap::new(),
            parents: HashMap::new(),
            pushes: 0,
        }
    }

    /// Returns where images are pulled from: `<account>.dkr.ecr.<region>.amazonaws.com/<name>`.
    #[must_use]
    pub fn uri(&self) -> String {
        let Location { account, region } = &self.location;
        format!("{account}.dkr.ecr.{region}.amazonaws.com/{}", self.name)
    }

    /// Its ARN.
    #[must_use]
    pub fn arn(&self) -> String {
        let Location { account, region } = &self.location;
        format!("arn:aws:ecr:{region}:{account}:repository/{}", self.name)
    }

    /// Stores an image and answers its digest.
    ///
    /// As in ECR, a digest that is already there keeps its push time and gets the new tags, and is
    /// restored if it was archived; a tag that another image has moves here.
    pub fn push(&mut self, push: Push) -> String {
        self.pushes += 1;
        let built = push.build(self, self.pushes);
        self.store(built)
    }

    pub(crate) fn store(&mut self, built: Built) -> String {
        let Built {
            digest,
            children,
            image,
            tags,
        } = built;
        if let Some(known) = self.images.get_mut(&digest) {
            if image.archived_at.is_none() && known.status != "ACTIVE" {
                known.status = Cow::Borrowed("ACTIVE");
                known.activated_at = Some(self.now);
            }
        } else {
            for child in children {
                let parents = self.parents.entry(child).or_default();
                if !parents.contains(&digest) {
                    parents.push(digest.clone());
                }
            }
            self.images.insert(digest.clone(), image);
        }
        for tag in tags {
            self.tag(&digest, &tag);
        }
        digest
    }

    /// Puts a tag on a digest, taking it off the image that had it. Nothing happens if the digest
    /// is not there.
    pub fn tag(&mut self, digest: &str, tag: &str) {
        if self.by_tag.get(tag).is_some_and(|owner| owner == digest) || !self.contains(digest) {
            return;
        }
        self.untag(tag);
        if let Some(image) = self.images.get_mut(digest) {
            image.tags.push(tag.to_owned());
            self.by_tag.insert(tag.to_owned(), digest.to_owned());
        }
    }

    /// Takes a tag off; the image remains, even without tags.
    pub fn untag(&mut self, tag: &str) {
        let owner = self.by_tag.remove(tag);
        if let Some(image) = owner.and_then(|owner| self.images.get_mut(&owner)) {
            image.tags.retain(|other| other != tag);
        }
    }

    /// Takes an image away, whatever refers to it.
    pub fn remove(&mut self, digest: &str) -> Option<Image> {
        let image = self.images.remove(digest)?;
        for tag in &image.tags {
            self.by_tag.remove(tag);
        }
        for child in image.manifest.children() {
            if let Some(parents) = self.parents.get_mut(&child) {
                parents.retain(|parent| parent != digest);
                if parents.is_empty() {
                    self.parents.remove(&child);
                }
            }
        }
        Some(image)
    }

    /// Returns whether the digest is there.
    #[must_use]
    pub fn contains(&self, digest: &str) -> bool {
        self.images.contains_key(digest)
    }

    /// Returns an image by digest.
    #[must_use]
    pub fn image(&self, digest: &str) -> Option<&Image> {
        self.images.get(digest)
    }

    /// An image by digest, to change.
    pub fn image_mut(&mut self, digest: &str) -> Option<&mut Image> {
        self.images.get_mut(digest)
    }

    /// Returns the manifest of a digest.
    #[must_use]
    pub fn manifest(&self, digest: &str) -> Option<String> {
        Some(self.image(digest)?.manifest.text(&self.seed).into_owned())
    }

    /// Returns the indexes that list a digest.
    #[must_use]
    pub fn parents(&self, digest: &str) -> &[String] {
        self.parents.get(digest).map_or(&[], Vec::as_slice)
    }

    /// Returns the digest behind a tag.
    #[must_use]
    pub fn digest(&self, tag: &str) -> Option<&str> {
        self.by_tag.get(tag).map(String::as_str)
    }

    /// Returns all digests, in the order `DescribeImages` answers them: by digest, whatever was
    /// pushed first.
    #[must_use]
    pub fn digests(&self) -> Vec<String> {
        self.images.keys().cloned().collect()
    }

    /// Returns all tags, sorted.
    #[must_use]
    pub fn tags(&self) -> Vec<String> {
        let mut tags: Vec<_> = self.by_tag.keys().cloned().collect();
        tags.sort_unstable();
        tags
    }

    /// Returns how many images there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.images.len()
    }

    /// Returns whether nothing is stored.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.images.is_empty()
    }

    /// Ends every restore that is under way: `ACTIVATING` becomes `ACTIVE`.
    pub fn finish_restores(&mut self) {
        for image in self.images.values_mut() {
            if image.status == "ACTIVATING" {
                image.status = Cow::Borrowed("ACTIVE");
                image.activated_at = Some(self.now);
            }
        }
    }

    /// Records a pull of this digest now, and of the first child of an index, as a machine that
    /// runs it would pull.
    pub(crate) fn pull(&mut self, digest: &str) {
        let Some(image) = self.images.get_mut(digest) else {
            return;
        };
        image.pulled_at = Some(self.now);
        if let Some(child) = image.manifest.children().first() {
            let child = child.clone();
            self.pull(&child);
        }
    }

    /// Returns the digest an `imageId` means; `None` if it is not there, or tag and digest
    /// disagree.
    pub(crate) fn resolve(&self, digest: Option<&str>, tag: Option<&str>) -> Option<String> {
        match (digest, tag) {
            (Some(digest), None) => self.contains(digest).then(|| digest.to_owned()),
            (None, Some(tag)) => self.digest(tag).map(str::to_owned),
            (Some(digest), Some(tag)) => self
                .digest(tag)
                .filter(|owner| *owner == digest)
                .map(str::to_owned),
            (None, None) => None,
        }
    }
}
