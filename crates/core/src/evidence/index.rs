//! Index of all uses, by what images are looked up by.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use serde::Serialize;

use super::{
    Evidence, EvidenceKind, Narrowing, Parts, Reference, SourceError, SourceStatus, Unread, Use,
    UseLedger, UsedImage, User,
    doubt::About,
    path::{Host, MirroredPath, last_part},
    status::Coverage,
};
use crate::image::{AccountId, Digest, ImageReference, Registry, RepositoryName, Tag};

pub(super) type Users = BTreeSet<Arc<User>>;
/// Users by the tag and the path that they name.
pub(super) type ByTag = HashMap<Tag, BTreeMap<MirroredPath, Users>>;

/// Everything that is known to be in use.
#[derive(Debug, Default)]
pub struct UsageIndex {
    sources: Vec<SourceStatus>,
    locations: BTreeSet<Registry>,
    unread: BTreeSet<Unread>,
    references: BTreeMap<Reference, Users>,
    pub(super) by_digest: HashMap<Digest, Users>,
    /// By the last part of the path.
    pub(super) by_tag: HashMap<Box<str>, ByTag>,
    pub(super) mentions: HashMap<RepositoryName, BTreeMap<Arc<User>, Narrowing>>,
    parts: Vec<(Arc<User>, Parts)>,
    /// Positions in `parts`, by the last part of what may be a name.
    parts_by_word: HashMap<Box<str>, Vec<u32>>,
    /// Positions in `parts` of those with a placeholder in a name.
    templates: Vec<u32>,
    tag_pulls: BTreeMap<ImageReference, TagPull>,
    /// Users of images that are in doubt, each with its source and what is not known.
    pub(super) doubts: BTreeMap<About, BTreeSet<(usize, String)>>,
    /// Names of images of other registries, by the digests that they were resolved to.
    pub(super) resolved: HashMap<Digest, Resolved>,
    /// Whether those digests may be stored where nobody looked.
    pub(super) may_be_elsewhere: bool,
    /// What earlier runs saw, and this one.
    pub(super) ledger: Arc<UseLedger>,
}

/// Names by which an image is pulled from another registry.
#[derive(Debug, Default)]
pub(super) struct Resolved {
    pub(super) hosts: BTreeSet<Box<str>>,
    pub(super) tags: BTreeMap<Tag, Users>,
}

/// The use of an image by one of its names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InUse {
    /// Tag by which it is used; `None` if it is used by its digest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<Tag>,
    /// One of the users: a live one if there is one, and a task definition only if there is no
    /// other like that.
    pub user: Arc<User>,
    /// Number of users by this name.
    pub users: usize,
}

/// Live users that pull an image by its tag alone: the next start may get another image.
#[derive(Debug, Default)]
pub struct TagPull {
    /// Users.
    pub users: BTreeSet<Arc<User>>,
    /// Digests that the tag was resolved to when they started, each with its first user.
    pub resolved: BTreeMap<Digest, Arc<User>>,
}

impl From<Vec<Evidence>> for UsageIndex {
    fn from(evidence: Vec<Evidence>) -> Self {
        let mut index = Self::default();
        for Evidence {
            status,
            uses,
            locations,
            unread,
        } in evidence
        {
            index.unread.extend(unread);
            if status.coverage == Coverage::Unread {
                continue;
            }
            index.locations.insert(status.location.clone());
            index.locations.extend(locations);
            let source = index.sources.len();
            index.sources.push(status);
            // Keeps what an incomplete source did find: that is in use in any case.
            for it in uses {
                index.insert(it, source);
            }
        }
        index
    }
}

impl UsageIndex {
    fn insert(&mut self, it: Use, source: usize) {
        for reference in it.references() {
            let digest = match &reference {
                Reference::Digest(digest) => Some(*digest),
                Reference::Image(image) => image.digest,
                Reference::Repository(_) => None,
            };
            if let Some(digest) = digest {
                let users = self.by_digest.entry(digest).or_default();
                users.insert(Arc::clone(&it.user));
            }
            let users = self.references.entry(reference).or_default();
            users.insert(Arc::clone(&it.user));
        }
        let Use {
            user,
            image,
            resolved,
            evidence,
        } = it;
        match image {
            UsedImage::Ecr(image) => {
                self.insert_path(&user, Host::Ecr(image.registry.clone()), &image);
                // A task definition pulls nothing until something runs it.
                let pulls = matches!(evidence, EvidenceKind::Pull | EvidenceKind::Container)
                    && user.kind != User::TASK_DEFINITION;
                if pulls && user.live && image.digest.is_none() {
                    self.tag_pulls
                        .entry(image)
                        .or_default()
                        .insert(user, resolved);
                }
            }
            UsedImage::Elsewhere {
                host,
                image: Some(image),
                ..
            } => {
                if let (Some(digest), Some(tag)) = (resolved, &image.tag) {
                    let known = self.resolved.entry(digest).or_default();
                    known.hosts.insert(host.clone());
                    let users = known.tags.entry(tag.clone()).or_default();
                    users.insert(Arc::clone(&user));
                }
                self.insert_path(&user, Host::Elsewhere(host), &image);
            }
            UsedImage::Mention {
                repository,
                narrowing,
            } => {
                let mentions = self.mentions.entry(repository).or_default();
                mentions.entry(user).or_default().extend(narrowing);
            }
            UsedImage::Parts(parts) => self.insert_parts(user, parts),
            UsedImage::InDoubt(doubt) => {
                let title = doubt.title(&user);
                let doubts = self.doubts.entry(doubt.about).or_default();
                doubts.insert((source, title));
            }
            UsedImage::Digest(_) | UsedImage::Elsewhere { image: None, .. } => {}
        }
    }

    fn insert_parts(&mut self, user: Arc<User>, parts: Parts) {
        let Ok(position) = u32::try_from(self.parts.len()) else {
            return;
        };
        for word in parts.last_parts() {
            if let Some(positions) = self.parts_by_word.get_mut(word) {
                positions.push(position);
            } else {
                self.parts_by_word.insert(word.into(), vec![position]);
            }
        }
        if !parts.templates.is_empty() {
            self.templates.push(position);
        }
        self.parts.push((user, parts));
    }

    fn insert_path(&mut self, user: &Arc<User>, host: Host, image: &ImageReference) {
        let Some(tag) = &image.tag else { return };
        let path = MirroredPath {
            host,
            path: (*image.repository).into(),
        };
        self.by_tag
            .entry(last_part(&image.repository).into())
            .or_default()
            .entry(tag.clone())
            .or_default()
            .entry(path)
            .or_default()
            .insert(Arc::clone(user));
    }

    /// Makes sources complete whose doubts are about none of the repositories that there are.
    pub fn settle_doubts<'a>(
        &mut self,
        repositories: impl IntoIterator<Item = (&'a Registry, &'a RepositoryName)>,
    ) {
        if self.doubts.is_empty() {
            return;
        }
        let hosts = self.resolved.values().flat_map(|it| &it.hosts);
        let hosts = hosts.map(|host| &**host).collect();
        let repositories: Vec<_> = repositories.into_iter().collect();
        let is_open = |about: &About| {
            let mut repositories = repositories.iter();
            repositories.any(|(registry, name)| about.may_mean(registry, name, &hosts))
        };
        let open = self.doubts.iter().filter(|(about, _)| is_open(about));
        let open: BTreeSet<usize> = open.flat_map(|(_, all)| all).map(|it| it.0).collect();
        for (source, status) in self.sources.iter_mut().enumerate() {
            if let Some(SourceError::InDoubt(doubts)) = status.error()
                && !open.contains(&source)
            {
                let remark = format!("there is no such repository: {doubts}");
                status.coverage = Coverage::Complete;
                status.remark(remark);
            }
        }
    }

    /// Takes in that registries are cleaned besides whose images are not known (A14).
    #[must_use]
    pub fn beside_others(mut self) -> Self {
        self.may_be_elsewhere = true;
        self
    }

    /// Returns whether use is read in this account and Region.
    #[must_use]
    pub fn is_read_in(&self, location: &Registry) -> bool {
        self.locations.contains(location)
    }

    /// Returns the sources of use of which something was not read that may be of any repository.
    pub fn gaps(&self) -> impl Iterator<Item = &SourceStatus> {
        let sources = self.sources.iter();
        sources.filter(|it| it.has_gap() && !it.is_listing())
    }

    /// Returns the sources of use of an account of which something was not read that may be of any
    /// repository.
    pub fn gaps_in(&self, account: AccountId) -> impl Iterator<Item = &SourceStatus> {
        self.gaps().filter(move |it| it.location.account == account)
    }

    /// Returns the organization whose accounts could not be listed, as a source.
    #[must_use]
    pub fn unlisted(&self) -> Option<&SourceStatus> {
        let mut sources = self.sources.iter();
        sources.find(|it| it.is_listing() && !it.is_complete())
    }

    /// Returns whether a source is read in this account and Region.
    #[must_use]
    pub fn is_source_in(&self, source: &str, location: &Registry) -> bool {
        let mut sources = self.sources.iter();
        sources.any(|status| status.source == source && status.is_in(location))
    }

    /// Returns the status of each source.
    #[must_use]
    pub fn sources(&self) -> &[SourceStatus] {
        &self.sources
    }

    /// Returns the use with what earlier runs saw, and this one.
    #[must_use]
    pub fn with_ledger(mut self, ledger: Arc<UseLedger>) -> Self {
        self.ledger = ledger;
        self
    }

    /// Returns what earlier runs saw, and this one.
    #[must_use]
    pub const fn ledger(&self) -> &Arc<UseLedger> {
        &self.ledger
    }

    /// Adds what no source was asked to read.
    pub fn add_unread(&mut self, unread: impl IntoIterator<Item = Unread>) {
        self.unread.extend(unread);
    }

    /// Returns what was not read, though nothing failed.
    pub fn unread(&self) -> impl Iterator<Item = &Unread> {
        self.unread.iter()
    }

    /// Returns whether something was not read that may be of any repository.
    #[must_use]
    pub fn has_gaps(&self) -> bool {
        self.sources.iter().any(SourceStatus::has_gap)
    }

    /// Returns whether every source was read completely.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.sources.iter().all(SourceStatus::is_complete)
    }

    /// Returns the sources that had not answered when the time of the run was over.
    pub fn out_of_time(&self) -> impl Iterator<Item = &SourceStatus> {
        let sources = self.sources.iter();
        sources.filter(|status| status.error() == Some(&SourceError::OutOfTime))
    }

    /// Returns every distinct reference with its users, in order.
    #[must_use]
    pub fn references(&self) -> impl ExactSizeIterator<Item = (&Reference, &BTreeSet<Arc<User>>)> {
        self.references.iter()
    }

    /// Returns the images that live users pull by a tag alone.
    #[must_use]
    pub fn tag_pulls(&self) -> impl ExactSizeIterator<Item = (&ImageReference, &TagPull)> {
        self.tag_pulls.iter()
    }

    /// Returns the users that name a registry apart from what is stored in it, where no repository
    /// of these names fits; each with the registries as it writes them.
    pub fn unmatched_parts<'a>(
        &'a self,
        repositories: impl IntoIterator<Item = &'a RepositoryName>,
    ) -> impl Iterator<Item = (&'a Arc<User>, impl Iterator<Item = &'a str>)> {
        let mut matched = vec![false; self.parts.len()];
        for name in repositories {
            for (position, (_, parts)) in self.parts_near(name) {
                if let Some(matched) = matched.get_mut(position as usize) {
                    *matched = *matched || parts.means(name);
                }
            }
        }
        let unmatched = self.parts.iter().zip(matched);
        unmatched
            .filter(|(_, matched)| !matched)
            .map(|((user, parts), _)| (user, parts.hosts()))
    }

    /// Returns the parts of names that may mean a repository.
    pub(super) fn parts_near(
        &self,
        name: &str,
    ) -> impl Iterator<Item = (u32, &(Arc<User>, Parts))> {
        let by_word = self.parts_by_word.get(last_part(name));
        let positions = by_word.into_iter().flatten().chain(&self.templates);
        positions.filter_map(|position| Some((*position, self.parts.get(*position as usize)?)))
    }
}

impl TagPull {
    fn insert(&mut self, user: Arc<User>, resolved: Option<Digest>) {
        if let Some(digest) = resolved {
            self.resolved
                .entry(digest)
                .and_modify(|first| {
                    if user < *first {
                        *first = Arc::clone(&user);
                    }
                })
                .or_insert_with(|| Arc::clone(&user));
        }
        self.users.insert(user);
    }
}

#[cfg(test)]
mod tests;
