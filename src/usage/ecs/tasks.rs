//! Tasks: what runs, what is about to, and what stopped a short while ago and may be started again.

use std::sync::Arc;

use aws_sdk_ecs::types::{DesiredStatus, Task};
use futures::{StreamExt, stream};

use super::{AT_ONCE, Ecs, Ended, Findings, User, check_complete, last_part, merged};
use crate::aws::{ApiError, Bucket, all_pages};

const PAGE: i32 = 100;
const BATCH: usize = 100;

impl Ecs {
    pub(super) async fn tasks(&self, cluster: &str) -> Result<Findings, ApiError> {
        let mut arns = Vec::new();
        // The filter is on the desired status, so that `RUNNING` holds pending tasks too.
        for status in [DesiredStatus::Running, DesiredStatus::Stopped] {
            arns.extend(self.list_tasks(cluster, status).await?);
        }
        arns.sort_unstable();
        arns.dedup();
        let batches =
            stream::iter(arns.chunks(BATCH)).map(|batch| self.describe_tasks(cluster, batch));
        merged(batches.buffer_unordered(AT_ONCE)).await
    }

    async fn list_tasks(
        &self,
        cluster: &str,
        status: DesiredStatus,
    ) -> Result<Vec<String>, ApiError> {
        const OPERATION: &str = "ecs:ListTasks";
        let status = &status;
        all_pages(OPERATION, cluster, |token| async move {
            self.clients.paced(Bucket::Tasks).await;
            let request = self
                .clients
                .ecs
                .list_tasks()
                .cluster(cluster)
                .desired_status(status.clone());
            let request = request.max_results(PAGE).set_next_token(token);
            let answer = request
                .send()
                .await
                .map_err(|error| ApiError::new(OPERATION, cluster, &error))?;
            Ok((answer.task_arns, answer.next_token))
        })
        .await
    }

    async fn describe_tasks(&self, cluster: &str, arns: &[String]) -> Result<Findings, ApiError> {
        const OPERATION: &str = "ecs:DescribeTasks";
        self.clients.paced(Bucket::Tasks).await;
        let request = self
            .clients
            .ecs
            .describe_tasks()
            .cluster(cluster)
            .set_tasks(Some(arns.to_vec()));
        let answer = request
            .send()
            .await
            .map_err(|error| ApiError::new(OPERATION, cluster, &error))?;
        let answered = answer.tasks().iter().map(Task::task_arn);
        check_complete(OPERATION, arns, answered, answer.failures(), Ended::Fine)?;
        let mut findings = Findings::default();
        for task in answer.tasks() {
            let user = self.task_user(cluster, task);
            findings.name_definition(&user, task.task_definition_arn());
            for container in task.containers() {
                let digest = container.image_digest().map(ToOwned::to_owned);
                // Containers that ECS itself adds have no image to their name.
                if let Some(image) = container.image() {
                    findings
                        .images
                        .push((user.clone(), image.to_owned(), digest));
                }
            }
        }
        Ok(findings)
    }

    /// Tasks of one service are one user: the service.
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
