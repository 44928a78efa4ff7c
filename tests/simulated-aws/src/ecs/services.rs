//! `ListServices`, `DescribeServices`, `DescribeTaskSets`, `DescribeExpressGatewayService`.

use super::{batch, cluster, last, paged};
use crate::ecs::service::Service;
use crate::ecs::state::Ecs;
use crate::error::{Answer, ApiError, json};
use crate::input::{filter, required, text};
use crate::page::Paging;
use serde_json::{Value, json as object};

pub(crate) fn list(ecs: &Ecs, body: &Value) -> Answer {
    let cluster = cluster(ecs, body)?;
    let paging = Paging::read(body, format!("services/{}", cluster.cluster_name), 10, 100)?;
    let is =
        |member, value: Option<&str>| text(body, member).is_none_or(|wanted| Some(wanted) == value);
    let shown = cluster
        .services
        .range::<str, _>(paging.bounds())
        .filter(|(_, service)| service.status != "INACTIVE")
        .filter(|(_, service)| is("launchType", service.launch_type.as_deref()))
        .filter(|(_, service)| is("schedulingStrategy", Some(&service.scheduling_strategy)))
        .filter(|(_, service)| {
            is(
                "resourceManagementType",
                service.resource_management_type.as_deref(),
            )
        })
        .map(|(name, service)| (name, &service.service_arn));
    paged("serviceArns", paging.take(shown))
}

pub(crate) fn describe(ecs: &Ecs, body: &Value) -> Answer {
    let cluster = cluster(ecs, body)?;
    batch(body, ("services", 10), "services", |reference| {
        cluster.services.get(last(reference))
    })
}

/// Returns the service a call is about, by name or ARN.
pub(crate) fn service<'a>(ecs: &'a Ecs, body: &Value) -> Result<&'a Service, ApiError> {
    let name = last(required(body, "service")?);
    cluster(ecs, body)?
        .services
        .get(name)
        .ok_or_else(|| ApiError::new("ServiceNotFoundException", "Service not found."))
}

pub(crate) fn task_sets(ecs: &Ecs, body: &Value) -> Answer {
    let service = service(ecs, body)?;
    if filter(body, "taskSets").is_some() {
        return batch(body, ("taskSets", 100), "taskSets", |reference| {
            let mut sets = service.task_sets.iter();
            sets.find(|set| set.task_set_arn == reference || set.id == reference)
        });
    }
    json(&object!({"taskSets": service.task_sets, "failures": []}))
}

pub(crate) fn express(ecs: &Ecs, body: &Value) -> Answer {
    let service = ecs
        .express_services
        .get(required(body, "serviceArn")?)
        .ok_or_else(|| ApiError::new("ResourceNotFoundException", "Service not found."))?;
    json(&object!({"service": service}))
}
