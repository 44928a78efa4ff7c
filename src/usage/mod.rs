//! What is in use: every reference to an image that somebody holds, and who that is.
//!
//! One file per source. A source is complete or it is not (P1): whatever fails in one, however little, is an error of
//! the whole source, and a run with an incomplete source deletes nothing.

mod closed;
mod cluster;
mod collector;
pub mod ecs;
pub mod eks;
pub mod keep_list;
pub(crate) mod lambda;
mod mention;
mod pulls;
pub(crate) mod services;
mod through;

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
    sync::Arc,
};

use futures::{FutureExt, StreamExt, future::LocalBoxFuture, stream};
use serde::Serialize;

pub(crate) use closed::{ACCOUNT, Closed};
pub(crate) use cluster::ClusterSource;
pub use collector::{Collector, Reference};
pub use ecs::SourceError;
pub use mention::Mentioned;
use mention::Mentions;
pub use pulls::Pull;
use pulls::Pulls;
use through::Through;

use crate::{
    image::{
        AccountId, Aliases, Digest, Image, ImageReference, Region, Registry, RepositoryName, Tag,
    },
    kubernetes::Problem,
};

/// One place where images are used.
pub trait Source {
    /// What the answer calls it.
    fn name(&self) -> &'static str;

    /// The account and Region it looks in.
    fn place(&self) -> &Registry;

    /// The cluster it looks in, if it is about one.
    fn cluster(&self) -> Option<&str> {
        None
    }

    /// The clusters that have to be there: in some place, though not in each where sources of this name look.
    fn expected_clusters(&self) -> Vec<&str> {
        Vec::new()
    }

    /// Collects every reference to an image.
    ///
    /// # Errors
    /// Where anything could not be read: then the source is incomplete, and nothing may be deleted.
    fn read<'a>(&'a self, found: &'a mut Collector) -> LocalBoxFuture<'a, Result<(), SourceError>>;
}

/// How many sources are read at once: each has a pace of its own, and connections are what there is too few of.
const AT_ONCE: usize = 24;
/// How many of the sources that another one found are read at once.
const FOUND_AT_ONCE: usize = 4;

/// Reads all sources, at the same time, and those that they find.
pub async fn read(sources: &[Box<dyn Source>], aliases: &Arc<Aliases>) -> Usage {
    let readings = stream::iter(sources).map(|source| read_one(source.as_ref(), aliases));
    let readings: Vec<_> = readings.buffered(AT_ONCE).collect().await;
    let mut usage = Usage::default();
    for (coverage, found) in readings.into_iter().flatten() {
        usage.add(coverage, found);
    }
    for source in sources {
        for cluster in source.expected_clusters() {
            usage.expect_cluster(source.as_ref(), cluster);
        }
    }
    usage
}

fn read_one<'a>(
    source: &'a dyn Source,
    aliases: &'a Arc<Aliases>,
) -> LocalBoxFuture<'a, Vec<(Coverage, Collector)>> {
    async move {
        let mut found = Collector::new(Arc::clone(aliases));
        let error = source
            .read(&mut found)
            .await
            .err()
            .map(|error| error.to_string());
        let coverage = Coverage {
            source: source.name(),
            account: source.place().account,
            region: source.place().region.clone(),
            cluster: source.cluster().map(Into::into),
            complete: error.is_none(),
            references: found.len(),
            note: found.note.take(),
            error,
        };
        tracing::info!(
            event = "source_read",
            source = coverage.source,
            account = %coverage.account,
            region = %coverage.region,
            cluster = coverage.cluster.as_deref(),
            complete = coverage.complete,
            references = coverage.references,
            note = coverage.note,
            error = coverage.error,
            "read what is in use"
        );
        let further = std::mem::take(&mut found.sources);
        let further = stream::iter(&further).map(|source| read_one(source.as_ref(), aliases));
        let further: Vec<_> = further.buffered(FOUND_AT_ONCE).collect().await;
        let mut all = vec![(coverage, found)];
        all.extend(further.into_iter().flatten());
        all
    }
    .boxed_local()
}

/// Whoever uses an image.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct User {
    /// The account and Region it was found in.
    pub place: Registry,
    /// What it is: `ECS service`, `Deployment`, ...
    pub kind: Cow<'static, str>,
    /// Its name.
    pub name: String,
    /// The cluster it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// Whether it runs or is meant to run now, rather than being kept for later.
    pub live: bool,
}

impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} `{}`", self.kind, self.name)?;
        if let Some(cluster) = &self.cluster {
            write!(f, " in cluster `{cluster}`")?;
        }
        Ok(())
    }
}

/// What one source said: where it looked and whether it saw everything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// The source: `ecs`, ...
    pub source: &'static str,
    /// The account it looked in.
    pub account: AccountId,
    /// The Region it looked in.
    pub region: Region,
    /// The cluster it looked in, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<Box<str>>,
    /// Whether everything could be read.
    pub complete: bool,
    /// How many distinct image references it found.
    pub references: usize,
    /// What else is to be known, such as that it was not asked to look.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Why it is incomplete.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

type Users = BTreeSet<Arc<User>>;

/// Everything that is known to be in use.
#[derive(Debug, Default)]
pub struct Usage {
    coverage: Vec<Coverage>,
    accounts: BTreeSet<AccountId>,
    references: BTreeMap<Reference, Users>,
    by_digest: HashMap<Digest, Users>,
    by_tag: HashMap<RepositoryName, HashMap<Tag, Users>>,
    mentions: Mentions,
    pulls: Pulls,
    through: Through,
}

/// The use that protects an image, by one of its names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InUse {
    /// The tag by which it is used; none if it is by its digest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<Tag>,
    /// Who uses it, the first of all.
    pub user: Arc<User>,
    /// How many users there are by this name.
    pub users: usize,
}

impl Usage {
    /// Adds what a source found, whether or not it is complete: what was seen is in use in any case.
    pub fn add(&mut self, coverage: Coverage, found: Collector) {
        self.accounts.insert(coverage.account);
        self.accounts.extend(found.accounts);
        self.coverage.push(coverage);
        self.mentions.merge(found.mentions);
        self.pulls.merge(found.pulls);
        self.through.merge(found.through);
        for (reference, users) in found.found {
            let (digest, tag) = match &reference {
                Reference::Digest(digest) => (Some(*digest), None),
                Reference::Repository(_) => (None, None),
                Reference::Image(image) => (
                    image.digest,
                    image.tag.clone().map(|tag| (image.repository.clone(), tag)),
                ),
            };
            if let Some(digest) = digest {
                self.by_digest
                    .entry(digest)
                    .or_default()
                    .extend(users.iter().cloned());
            }
            if let Some((repository, tag)) = tag {
                let tags = self.by_tag.entry(repository).or_default();
                tags.entry(tag).or_default().extend(users.iter().cloned());
            }
            self.references.entry(reference).or_default().extend(users);
        }
    }

    /// Makes a source incomplete if no source of its name found a cluster.
    fn expect_cluster(&mut self, source: &dyn Source, cluster: &str) {
        let of_name = || {
            self.coverage
                .iter()
                .filter(|coverage| coverage.source == source.name())
        };
        if of_name().any(|coverage| coverage.cluster.as_deref() == Some(cluster)) {
            return;
        }
        let error = Problem::Unknown.of(cluster).to_string();
        if of_name().any(|coverage| coverage.error.as_ref() == Some(&error)) {
            return;
        }
        let here = |coverage: &&mut Coverage| {
            coverage.source == source.name()
                && coverage.cluster.is_none()
                && (&coverage.account, &coverage.region)
                    == (&source.place().account, &source.place().region)
        };
        if let Some(coverage) = self.coverage.iter_mut().find(here) {
            tracing::warn!(
                event = "cluster_unknown",
                source = coverage.source,
                cluster,
                "{error}"
            );
            coverage.complete = false;
            coverage.error.get_or_insert(error);
        }
    }

    /// The accounts of which it is known what they use.
    #[must_use]
    pub const fn accounts(&self) -> &BTreeSet<AccountId> {
        &self.accounts
    }

    /// Whether it was looked for use in this account and Region.
    #[must_use]
    pub fn is_read_in(&self, place: &Registry) -> bool {
        let read = |coverage: &Coverage| {
            (&coverage.account, &coverage.region) == (&place.account, &place.region)
        };
        self.coverage.iter().any(read)
    }

    /// What each source said.
    #[must_use]
    pub fn coverage(&self) -> &[Coverage] {
        &self.coverage
    }

    /// Every distinct reference with its users, in order.
    #[must_use]
    pub fn references(&self) -> impl ExactSizeIterator<Item = (&Reference, &BTreeSet<Arc<User>>)> {
        self.references.iter()
    }

    /// What is pulled by a tag without a digest, by something live.
    #[must_use]
    pub fn pulled_by_tag(&self) -> impl ExactSizeIterator<Item = (&ImageReference, &Pull)> {
        self.pulls.iter()
    }

    /// The uses of an image, by each of its tags and by its digest. A digest is used wherever it is stored, a tag in
    /// the repository of that name in any registry (U1), and where a proxy or a cache may stand between.
    #[must_use]
    pub fn of(
        &self,
        registry: &Registry,
        repository: &RepositoryName,
        image: &Image,
    ) -> Vec<InUse> {
        let by_digest = self.by_digest.get(&image.digest).map(|users| (None, users));
        let tags = self.by_tag.get(repository);
        let by_tag = image
            .tags
            .iter()
            .filter_map(|tag| Some((Some(tag), tags?.get(tag)?)));
        let through = self
            .through
            .of(registry, repository, &image.tags)
            .map(|(tag, users)| (Some(tag), users));
        by_tag
            .chain(by_digest)
            .chain(through)
            .filter_map(|(tag, users)| {
                let user = users.iter().max_by_key(|user| user.live)?;
                Some(InUse {
                    tag: tag.cloned(),
                    user: Arc::clone(user),
                    users: users.len(),
                })
            })
            .collect()
    }

    /// The use of images of a repository by those who name the repository alone.
    #[must_use]
    pub fn mentioned<'a>(&'a self, repository: &RepositoryName, images: &[Image]) -> Mentioned<'a> {
        self.mentions.of(repository, images)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::{ArtifactType, MediaType, Status};

    const HOST: &str = "111111111111.dkr.ecr.eu-west-1.amazonaws.com";

    fn place() -> Registry {
        Registry {
            account: "111111111111".parse().unwrap(),
            region: "eu-west-1".parse().unwrap(),
        }
    }

    fn user(name: &str) -> Arc<User> {
        let place = place();
        Arc::new(User {
            place,
            kind: "ECS service".into(),
            name: name.to_owned(),
            cluster: None,
            live: true,
        })
    }

    fn usage(uses: &[(&str, Option<Digest>)]) -> Usage {
        let mut collector = Collector::new(Arc::default());
        for (image, digest) in uses {
            let digest = digest.map(|digest| digest.to_string());
            collector
                .add(&user(image), image, digest.as_deref())
                .unwrap();
        }
        let coverage = Coverage {
            source: "test",
            account: "111111111111".parse().unwrap(),
            region: "eu-west-1".parse().unwrap(),
            cluster: None,
            complete: true,
            references: collector.len(),
            note: None,
            error: None,
        };
        let mut usage = Usage::default();
        usage.add(coverage, collector);
        usage
    }

    fn image(digest: Digest, tags: &[&str]) -> Image {
        Image {
            digest,
            tags: tags.iter().map(|tag| Tag::new(tag).unwrap()).collect(),
            pushed_at: None,
            pulled_at: None,
            archival: None,
            bytes: 0,
            media_type: MediaType::Image,
            artifact_type: ArtifactType::ContainerImage,
            subject: None,
            status: Status::Active,
        }
    }

    #[test]
    fn a_resolved_digest_counts_beside_the_tag_it_came_from() {
        let pinned = Digest::from_bytes([1; 32]);
        let usage = usage(&[(&format!("{HOST}/team/app:prod"), Some(pinned))]);
        let app = RepositoryName::new("team/app").unwrap();
        let uses = |image| usage.of(&place(), &app, &image).len();
        assert_eq!(uses(image(pinned, &[])), 1, "the digest it was resolved to");
        assert_eq!(
            uses(image(Digest::from_bytes([2; 32]), &["prod"])),
            1,
            "what the tag means now"
        );
        assert_eq!(uses(image(Digest::from_bytes([3; 32]), &["other"])), 0);
        assert_eq!(
            usage
                .of(
                    &place(),
                    &RepositoryName::new("team/app-api").unwrap(),
                    &image(pinned, &["prod"])
                )
                .len(),
            1
        );
    }

    #[test]
    fn a_named_digest_and_another_resolved_one_both_count() {
        let (named, resolved) = (Digest::from_bytes([1; 32]), Digest::from_bytes([2; 32]));
        let usage = usage(&[(&format!("{HOST}/team/app@{named}"), Some(resolved))]);
        let app = RepositoryName::new("team/app").unwrap();
        assert_eq!(usage.of(&place(), &app, &image(named, &[])).len(), 1);
        assert_eq!(usage.of(&place(), &app, &image(resolved, &[])).len(), 1);
    }

    #[test]
    fn a_path_behind_a_proxy_or_before_a_cache_counts() {
        let tagged = image(Digest::from_bytes([1; 32]), &["1.0"]);
        let uses = |by: &str, repository: &str| {
            let aliases = Arc::new(Aliases::new(&["proxy.example.com".to_owned()]));
            let mut found = Collector::new(aliases);
            found.add(&user(by), by, None).unwrap();
            let mut usage = Usage::default();
            usage.through.merge(found.through);
            usage
                .of(&place(), &RepositoryName::new(repository).unwrap(), &tagged)
                .len()
        };
        let other = "222222222222.dkr.ecr.us-east-1.amazonaws.com";
        for (by, repository, count) in [
            (format!("{other}/shared/team/app:1.0"), "team/app", 1),
            (format!("{other}/app:1.0"), "team/app", 1),
            (format!("{HOST}/shared/team/app:1.0"), "team/app", 0),
            (format!("{other}/shared/team/app:1.1"), "team/app", 0),
            (format!("{other}/shared/my-app:1.0"), "app", 0),
            (
                "proxy.example.com/ecr/team/app:1.0".to_owned(),
                "team/app",
                1,
            ),
            (
                "docker.io/library/nginx:1.0".to_owned(),
                "docker-hub/library/nginx",
                1,
            ),
            ("nginx:1.0".to_owned(), "docker-hub/library/nginx", 1),
            ("mirror.example.com:5000/x/nginx:1.0".to_owned(), "nginx", 0),
            ("nginx:1.0".to_owned(), "nginx", 0),
        ] {
            assert_eq!(uses(&by, repository), count, "{by} for {repository}");
        }
    }
}
