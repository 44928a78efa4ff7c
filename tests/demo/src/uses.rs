//! Every ECR image that ECS names, read from the world itself: the second opinion on what must
//! never be deleted.

use std::{collections::BTreeSet, fmt};

use simulated_aws::{Cluster, Ecs, Region, Service, Task, World};

/// An image that something names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Use {
    /// For people: `service production/web`.
    pub user: String,
    /// The repository, of the home account and Region.
    pub repository: String,
    /// How the image is named.
    pub reference: Reference,
}

/// How an image is named in its repository.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reference {
    /// By its digest.
    Digest(String),
    /// By one of its tags.
    Tag(String),
}

impl fmt::Display for Use {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.reference {
            Reference::Digest(digest) => write!(formatter, "{}@{digest}", self.repository),
            Reference::Tag(tag) => write!(formatter, "{}:{tag}", self.repository),
        }
    }
}

/// Returns what ECS names in the home account and Region: services with their deployments and
/// revisions, tasks that run, and every active task definition.
#[must_use]
pub fn uses(world: &World) -> BTreeSet<Use> {
    let Some(region) = world.regions.get(&world.home) else {
        return BTreeSet::new();
    };
    let (account, name) = (&world.home.account, &world.home.region);
    let mut found = Found {
        host: format!("{account}.dkr.ecr.{name}.amazonaws.com/"),
        region,
        uses: BTreeSet::new(),
    };
    for cluster in region.ecs.clusters.values() {
        for service in cluster.services.values() {
            found.service(&region.ecs, cluster, service);
        }
        let running = cluster.tasks.values();
        for task in running.filter(|task| task.desired_status == "RUNNING") {
            found.task(cluster, task);
        }
    }
    let definitions = region.ecs.task_definitions.values();
    for definition in definitions.filter(|definition| definition.status == "ACTIVE") {
        let name = format!("{}:{}", definition.family, definition.revision);
        found.definition(&format!("task definition {name}"), &name);
    }
    found.uses
}

/// Returns the digest that a pull would get now, or `None` if it would fail.
#[must_use]
pub fn digest_of(world: &World, one: &Use) -> Option<String> {
    let repository = world.stored(&one.repository)?;
    let digest = match &one.reference {
        Reference::Digest(digest) => digest,
        Reference::Tag(tag) => repository.digest(tag)?,
    };
    let image = repository.image(digest)?;
    (image.status == "ACTIVE").then(|| digest.to_owned())
}

struct Found<'a> {
    /// What the references of the home account and Region begin with.
    host: String,
    region: &'a Region,
    uses: BTreeSet<Use>,
}

impl Found<'_> {
    fn service(&mut self, ecs: &Ecs, cluster: &Cluster, service: &Service) {
        let user = format!("service {}/{}", cluster.cluster_name, service.service_name);
        let deployed = service.deployments.iter();
        let deployed = deployed.map(|deployment| &deployment.task_definition);
        for definition in service.task_definition.iter().chain(deployed) {
            self.definition(&user, definition);
        }
        for current in &service.current_service_revisions {
            let revision = ecs.service_revisions.get(&current.arn);
            for pinned in revision.into_iter().flat_map(|one| &one.container_images) {
                self.add(&user, &pinned.image, pinned.image_digest.as_deref());
            }
        }
    }

    fn task(&mut self, cluster: &Cluster, task: &Task) {
        let definition = task.task_definition_arn.as_deref().unwrap_or_default();
        let (_, name) = definition.rsplit_once('/').unwrap_or_default();
        let user = format!("task {}/{name}", cluster.cluster_name);
        self.definition(&user, definition);
        for container in &task.containers {
            let image = container.image.as_deref().unwrap_or_default();
            self.add(&user, image, container.image_digest.as_deref());
        }
    }

    fn definition(&mut self, user: &str, reference: &str) {
        let definition = self.region.ecs.task_definition(reference);
        let containers = definition
            .into_iter()
            .flat_map(|one| &one.container_definitions);
        let images: Vec<&String> = containers.map(|container| &container.image).collect();
        for image in images {
            self.add(user, image, None);
        }
    }

    fn add(&mut self, user: &str, image: &str, resolved: Option<&str>) {
        let Some(name) = image.strip_prefix(&self.host) else {
            return;
        };
        let (repository, reference) = match (name.split_once('@'), name.split_once(':')) {
            (Some((repository, digest)), _) => (repository, Reference::Digest(digest.to_owned())),
            (_, Some((repository, tag))) => (repository, Reference::Tag(tag.to_owned())),
            _ => (name, Reference::Tag("latest".to_owned())),
        };
        let resolved = resolved.map(|digest| Reference::Digest(digest.to_owned()));
        for reference in [Some(reference), resolved].into_iter().flatten() {
            self.uses.insert(Use {
                user: user.to_owned(),
                repository: repository.to_owned(),
                reference,
            });
        }
    }
}
