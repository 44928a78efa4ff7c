//! Services, their revisions, deployments and task sets.

use crate::ecs::state::arn;
use crate::ecs::task::ContainerImage;
use crate::moment::{Moment, days_ago};
use crate::world::Location;
use serde::Serialize;
use serde_json::Value;

/// A service.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Service {
    /// Its ARN.
    pub service_arn: String,
    /// Its name.
    pub service_name: String,
    /// The cluster's ARN.
    pub cluster_arn: String,
    /// `ACTIVE`, `DRAINING` or `INACTIVE`.
    pub status: String,
    /// How many tasks are wanted.
    pub desired_count: u32,
    /// How many run.
    pub running_count: u32,
    /// How many are starting.
    pub pending_count: u32,
    /// `FARGATE`, `EC2` or `EXTERNAL`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub launch_type: Option<String>,
    /// `REPLICA` or `DAEMON`.
    pub scheduling_strategy: String,
    /// The ARN of the newest wanted task definition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_definition: Option<String>,
    /// The rolling deployments.
    pub deployments: Vec<Deployment>,
    /// The task sets of `CodeDeploy` and external controllers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub task_sets: Vec<TaskSet>,
    /// The deployment under way, or the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current_service_deployment: Option<String>,
    /// The revisions that have tasks or shall have them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub current_service_revisions: Vec<RevisionReference>,
    /// `CUSTOMER`, or `ECS` for Express gateway services.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_management_type: Option<String>,
    /// For example `{"type": "CODE_DEPLOY"}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployment_controller: Option<Value>,
    /// When it was created.
    pub created_at: Moment,
}

impl Service {
    pub(crate) fn new(location: &Location, cluster: &str, name: &str) -> Self {
        Self {
            service_arn: arn(location, &format!("service/{cluster}/{name}")),
            service_name: name.to_owned(),
            cluster_arn: arn(location, &format!("cluster/{cluster}")),
            status: "ACTIVE".to_owned(),
            desired_count: 1,
            running_count: 1,
            pending_count: 0,
            launch_type: Some("FARGATE".to_owned()),
            scheduling_strategy: "REPLICA".to_owned(),
            task_definition: None,
            deployments: Vec::new(),
            task_sets: Vec::new(),
            current_service_deployment: None,
            current_service_revisions: Vec::new(),
            resource_management_type: Some("CUSTOMER".to_owned()),
            deployment_controller: None,
            created_at: days_ago(365),
        }
    }

    /// Adds a task set on this task definition (its ARN), as `CodeDeploy` does, and answers its
    /// ARN.
    pub fn task_set(&mut self, status: &str, task_definition: &str) -> String {
        let id = format!("ecs-svc/{:019}", self.task_sets.len() + 1);
        let task_set_arn = self.service_arn.replacen(":service/", ":task-set/", 1);
        let task_set_arn = format!("{task_set_arn}/{id}");
        self.task_sets.push(TaskSet {
            id,
            task_set_arn: task_set_arn.clone(),
            service_arn: self.service_arn.clone(),
            cluster_arn: self.cluster_arn.clone(),
            status: status.to_owned(),
            task_definition: task_definition.to_owned(),
        });
        task_set_arn
    }
}

/// A rolling deployment, as `DescribeServices` shows it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Deployment {
    /// Its id.
    pub id: String,
    /// `PRIMARY` or `ACTIVE`.
    pub status: String,
    /// The ARN of the task definition.
    pub task_definition: String,
    /// How many tasks are wanted.
    pub desired_count: u32,
    /// How many run.
    pub running_count: u32,
    /// When it began.
    pub created_at: Moment,
    /// `COMPLETED`, `IN_PROGRESS` or `FAILED`.
    pub rollout_state: String,
}

/// A task set.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskSet {
    /// Its id.
    pub id: String,
    /// Its ARN.
    pub task_set_arn: String,
    /// The service's ARN.
    pub service_arn: String,
    /// The cluster's ARN.
    pub cluster_arn: String,
    /// `PRIMARY`, `ACTIVE` or `DRAINING`.
    pub status: String,
    /// The ARN of the task definition.
    pub task_definition: String,
}

/// A revision named by a service or a deployment.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RevisionReference {
    /// The revision's ARN.
    pub arn: String,
    /// How many tasks are wanted.
    pub requested_task_count: u32,
    /// How many run.
    pub running_task_count: u32,
    /// How many are starting.
    pub pending_task_count: u32,
}

impl RevisionReference {
    /// A reference to a revision with so many tasks.
    pub fn new(arn: impl Into<String>, tasks: u32) -> Self {
        Self {
            arn: arn.into(),
            requested_task_count: tasks,
            running_task_count: tasks,
            pending_task_count: 0,
        }
    }
}

/// A service revision: what one deployment rolled out, with the digests its tags meant.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceRevision {
    /// Its ARN.
    pub service_revision_arn: String,
    /// The service's ARN.
    pub service_arn: String,
    /// The cluster's ARN.
    pub cluster_arn: String,
    /// The ARN of the task definition.
    pub task_definition: String,
    /// The images, pinned.
    pub container_images: Vec<ContainerImage>,
    /// When.
    pub created_at: Moment,
}

/// A service deployment: the way from source revisions to a target revision.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceDeployment {
    /// Its ARN.
    pub service_deployment_arn: String,
    /// The service's ARN.
    pub service_arn: String,
    /// The cluster's ARN.
    pub cluster_arn: String,
    /// `SUCCESSFUL`, `IN_PROGRESS` and so on.
    pub status: String,
    /// What was rolled out before; where a rollback goes.
    pub source_service_revisions: Vec<RevisionReference>,
    /// What is rolled out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_service_revision: Option<RevisionReference>,
    /// For example `{"serviceRevisionArn": "..."}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rollback: Option<Value>,
    /// When.
    pub created_at: Moment,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Moment>,
}
