//! Tasks: what runs, what is about to, and what stopped a short while ago and may be started again.

use std::{pin::pin, sync::Arc};

use aws_sdk_ecs::types::{DesiredStatus, Task};
use futures::TryStreamExt;

use super::{Ecs, Findings, User, last_part};
use crate::aws::{ApiError, Operation};

const PAGE: i32 = 100;

impl Ecs {
    /// Finds what the tasks of a cluster use.
    pub(super) async fn tasks(&self, cluster: &str) -> Result<Findings, ApiError> {
        let mut arns = Vec::new();
        // The filter is on the desired status, so that `RUNNING` holds pending tasks too.
        for status in [DesiredStatus::Running, DesiredStatus::Stopped] {
            arns.extend(self.list_tasks(cluster, &status).await?);
        }
        arns.sort_unstable();
        arns.dedup();
        let mut batches = pin!(self.describe_all(cluster, &arns, |arns| {
            let request = self.clients.ecs.describe_tasks().cluster(cluster);
            request.set_tasks(Some(arns)).send()
        }));
        let mut findings = Findings::default();
        while let Some(tasks) = batches.try_next().await? {
            for task in &tasks {
                let user = self.task_user(cluster, task);
                findings.name_definition(&user, task.task_definition_arn());
                for container in task.containers() {
                    findings.add_image(&user, container.image(), container.image_digest());
                }
            }
        }
        Ok(findings)
    }

    async fn list_tasks(
        &self,
        cluster: &str,
        status: &DesiredStatus,
    ) -> Result<Vec<String>, ApiError> {
        let request = |token| {
            let request = self.clients.ecs.list_tasks().cluster(cluster);
            let request = request.desired_status(status.clone()).max_results(PAGE);
            request.set_next_token(token).send()
        };
        self.clients
            .list(Operation::ListTasks, cluster, request, |answer| {
                (answer.task_arns, answer.next_token)
            })
            .await
    }

    /// Returns the user that a task is. Tasks of one service are one user: the service.
    fn task_user(&self, cluster: &str, task: &Task) -> Arc<User> {
        let stopped = task.desired_status() == Some("STOPPED");
        let group = task.group().filter(|group| !group.is_empty());
        if let (false, Some(service)) = (
            stopped,
            group.and_then(|group| group.strip_prefix("service:")),
        ) {
            return self.user("ECS service", service, Some(cluster), true);
        }
        let kind = if stopped {
            "recently stopped ECS task"
        } else {
            "ECS task"
        };
        let name = group.unwrap_or_else(|| last_part(task.task_arn().unwrap_or_default()));
        self.user(kind, name, Some(cluster), !stopped)
    }
}
