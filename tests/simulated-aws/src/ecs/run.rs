//! What ECS does by itself: it resolves tags, pulls, and remembers what it resolved.

use crate::ecs::service::{Deployment, RevisionReference, ServiceDeployment, ServiceRevision};
use crate::ecs::task::{Container, ContainerDefinition, ContainerImage, Task};
use crate::world::{Location, World};

impl World {
    /// Runs a task in a cluster of the home location and answers its ARN; see
    /// [`World::run_task_at`].
    pub fn run_task(&mut self, cluster: &str, task_definition: &str) -> String {
        let home = self.home.clone();
        self.run_task_at(&home, cluster, task_definition)
    }

    /// Runs a task: each tag is resolved in its repository, the container gets the digest, and the
    /// pull time of the image (of an index also of its first child) becomes now. A digest that is
    /// not there leaves `imageDigest` out.
    ///
    /// # Panics
    /// If there is no such task definition: the test is wrong.
    pub fn run_task_at(
        &mut self,
        location: &Location,
        cluster: &str,
        task_definition: &str,
    ) -> String {
        let (definition, containers) = self.definition(location, task_definition);
        let images = self.pull_all(&containers);
        let now = self.now;
        let region = self.at(location);
        region.ecs.now = now;
        let id = format!("{:0>32}", region.ecs.number());
        let family = task_definition.rsplit('/').next().unwrap_or_default();
        let family = family.split(':').next().unwrap_or_default();
        let task = region.ecs.cluster(cluster).task(&id);
        *task = Task {
            task_definition_arn: Some(definition),
            containers: images
                .into_iter()
                .map(|image| Container {
                    name: image.container_name,
                    image: Some(image.image),
                    image_digest: image.image_digest,
                })
                .collect(),
            group: Some(format!("family:{family}")),
            created_at: Some(now),
            ..Task::new(&task.cluster_arn, task.task_arn.clone())
        };
        task.task_arn.clone()
    }

    /// Deploys a task definition to a service of the home location; see [`World::deploy_at`].
    pub fn deploy(&mut self, cluster: &str, service: &str, task_definition: &str) -> String {
        let home = self.home.clone();
        self.deploy_at(&home, cluster, service, task_definition)
    }

    /// Deploys a task definition to a service, made when it is new: a service revision with the
    /// digests its tags mean now, a successful service deployment from the revisions before to it,
    /// and a primary deployment; the one before stays as `ACTIVE`, older ones go. Starts no tasks.
    /// Answers the ARN of the service deployment.
    ///
    /// # Panics
    /// If there is no such task definition: the test is wrong.
    pub fn deploy_at(
        &mut self,
        location: &Location,
        cluster: &str,
        service: &str,
        task_definition: &str,
    ) -> String {
        let (definition, containers) = self.definition(location, task_definition);
        let container_images = self.pull_all(&containers);
        let now = self.now;
        let ecs = &mut self.at(location).ecs;
        let number = ecs.number();
        let resource = |kind: &str| format!("{kind}/{cluster}/{service}/{number}");
        let revision_arn = ecs.arn(&resource("service-revision"));
        let deployment_arn = ecs.arn(&resource("service-deployment"));
        let service = ecs.cluster(cluster).service(service);
        let tasks = service.desired_count;
        let target = RevisionReference::new(&revision_arn, tasks);
        let sources =
            std::mem::replace(&mut service.current_service_revisions, vec![target.clone()]);
        service.task_definition = Some(definition.clone());
        service.current_service_deployment = Some(deployment_arn.clone());
        service.deployments.truncate(1);
        for deployment in &mut service.deployments {
            "ACTIVE".clone_into(&mut deployment.status);
        }
        let primary = Deployment {
            id: format!("ecs-svc/{number}"),
            status: "PRIMARY".to_owned(),
            task_definition: definition.clone(),
            desired_count: tasks,
            running_count: tasks,
            created_at: now,
            rollout_state: "COMPLETED".to_owned(),
        };
        service.deployments.insert(0, primary);
        let (service_arn, cluster_arn) = (service.service_arn.clone(), service.cluster_arn.clone());
        let revision = ServiceRevision {
            service_revision_arn: revision_arn.clone(),
            service_arn: service_arn.clone(),
            cluster_arn: cluster_arn.clone(),
            task_definition: definition,
            container_images,
            created_at: now,
        };
        let deployment = ServiceDeployment {
            service_deployment_arn: deployment_arn.clone(),
            service_arn,
            cluster_arn,
            status: "SUCCESSFUL".to_owned(),
            source_service_revisions: sources,
            target_service_revision: Some(target),
            rollback: None,
            created_at: now,
            finished_at: Some(now),
        };
        ecs.service_revisions.insert(revision_arn, revision);
        ecs.service_deployments
            .insert(deployment_arn.clone(), deployment);
        deployment_arn
    }

    /// Pulls an image by reference, as a machine would; answers the digest, if the image is there.
    pub fn pull(&mut self, reference: &str) -> Option<String> {
        let (host, rest) = reference.split_once('/')?;
        let mut host = host.split('.');
        let (account, region) = (host.next()?, host.nth(2)?);
        let location = Location::new(account, region);
        let now = self.now;
        let (rest, digest) = match rest.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest)),
            None => (rest, None),
        };
        let (name, tag) = rest.split_once(':').unwrap_or((rest, "latest"));
        let repository = self
            .regions
            .get_mut(&location)?
            .ecr
            .repositories
            .get_mut(name)?;
        repository.now = now;
        let digest = match digest {
            Some(digest) => digest.to_owned(),
            None => repository.digest(tag)?.to_owned(),
        };
        if repository.image(&digest)?.status != "ACTIVE" {
            return None;
        }
        repository.pull(&digest);
        Some(digest)
    }

    fn definition(
        &mut self,
        location: &Location,
        reference: &str,
    ) -> (String, Vec<ContainerDefinition>) {
        let Some(definition) = self.at(location).ecs.task_definition(reference) else {
            panic!("no task definition `{reference}`")
        };
        let arn = definition.task_definition_arn.clone();
        (arn, definition.container_definitions.clone())
    }

    fn pull_all(&mut self, containers: &[ContainerDefinition]) -> Vec<ContainerImage> {
        let images = containers.iter().map(|container| ContainerImage {
            container_name: container.name.clone(),
            image: container.image.clone(),
            image_digest: self.pull(&container.image),
        });
        images.collect()
    }
}
