//! What ECS holds in one account and Region.

use crate::ecs::daemon::{Daemon, DaemonDeployment, DaemonRevision, DaemonTaskDefinition};
use crate::ecs::express::ExpressService;
use crate::ecs::service::{Service, ServiceDeployment, ServiceRevision};
use crate::ecs::task::{ContainerDefinition, Task, TaskDefinition};
use crate::moment::Moment;
use crate::world::Location;
use serde::Serialize;
use std::collections::BTreeMap;

/// What ECS holds in one account and Region. Public maps may be edited at will; their keys are said
/// at each.
#[derive(Debug, Clone)]
pub struct Ecs {
    /// Where this is.
    pub location: Location,
    /// Clusters by name.
    pub clusters: BTreeMap<String, Cluster>,
    /// Task definitions by [`TaskDefinition::key`].
    pub task_definitions: BTreeMap<String, TaskDefinition>,
    /// Service revisions by ARN.
    pub service_revisions: BTreeMap<String, ServiceRevision>,
    /// Service deployments by ARN.
    pub service_deployments: BTreeMap<String, ServiceDeployment>,
    /// Express gateway services by ARN.
    pub express_services: BTreeMap<String, ExpressService>,
    /// Daemons by ARN.
    pub daemons: BTreeMap<String, Daemon>,
    /// Daemon revisions by ARN.
    pub daemon_revisions: BTreeMap<String, DaemonRevision>,
    /// Daemon deployments by ARN.
    pub daemon_deployments: BTreeMap<String, DaemonDeployment>,
    /// Daemon task definitions by ARN.
    pub daemon_task_definitions: BTreeMap<String, DaemonTaskDefinition>,
    pub(crate) now: Moment,
    made: u64,
}

impl Ecs {
    pub(crate) fn new(location: Location) -> Self {
        Self {
            location,
            clusters: BTreeMap::new(),
            task_definitions: BTreeMap::new(),
            service_revisions: BTreeMap::new(),
            service_deployments: BTreeMap::new(),
            express_services: BTreeMap::new(),
            daemons: BTreeMap::new(),
            daemon_revisions: BTreeMap::new(),
            daemon_deployments: BTreeMap::new(),
            daemon_task_definitions: BTreeMap::new(),
            now: Moment::NOW,
            made: 0,
        }
    }

    /// Returns the ARN of a resource, such as `cluster/prod`.
    #[must_use]
    pub fn arn(&self, resource: &str) -> String {
        arn(&self.location, resource)
    }

    /// The next number for a made-up ARN, as sortable digits.
    pub(crate) fn number(&mut self) -> String {
        self.made += 1;
        format!("{:019}", self.made)
    }

    /// A cluster, made when it is new.
    pub fn cluster(&mut self, name: &str) -> &mut Cluster {
        let location = &self.location;
        self.clusters
            .entry(name.to_owned())
            .or_insert_with(|| Cluster::new(location, name))
    }

    /// Registers the next revision of a family, with one container per image (`main`, then
    /// `sidecar-1`, ...); answers `family:revision`.
    pub fn register<I: AsRef<str>>(
        &mut self,
        family: &str,
        images: impl IntoIterator<Item = I>,
    ) -> String {
        let containers = images.into_iter().enumerate().map(|(number, image)| {
            let name = if number == 0 {
                "main".to_owned()
            } else {
                format!("sidecar-{number}")
            };
            ContainerDefinition::new(name, image.as_ref())
        });
        let containers = containers.collect();
        let end = format!("{family};");
        let newest = self
            .task_definitions
            .range(format!("{family}:")..end)
            .next_back();
        let revision = newest.map_or(1, |(_, definition)| definition.revision + 1);
        let definition =
            TaskDefinition::new(&self.location, family, revision, containers, self.now);
        self.task_definitions.insert(definition.key(), definition);
        format!("{family}:{revision}")
    }

    /// Returns a task definition by ARN, `family:revision`, or family (the newest active revision).
    #[must_use]
    pub fn task_definition(&self, reference: &str) -> Option<&TaskDefinition> {
        let name = reference.rsplit('/').next().unwrap_or(reference);
        if let Some((family, revision)) = name.split_once(':') {
            let revision = revision.parse().ok()?;
            return self
                .task_definitions
                .get(&TaskDefinition::key_of(family, revision));
        }
        self.task_definitions
            .range(format!("{name}:")..format!("{name};"))
            .map(|(_, definition)| definition)
            .rfind(|definition| definition.status == "ACTIVE")
    }

    /// Removes a revision, which is given as `family:revision` or by ARN, as ECS does some time after
    /// `DeleteTaskDefinitions`.
    ///
    /// # Panics
    /// If there is no such revision: the test is wrong.
    pub fn delete_definition(&mut self, reference: &str) {
        let key = self.task_definition(reference).map(TaskDefinition::key);
        let deleted = key.and_then(|key| self.task_definitions.remove(&key));
        assert!(deleted.is_some(), "no task definition `{reference}`");
    }

    /// Changes the status of a revision, which is given as `family:revision` or by ARN.
    ///
    /// # Panics
    /// If there is no such revision: the test is wrong.
    pub fn set_status(&mut self, reference: &str, status: &str) {
        let key = self.task_definition(reference).map(TaskDefinition::key);
        let definition = key.and_then(|key| self.task_definitions.get_mut(&key));
        let Some(definition) = definition else {
            panic!("no task definition `{reference}`")
        };
        status.clone_into(&mut definition.status);
        if status != "ACTIVE" {
            definition.deregistered_at = Some(self.now);
        }
        if status == "DELETE_IN_PROGRESS" {
            definition.delete_requested_at = Some(self.now);
        }
    }
}

/// Returns the ARN of an ECS resource.
pub(crate) fn arn(location: &Location, resource: &str) -> String {
    format!(
        "arn:aws:ecs:{}:{}:{resource}",
        location.region, location.account
    )
}

/// A cluster.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Cluster {
    /// Its ARN.
    pub cluster_arn: String,
    /// Its name.
    pub cluster_name: String,
    /// `ACTIVE` unless changed.
    pub status: String,
    /// Capacity providers; may be empty, but is always answered.
    pub capacity_providers: Vec<String>,
    /// Services by name.
    #[serde(skip)]
    pub services: BTreeMap<String, Service>,
    /// Tasks by ARN, stopped ones too.
    #[serde(skip)]
    pub tasks: BTreeMap<String, Task>,
    #[serde(skip)]
    location: Location,
}

impl Cluster {
    fn new(location: &Location, name: &str) -> Self {
        Self {
            cluster_arn: arn(location, &format!("cluster/{name}")),
            cluster_name: name.to_owned(),
            status: "ACTIVE".to_owned(),
            capacity_providers: Vec::new(),
            services: BTreeMap::new(),
            tasks: BTreeMap::new(),
            location: location.clone(),
        }
    }

    /// A service, made when it is new: active, without task definition.
    pub fn service(&mut self, name: &str) -> &mut Service {
        let (location, cluster) = (&self.location, &self.cluster_name);
        self.services
            .entry(name.to_owned())
            .or_insert_with(|| Service::new(location, cluster, name))
    }

    /// Adds a running task of any shape; see [`crate::World::run_task`] for one that does what ECS
    /// does.
    pub fn task(&mut self, id: &str) -> &mut Task {
        let arn = arn(&self.location, &format!("task/{}/{id}", self.cluster_name));
        let cluster = &self.cluster_arn;
        self.tasks
            .entry(arn.clone())
            .or_insert_with(|| Task::new(cluster, arn))
    }
}
