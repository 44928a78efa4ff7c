//! In-use images that cannot be pulled (U10).

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use serde::Serialize;

use super::{LeftAlone, Plan, RepositoryPlan};
use crate::{
    image::{Image, ImageReference, RepositoryName, Status, Tag},
    usage::{Reference, Usage, User},
};

/// A reference in use for which the registry has no image that can be pulled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Missing {
    /// The reference.
    pub reference: ImageReference,
    /// What is wrong with it.
    pub problem: Problem,
    /// Whether something runs, or is meant to run now, that names it. What is only kept for later may well name
    /// images that went long ago.
    pub live: bool,
    /// Who names it.
    pub users: Vec<String>,
}

/// Why an image in use cannot be pulled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Problem {
    /// There is no such repository.
    NoRepository,
    /// The repository has no image of that tag or digest.
    NoImage,
    /// The image is archived.
    Archived,
}

/// The references in use that this plan's registry should have and cannot serve, live ones first. Only what was read
/// completely can tell.
#[must_use]
pub fn missing(plan: &Plan, usage: &Usage) -> Vec<Missing> {
    let mut lookups: HashMap<&str, Lookup<'_>> = HashMap::new();
    let mut missing = Vec::new();
    for (reference, users) in usage.references() {
        let Reference::Image(reference) = reference else { continue };
        if reference.registry.as_ref() != Some(&plan.registry) {
            continue;
        }
        let lookup = lookups.entry(&reference.repository).or_insert_with(|| Lookup::new(plan, &reference.repository));
        if let Some(problem) = lookup.problem(reference) {
            let live = users.iter().any(|user| user.live);
            missing.push(Missing { reference: reference.clone(), problem, live, users: names(users) });
        }
    }
    missing.sort_by_key(|missing| !missing.live);
    missing
}

fn names<'a>(users: impl IntoIterator<Item = &'a Arc<User>>) -> Vec<String> {
    let mut seen = HashSet::new();
    let names = users.into_iter().map(ToString::to_string);
    names.filter(|name| seen.insert(name.clone())).collect()
}

/// Where the references to one repository are looked up.
enum Lookup<'a> {
    /// It was not read, so nothing can be said of it.
    Unread,
    /// It does not exist.
    NoRepository,
    /// Its images.
    Images { repository: &'a RepositoryPlan, by_tag: HashMap<&'a Tag, &'a Image> },
}

impl<'a> Lookup<'a> {
    fn new(plan: &'a Plan, name: &RepositoryName) -> Self {
        let Some(repository) = plan.repository(name) else { return Self::NoRepository };
        match repository.left_alone {
            Some(LeftAlone::Vanished) => Self::NoRepository,
            Some(LeftAlone::NotRead(_) | LeftAlone::Failed { .. }) => Self::Unread,
            _ => {
                let images = &repository.stored.images;
                let by_tag = images.iter().flat_map(|image| image.tags.iter().map(move |tag| (tag, image))).collect();
                Self::Images { repository, by_tag }
            }
        }
    }

    /// What is wrong with a reference: a runtime pulls by the digest if there is one.
    fn problem(&self, reference: &ImageReference) -> Option<Problem> {
        let (repository, by_tag) = match self {
            Self::Unread => return None,
            Self::NoRepository => return Some(Problem::NoRepository),
            Self::Images { repository, by_tag } => (repository, by_tag),
        };
        let image = match (&reference.digest, &reference.tag) {
            (Some(digest), _) => repository.image(digest),
            (None, Some(tag)) => by_tag.get(tag).copied(),
            (None, None) => None,
        };
        match image.map(|image| image.status) {
            None => Some(Problem::NoImage),
            Some(Status::Archived | Status::Restoring) => Some(Problem::Archived),
            Some(Status::Active | Status::Unknown) => None,
        }
    }
}
