//! EKS: `ListClusters`, `DescribeCluster`.

use crate::error::{Answer, ApiError, json};
use crate::input::required;
use crate::page::Paging;
use crate::world::{Location, World};
use serde_json::{Value, json as object};

/// A cluster of EKS, as it is described; what runs in it is not part of AWS.
#[derive(Debug, Clone)]
pub struct EksCluster {
    /// Its status, such as `ACTIVE`.
    pub status: String,
    /// The URL of its API server.
    pub endpoint: Option<String>,
    /// Its certificate authority: PEM in base64.
    pub authority: Option<String>,
    /// Whether it is a local cluster on an Outpost.
    pub on_outpost: bool,
    /// How it knows callers: `API`, `API_AND_CONFIG_MAP` or `CONFIG_MAP`.
    pub authentication_mode: String,
    /// From where its public endpoint can be reached, as CIDR blocks; empty if it has none.
    pub public_access: Vec<String>,
}

impl EksCluster {
    /// An active cluster behind this endpoint.
    #[must_use]
    pub fn active(endpoint: impl Into<String>, authority: impl Into<String>) -> Self {
        Self {
            endpoint: Some(endpoint.into()),
            authority: Some(authority.into()),
            ..Self::in_status("ACTIVE")
        }
    }

    /// A cluster in this status, without endpoint and authority.
    #[must_use]
    pub fn in_status(status: &str) -> Self {
        Self {
            status: status.to_owned(),
            endpoint: None,
            authority: None,
            on_outpost: false,
            authentication_mode: "API".to_owned(),
            public_access: vec!["0.0.0.0/0".to_owned()],
        }
    }
}

pub(crate) fn answer(
    world: &mut World,
    location: &Location,
    operation: &str,
    body: &Value,
) -> Answer {
    let clusters = &world.at(location).eks;
    match operation {
        "ListClusters" => {
            let paging = Paging::read(body, "eks", 100, 100)?;
            let shown = clusters.range::<str, _>(paging.bounds());
            let page = paging.take(shown.map(|(name, _)| (name, name)));
            json(&object!({"clusters": page.items, "nextToken": page.next_token}))
        }
        "DescribeCluster" => {
            let name = required(body, "name")?;
            let cluster = clusters.get(name).ok_or_else(|| {
                let message = format!("No cluster found for name: {name}.");
                ApiError::with_status(404, "ResourceNotFoundException", message)
            })?;
            let arn = format!(
                "arn:aws:eks:{}:{}:cluster/{name}",
                location.region, location.account
            );
            let authority = cluster
                .authority
                .as_ref()
                .map(|data| object!({"data": data}));
            let outpost = cluster
                .on_outpost
                .then(|| object!({"outpostArns": [], "controlPlaneInstanceType": "m5.large"}));
            json(&object!({"cluster": {
                "name": name,
                "arn": arn,
                "status": cluster.status,
                "endpoint": cluster.endpoint,
                "certificateAuthority": authority,
                "outpostConfig": outpost,
                "accessConfig": {"authenticationMode": cluster.authentication_mode},
                "resourcesVpcConfig": {
                    "vpcId": "vpc-0a1b2c3d",
                    "clusterSecurityGroupId": "sg-0a1b2c3d",
                    "endpointPrivateAccess": true,
                    "endpointPublicAccess": !cluster.public_access.is_empty(),
                    "publicAccessCidrs": cluster.public_access,
                },
            }}))
        }
        _ => Err(ApiError::unknown_operation(operation)),
    }
}
