//! `ListServiceDeployments`, `DescribeServiceDeployments`, `DescribeServiceRevisions`.

use super::{batch, paged, services};
use crate::ecs::service::ServiceDeployment;
use crate::ecs::state::Ecs;
use crate::error::Answer;
use crate::input::filter;
use crate::moment::Moment;
use crate::page::Paging;
use serde_json::{Value, json as object};
use std::ops::Bound;

/// Oldest first; AWS documents no order.
pub(crate) fn list(ecs: &Ecs, body: &Value) -> Answer {
    let service = services::service(ecs, body)?;
    let paging = Paging::read(
        body,
        format!("deployments/{}", service.service_arn),
        20,
        100,
    )?;
    let statuses = filter(body, "status");
    let range = body.get("createdAt").unwrap_or(&Value::Null);
    let prefix = service
        .service_arn
        .replacen(":service/", ":service-deployment/", 1)
        + "/";
    let from = paging.after().unwrap_or(&prefix);
    let shown = ecs
        .service_deployments
        .range::<str, _>((Bound::Included(from), Bound::Unbounded))
        .take_while(|(arn, _)| arn.starts_with(&prefix))
        .filter(|(arn, _)| Some(arn.as_str()) != paging.after())
        .filter(|(_, deployment)| {
            statuses.is_none_or(|statuses| statuses.iter().any(|one| one == &deployment.status))
        })
        .filter(|(_, deployment)| within(range, deployment.created_at))
        .map(|(arn, deployment)| (arn, brief(deployment)));
    paged("serviceDeployments", paging.take(shown))
}

fn within(range: &Value, moment: Moment) -> bool {
    let bound = |member| range.get(member).and_then(Value::as_f64);
    bound("after").is_none_or(|after| moment.number() >= after)
        && bound("before").is_none_or(|before| moment.number() <= before)
}

fn brief(deployment: &ServiceDeployment) -> Value {
    let mut brief = object!({
        "serviceDeploymentArn": deployment.service_deployment_arn,
        "serviceArn": deployment.service_arn,
        "clusterArn": deployment.cluster_arn,
        "createdAt": deployment.created_at,
        "startedAt": deployment.created_at,
        "status": deployment.status,
    });
    if let Some(target) = &deployment.target_service_revision {
        brief["targetServiceRevisionArn"] = target.arn.clone().into();
    }
    if let Some(finished_at) = deployment.finished_at {
        brief["finishedAt"] = finished_at.number().into();
    }
    brief
}

pub(crate) fn describe(ecs: &Ecs, body: &Value) -> Answer {
    batch(
        body,
        ("serviceDeploymentArns", 20),
        "serviceDeployments",
        |arn| ecs.service_deployments.get(arn),
    )
}

pub(crate) fn revisions(ecs: &Ecs, body: &Value) -> Answer {
    batch(
        body,
        ("serviceRevisionArns", 20),
        "serviceRevisions",
        |arn| ecs.service_revisions.get(arn),
    )
}
