//! ECS: its state, its operations, and what it does by itself (`run.rs`).

mod clusters;
pub(crate) mod daemon;
mod daemons;
mod definitions;
mod deployments;
pub(crate) mod express;
mod run;
pub(crate) mod service;
mod services;
pub(crate) mod state;
pub(crate) mod task;
mod tasks;

use crate::error::{Answer, ApiError, json};
use crate::input::{required_texts, text};
use crate::page::Page;
use crate::world::{Location, World};
use serde::Serialize;
use serde_json::{Value, json as object};
use state::{Cluster, Ecs};

/// Answers one ECS operation.
pub(crate) fn answer(
    world: &mut World,
    location: &Location,
    operation: &str,
    body: &Value,
) -> Answer {
    let ecs = &world.at(location).ecs;
    match operation {
        "ListClusters" => clusters::list(ecs, body),
        "DescribeClusters" => clusters::describe(ecs, body),
        "ListServices" => services::list(ecs, body),
        "DescribeServices" => services::describe(ecs, body),
        "DescribeTaskSets" => services::task_sets(ecs, body),
        "DescribeExpressGatewayService" => services::express(ecs, body),
        "ListTasks" => tasks::list(ecs, body),
        "DescribeTasks" => tasks::describe(ecs, body),
        "ListTaskDefinitions" => definitions::list(ecs, body),
        "ListTaskDefinitionFamilies" => definitions::families(ecs, body),
        "DescribeTaskDefinition" => definitions::describe(ecs, body),
        "ListServiceDeployments" => deployments::list(ecs, body),
        "DescribeServiceDeployments" => deployments::describe(ecs, body),
        "DescribeServiceRevisions" => deployments::revisions(ecs, body),
        "ListDaemons" => daemons::list(ecs, body),
        "DescribeDaemon" => daemons::describe(ecs, body),
        "DescribeDaemonRevisions" => daemons::revisions(ecs, body),
        "ListDaemonDeployments" => daemons::list_deployments(ecs, body),
        "DescribeDaemonDeployments" => daemons::deployments(ecs, body),
        "ListDaemonTaskDefinitions" => daemons::list_definitions(ecs, body),
        "DescribeDaemonTaskDefinition" => daemons::definition(ecs, body),
        _ => Err(ApiError::unknown_operation(operation)),
    }
}

/// Returns the cluster a call is about; `default` when it names none.
fn cluster<'a>(ecs: &'a Ecs, body: &Value) -> Result<&'a Cluster, ApiError> {
    let named = text(body, "cluster").unwrap_or("default");
    ecs.clusters
        .get(last(named))
        .ok_or_else(|| ApiError::new("ClusterNotFoundException", "Cluster not found."))
}

/// Returns what follows the last slash: the name of a resource from its ARN or its name.
fn last(reference: &str) -> &str {
    reference.rsplit('/').next().unwrap_or(reference)
}

/// Answers with a page under the name of its list.
fn paged(list: &str, page: Page<impl Serialize>) -> Answer {
    let mut answer = object!({list: page.items});
    if let Some(token) = page.next_token {
        answer["nextToken"] = token.into();
    }
    json(&answer)
}

/// Describes things by reference; those that are not there are failures in a good answer.
fn batch<'a, T: Serialize + 'a>(
    body: &Value,
    (asked, most): (&str, usize),
    answered: &str,
    find: impl Fn(&str) -> Option<&'a T>,
) -> Answer {
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for reference in required_texts(body, asked, most)? {
        match find(reference) {
            Some(item) => found.push(item),
            None => failures.push(object!({"arn": reference, "reason": "MISSING"})),
        }
    }
    json(&object!({answered: found, "failures": failures}))
}
