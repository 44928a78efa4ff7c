//! Amazon EKS (U5): which clusters there are, and how each is reached. Each cluster is a source of
//! its own.
//!
//! A cluster whose state leaves open what runs in it makes its source incomplete: any but ACTIVE
//! and UPDATING, and CREATING while it has no endpoint yet. One that the configuration leaves out
//! is not read, and the answer says so.

use std::sync::Arc;

use aws_sdk_eks::types::{self, AuthenticationMode, ClusterStatus};
use base64::{Engine, prelude::BASE64_STANDARD};
use futures::{FutureExt, StreamExt, TryStreamExt, future::LocalBoxFuture, stream};
use tokio::sync::Semaphore;

use super::{ClusterSource, Reading, Source, cluster::Treatment};
use crate::{
    aws::{ApiError, Cause, Clients, Operation, list},
    config::EksUse,
    evidence::{SourceError, Unread, UnreadKind, Uses},
    image::Registry,
    kubernetes::{
        Authentication, Client, Cluster, EksAccess, Endpoint, Origin, Problem, RoleToken, Server,
        Settings, Timeouts,
    },
};

const AT_ONCE: usize = 4;
/// Number of pages of lists in memory at once, of all clusters together.
const PAGES: usize = 4;

/// Makes the permits for pages of lists.
#[must_use]
pub(crate) fn pages() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(PAGES))
}

pub(crate) struct Eks {
    pub(crate) clients: Clients,
    pub(crate) location: Registry,
    pub(crate) settings: EksUse,
    pub(crate) timeouts: Timeouts,
    /// Permits for pages of lists in memory, of all clusters together.
    pub(crate) pages: Arc<Semaphore>,
}

impl Source for Eks {
    fn name(&self) -> &'static str {
        "eks"
    }

    fn location(&self) -> &Registry {
        &self.location
    }

    fn expected_clusters(&self) -> Vec<&str> {
        self.settings.clusters.names().collect()
    }

    fn read<'a>(&'a self, _uses: &'a mut Uses) -> LocalBoxFuture<'a, Result<Reading, SourceError>> {
        async {
            let clusters = self.clusters().await?.into_iter();
            Ok(Reading {
                further: clusters.map(|it| Box::new(it) as Box<dyn Source>).collect(),
                ..Reading::default()
            })
        }
        .boxed_local()
    }
}

impl Eks {
    /// Returns every cluster that there is, each with what is to be done with it.
    pub(crate) async fn clusters(&self) -> Result<Vec<ClusterSource>, ApiError> {
        let names = self.names().await?;
        let clusters = stream::iter(&names).map(|name| self.cluster(name));
        let clusters: Vec<_> = clusters.buffered(AT_ONCE).try_collect().await?;
        Ok(clusters.into_iter().flatten().collect())
    }

    async fn names(&self) -> Result<Vec<String>, ApiError> {
        let request = || self.clients.eks.list_clusters().max_results(100);
        list!(self.clients, EksListClusters, "", request(), clusters).await
    }

    /// Describes a cluster; `None` if it was deleted since it was listed.
    async fn cluster(&self, name: &str) -> Result<Option<ClusterSource>, ApiError> {
        const OPERATION: Operation = Operation::EksDescribeCluster;
        if !self.settings.clusters.matches(name) {
            return Ok(Some(self.source(name, self.left_out(name))));
        }
        let request = self.clients.eks.describe_cluster().name(name).send();
        let answer = match self.clients.call(OPERATION, name, request).await {
            Ok(answer) => answer,
            Err(error) => {
                let is_deleted = error.cause == Cause::ResourceNotFound
                    && !self.names().await?.iter().any(|listed| listed == name);
                return if is_deleted { Ok(None) } else { Err(error) };
            }
        };
        let described = answer
            .cluster
            .ok_or_else(|| ApiError::answer(OPERATION, name, "the answer has no `cluster`"))?;
        let treatment = self.treatment(name, &described);
        let treatment = treatment.unwrap_or_else(|problem| Treatment::Fail(problem.of(name)));
        Ok(Some(self.source(name, treatment)))
    }

    fn source(&self, name: &str, treatment: Treatment) -> ClusterSource {
        ClusterSource {
            name: "eks",
            cluster: name.to_owned(),
            location: self.location.clone(),
            clients: Some(self.clients.clone()),
            treatment,
        }
    }

    fn left_out(&self, name: &str) -> Treatment {
        let by = self.settings.clusters.leaving_out(name);
        let why = match by {
            Some(glob) => format!("`{glob}` in `in_use.eks.clusters` leaves it out"),
            None => "`in_use.eks.clusters` leaves it out: no glob matches it".to_owned(),
        };
        let why = format!("{why}, and what it alone uses is not protected");
        let setting = match by {
            Some(glob) => format!("take `{glob}` out of `in_use.eks.clusters`"),
            None => format!("add `{name}` to `in_use.eks.clusters`"),
        };
        let location = Some(&self.location);
        Treatment::LeaveOut(Unread::new(
            UnreadKind::Cluster,
            name,
            location,
            why,
            setting,
        ))
    }

    /// Returns how callers are let in to a cluster.
    fn access(&self, described: &types::Cluster) -> EksAccess {
        let mode = described
            .access_config()
            .and_then(|access| access.authentication_mode());
        let vpc = described.resources_vpc_config();
        let blocks = vpc.map(types::VpcConfigResponse::public_access_cidrs);
        let blocks = blocks.unwrap_or_default();
        let text = |text: Option<&str>| text.unwrap_or("that of the cluster").to_owned();
        let endpoint = match vpc {
            Some(vpc) if !vpc.endpoint_public_access() => Endpoint::Vpc {
                vpc: text(vpc.vpc_id()),
                security_group: text(vpc.cluster_security_group_id()),
            },
            _ if blocks.iter().all(|block| block == "0.0.0.0/0") => Endpoint::Anywhere,
            _ => Endpoint::From(blocks.to_vec()),
        };
        let clusters = self.settings.clusters.texts().map(str::to_owned).collect();
        EksAccess {
            region: self.location.region.to_string(),
            is_by_config_map: mode == Some(&AuthenticationMode::ConfigMap),
            endpoint,
            clusters,
        }
    }

    fn treatment(&self, name: &str, described: &types::Cluster) -> Result<Treatment, Problem> {
        match described.status() {
            Some(ClusterStatus::Active | ClusterStatus::Updating) => {}
            Some(ClusterStatus::Creating) if described.endpoint().is_none() => {
                return Ok(Treatment::Skip(
                    "it is being created and has no endpoint yet, so nothing runs in it",
                ));
            }
            Some(status) => return Err(Problem::Status(status.as_str().to_owned())),
            None => return Err(Problem::Incomplete("status")),
        }
        if described.outpost_config().is_some() {
            return Err(Problem::Outpost);
        }
        let url = described
            .endpoint()
            .ok_or(Problem::Incomplete("endpoint"))?;
        let authority = described
            .certificate_authority()
            .and_then(|authority| authority.data())
            .ok_or(Problem::Incomplete("certificate authority"))?;
        let authority = BASE64_STANDARD
            .decode(authority)
            .map_err(|_| Problem::Incomplete("certificate authority that is base64"))?;
        let credentials = self.clients.credentials().ok_or(Problem::NoCredentials)?;
        let clock = self.clients.clock();
        let token = RoleToken::new(credentials, &self.location.region, name, clock);
        let server = Server {
            url: url.to_owned(),
            authority,
            certificate: None,
        };
        let client = Client::new(&server, Authentication::Role(token), self.timeouts)?;
        let cluster = Cluster {
            name: name.to_owned(),
            location: self.location.clone(),
            client,
            pages: Arc::clone(&self.pages),
        };
        let origin = Origin::Eks(self.access(described));
        let settings = Settings::of_eks(&self.settings, name, origin);
        Ok(Treatment::Read(Box::new(cluster), settings))
    }
}
