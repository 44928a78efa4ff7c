//! Task definitions: all active ones, and whatever anything names, in any state. Each is described
//! once.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use aws_sdk_ecs::types::TaskDefinitionStatus;
use futures::{StreamExt, TryStreamExt, stream};

use super::{Ecs, add, last_part};
use crate::{
    aws::{ApiError, Cause, Operation, list},
    config::TaskDefinitions,
    evidence::{SourceError, User, Uses},
    image::{Arn, Partition, Registry},
};

const AT_ONCE: usize = 16;

impl Ecs {
    /// Adds the images of every task definition that counts. `named` are those that something
    /// names, by ARN.
    pub(super) async fn read_task_definitions(
        &self,
        mut named: BTreeMap<String, BTreeSet<Arc<User>>>,
        uses: &mut Uses,
    ) -> Result<(), SourceError> {
        let counting = self.counting_definitions().await?;
        // A schedule starts the newest revision of a family.
        let newest: BTreeSet<String> = newest(counting.clone(), 1)?.into_iter().collect();
        for arn in counting {
            let live = newest.contains(&arn);
            let user = self.user(User::TASK_DEFINITION, last_part(&arn), None, live);
            named.entry(arn).or_default().insert(user);
        }
        let definitions = stream::iter(named).map(|(arn, users)| async move {
            let images = self.images_of(&arn).await?;
            Ok::<_, ApiError>((users, images))
        });
        let mut definitions = definitions.buffer_unordered(AT_ONCE);
        while let Some((users, images)) = definitions.try_next().await? {
            for user in &users {
                for image in &images {
                    add(uses, user, image, None)?;
                }
            }
        }
        Ok(())
    }

    /// Lists the active task definitions that count though nothing may name them: somebody can
    /// start one at any time.
    async fn counting_definitions(&self) -> Result<Vec<String>, ApiError> {
        if self.task_definitions == TaskDefinitions::Referenced {
            return Ok(Vec::new());
        }
        let request = || {
            let request = self.clients.ecs.list_task_definitions();
            request
                .status(TaskDefinitionStatus::Active)
                .max_results(100)
        };
        let arns = list!(
            self.clients,
            ListTaskDefinitions,
            "",
            request(),
            task_definition_arns
        );
        let arns = arns.await?;
        match self.task_definitions {
            TaskDefinitions::Newest(count) => newest(arns, count.get() as usize),
            TaskDefinitions::Active | TaskDefinitions::Referenced => Ok(arns),
        }
    }

    /// Reads the images of all containers of a task definition. A revision never changes, so each
    /// is read once.
    pub(in crate::sources) async fn images_of(&self, arn: &str) -> Result<Vec<String>, ApiError> {
        // A family without a revision means another one tomorrow.
        if !is_revision(arn) {
            return self.describe_definition(arn).await;
        }
        let (known, read) = (&self.caches.definitions, self.describe_definition(arn));
        let is_good = |images: &Vec<String>| !images.is_empty();
        known.get_or_read(arn.to_owned(), is_good, read).await
    }

    /// Reads the images of a task definition that something outside ECS names, as `family` (its
    /// newest ACTIVE revision) or `family:revision`.
    ///
    /// There are none if the family has no ACTIVE revision, since then nothing can start it. One
    /// that ECS does not describe for another reason is an error.
    pub(in crate::sources) async fn images_of_named(
        &self,
        name: &str,
    ) -> Result<Vec<String>, ApiError> {
        let Registry { account, region } = &self.location;
        let (family, asked) = match (name.split_once(':'), Partition::of(region)) {
            // By its ARN, so that it is not described once more for its other name.
            (Some((family, _)), Some(Partition { id, .. })) => {
                let arn = format!("arn:{id}:ecs:{region}:{account}:task-definition/{name}");
                (family, arn)
            }
            (named, _) => (named.map_or(name, |(family, _)| family), name.to_owned()),
        };
        match self.images_of(&asked).await {
            Err(error) if error.cause == Cause::ClientException => {
                let is_active = self.has_active_revision(family).await?;
                if is_active {
                    Err(error)
                } else {
                    Ok(Vec::new())
                }
            }
            read => read,
        }
    }

    async fn has_active_revision(&self, family: &str) -> Result<bool, ApiError> {
        let request = || {
            let request = self.clients.ecs.list_task_definitions();
            let request = request.status(TaskDefinitionStatus::Active);
            request.family_prefix(family).max_results(100)
        };
        let arns = list!(
            self.clients,
            ListTaskDefinitions,
            family,
            request(),
            task_definition_arns
        );
        Ok(!arns.await?.is_empty())
    }

    async fn describe_definition(&self, arn: &str) -> Result<Vec<String>, ApiError> {
        const OPERATION: Operation = Operation::DescribeTaskDefinition;
        let request = self.clients.ecs.describe_task_definition();
        let request = request.task_definition(arn).send();
        let answer = self.clients.call(OPERATION, arn, request).await?;
        let incomplete = |what: &str| ApiError::answer(OPERATION, arn, what);
        let definition = answer
            .task_definition()
            .ok_or_else(|| incomplete("the answer holds no task definition"))?;
        let containers = definition.container_definitions().iter();
        let images = containers.map(|container| container.image().map(ToOwned::to_owned));
        let images: Option<Vec<String>> = images.collect();
        images
            .filter(|images| !images.is_empty())
            .ok_or_else(|| incomplete("a container without an image"))
    }
}

/// Returns whether this is the ARN of one revision.
fn is_revision(arn: &str) -> bool {
    let arn = arn.parse::<Arn>().ok();
    let revision = arn.as_ref().and_then(|arn| arn.resource.rsplit_once(':'));
    revision.is_some_and(|(_, revision)| revision.parse::<u64>().is_ok())
}

/// Returns the `count` highest revisions of each family.
fn newest(arns: Vec<String>, count: usize) -> Result<Vec<String>, ApiError> {
    let mut families: BTreeMap<String, BTreeMap<u64, String>> = BTreeMap::new();
    for arn in arns {
        let (family, revision) = arn
            .rsplit_once(':')
            .and_then(|(family, revision)| Some((family.to_owned(), revision.parse().ok()?)))
            .ok_or_else(|| {
                let operation = Operation::ListTaskDefinitions;
                ApiError::answer(operation, &arn, "not the ARN of a revision")
            })?;
        families.entry(family).or_default().insert(revision, arn);
    }
    Ok(families
        .into_values()
        .flat_map(|revisions| revisions.into_values().rev().take(count))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_revision_never_changes() {
        let arn = "arn:aws:ecs:eu-west-1:111111111111:task-definition/app";
        assert!(is_revision(&format!("{arn}:7")));
        for other in [arn, "app:7", "app", &format!("{arn}:")] {
            assert!(!is_revision(other), "{other}");
        }
    }

    #[test]
    fn the_newest_are_the_highest_revisions_of_each_family() {
        let arn = |name: &str| format!("arn:aws:ecs:eu-west-1:111111111111:task-definition/{name}");
        let all = ["a:9", "a:10", "a:2", "b:1"].map(arn).to_vec();
        assert_eq!(newest(all, 2).unwrap(), ["a:10", "a:9", "b:1"].map(arn));
        assert!(newest(vec![arn("a")], 1).is_err());
    }
}
