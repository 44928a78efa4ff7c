//! Tasks and task definitions.

use crate::ecs::state::arn;
use crate::moment::Moment;
use crate::world::Location;
use serde::Serialize;

/// One revision of a task definition.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskDefinition {
    /// Its ARN.
    pub task_definition_arn: String,
    /// Its family.
    pub family: String,
    /// Its number.
    pub revision: u32,
    /// `ACTIVE`, `INACTIVE` or `DELETE_IN_PROGRESS`.
    pub status: String,
    /// Its containers.
    pub container_definitions: Vec<ContainerDefinition>,
    /// When it was registered.
    pub registered_at: Moment,
    /// When it became inactive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deregistered_at: Option<Moment>,
    /// When its deletion was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delete_requested_at: Option<Moment>,
}

impl TaskDefinition {
    pub(crate) fn new(
        location: &Location,
        family: &str,
        revision: u32,
        container_definitions: Vec<ContainerDefinition>,
        registered_at: Moment,
    ) -> Self {
        Self {
            task_definition_arn: arn(location, &format!("task-definition/{family}:{revision}")),
            family: family.to_owned(),
            revision,
            status: "ACTIVE".to_owned(),
            container_definitions,
            registered_at,
            deregistered_at: None,
            delete_requested_at: None,
        }
    }

    /// Returns the key it is stored under: revisions of a family in order.
    #[must_use]
    pub fn key(&self) -> String {
        Self::key_of(&self.family, self.revision)
    }

    pub(crate) fn key_of(family: &str, revision: u32) -> String {
        format!("{family}:{revision:010}")
    }
}

/// A container of a task definition.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ContainerDefinition {
    /// Its name.
    pub name: String,
    /// The image reference as written.
    pub image: String,
    /// `enabled` or `disabled`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version_consistency: Option<String>,
}

impl ContainerDefinition {
    /// A container that leaves version consistency at its default.
    pub fn new(name: impl Into<String>, image: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            image: image.into(),
            version_consistency: None,
        }
    }
}

/// A task.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Task {
    /// Its ARN.
    pub task_arn: String,
    /// The cluster's ARN.
    pub cluster_arn: String,
    /// The ARN of its task definition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_definition_arn: Option<String>,
    /// Its containers.
    pub containers: Vec<Container>,
    /// `RUNNING` or `STOPPED`, what `ListTasks` filters on.
    pub desired_status: String,
    /// What it is now.
    pub last_status: String,
    /// `service:<name>`, `daemon:<name>` or `family:<family>`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// When it was created.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Moment>,
    /// When it stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped_at: Option<Moment>,
}

impl Task {
    pub(crate) fn new(cluster_arn: &str, task_arn: String) -> Self {
        Self {
            task_arn,
            cluster_arn: cluster_arn.to_owned(),
            task_definition_arn: None,
            containers: Vec::new(),
            desired_status: "RUNNING".to_owned(),
            last_status: "RUNNING".to_owned(),
            group: None,
            created_at: None,
            stopped_at: None,
        }
    }

    /// Stops it.
    pub fn stop(&mut self, at: Moment) {
        "STOPPED".clone_into(&mut self.desired_status);
        "STOPPED".clone_into(&mut self.last_status);
        self.stopped_at = Some(at);
    }
}

/// A container of a task.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Container {
    /// Its name.
    pub name: String,
    /// The image reference of the task definition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// The digest it was resolved to, once pulled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_digest: Option<String>,
}

/// A container of a service or daemon revision, with the digest it is pinned to.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ContainerImage {
    /// The container's name.
    pub container_name: String,
    /// The image reference of the task definition.
    pub image: String,
    /// The digest it was resolved to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_digest: Option<String>,
}
