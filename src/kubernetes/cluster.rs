//! A cluster: what of it is read, and in which order.

use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};
use tokio::sync::Semaphore;

use super::{
    client::{Client, Failure, JSON},
    discovery,
    error::Problem,
    kind::{Kind, SECRETS, TEXTS, WORKLOADS},
};
use crate::{config::EksUse, image::Registry, policy::RepositoryGlobs};

/// Number of custom kinds of a cluster that are listed at once; most are empty.
pub(super) const AT_ONCE: usize = 4;

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

    /// Returns the built-in kinds whose text is searched.
    pub(super) fn texts(&self) -> impl Iterator<Item = Kind> {
        let kinds = TEXTS.into_iter().map(Kind::new);
        kinds.filter(|kind| !discovery::is_excluded(&self.exclude, kind))
    }
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rule {
    /// API group; empty for the core.
    pub(crate) group: String,
    pub(crate) resource: String,
}

impl Cluster {
    pub(super) async fn custom_kinds(&self, settings: &Settings) -> Result<Vec<Kind>, Problem> {
        discovery::custom_kinds(&self.client, &self.name, &settings.exclude).await
    }

    /// Tries every permission that reading takes, and returns those that are missing.
    pub(crate) async fn missing_permissions(
        &self,
        settings: &Settings,
    ) -> Result<Vec<Rule>, Problem> {
        let mut kinds: Vec<Kind> = WORKLOADS.into_iter().map(Kind::new).collect();
        kinds.extend(settings.texts());
        if settings.helm_history {
            kinds.push(Kind::new(SECRETS));
        }
        kinds.extend(self.custom_kinds(settings).await?);
        let tries = stream::iter(&kinds).map(|kind| async move {
            let path = format!("{}?limit=1", kind.path());
            match self.client.get(&path, JSON).await {
                Ok(_) => Ok(None),
                // Another version may answer.
                Err(failure) if failure.is_conversion() => Ok(None),
                Err(Failure::Status(403, _)) => Ok(Some(Rule {
                    group: kind.group.clone(),
                    resource: kind.plural.clone(),
                })),
                Err(failure) => Err(Problem::of_list(kind, &self.name, failure)),
            }
        });
        let missing: Vec<Option<Rule>> = tries.buffered(AT_ONCE).try_collect().await?;
        let mut missing: Vec<Rule> = missing.into_iter().flatten().collect();
        // A right is for all versions of a kind.
        missing.dedup();
        Ok(missing)
    }
}
