//! Contents of clusters, before the things they name are looked up.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use aws_smithy_types::DateTime;
use futures::{Stream, TryStreamExt};

use super::definitions::Definition;
use crate::{
    aws::{ApiError, Operation},
    evidence::User,
    image::Time,
};

/// Statuses of deployments that have ended.
const FINISHED: [&str; 4] = [
    "SUCCESSFUL",
    "STOPPED",
    "ROLLBACK_SUCCESSFUL",
    "ROLLBACK_FAILED",
];
/// Number of services that a remark names.
const SHOWN: usize = 5;

/// Definitions of tasks and daemons that something names, by ARN, with who names them.
pub(super) type Named = BTreeMap<(Definition, String), BTreeSet<Arc<User>>>;

/// What is told of definitions, with whose definition it is.
pub(super) type Told = BTreeMap<(Definition, String), BTreeSet<(Arc<User>, String)>>;

/// What becomes of a revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Need {
    /// It is what a finished deployment came from: nothing starts it by itself.
    Past,
    /// It may be started at any time.
    Starts,
    /// Tasks of it run, which say their digests.
    Runs,
}

impl Need {
    /// Returns the need of a revision that a service or daemon has now, with so many tasks.
    pub(super) const fn of_current(running: i32) -> Self {
        if running > 0 {
            Self::Runs
        } else {
            Self::Starts
        }
    }

    /// Returns the need of what a deployment comes from, by its status: one that is under way goes
    /// back there.
    pub(super) fn of_source(status: Option<&str>) -> Self {
        let has_ended = |status: &str| FINISHED.contains(&status);
        if status.is_some_and(has_ended) {
            Self::Past
        } else {
            Self::Starts
        }
    }
}

/// A revision that an answer names.
pub(super) struct Revision {
    pub(super) user: Arc<User>,
    pub(super) need: Need,
}

/// Contents of clusters.
#[derive(Default)]
pub(super) struct Findings {
    /// Image, digest if it is resolved, and who uses it.
    pub(super) images: Vec<(Arc<User>, String, Option<String>)>,
    pub(super) definitions: Named,
    /// Images of definitions by which something may start, as tasks and revisions say them.
    pub(super) needed: Told,
    /// Definitions by which services start images whose digests nothing tells, with what is not
    /// known.
    pub(super) unpinned: Told,
    /// Who names what ECS does not describe any more.
    forgotten: BTreeSet<String>,
    // What is to be looked up, by ARN.
    pub(super) deployments: BTreeMap<String, Arc<User>>,
    pub(super) revisions: BTreeMap<String, Revision>,
    pub(super) daemon_deployments: BTreeMap<String, Arc<User>>,
    pub(super) daemon_revisions: BTreeMap<String, Revision>,
}

impl Findings {
    pub(super) fn merge(&mut self, other: Self) {
        self.images.extend(other.images);
        for (definition, users) in other.definitions {
            self.definitions
                .entry(definition)
                .or_default()
                .extend(users);
        }
        for (definition, images) in other.needed {
            self.needed.entry(definition).or_default().extend(images);
        }
        self.deployments.extend(other.deployments);
        self.daemon_deployments.extend(other.daemon_deployments);
        for (arn, revision) in other.revisions {
            add(&mut self.revisions, arn, revision);
        }
        for (arn, revision) in other.daemon_revisions {
            add(&mut self.daemon_revisions, arn, revision);
        }
    }

    /// Adds an image. Containers that ECS itself adds have none to their name.
    pub(super) fn add_image(
        &mut self,
        user: &Arc<User>,
        image: Option<&str>,
        digest: Option<&str>,
    ) {
        if let Some(image) = image {
            let digest = digest.map(ToOwned::to_owned);
            let image = (Arc::clone(user), image.to_owned(), digest);
            self.images.push(image);
        }
    }

    /// Adds a definition that something names which does not start it any more.
    pub(super) fn name_definition(&mut self, user: &Arc<User>, arn: Option<&str>) {
        if let Some(arn) = arn {
            let definition = (Definition::of(arn), arn.to_owned());
            let users = self.definitions.entry(definition).or_default();
            users.insert(Arc::clone(user));
        }
    }

    /// Adds a definition by which something may start, with the images of its containers as far as
    /// they are known.
    pub(super) fn need_definition<'i>(
        &mut self,
        user: &Arc<User>,
        arn: Option<&str>,
        images: impl IntoIterator<Item = Option<&'i str>>,
    ) {
        self.name_definition(user, arn);
        if let Some(arn) = arn {
            let definition = (Definition::of(arn), arn.to_owned());
            let images = images.into_iter().flatten();
            let images = images.map(|image| (Arc::clone(user), image.to_owned()));
            self.needed.entry(definition).or_default().extend(images);
        }
    }

    /// Adds what a revision runs: its definition, and its images with their digests.
    pub(super) fn add_revision(
        &mut self,
        Revision { user, need }: &Revision,
        definition: Option<&str>,
        images: Vec<(Option<&str>, Option<&str>)>,
    ) {
        for (image, digest) in &images {
            self.add_image(user, *image, *digest);
        }
        if *need == Need::Past {
            self.name_definition(user, definition);
        } else {
            let images = images.into_iter().map(|(image, _)| image);
            self.need_definition(user, definition, images);
        }
    }

    /// Takes note of a deployment that ECS calls `MISSING`: it has ended long ago. Its target is
    /// what starts, unless the service says so itself.
    pub(super) fn forget_deployment(
        &mut self,
        operation: Operation,
        arn: &str,
        user: &Arc<User>,
    ) -> Result<(), ApiError> {
        let revisions = self
            .revisions
            .values()
            .chain(self.daemon_revisions.values());
        let is_known = revisions.into_iter().any(|revision| revision.user == *user);
        let need = if is_known { Need::Past } else { Need::Starts };
        let user = Arc::clone(user);
        self.forget(operation, arn, &Revision { user, need })
    }

    /// Takes note of what ECS calls `MISSING`: it keeps some months of history. What a service
    /// starts by it is known by its definitions, though not by digest.
    ///
    /// # Errors
    /// Returns an error if nothing tells what it starts.
    pub(super) fn forget(
        &mut self,
        operation: Operation,
        arn: &str,
        Revision { user, need }: &Revision,
    ) -> Result<(), ApiError> {
        match need {
            Need::Runs => return Ok(()),
            Need::Past => {
                self.forgotten.insert(user.to_string());
                return Ok(());
            }
            Need::Starts => {}
        }
        let named = self.definitions.iter();
        let named = named.filter(|(_, users)| users.contains(user));
        let mut named = named.map(|(definition, _)| definition.clone()).peekable();
        if named.peek().is_none() {
            return Err(ApiError::answer(operation, arn, "MISSING"));
        }
        let why = format!("ECS does not describe `{arn}` any more, which says its digests");
        for definition in named {
            let users = self.unpinned.entry(definition).or_default();
            users.insert((Arc::clone(user), why.clone()));
        }
        Ok(())
    }

    /// Returns a remark on what could not be known, and is not needed.
    pub(super) fn note(&self) -> Option<String> {
        let first: Vec<&str> = self.forgotten.iter().take(SHOWN).map(|it| &**it).collect();
        let more = match self.forgotten.len().saturating_sub(SHOWN) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        (!first.is_empty()).then(|| {
            format!(
                "what these ran before is not known, since ECS does not describe it any more: {}{more}",
                first.join(", ")
            )
        })
    }
}

pub(super) async fn merged<E>(
    findings: impl Stream<Item = Result<Findings, E>>,
) -> Result<Findings, E> {
    findings
        .try_fold(Findings::default(), |mut all, more| async move {
            all.merge(more);
            Ok(all)
        })
        .await
}

/// Returns the ARN of a revision that an answer names: without it, nobody can look it up.
pub(super) fn named(
    operation: Operation,
    resource: &str,
    arn: Option<&str>,
) -> Result<String, ApiError> {
    arn.map(ToOwned::to_owned).ok_or_else(|| {
        let problem = "the answer names a revision without an ARN";
        ApiError::answer(operation, resource, problem)
    })
}

/// Adds a revision. One that is named twice is needed as much as either says.
fn add(revisions: &mut BTreeMap<String, Revision>, arn: String, revision: Revision) {
    match revisions.get_mut(&arn) {
        Some(known) if known.need >= revision.need => {}
        _ => drop(revisions.insert(arn, revision)),
    }
}

/// Adds the revisions that a deployment of this status comes from. Once it has ended, they were used
/// up to then.
pub(super) fn add_sources<'a>(
    revisions: &mut BTreeMap<String, Revision>,
    (user, operation): (&Arc<User>, Operation),
    (status, ended_at): (Option<&str>, Option<&DateTime>),
    sources: impl Iterator<Item = Option<&'a str>>,
) -> Result<(), ApiError> {
    let need = Need::of_source(status);
    let ended_at = ended_at.filter(|_| need == Need::Past);
    let ended_at = ended_at.and_then(|at| Time::from_millis(at.to_millis().ok()?));
    let user = user.up_to(ended_at);
    add_named(revisions, &user, operation, sources.map(|arn| (arn, need)))
}

/// Adds revisions that an answer names.
pub(super) fn add_named<'a>(
    revisions: &mut BTreeMap<String, Revision>,
    user: &Arc<User>,
    operation: Operation,
    arns: impl Iterator<Item = (Option<&'a str>, Need)>,
) -> Result<(), ApiError> {
    for (arn, need) in arns {
        let arn = named(operation, &user.name, arn)?;
        let user = Arc::clone(user);
        add(revisions, arn, Revision { user, need });
    }
    Ok(())
}
