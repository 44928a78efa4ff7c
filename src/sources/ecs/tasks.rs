//! Tasks: what runs, what is about to, and what stopped a short while ago and may be started again.

use std::{collections::BTreeSet, sync::Arc};

use super::{Ecs, Findings, User, last_part};
use crate::aws::{ApiError, list};
use aws_sdk_ecs::types::{Container, DesiredStatus, Task};

impl Ecs {
    /// Finds what the tasks of a cluster use.
    pub(super) async fn tasks(&self, cluster: &str) -> Result<Findings, ApiError> {
        let ecs = &self.clients.ecs;
        let mut arns = BTreeSet::new();
        // The filter is on the desired status, so that `RUNNING` holds pending tasks too.
        for status in [DesiredStatus::Running, DesiredStatus::Stopped] {
            let request = || {
                let request = ecs.list_tasks().cluster(cluster);
                request.desired_status(status.clone()).max_results(100)
            };
            arns.extend(list!(self.clients, ListTasks, cluster, request(), task_arns).await?);
        }
        let arns: Vec<String> = arns.into_iter().collect();
        let request = |arns| {
            let request = ecs.describe_tasks().cluster(cluster);
            request.set_tasks(Some(arns)).send()
        };
        let mut findings = Findings::default();
        self.describe(cluster, &arns, request, |arn, task| {
            let user = self.task_user(cluster, arn, task);
            let definition = task.task_definition_arn();
            if user.live {
                let images = task.containers().iter().map(Container::image);
                findings.need_definition(&user, definition, images);
            } else {
                findings.name_definition(&user, definition);
            }
            for container in task.containers() {
                findings.add_image(&user, container.image(), container.image_digest());
            }
            Ok(())
        })
        .await?;
        Ok(findings)
    }

    /// Returns the user that a task is. Tasks of one service are one user: the service.
    fn task_user(&self, cluster: &str, arn: &str, task: &Task) -> Arc<User> {
        let stopped = task.desired_status() == Some("STOPPED");
        let group = task.group().filter(|group| !group.is_empty());
        let service = group.and_then(|group| group.strip_prefix("service:"));
        let name = group.unwrap_or_else(|| last_part(arn));
        let (kind, name) = match (stopped, service) {
            (false, Some(service)) => ("ECS service", service),
            (false, None) => ("ECS task", name),
            (true, _) => ("recently stopped ECS task", name),
        };
        self.user(kind, name, Some(cluster), !stopped)
    }
}
