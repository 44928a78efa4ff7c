//! Definitions of tasks and daemons: all active ones, and whatever anything names, in any state.
//! Each is described once.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use aws_sdk_ecs::types::{TaskDefinition, TaskDefinitionStatus};
use futures::{StreamExt, TryStreamExt, stream};

use super::{
    Ecs, add,
    findings::{Findings, Named, Told},
    last_part,
};
use crate::{
    aws::{ApiError, Cause, Operation, list},
    config::{ConfigRecorder, TaskDefinitions},
    evidence::{SourceError, User, Uses},
    image::{Arn, Partition, Registry},
};

pub(super) const AT_ONCE: usize = 16;

/// What a definition is of: ECS lists and describes each kind by operations of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Definition {
    Task,
    Daemon,
}

impl Definition {
    const ALL: [Self; 2] = [Self::Task, Self::Daemon];

    /// Returns what a definition of this ARN is of.
    pub(super) fn of(arn: &str) -> Self {
        let arn = arn.parse::<Arn>().ok();
        let is_daemon = |arn: &Arn| arn.resource.starts_with("daemon-task-definition/");
        if arn.as_ref().is_some_and(is_daemon) {
            Self::Daemon
        } else {
            Self::Task
        }
    }

    const fn user_kind(self) -> &'static str {
        match self {
            Self::Task => User::TASK_DEFINITION,
            Self::Daemon => "ECS daemon task definition",
        }
    }

    const fn list(self) -> Operation {
        match self {
            Self::Task => Operation::ListTaskDefinitions,
            Self::Daemon => Operation::ListDaemonTaskDefinitions,
        }
    }

    const fn describe(self) -> Operation {
        match self {
            Self::Task => Operation::DescribeTaskDefinition,
            Self::Daemon => Operation::DescribeDaemonTaskDefinition,
        }
    }
}

impl Ecs {
    /// Adds the images of every definition that counts, besides those that something names. Returns
    /// a remark on how they were read.
    pub(super) async fn read_definitions(
        &self,
        findings: Findings,
        uses: &mut Uses,
    ) -> Result<Option<String>, SourceError> {
        let mut named = findings.definitions;
        let first = named.keys().filter(|(_, arn)| is_revision(arn)).cloned();
        let first = first.collect();
        let (active, first) =
            tokio::join!(self.add_counting(&mut named), self.describe_first(first));
        let (active, first) = (active?, &first);
        let progress = &self.caches.progress;
        progress.expect(named.len());
        let recorded = &self.recorded(&named, &active).await?;
        let definitions = stream::iter(named).map(|(definition, users)| async move {
            let (kind, arn) = &definition;
            let recorded = || recorded.images_of(&definition).map(Ok);
            let images = match first.get(&definition).cloned().or_else(recorded) {
                Some(images) => images,
                None => self.images_of(*kind, arn).await,
            };
            let images = match images {
                Err(error) if error.cause == Cause::ClientException => Err(error),
                images => Ok(images?),
            };
            Ok::<_, ApiError>((definition, users, images))
        });
        let mut definitions = definitions.buffer_unordered(AT_ONCE);
        let mut deleted = Vec::new();
        while let Some((definition, users, images)) = definitions.try_next().await? {
            progress.advance();
            let images = match images {
                Ok(images) => images,
                Err(error) => {
                    deleted.push((definition, error));
                    continue;
                }
            };
            for image in &images {
                for user in &users {
                    add(uses, user, image, None)?;
                }
                let unpinned = findings.unpinned.get(&definition);
                for (user, why) in unpinned.into_iter().flatten() {
                    if !uses.add_doubt(user, image, why) {
                        let operation = definition.0.describe();
                        return Err(ApiError::answer(operation, &definition.1, why).into());
                    }
                }
            }
        }
        let in_doubt = self.still_needed(deleted, &findings.needed).await?;
        for ((user, image), error) in in_doubt {
            if !uses.add_doubt(user, image, &error.to_string()) {
                return Err(error.into());
            }
        }
        Ok(recorded.note.clone())
    }

    /// Describes revisions that something names while the others are listed, which takes seconds:
    /// page after page. A family means another one then. If AWS Config may be asked for their text, nothing is described yet.
    async fn describe_first(
        &self,
        named: Vec<(Definition, String)>,
    ) -> BTreeMap<(Definition, String), Result<Vec<String>, ApiError>> {
        if self.recorder == ConfigRecorder::Auto {
            return BTreeMap::new();
        }
        let described = stream::iter(named).map(|(kind, arn)| async move {
            let images = self.images_of(kind, &arn).await;
            ((kind, arn), images)
        });
        let mut described = described.buffer_unordered(AT_ONCE);
        let mut first = BTreeMap::new();
        while let Some((definition, images)) = described.next().await {
            let is_failure = |error: &ApiError| error.cause != Cause::ClientException;
            let is_over = images.as_ref().err().is_some_and(is_failure);
            first.insert(definition, images);
            if is_over {
                break;
            }
        }
        first
    }

    /// Adds the definitions that count though nothing may name them, and returns those of tasks that
    /// are ACTIVE, if AWS Config may be asked for their text.
    async fn add_counting(&self, named: &mut Named) -> Result<BTreeSet<String>, ApiError> {
        let mut active = BTreeSet::new();
        for kind in Definition::ALL {
            let listed = self.list_if_needed(kind).await?;
            if kind == Definition::Task && self.recorder == ConfigRecorder::Auto {
                active.extend(listed.iter().cloned());
            }
            let counting = self.counting(kind, listed)?;
            // A schedule starts the newest revision of a family.
            let newest: BTreeSet<String> = match kind {
                Definition::Task => newest(kind, counting.clone(), 1)?.into_iter().collect(),
                Definition::Daemon => BTreeSet::new(),
            };
            for arn in counting {
                let live = newest.contains(&arn);
                let user = self.user(kind.user_kind(), last_part(&arn), None, live);
                named.entry((kind, arn)).or_default().insert(user);
            }
        }
        Ok(active)
    }

    /// Returns the images of deleted definitions by which something starts, each with the error of
    /// describing it. ECS deletes none of these; what only the past names starts nothing.
    ///
    /// # Errors
    /// Returns an error if one is not deleted, or nothing tells its images.
    async fn still_needed<'n>(
        &self,
        deleted: Vec<((Definition, String), ApiError)>,
        needed: &'n Told,
    ) -> Result<Vec<(&'n (Arc<User>, String), ApiError)>, ApiError> {
        let mut active = BTreeSet::new();
        for kind in Definition::ALL {
            if deleted.iter().any(|((of, _), _)| *of == kind) {
                active.extend(self.list_active(kind).await?);
            }
        }
        let mut in_doubt = Vec::new();
        for (definition, error) in deleted {
            let images = needed.get(&definition);
            if active.contains(&definition.1) || images.is_some_and(BTreeSet::is_empty) {
                return Err(error);
            }
            let images = images.into_iter().flatten();
            in_doubt.extend(images.map(|image| (image, error.clone())));
        }
        Ok(in_doubt)
    }

    /// Lists the ARNs of all ACTIVE definitions.
    async fn list_active(&self, kind: Definition) -> Result<Vec<String>, ApiError> {
        match kind {
            Definition::Task => self.active_definitions(None).await,
            Definition::Daemon => self.active_daemon_definitions().await,
        }
    }

    /// Lists the ACTIVE definitions, if some of them count though nothing may name them, or AWS Config
    /// may be asked for their text.
    async fn list_if_needed(&self, kind: Definition) -> Result<Vec<String>, ApiError> {
        let is_recorded = kind == Definition::Task && self.recorder == ConfigRecorder::Auto;
        if self.task_definitions == TaskDefinitions::Referenced && !is_recorded {
            return Ok(Vec::new());
        }
        self.list_active(kind).await
    }

    /// Returns the ACTIVE definitions that count though nothing may name them: somebody can start one
    /// at any time.
    fn counting(&self, kind: Definition, active: Vec<String>) -> Result<Vec<String>, ApiError> {
        match self.task_definitions {
            TaskDefinitions::Active => Ok(active),
            TaskDefinitions::Referenced => Ok(Vec::new()),
            TaskDefinitions::Newest(count) => newest(kind, active, count.get() as usize),
        }
    }

    /// Lists the ARNs of all ACTIVE task definitions, or of those of one family.
    async fn active_definitions(&self, family: Option<&str>) -> Result<Vec<String>, ApiError> {
        let request = || {
            let request = self.clients.ecs.list_task_definitions();
            let request = request.set_family_prefix(family.map(ToOwned::to_owned));
            request
                .status(TaskDefinitionStatus::Active)
                .max_results(100)
        };
        let about = family.unwrap_or_default();
        list!(
            self.clients,
            ListTaskDefinitions,
            about,
            request(),
            task_definition_arns
        )
        .await
    }

    /// Reads the images of all containers of a definition. A revision never changes, so each is
    /// read once.
    pub(super) async fn images_of(
        &self,
        kind: Definition,
        arn: &str,
    ) -> Result<Vec<String>, ApiError> {
        // A family without a revision means another one tomorrow.
        if !is_revision(arn) {
            return self.describe_definition(kind, arn).await;
        }
        let read = self.describe_definition(kind, arn);
        let known = &self.caches.definitions;
        let is_good = |images: &Vec<String>| !images.is_empty();
        known.get_or_read(arn.to_owned(), is_good, read).await
    }

    /// Reads the images of a task definition that something outside ECS names, as `family` (its
    /// newest ACTIVE revision) or `family:revision`.
    ///
    /// There are none if the revision is not ACTIVE, or the family has no ACTIVE one, since then
    /// nothing can start it. One that ECS does not describe for another reason is an error.
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
        match self.images_of(Definition::Task, &asked).await {
            Err(error) if error.cause == Cause::ClientException => {
                let active = self.active_definitions(Some(family)).await?;
                let is_named = |arn: &String| name == family || last_part(arn) == name;
                let starts = active.iter().any(is_named);
                (!starts).then(Vec::new).ok_or(error)
            }
            read => read,
        }
    }

    async fn describe_definition(
        &self,
        kind: Definition,
        arn: &str,
    ) -> Result<Vec<String>, ApiError> {
        let images = match kind {
            Definition::Task => self.describe_task_definition(arn).await?,
            Definition::Daemon => self.describe_daemon_definition(arn).await?,
        };
        let incomplete = || ApiError::answer(kind.describe(), arn, "a container without an image");
        let images: Option<Vec<String>> = images.into_iter().collect();
        images.filter(|it| !it.is_empty()).ok_or_else(incomplete)
    }

    /// Reads the images of all containers of a task definition; `None` for one without.
    async fn describe_task_definition(&self, arn: &str) -> Result<Vec<Option<String>>, ApiError> {
        const OPERATION: Operation = Operation::DescribeTaskDefinition;
        let request = self.clients.ecs.describe_task_definition();
        let request = request.task_definition(arn).send();
        let answer = self.clients.call(OPERATION, arn, request).await?;
        let containers = answer.task_definition();
        let containers = containers.map(TaskDefinition::container_definitions);
        let images = containers.unwrap_or_default().iter();
        Ok(images
            .map(|container| container.image().map(ToOwned::to_owned))
            .collect())
    }
}

/// Returns whether this is the ARN of one revision.
pub(super) fn is_revision(arn: &str) -> bool {
    let arn = arn.parse::<Arn>().ok();
    let revision = arn.as_ref().and_then(|arn| arn.resource.rsplit_once(':'));
    revision.is_some_and(|(_, revision)| revision.parse::<u64>().is_ok())
}

/// Returns the `count` highest revisions of each family.
fn newest(kind: Definition, arns: Vec<String>, count: usize) -> Result<Vec<String>, ApiError> {
    let mut families: BTreeMap<String, BTreeMap<u64, String>> = BTreeMap::new();
    for arn in arns {
        let (family, revision) = arn
            .rsplit_once(':')
            .and_then(|(family, revision)| Some((family.to_owned(), revision.parse().ok()?)))
            .ok_or_else(|| ApiError::answer(kind.list(), &arn, "not the ARN of a revision"))?;
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
    fn a_definition_of_a_daemon_is_told_by_its_arn() {
        for (name, expected) in [
            ("task-definition/agent:1", Definition::Task),
            ("daemon-task-definition/agent:1", Definition::Daemon),
        ] {
            let arn = format!("arn:aws:ecs:eu-west-1:111111111111:{name}");
            assert_eq!(Definition::of(&arn), expected);
        }
    }

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
        assert_eq!(
            newest(Definition::Task, all, 2).unwrap(),
            ["a:10", "a:9", "b:1"].map(arn)
        );
        assert!(newest(Definition::Task, vec![arn("a")], 1).is_err());
    }
}
