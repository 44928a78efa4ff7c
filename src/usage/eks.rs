//! Amazon EKS (U5): which clusters there are and how each is reached. What they use, each of them says as a source of
//! its own.
//!
//! A cluster whose state leaves open what runs in it makes its source incomplete: any but ACTIVE and UPDATING, and
//! CREATING while it has no endpoint yet. One that the configuration leaves out is not read, and the answer says so.

use std::sync::Arc;

use aws_sdk_eks::types::{self, ClusterStatus};
use base64::{Engine, prelude::BASE64_STANDARD};
use futures::{FutureExt, StreamExt, TryStreamExt, future::LocalBoxFuture, stream};
use tokio::sync::Semaphore;

use super::{ClusterSource, Collector, Source, SourceError, cluster::State};
use crate::{
    aws::{ApiError, Bucket, Clients, all_pages},
    config::EksUse,
    image::Registry,
    kubernetes::{Authentication, Client, Cluster, Problem, RoleToken, Server, Settings},
};

const PAGE: i32 = 100;
/// How many clusters are described at once.
const AT_ONCE: usize = 4;
/// How many pages of lists are in memory at once, of all clusters together.
const PAGES: usize = 4;

/// The permits for pages of lists.
#[must_use]
pub fn pages() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(PAGES))
}

/// Amazon EKS in one account and Region.
pub struct Eks {
    /// The clients.
    pub clients: Clients,
    /// The account and Region.
    pub place: Registry,
    /// Which clusters count, and what of them.
    pub uses: EksUse,
    /// A permit for each page of lists that may be in memory at once, of all clusters together.
    pub pages: Arc<Semaphore>,
}

impl Source for Eks {
    fn name(&self) -> &'static str {
        "eks"
    }

    fn place(&self) -> &Registry {
        &self.place
    }

    fn expected_clusters(&self) -> Vec<&str> {
        let clusters = &self.uses.clusters;
        clusters
            .patterns()
            .iter()
            .filter(|name| clusters.names_exactly(name))
            .map(String::as_str)
            .collect()
    }

    fn read<'a>(&'a self, found: &'a mut Collector) -> LocalBoxFuture<'a, Result<(), SourceError>> {
        async {
            for cluster in self.clusters().await? {
                found.add_source(cluster);
            }
            Ok(())
        }
        .boxed_local()
    }
}

impl Eks {
    /// Every cluster that there is, each with what there is to do with it.
    pub(crate) async fn clusters(&self) -> Result<Vec<ClusterSource>, SourceError> {
        let names = self.names().await?;
        let clusters = stream::iter(&names).map(|name| self.cluster(name));
        let clusters: Vec<_> = clusters.buffered(AT_ONCE).try_collect().await?;
        Ok(clusters.into_iter().flatten().collect())
    }

    async fn names(&self) -> Result<Vec<String>, ApiError> {
        const OPERATION: &str = "eks:ListClusters";
        all_pages(OPERATION, "", |token| async move {
            self.clients.paced(Bucket::Eks).await;
            let request = self
                .clients
                .eks
                .list_clusters()
                .max_results(PAGE)
                .set_next_token(token);
            let answer = request
                .send()
                .await
                .map_err(|error| ApiError::new(OPERATION, "", &error))?;
            Ok((answer.clusters, answer.next_token))
        })
        .await
    }

    /// A cluster; none if it was deleted since it was listed.
    async fn cluster(&self, name: &str) -> Result<Option<ClusterSource>, ApiError> {
        const OPERATION: &str = "eks:DescribeCluster";
        if !self.uses.clusters.matches(name) {
            let left_out = State::Passed(
                "not read: `in_use.eks.clusters` leaves it out, and what it alone uses is not protected",
            );
            return Ok(Some(self.source(name, left_out)));
        }
        self.clients.paced(Bucket::Eks).await;
        let answer = match self.clients.eks.describe_cluster().name(name).send().await {
            Ok(answer) => answer,
            Err(error) => {
                let error = ApiError::new(OPERATION, name, &error);
                let gone = error.is("ResourceNotFoundException")
                    && !self.names().await?.iter().any(|listed| listed == name);
                return if gone { Ok(None) } else { Err(error) };
            }
        };
        let described = answer
            .cluster
            .ok_or_else(|| ApiError::answer(OPERATION, name, "the answer has no `cluster`"))?;
        let state = self
            .state(name, &described)
            .unwrap_or_else(State::Unreadable);
        Ok(Some(self.source(name, state)))
    }

    fn source(&self, name: &str, state: State) -> ClusterSource {
        ClusterSource {
            name: "eks",
            cluster: name.to_owned(),
            place: self.place.clone(),
            state,
        }
    }

    fn state(&self, name: &str, described: &types::Cluster) -> Result<State, Problem> {
        match described.status() {
            Some(ClusterStatus::Active | ClusterStatus::Updating) => {}
            Some(ClusterStatus::Creating) if described.endpoint().is_none() => {
                return Ok(State::Passed(
                    "it is being created and has no endpoint yet, so nothing runs in it",
                ));
            }
            Some(status) => return Err(Problem::Status(status.as_str().to_owned())),
            None => return Err(Problem::Incomplete("status")),
        }
        if described.outpost_config().is_some() {
            return Err(Problem::Outpost);
        }
        let endpoint = described
            .endpoint()
            .ok_or(Problem::Incomplete("endpoint"))?;
        let authority = described
            .certificate_authority()
            .and_then(|authority| authority.data());
        let authority = authority.ok_or(Problem::Incomplete("certificate authority"))?;
        let authority = BASE64_STANDARD
            .decode(authority)
            .map_err(|_| Problem::Incomplete("certificate authority that is base64"))?;
        let credentials = self.clients.credentials().ok_or(Problem::NoCredentials)?;
        let token = RoleToken::new(credentials, &self.place.region, name, self.clients.clock());
        let server = Server {
            url: endpoint,
            authority: &authority,
            certificate: None,
        };
        let client = Client::new(&server, Authentication::Role(token), self.clients.patience)?;
        let cluster = Cluster {
            name: name.to_owned(),
            place: self.place.clone(),
            client,
            pages: Arc::clone(&self.pages),
        };
        Ok(State::Read(
            Box::new(cluster),
            Settings::of(Some(&self.uses), name),
        ))
    }
}
