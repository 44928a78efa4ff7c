//! Index of all uses, by what images are looked up by.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use serde::Serialize;

use super::{
    Evidence, EvidenceKind, Mentioned, Reference, SourceError, SourceStatus, Use, UsedImage, User,
    mention::{self, MentionsOfRepository},
    path::{Host, MirroredPath, last_part},
    status::Coverage,
};
use crate::image::{AccountId, Digest, Image, ImageReference, Registry, RepositoryName, Tag};

type Users = BTreeSet<Arc<User>>;
/// Users by the tag and the path that they name.
type ByTag = HashMap<Tag, BTreeMap<MirroredPath, Users>>;

/// Everything that is known to be in use.
#[derive(Debug, Default)]
pub struct UsageIndex {
    sources: Vec<SourceStatus>,
    locations: BTreeSet<Registry>,
    references: BTreeMap<Reference, Users>,
    by_digest: HashMap<Digest, Users>,
    /// By the last part of the path.
    by_tag: HashMap<Box<str>, ByTag>,
    mentions: HashMap<RepositoryName, MentionsOfRepository>,
    tag_pulls: BTreeMap<ImageReference, TagPull>,
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
        } in evidence
        {
            index.locations.insert(status.location.clone());
            index.locations.extend(locations);
            index.sources.push(status);
            // What an incomplete source did find is in use in any case.
            for it in uses {
                index.insert(it);
            }
        }
        index
    }
}

impl UsageIndex {
    fn insert(&mut self, it: Use) {
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
                image: Some(image), ..
            } => self.insert_path(&user, Host::Elsewhere, &image),
            UsedImage::Mention { repository, words } => {
                let mentions = self.mentions.entry(repository).or_default();
                match mentions.get_mut(&user) {
                    Some(known) => mention::merge(known, words),
                    None => drop(mentions.insert(user, words)),
                }
            }
            UsedImage::Digest(_) | UsedImage::Elsewhere { image: None, .. } => {}
        }
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

    /// Makes the first source of that name and location incomplete.
    pub fn make_incomplete(&mut self, source: &str, location: &Registry, error: SourceError) {
        let status = self.sources.iter_mut().find(|status| {
            status.source == source && status.cluster.is_none() && status.is_in(location)
        });
        if let Some(status) = status.filter(|status| status.is_complete()) {
            status.coverage = Coverage::Incomplete(error);
        }
    }

    /// Returns whether use is read in this account and Region.
    #[must_use]
    pub fn is_read_in(&self, location: &Registry) -> bool {
        self.locations.contains(location)
    }

    /// Returns the sources of an account that could not be read completely.
    pub fn incomplete_in(&self, account: AccountId) -> impl Iterator<Item = &SourceStatus> {
        let sources = self.sources.iter();
        sources.filter(move |it| it.location.account == account && !it.is_complete())
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

    /// Returns the uses of an image by each of its tags and by its digest.
    ///
    /// A digest is used in whichever repository it is stored, a tag in the repository of that name
    /// in every registry (U1), and under a path that a proxy or a cache may stand behind.
    #[must_use]
    pub fn uses_of(
        &self,
        registry: &Registry,
        repository: &RepositoryName,
        image: &Image,
    ) -> Vec<InUse> {
        let paths = self.by_tag.get(last_part(repository));
        let by_tag: Vec<(&Tag, &BTreeMap<MirroredPath, Users>)> = image
            .tags
            .iter()
            .filter_map(|tag| Some((tag, paths?.get(tag)?)))
            .collect();
        let exact = by_tag.iter().filter_map(|&(tag, paths)| {
            let same = paths.iter().filter(|(path, _)| path.means(repository));
            let users: Vec<&Users> = same.map(|(_, users)| users).collect();
            in_use(Some(tag), &users)
        });
        let by_digest = self.by_digest.get(&image.digest);
        let by_digest = by_digest.and_then(|users| in_use(None, &[users]));
        let mirrored = by_tag.iter().flat_map(|&(tag, paths)| {
            let may_mean = paths
                .iter()
                .filter(|(path, _)| path.may_mean(registry, repository));
            may_mean.filter_map(move |(_, users)| in_use(Some(tag), &[users]))
        });
        exact.chain(by_digest).chain(mirrored).collect()
    }

    /// Returns the mentions of a repository by users that do not name its tag.
    #[must_use]
    pub fn mentions_of(&self, repository: &RepositoryName, images: &[&Image]) -> Mentioned<'_> {
        Mentioned::new(self.mentions.get(repository), images)
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

/// Returns the use by these users together; `None` if there are none.
fn in_use(tag: Option<&Tag>, users: &[&Users]) -> Option<InUse> {
    let all = || users.iter().copied().flatten();
    let user = all().max_by_key(|user| (user.live, user.kind != User::TASK_DEFINITION, *user))?;
    let count = match users {
        [users] => users.len(),
        _ => all().collect::<BTreeSet<_>>().len(),
    };
    Some(InUse {
        tag: tag.cloned(),
        user: Arc::clone(user),
        users: count,
    })
}

#[cfg(test)]
mod tests;
