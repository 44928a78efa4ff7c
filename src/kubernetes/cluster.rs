//! A cluster: what of it is read, and in which order.

use std::{cell::RefCell, sync::Arc};

use futures::{StreamExt, TryStreamExt, stream};
use tokio::sync::Semaphore;

use super::{
    client::{Client, Failure, JSON},
    discovery,
    error::Problem,
    kind::{CONFIG_MAPS, DEPLOYMENTS, Kind, PODS, SECRETS, WORKLOADS},
    reader::Reader,
};
use crate::{
    config::EksUse,
    evidence::{TextScanner, Uses},
    image::Registry,
    policy::RepositoryGlobs,
};

/// Number of custom kinds of a cluster that are listed at once; most are empty.
const AT_ONCE: usize = 4;

/// Custom kinds that name a repository to watch it or to rule on it, which uses no image of it.
const WATCHERS: [&str; 6] = [
    "constraints.gatekeeper.sh/*",
    "ecr.services.k8s.aws/Repository",
    "image.toolkit.fluxcd.io/ImageRepository",
    "kyverno.io/*",
    "policies.kyverno.io/*",
    "source.toolkit.fluxcd.io/HelmRepository",
];

pub(crate) struct Cluster {
    pub(crate) name: String,
    /// Account and Region that it belongs to.
    pub(crate) location: Registry,
    pub(crate) client: Client,
    /// Permits for pages in memory, of all clusters together.
    pub(crate) pages: Arc<Semaphore>,
}

#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// Whether stored Helm releases count.
    pub(crate) helm_history: bool,
    /// Custom kinds that are left out, as `GROUP/KIND`.
    pub(crate) exclude: RepositoryGlobs,
    pub(crate) may_be_empty: bool,
}

impl Settings {
    /// Returns the settings for a cluster.
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

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rule {
    /// API group; empty for the core.
    pub(crate) group: String,
    pub(crate) resource: String,
}

impl Cluster {
    /// Adds every use of an image.
    pub(crate) async fn read(&self, settings: &Settings, uses: &mut Uses) -> Result<(), Problem> {
        let scanner = TextScanner::new(uses.aliases())
            .map_err(|error| Problem::Discovery(error.to_string()))?;
        let watchers = RepositoryGlobs::new(&WATCHERS.map(str::to_owned))
            .map_err(|_| Problem::Discovery("bad glob".to_owned()))?;
        let reader = Reader {
            cluster: self,
            settings,
            scanner,
            watchers,
            uses: RefCell::new(uses),
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
            return Err(Problem::Empty);
        }
        Ok(())
    }

    pub(super) async fn custom_kinds(&self, settings: &Settings) -> Result<Vec<Kind>, Problem> {
        discovery::custom_kinds(&self.client, &self.name, &settings.exclude).await
    }

    /// Tries every permission that reading takes, and returns those that are missing.
    pub(crate) async fn missing_permissions(
        &self,
        settings: &Settings,
    ) -> Result<Vec<Rule>, Problem> {
        let mut kinds: Vec<Kind> = WORKLOADS.into_iter().map(Kind::new).collect();
        let config_maps = Kind::new(CONFIG_MAPS);
        if !discovery::is_excluded(&settings.exclude, &config_maps) {
            kinds.push(config_maps);
        }
        if settings.helm_history {
            kinds.push(Kind::new(SECRETS));
        }
        kinds.extend(self.custom_kinds(settings).await?);
        let tries = stream::iter(&kinds).map(|kind| async move {
            let path = format!("{}?limit=1", kind.path());
            match self.client.get(&path, JSON).await {
                Ok(_) => Ok(None),
                Err(Failure::Status(403, _)) => Ok(Some(Rule {
                    group: kind.group.clone(),
                    resource: kind.plural.clone(),
                })),
                Err(failure) => Err(Problem::of_list(kind, &self.name, failure)),
            }
        });
        let missing: Vec<Option<Rule>> = tries.buffered(AT_ONCE).try_collect().await?;
        Ok(missing.into_iter().flatten().collect())
    }
}
