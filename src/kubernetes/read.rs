//! A cluster, read completely: every kind in an order in which nothing can slip through between two lists.

use std::{cell::RefCell, collections::BTreeSet, sync::Arc};

use futures::{StreamExt, TryStreamExt, stream};
use tokio::sync::Semaphore;

use super::{
    client::{Client, Failure},
    discovery,
    error::{ClusterError, Problem},
    helm::{Release, Store},
    kind::{CONFIG_MAPS, DEPLOYMENTS, Kind, PODS, SECRETS, WORKLOADS},
    list::{Ended, List, Lister},
    scan::{Hit, Scanner},
    workload::{Header, Metadata, Workload},
};
use crate::{
    config::EksUse,
    image::Registry,
    policy::RepositoryGlobs,
    usage::{Collector, User},
};

/// Objects a page.
const PAGE: u32 = 500;
/// Releases a page: one may have a megabyte.
const RELEASES: u32 = 25;
/// How many custom kinds of a cluster are listed at once; most are empty.
const AT_ONCE: usize = 4;
/// Secrets that Helm keeps its releases in.
const HELM_SECRETS: &str = "fieldSelector=type%3Dhelm.sh%2Frelease.v1";

/// Custom kinds that name a repository to watch it or to rule on it, which is no use of any image in it.
const WATCHERS: [&str; 6] = [
    "constraints.gatekeeper.sh/*",
    "ecr.services.k8s.aws/Repository",
    "image.toolkit.fluxcd.io/ImageRepository",
    "kyverno.io/*",
    "policies.kyverno.io/*",
    "source.toolkit.fluxcd.io/HelmRepository",
];

/// A cluster that can be asked.
pub(crate) struct Cluster {
    /// Its name.
    pub(crate) name: String,
    /// The account and Region it belongs to.
    pub(crate) place: Registry,
    /// How it is reached.
    pub(crate) client: Client,
    /// How many pages may be in memory at once, whichever cluster they come from.
    pub(crate) pages: Arc<Semaphore>,
}

/// What of a cluster is read.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// Whether stored Helm releases count.
    pub(crate) helm_history: bool,
    /// Custom kinds that are left out, as `GROUP/KIND`.
    pub(crate) exclude: RepositoryGlobs,
    /// Whether it may hold nothing.
    pub(crate) may_be_empty: bool,
}

impl Settings {
    /// What the configuration says of the cluster of that name.
    pub(crate) fn of(uses: Option<&EksUse>, cluster: &str) -> Self {
        match uses {
            Some(uses) => Self {
                helm_history: uses.helm_history,
                exclude: uses.exclude.clone(),
                may_be_empty: uses.allow_empty.iter().any(|allowed| allowed == cluster),
            },
            None => Self {
                helm_history: false,
                exclude: RepositoryGlobs::none(),
                may_be_empty: false,
            },
        }
    }
}

/// A right that is missing in a cluster.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rule {
    /// The API group; empty for the core.
    pub(crate) group: String,
    /// The kind, in the plural.
    pub(crate) resource: String,
}

impl Cluster {
    /// Collects every reference to an image.
    pub(crate) async fn read(
        &self,
        settings: &Settings,
        found: &mut Collector,
    ) -> Result<(), ClusterError> {
        self.read_all(settings, found)
            .await
            .map_err(|problem| problem.of(&self.name))
    }

    async fn read_all(&self, settings: &Settings, found: &mut Collector) -> Result<(), Problem> {
        let scanner =
            Scanner::new(found.aliases()).map_err(|error| Problem::Discovery(error.to_string()))?;
        let watchers = WATCHERS.map(str::to_owned);
        let watchers = RepositoryGlobs::new(&watchers)
            .map_err(|_| Problem::Discovery("bad glob".to_owned()))?;
        let reader = Reader {
            cluster: self,
            settings,
            scanner,
            watchers,
            found: RefCell::new(found),
        };

        let custom = self.custom_kinds(settings).await?;
        let lists = stream::iter(&custom).map(|kind| reader.custom(kind));
        lists.buffer_unordered(AT_ONCE).try_collect::<()>().await?;
        let config_maps = Kind::new(CONFIG_MAPS);
        if !discovery::is_excluded(&settings.exclude, &config_maps) {
            reader.config_maps(&config_maps).await?;
        }
        if settings.helm_history {
            reader.secrets().await?;
        }
        let mut shown = 0;
        for kind in WORKLOADS {
            let objects = reader.workloads(&Kind::new(kind)).await?;
            if kind == PODS || kind == DEPLOYMENTS {
                shown += objects;
            }
        }
        if shown == 0 && !settings.may_be_empty {
            Err(Problem::Empty)
        } else {
            Ok(())
        }
    }

    async fn custom_kinds(&self, settings: &Settings) -> Result<Vec<Kind>, Problem> {
        discovery::custom_kinds(&self.client, &self.name, &settings.exclude).await
    }

    /// Tries every right that reading takes, and says which are missing.
    pub(crate) async fn missing_rights(
        &self,
        settings: &Settings,
    ) -> Result<Vec<Rule>, ClusterError> {
        let mut kinds: Vec<Kind> = WORKLOADS.into_iter().map(Kind::new).collect();
        let config_maps = Kind::new(CONFIG_MAPS);
        if !discovery::is_excluded(&settings.exclude, &config_maps) {
            kinds.push(config_maps);
        }
        if settings.helm_history {
            kinds.push(Kind::new(SECRETS));
        }
        kinds.extend(
            self.custom_kinds(settings)
                .await
                .map_err(|problem| problem.of(&self.name))?,
        );
        let tries = stream::iter(&kinds).map(|kind| async move {
            let path = format!("{}?limit=1", kind.path());
            match self.client.get(&path, "application/json").await {
                Ok(_) => Ok(None),
                Err(Failure::Status { status: 403, .. }) => Ok(Some(Rule {
                    group: kind.group.clone(),
                    resource: kind.plural.clone(),
                })),
                Err(failure) => Err(Problem::of_list(kind, &self.name, failure).of(&self.name)),
            }
        });
        let missing: Vec<Option<Rule>> = tries.buffered(AT_ONCE).try_collect().await?;
        Ok(missing.into_iter().flatten().collect())
    }
}

/// A cluster while it is being read.
struct Reader<'a> {
    cluster: &'a Cluster,
    settings: &'a Settings,
    scanner: Scanner,
    watchers: RepositoryGlobs,
    found: RefCell<&'a mut Collector>,
}

/// What it means that a repository is named without saying which image.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mention {
    /// Some image of it is used.
    Uses,
    /// None is.
    Watches,
}

impl Reader<'_> {
    fn lister(&self) -> Lister<'_> {
        Lister {
            client: &self.cluster.client,
            cluster: &self.cluster.name,
            pages: &self.cluster.pages,
        }
    }

    fn user(&self, kind: &str, name: String, live: bool) -> Arc<User> {
        let Cluster {
            name: cluster,
            place,
            ..
        } = self.cluster;
        let (kind, cluster) = (kind.to_owned().into(), Some(cluster.clone()));
        Arc::new(User {
            place: place.clone(),
            kind,
            name,
            cluster,
            live,
        })
    }

    /// A built-in kind that holds pods or their templates.
    async fn workloads(&self, kind: &Kind) -> Result<usize, Problem> {
        let list = List {
            kind,
            limit: PAGE,
            selector: None,
        };
        let ended = self
            .lister()
            .each(&list, |object| self.workload(kind, object))
            .await;
        ended.map_err(|ended| self.problem(kind, ended))
    }

    fn workload(&self, kind: &Kind, object: &str) -> Result<(), Problem> {
        let workload: Workload<'_> =
            serde_json::from_str(object).map_err(|error| Problem::Object {
                object: format!("{} `{}`", kind.name, title(object)),
                problem: error.to_string(),
            })?;
        let name = workload.metadata.path();
        let user = self.user(&kind.name, name.clone(), workload.is_live());
        let images = workload.images();
        for image in images.iter().filter(|image| !image.is_empty()) {
            let added = self.found.borrow_mut().add(&user, image, None);
            added.map_err(|error| Problem::Reference {
                object: user.to_string(),
                error,
            })?;
        }
        for (image, resolved) in workload.pulls() {
            self.found.borrow_mut().add_pull(&user, image, resolved);
        }
        // What else its text names may be a thing of the past, and is no reason for an alarm.
        self.text(
            object.as_bytes(),
            || self.user(&kind.name, name.clone(), false),
            &images,
            Mention::Uses,
        )
    }

    /// A custom kind.
    async fn custom(&self, kind: &Kind) -> Result<(), Problem> {
        let watches = discovery::is_excluded(&self.watchers, kind);
        let mention = if watches {
            Mention::Watches
        } else {
            Mention::Uses
        };
        let list = List {
            kind,
            limit: PAGE,
            selector: None,
        };
        let object = |object: &str| {
            let user = || self.user(&kind.name, title(object), false);
            self.text(object.as_bytes(), user, &[], mention)
        };
        match self.lister().each(&list, object).await {
            Ok(_) => Ok(()),
            // Its definition may have been deleted since the discovery.
            Err(Ended::NotFound(failure)) => {
                let still_there = self
                    .cluster
                    .custom_kinds(self.settings)
                    .await?
                    .contains(kind);
                if still_there {
                    Err(self.problem(kind, Ended::NotFound(failure)))
                } else {
                    Ok(())
                }
            }
            Err(ended) => Err(self.problem(kind, ended)),
        }
    }

    async fn config_maps(&self, kind: &Kind) -> Result<(), Problem> {
        let list = List {
            kind,
            limit: PAGE,
            selector: None,
        };
        let object = |object: &str| {
            if self.settings.helm_history && Release::is_in(object) {
                return self.release(object, Store::ConfigMap);
            }
            self.text(
                object.as_bytes(),
                || self.user(&kind.name, title(object), false),
                &[],
                Mention::Uses,
            )
        };
        self.lister()
            .each(&list, object)
            .await
            .map(drop)
            .map_err(|ended| self.problem(kind, ended))
    }

    async fn secrets(&self) -> Result<(), Problem> {
        let kind = Kind::new(SECRETS);
        let list = List {
            kind: &kind,
            limit: RELEASES,
            selector: Some(HELM_SECRETS),
        };
        let listed = self
            .lister()
            .each(&list, |object| self.release(object, Store::Secret))
            .await;
        listed.map(drop).map_err(|ended| self.problem(&kind, ended))
    }

    fn release(&self, object: &str, store: Store) -> Result<(), Problem> {
        let stored = title(object);
        let release = Release::read(object, store).map_err(|problem| Problem::Release {
            release: stored.clone(),
            problem,
        })?;
        let namespace = stored.split('/').next().unwrap_or_default();
        for manifest in release.manifests() {
            let user = || self.user("Helm release", release.title(namespace), false);
            self.text(manifest.as_bytes(), user, &[], Mention::Uses)?;
        }
        Ok(())
    }

    /// Notes every image that a text names. `known` is what the exact fields hold: a repository alone is complete
    /// there, since it means `latest`.
    fn text(
        &self,
        text: &[u8],
        user: impl Fn() -> Arc<User>,
        known: &[String],
        mention: Mention,
    ) -> Result<(), Problem> {
        let mut whose: Option<Arc<User>> = None;
        let mut words: Option<Option<Arc<BTreeSet<Box<str>>>>> = None;
        for hit in self.scanner.scan(text) {
            let user = whose.get_or_insert_with(&user);
            let mut found = self.found.borrow_mut();
            match hit {
                Hit::Reference(reference) => {
                    found
                        .add(user, &reference, None)
                        .map_err(|error| Problem::Reference {
                            object: user.to_string(),
                            error,
                        })?;
                }
                Hit::Digest(digest) => found.add_digest(user, digest),
                Hit::Repository(written, name) => {
                    if mention == Mention::Uses
                        && !known.iter().any(|known| known.trim().ends_with(&written))
                    {
                        let words =
                            words.get_or_insert_with(|| self.scanner.words(text).map(Arc::new));
                        found.add_mention(user, name, words.clone());
                    }
                }
            }
        }
        Ok(())
    }

    fn problem(&self, kind: &Kind, ended: Ended) -> Problem {
        match ended {
            Ended::Problem(problem) => problem,
            Ended::NotFound(failure) => Problem::of_list(kind, &self.cluster.name, failure),
        }
    }
}

/// What an object is called, as far as it says.
fn title(object: &str) -> String {
    let header = serde_json::from_str::<Header>(object);
    header.map_or_else(
        |_| Metadata::default().path(),
        |header| header.metadata.path(),
    )
}
