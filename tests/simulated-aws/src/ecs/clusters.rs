//! `ListClusters`, `DescribeClusters`.

use super::{batch, last, paged};
use crate::ecs::state::Ecs;
use crate::error::Answer;
use crate::page::Paging;
use serde_json::Value;

pub(crate) fn list(ecs: &Ecs, body: &Value) -> Answer {
    let paging = Paging::read(body, "clusters", 100, 100)?;
    let shown = ecs.clusters.range::<str, _>(paging.bounds());
    let active = shown.filter(|(_, cluster)| cluster.status != "INACTIVE");
    paged(
        "clusterArns",
        paging.take(active.map(|(name, cluster)| (name, &cluster.cluster_arn))),
    )
}

pub(crate) fn describe(ecs: &Ecs, body: &Value) -> Answer {
    batch(body, ("clusters", 100), "clusters", |reference| {
        ecs.clusters.get(last(reference))
    })
}
