//! ECS managed daemons.

use crate::ecs::state::Ecs;
use crate::ecs::task::{ContainerDefinition, ContainerImage};
use crate::moment::Moment;
use serde::Serialize;
use serde_json::{Value, json};

/// A daemon.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Daemon {
    /// Its ARN.
    pub daemon_arn: String,
    /// The cluster's ARN.
    pub cluster_arn: String,
    /// `ACTIVE` or `DELETE_IN_PROGRESS`.
    pub status: String,
    /// The revisions in use: `{"arn": ...}`.
    pub current_revisions: Vec<Value>,
    /// The newest deployment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployment_arn: Option<String>,
    /// When it was created.
    pub created_at: Moment,
    /// When it changed.
    pub updated_at: Moment,
}

/// A daemon revision: images with the digests they were resolved to.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DaemonRevision {
    /// Its ARN.
    pub daemon_revision_arn: String,
    /// The cluster's ARN.
    pub cluster_arn: String,
    /// The daemon's ARN.
    pub daemon_arn: String,
    /// The ARN of the daemon task definition.
    pub daemon_task_definition_arn: String,
    /// The images, pinned.
    pub container_images: Vec<ContainerImage>,
    /// When.
    pub created_at: Moment,
}

/// A daemon deployment.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DaemonDeployment {
    /// Its ARN.
    pub daemon_deployment_arn: String,
    /// The daemon's ARN; only listings show it.
    #[serde(skip)]
    pub daemon_arn: String,
    /// The cluster's ARN.
    pub cluster_arn: String,
    /// `SUCCESSFUL`, `IN_PROGRESS` and so on.
    pub status: String,
    /// What is rolled out: `{"arn": ...}`.
    pub target_daemon_revision: Value,
    /// What was before: `{"arn": ...}`.
    pub source_daemon_revisions: Vec<Value>,
    /// When.
    pub created_at: Moment,
}

/// A daemon task definition.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DaemonTaskDefinition {
    /// Its ARN.
    pub daemon_task_definition_arn: String,
    /// Its family.
    pub family: String,
    /// Its number.
    pub revision: u32,
    /// `ACTIVE`, `DELETE_IN_PROGRESS` or `DELETED`.
    pub status: String,
    /// Its containers.
    pub container_definitions: Vec<ContainerDefinition>,
    /// When it was registered.
    pub registered_at: Moment,
}

impl Ecs {
    /// Deploys a daemon: a new revision of its task definition with one container for these pinned
    /// images, a daemon revision, and a deployment that names the revisions before it as sources.
    /// Answers the daemon's ARN.
    pub fn deploy_daemon(
        &mut self,
        cluster: &str,
        name: &str,
        images: Vec<ContainerImage>,
    ) -> String {
        let cluster_arn = self.cluster(cluster).cluster_arn.clone();
        let (number, now) = (self.number(), self.now);
        let daemon_arn = self.arn(&format!("daemon/{cluster}/{name}"));
        let definition = self.register_daemon(name, &images);
        let revision = self.arn(&format!("daemon-revision/{cluster}/{name}/{number}"));
        let deployment = self.arn(&format!("daemon-deployment/{cluster}/{name}/{number}"));
        let before = self.daemons.get(&daemon_arn);
        let sources = before.map_or(Vec::new(), |daemon| daemon.current_revisions.clone());
        let created_at = before.map_or(now, |daemon| daemon.created_at);
        self.daemon_revisions.insert(
            revision.clone(),
            DaemonRevision {
                daemon_revision_arn: revision.clone(),
                cluster_arn: cluster_arn.clone(),
                daemon_arn: daemon_arn.clone(),
                daemon_task_definition_arn: definition,
                container_images: images,
                created_at: now,
            },
        );
        let target = json!({"arn": revision});
        self.daemon_deployments.insert(
            deployment.clone(),
            DaemonDeployment {
                daemon_deployment_arn: deployment.clone(),
                daemon_arn: daemon_arn.clone(),
                cluster_arn: cluster_arn.clone(),
                status: "SUCCESSFUL".to_owned(),
                target_daemon_revision: target.clone(),
                source_daemon_revisions: sources,
                created_at: now,
            },
        );
        let daemon = Daemon {
            daemon_arn: daemon_arn.clone(),
            cluster_arn,
            status: "ACTIVE".to_owned(),
            current_revisions: vec![target],
            deployment_arn: Some(deployment),
            created_at,
            updated_at: now,
        };
        self.daemons.insert(daemon_arn.clone(), daemon);
        daemon_arn
    }

    /// Registers the next revision of a daemon task definition, with one container for each of these
    /// images, and answers its ARN.
    pub fn register_daemon(&mut self, family: &str, images: &[ContainerImage]) -> String {
        let known = self.daemon_task_definitions.values();
        let newest = known
            .filter(|known| known.family == family)
            .map(|known| known.revision)
            .max();
        let revision = newest.unwrap_or(0) + 1;
        let arn = self.arn(&format!("daemon-task-definition/{family}:{revision}"));
        let containers = images.iter();
        let definition = DaemonTaskDefinition {
            daemon_task_definition_arn: arn.clone(),
            family: family.to_owned(),
            revision,
            status: "ACTIVE".to_owned(),
            container_definitions: containers
                .map(|image| ContainerDefinition::new(&image.container_name, &image.image))
                .collect(),
            registered_at: self.now,
        };
        self.daemon_task_definitions.insert(arn.clone(), definition);
        arn
    }
}
