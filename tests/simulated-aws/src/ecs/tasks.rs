//! `ListTasks`, `DescribeTasks`.

use super::{batch, cluster, last, paged};
use crate::ecs::state::{Ecs, arn};
use crate::ecs::task::Task;
use crate::error::Answer;
use crate::input::text;
use crate::page::Paging;
use serde_json::Value;

pub(crate) fn list(ecs: &Ecs, body: &Value) -> Answer {
    let cluster = cluster(ecs, body)?;
    let paging = Paging::read(body, format!("tasks/{}", cluster.cluster_name), 100, 100)?;
    let status = text(body, "desiredStatus").unwrap_or("RUNNING");
    let in_group = |task: &Task, member, kind: &str| {
        text(body, member).is_none_or(|name| {
            let group = task
                .group
                .as_deref()
                .and_then(|group| group.strip_prefix(kind));
            group == Some(last(name))
        })
    };
    let of_family = |task: &Task| {
        text(body, "family").is_none_or(|family| {
            let definition = task.task_definition_arn.as_deref().map(last);
            definition.and_then(|name| name.split(':').next()) == Some(family)
        })
    };
    let shown = cluster
        .tasks
        .range::<str, _>(paging.bounds())
        // ECS never sets PENDING as the desired status.
        .filter(|(_, task)| status != "PENDING" && task.desired_status == status)
        .filter(|(_, task)| in_group(task, "serviceName", "service:"))
        .filter(|(_, task)| in_group(task, "daemonName", "daemon:"))
        .filter(|(_, task)| of_family(task))
        .map(|(arn, _)| (arn, arn));
    paged("taskArns", paging.take(shown))
}

pub(crate) fn describe(ecs: &Ecs, body: &Value) -> Answer {
    let cluster = cluster(ecs, body)?;
    batch(body, ("tasks", 100), "tasks", |reference| {
        let resource = format!("task/{}/{}", cluster.cluster_name, last(reference));
        cluster.tasks.get(&arn(&ecs.location, &resource))
    })
}
