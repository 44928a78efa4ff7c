//! A cluster: what of it is read, and in which order.

use std::sync::Arc;

use futures::{StreamExt, stream};
use tokio::sync::Semaphore;

use super::{
    advice::{Advisor, Origin},
    client::{Client, JSON},
    discovery::{self, Discovered},
    error::{ClusterError, Problem},
    exclusions::Exclusions,
    kind::{Kind, SECRETS, TEXTS, WORKLOADS},
};
use crate::{
    config::{EksUse, KubernetesUse},
    image::Registry,
    policy::RepositoryGlobs,
};

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
    /// Kinds and objects that are left out.
    pub(crate) exclusions: Exclusions,
    pub(crate) may_be_empty: bool,
    pub(crate) origin: Origin,
}

impl Settings {
    /// Returns the settings for a cluster of Amazon EKS.
    pub(crate) fn of_eks(uses: &EksUse, cluster: &str, origin: Origin) -> Self {
        Self {
            helm_history: uses.helm_history,
            exclusions: Exclusions::new(uses.exclude.clone()),
            may_be_empty: uses.allow_empty.iter().any(|allowed| allowed == cluster),
            origin,
        }
    }

    /// Returns the settings for a context: its own, then those of Amazon EKS, then the defaults.
    pub(crate) fn of_context(eks: Option<&EksUse>, uses: &KubernetesUse) -> Self {
        let eks = eks.map(|eks| Self::of_eks(eks, &uses.context, Origin::Context));
        let inherited = eks.unwrap_or_else(|| Self {
            helm_history: false,
            exclusions: Exclusions::new(RepositoryGlobs::none()),
            may_be_empty: false,
            origin: Origin::Context,
        });
        let own = uses.exclude.clone().map(Exclusions::new);
        Self {
            helm_history: uses.helm_history.unwrap_or(inherited.helm_history),
            exclusions: own.unwrap_or(inherited.exclusions),
            may_be_empty: uses.allow_empty.unwrap_or(inherited.may_be_empty),
            origin: Origin::Context,
        }
    }

    /// Returns the error of a cluster with these settings. `principal` is who the program is to it.
    pub(crate) fn error(
        &self,
        problem: Problem,
        cluster: &str,
        principal: Option<&str>,
    ) -> ClusterError {
        let advisor = Advisor {
            cluster,
            settings: self,
            principal,
        };
        let advice = advisor.advice(&problem);
        problem.of(cluster).with_advice(advice)
    }

    /// Returns the built-in kinds that are read.
    pub(super) fn built_in(&self) -> impl Iterator<Item = Kind> {
        let secrets = self.helm_history.then(|| Kind::new(SECRETS));
        let workloads = WORKLOADS.into_iter().map(Kind::new);
        workloads.chain(self.texts()).chain(secrets)
    }

    /// Returns the built-in kinds whose text is searched.
    pub(super) fn texts(&self) -> impl Iterator<Item = Kind> {
        let kinds = TEXTS.into_iter().map(Kind::new);
        kinds.filter(|kind| !self.exclusions.leave_out_kind(kind))
    }
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rule {
    /// API group; empty for the core.
    pub(crate) group: String,
    pub(crate) resource: String,
}

/// What is missing to read a cluster.
#[derive(Default)]
pub(crate) struct Missing {
    pub(crate) rules: Vec<Rule>,
    /// Problems with kinds, and of the cluster itself the first.
    pub(crate) problems: Vec<Problem>,
}

impl Cluster {
    pub(super) async fn custom_kinds(&self, settings: &Settings) -> Result<Discovered, Problem> {
        discovery::custom_kinds(&self.client, &settings.exclusions).await
    }

    /// Tries every list that reading takes, and returns those that fail.
    pub(crate) async fn missing(&self, settings: &Settings) -> Missing {
        let mut missing = Missing::default();
        let mut kinds: Vec<Kind> = settings.built_in().collect();
        match self.custom_kinds(settings).await {
            Ok(discovered) => {
                kinds.extend(discovered.kinds);
                missing.problems.extend(discovered.problems);
            }
            Err(problem) => {
                missing.problems.push(problem);
                return missing;
            }
        }
        let kinds = kinds.chunk_by(|a, b| a.resource() == b.resource());
        let tries = stream::iter(kinds).map(|versions| self.every_version(versions));
        let mut tries = tries.buffered(AT_ONCE);
        while let Some(tried) = tries.next().await {
            match tried {
                Ok(()) => {}
                Err(Problem::Denied { kind, .. }) => missing.rules.push(Rule {
                    group: kind.group,
                    resource: kind.plural,
                }),
                Err(problem) => {
                    let is_of_kind = problem.is_of_kind();
                    missing.problems.push(problem);
                    if !is_of_kind {
                        break;
                    }
                }
            }
        }
        missing
    }

    /// Tries to list a kind in every version.
    async fn every_version(&self, versions: &[Kind]) -> Result<(), Problem> {
        in_every_version(versions, async |kind| {
            let path = format!("{}?limit=1", kind.path());
            let answer = self.client.get(&path, JSON).await;
            answer.map_err(|failure| Problem::of_list(kind, failure))?;
            Ok(true)
        })
        .await
    }
}

/// Lists a kind in every version that is served. Where the webhook is broken that converts the
/// objects to one of them, another version lists the same objects. `list` returns whether there is
/// such a version.
pub(super) async fn in_every_version(
    versions: &[Kind],
    list: impl AsyncFn(&Kind) -> Result<bool, Problem>,
) -> Result<(), Problem> {
    let mut unconverted = None;
    let mut is_listed = false;
    for kind in versions {
        match list(kind).await {
            Ok(listed) => is_listed |= listed,
            Err(Problem::List { kind, failure }) if failure.is_conversion() => {
                unconverted = Some(Problem::List { kind, failure });
            }
            Err(problem) => return Err(problem),
        }
    }
    unconverted.filter(|_| !is_listed).map_or(Ok(()), Err)
}
