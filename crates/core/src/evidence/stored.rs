//! Use, as it looks to those who know what is stored.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use super::{
    InUse, Mentioned, Narrowing, RepositoryLedger, UsageIndex, User,
    index::Users,
    path::{MirroredPath, last_part},
};
use crate::image::{Image, Registry, RepositoryName, Tag};

/// All use, with what the images that are stored tell of it.
#[derive(Debug)]
pub struct StoredUsage<'a> {
    usage: &'a UsageIndex,
    /// Hosts that stand for a registry of ours, since an image under them was resolved to one that
    /// is stored here.
    hosts: HashSet<&'a str>,
}

/// Tags by which images of a repository are pulled from another registry.
#[derive(Debug)]
pub struct Resolved<'a>(HashMap<&'a Tag, &'a Users>);

impl UsageIndex {
    /// Returns the use as it looks where these images are stored.
    #[must_use]
    pub fn with_stored<'i>(&self, images: impl IntoIterator<Item = &'i Image>) -> StoredUsage<'_> {
        let images = images.into_iter().filter(|_| !self.resolved.is_empty());
        let here = images.filter_map(|image| self.resolved.get(&image.digest));
        let elsewhere = self.resolved.values().filter(|_| self.may_be_elsewhere);
        let hosts = here.chain(elsewhere).flat_map(|resolved| &resolved.hosts);
        StoredUsage {
            usage: self,
            hosts: hosts.map(|host| &**host).collect(),
        }
    }
}

impl<'a> StoredUsage<'a> {
    /// Returns the uses of an image by each of its tags and by its digest.
    ///
    /// A digest is used in whichever repository it is stored, a tag in the repository of that name
    /// in every registry (U1), and under a path that a mirror may stand behind.
    #[must_use]
    pub fn uses_of(
        &self,
        registry: &Registry,
        repository: &RepositoryName,
        image: &Image,
    ) -> Vec<InUse> {
        let named = self.named(registry, repository, image);
        named
            .iter()
            .filter_map(|(tag, users)| in_use(*tag, users))
            .collect()
    }

    /// Returns everybody who uses an image of a repository with these images.
    #[must_use]
    pub fn users_of(
        &self,
        registry: &Registry,
        repository: &RepositoryName,
        image: &Image,
        images: &[Image],
    ) -> BTreeSet<&'a Arc<User>> {
        let named = self.named(registry, repository, image);
        let named = named.into_iter().flat_map(|(_, users)| users);
        let resolved = self.resolved_to(images).0;
        let resolved = image
            .tags
            .iter()
            .filter_map(|tag| resolved.get(tag).copied());
        let mentioned = self.mentions_of(repository, images).user_of(image);
        named.chain(resolved).flatten().chain(mentioned).collect()
    }

    /// Returns the users by each name of an image: by a tag, or by the digest.
    fn named<'i>(
        &self,
        registry: &Registry,
        repository: &RepositoryName,
        image: &'i Image,
    ) -> Vec<(Option<&'i Tag>, Vec<&'a Users>)> {
        let paths = self.usage.by_tag.get(last_part(repository));
        let by_tag: Vec<(&Tag, &BTreeMap<MirroredPath, Users>)> = image
            .tags
            .iter()
            .filter_map(|tag| Some((tag, paths?.get(tag)?)))
            .collect();
        let exact = by_tag.iter().map(|&(tag, paths)| {
            let same = paths.iter().filter(|(path, _)| path.means(repository));
            (Some(tag), same.map(|(_, users)| users).collect())
        });
        let by_digest = self.usage.by_digest.get(&image.digest);
        let by_digest = by_digest.map(|users| (None, vec![users]));
        let mirrored = by_tag.iter().flat_map(|&(tag, paths)| {
            let may_mean = paths
                .iter()
                .filter(|(path, _)| path.may_mean(registry, repository, &self.hosts));
            may_mean.map(move |(_, users)| (Some(tag), vec![users]))
        });
        exact.chain(by_digest).chain(mirrored).collect()
    }

    /// Returns all users of an image by its tags or its digest, as far as it is they who name it.
    pub(super) fn named_by<'i>(
        &'i self,
        registry: &'i Registry,
        repository: &'i RepositoryName,
        image: &'i Image,
    ) -> impl Iterator<Item = &'a Users> + 'i {
        let usage = self.usage;
        let by_tag = usage.by_tag.get(last_part(repository));
        let paths = image.tags.iter().filter_map(move |tag| by_tag?.get(tag));
        let meant = paths.flatten().filter(move |(path, _)| {
            path.means(repository) || path.may_mean(registry, repository, &self.hosts)
        });
        let by_digest = usage.by_digest.get(&image.digest);
        meant.map(|(_, users)| users).chain(by_digest)
    }

    /// Returns what runs saw of a repository.
    #[must_use]
    pub fn ledger_of(&self, registry: &Registry, repository: &str) -> &'a RepositoryLedger {
        static NOTHING: RepositoryLedger = RepositoryLedger::new();
        self.usage
            .ledger
            .of(registry, repository)
            .unwrap_or(&NOTHING)
    }

    /// Returns what is not known of the images in use of a repository, with who uses them.
    #[must_use]
    pub fn doubts_about(&self, registry: &Registry, repository: &RepositoryName) -> Vec<String> {
        let doubts = self.usage.doubts.iter();
        let doubts = doubts.filter(|(it, _)| it.may_mean(registry, repository, &self.hosts));
        let doubts: BTreeSet<&String> = doubts.flat_map(|(_, all)| all).map(|it| &it.1).collect();
        doubts.into_iter().cloned().collect()
    }

    /// Returns the mentions of a repository by users that do not name its tag.
    #[must_use]
    pub fn mentions_of(&self, repository: &RepositoryName, images: &[Image]) -> Mentioned<'a> {
        Mentioned::new(self.mentions(repository), images)
    }

    /// Returns the users that mention a repository of which nothing tells the image.
    #[must_use]
    pub fn users_of_all(
        &self,
        repository: &RepositoryName,
        images: &[Image],
    ) -> BTreeSet<&'a Arc<User>> {
        let is_any =
            |mention: &(&'a Arc<User>, &'a Narrowing)| Mentioned::new([*mention], images).is_any();
        let mentions = self.mentions(repository).filter(is_any);
        mentions.map(|(user, _)| user).collect()
    }

    fn mentions(
        &self,
        repository: &RepositoryName,
    ) -> impl Iterator<Item = (&'a Arc<User>, &'a Narrowing)> {
        let whole = self.usage.mentions.get(repository).into_iter().flatten();
        let parts = self
            .usage
            .parts_near(repository)
            .flat_map(move |(_, (user, parts))| {
                let told = parts.mentions_of(repository).collect::<Vec<_>>();
                told.into_iter().map(move |told| (user, told))
            });
        whole.chain(parts)
    }

    /// Returns the tags by which images of a repository are pulled under another host: what such a
    /// tag means now is pulled next.
    #[must_use]
    pub fn resolved_to(&self, images: &[Image]) -> Resolved<'a> {
        let resolved = &self.usage.resolved;
        let images = images.iter().filter(|_| !resolved.is_empty());
        let resolved = images.filter_map(|image| resolved.get(&image.digest));
        Resolved(resolved.flat_map(|resolved| &resolved.tags).collect())
    }
}

impl<'a> Resolved<'a> {
    /// Returns the users of an image by its tags.
    pub(super) fn users_of<'i>(&'i self, image: &'i Image) -> impl Iterator<Item = &'a Users> + 'i {
        let tags = image.tags.iter();
        tags.filter_map(|tag| self.0.get(tag).copied())
    }

    /// Returns the uses of an image by its tags.
    pub fn uses_of(&self, image: &Image) -> impl Iterator<Item = InUse> {
        let tags = image.tags.iter();
        tags.filter_map(|tag| in_use(Some(tag), &[self.0.get(tag)?]))
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
