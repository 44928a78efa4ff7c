//! The operations of managed daemons.

use super::{batch, last, paged};
use crate::ecs::state::Ecs;
use crate::error::{Answer, ApiError, json};
use crate::input::{filter, required, text};
use crate::page::Paging;
use serde_json::{Value, json as object};

pub(crate) fn list(ecs: &Ecs, body: &Value) -> Answer {
    let paging = Paging::read(body, "daemons", 100, 100)?;
    let cluster = last(text(body, "clusterArn").unwrap_or("default"));
    let shown = ecs
        .daemons
        .range::<str, _>(paging.bounds())
        .filter(|(_, daemon)| last(&daemon.cluster_arn) == cluster)
        .map(|(arn, daemon)| {
            let summary = object!({
                "daemonArn": arn,
                "status": daemon.status,
                "createdAt": daemon.created_at,
                "updatedAt": daemon.updated_at,
            });
            (arn, summary)
        });
    paged("daemonSummariesList", paging.take(shown))
}

pub(crate) fn describe(ecs: &Ecs, body: &Value) -> Answer {
    let daemon = ecs
        .daemons
        .get(required(body, "daemonArn")?)
        .ok_or_else(|| ApiError::new("DaemonNotFoundException", "Daemon not found."))?;
    json(&object!({"daemon": daemon}))
}

pub(crate) fn revisions(ecs: &Ecs, body: &Value) -> Answer {
    batch(body, ("daemonRevisionArns", 20), "daemonRevisions", |arn| {
        ecs.daemon_revisions.get(arn)
    })
}

pub(crate) fn list_deployments(ecs: &Ecs, body: &Value) -> Answer {
    let daemon = required(body, "daemonArn")?;
    let paging = Paging::read(body, format!("daemon-deployments/{daemon}"), 20, 100)?;
    let statuses = filter(body, "status");
    let shown = ecs
        .daemon_deployments
        .range::<str, _>(paging.bounds())
        .filter(|(_, deployment)| deployment.daemon_arn == daemon)
        .filter(|(_, deployment)| {
            statuses.is_none_or(|statuses| statuses.iter().any(|one| one == &deployment.status))
        })
        .map(|(arn, deployment)| {
            let summary = object!({
                "daemonDeploymentArn": arn,
                "daemonArn": deployment.daemon_arn,
                "clusterArn": deployment.cluster_arn,
                "status": deployment.status,
                "targetDaemonRevisionArn": deployment.target_daemon_revision["arn"],
                "createdAt": deployment.created_at,
            });
            (arn, summary)
        });
    paged("daemonDeployments", paging.take(shown))
}

pub(crate) fn deployments(ecs: &Ecs, body: &Value) -> Answer {
    batch(
        body,
        ("daemonDeploymentArns", 20),
        "daemonDeployments",
        |arn| ecs.daemon_deployments.get(arn),
    )
}

pub(crate) fn list_definitions(ecs: &Ecs, body: &Value) -> Answer {
    let paging = Paging::read(body, "daemon-task-definitions", 100, 100)?;
    let status = text(body, "status").unwrap_or("ACTIVE");
    let family = text(body, "family");
    let prefix = text(body, "familyPrefix").unwrap_or_default();
    let shown = ecs
        .daemon_task_definitions
        .range::<str, _>(paging.bounds())
        .filter(|(_, definition)| status == "ALL" || definition.status == status)
        .filter(|(_, definition)| family.is_none_or(|family| definition.family == family))
        .filter(|(_, definition)| definition.family.starts_with(prefix))
        .map(|(arn, definition)| {
            let summary = object!({
                "arn": arn,
                "status": definition.status,
                "registeredAt": definition.registered_at,
            });
            (arn, summary)
        });
    paged("daemonTaskDefinitions", paging.take(shown))
}

pub(crate) fn definition(ecs: &Ecs, body: &Value) -> Answer {
    let reference = last(required(body, "daemonTaskDefinition")?);
    let mut all = ecs.daemon_task_definitions.values().rev();
    let definition = all
        .find(|definition| {
            let named = last(&definition.daemon_task_definition_arn);
            named == reference || (definition.family == reference && definition.status == "ACTIVE")
        })
        .ok_or_else(|| {
            ApiError::new(
                "ClientException",
                "Unable to describe daemon task definition.",
            )
        })?;
    json(&object!({"daemonTaskDefinition": definition}))
}
