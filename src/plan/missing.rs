//! In-use images that cannot be pulled (U10).

use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::Arc,
};

use serde::Serialize;

use super::{LeftAlone, Plan, graph};
use crate::{
    image::{Image, ImageReference, Registry, RepositoryName, Status, Tag},
    usage::{Reference, Usage, User},
};

/// A reference in use for which the registry has no image that can be pulled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Missing {
    /// The reference.
    pub reference: ImageReference,
    /// The host of its registry, where there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// What is wrong with it.
    pub problem: Problem,
    /// Whether something runs, or is meant to run now, that names it. What is only kept for later may well name
    /// images that went long ago.
    pub live: bool,
    /// Who names it.
    pub users: Vec<String>,
}

impl Missing {
    /// What people call the image: by its host too, where there are several registries.
    #[must_use]
    pub fn title(&self) -> String {
        match &self.host {
            Some(host) => format!("{host}/{}", self.reference),
            None => self.reference.to_string(),
        }
    }
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

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoRepository => "there is no such repository",
            Self::NoImage => "there is no such image",
            Self::Archived => "it is archived",
        })
    }
}

/// What is known to be stored under the name of a repository.
#[derive(Debug, Clone, Copy)]
pub enum Stored<'a> {
    /// Nobody can say: it was not read.
    Unknown,
    /// There is no such repository.
    NoRepository,
    /// These images, in the order of their digests.
    Images(&'a [Image]),
}

/// The references in use that this plan's registries should have and cannot serve, live ones first. Only what was read
/// completely can tell.
#[must_use]
pub fn missing(plan: &Plan, usage: &Usage) -> Vec<Missing> {
    missing_from(&plan.registries, usage, |registry, name| {
        plan.stored(registry, name)
    })
}

/// The references in use that registries which store this cannot serve, live ones first.
#[must_use]
pub fn missing_from<'a>(
    registries: &[Arc<Registry>],
    usage: &Usage,
    stored: impl Fn(&Registry, &RepositoryName) -> Stored<'a>,
) -> Vec<Missing> {
    // References are in the order of their repositories: one lookup after the other is enough.
    let mut lookup: Option<(&Registry, &RepositoryName, Lookup<'_>)> = None;
    let mut missing = Vec::new();
    for (reference, users) in usage.references() {
        let Reference::Image(reference) = reference else {
            continue;
        };
        let registry = registries
            .iter()
            .find(|registry| reference.registry.as_ref() == Some(&***registry));
        let Some(registry) = registry else { continue };
        let name = &reference.repository;
        if lookup
            .as_ref()
            .is_none_or(|(place, of, _)| (*place, *of) != (&**registry, name))
        {
            lookup = Some((registry, name, Lookup::new(stored(registry, name))));
        }
        if let Some(problem) = lookup
            .as_ref()
            .and_then(|(_, _, lookup)| lookup.problem(reference))
        {
            let host = (registries.len() > 1).then(|| registry.host());
            let live = users.iter().any(|user| user.live);
            missing.push(Missing {
                reference: reference.clone(),
                host,
                problem,
                live,
                users: names(users),
            });
        }
    }
    missing.sort_by_key(|missing| !missing.live);
    missing
}

impl Plan {
    /// What is known to be stored under the name of a repository.
    #[must_use]
    pub fn stored(&self, registry: &Registry, name: &RepositoryName) -> Stored<'_> {
        let Some(repository) = self.repository_in(registry, name) else {
            return Stored::NoRepository;
        };
        match repository.left_alone {
            Some(LeftAlone::Vanished) => Stored::NoRepository,
            Some(LeftAlone::NotRead(_) | LeftAlone::Failed { .. }) => Stored::Unknown,
            _ => Stored::Images(&repository.stored.images),
        }
    }
}

fn names<'a>(users: impl IntoIterator<Item = &'a Arc<User>>) -> Vec<String> {
    let mut seen = HashSet::new();
    let names = users.into_iter().map(ToString::to_string);
    names.filter(|name| seen.insert(name.clone())).collect()
}

/// Where the references to one repository are looked up.
struct Lookup<'a> {
    stored: Stored<'a>,
    by_tag: HashMap<&'a Tag, &'a Image>,
}

impl<'a> Lookup<'a> {
    fn new(stored: Stored<'a>) -> Self {
        let images = if let Stored::Images(images) = stored {
            images
        } else {
            &[]
        };
        let by_tag = images
            .iter()
            .flat_map(|image| image.tags.iter().map(move |tag| (tag, image)))
            .collect();
        Self { stored, by_tag }
    }

    /// What is wrong with a reference: a runtime pulls by the digest if there is one.
    fn problem(&self, reference: &ImageReference) -> Option<Problem> {
        let images = match self.stored {
            Stored::Unknown => return None,
            Stored::NoRepository => return Some(Problem::NoRepository),
            Stored::Images(images) => images,
        };
        let image = match (&reference.digest, &reference.tag) {
            (Some(digest), _) => {
                graph::position(images, digest).and_then(|index| images.get(index as usize))
            }
            (None, Some(tag)) => self.by_tag.get(tag).copied(),
            (None, None) => None,
        };
        match image.map(|image| image.status) {
            None => Some(Problem::NoImage),
            Some(Status::Archived | Status::Restoring) => Some(Problem::Archived),
            Some(Status::Active | Status::Unknown) => None,
        }
    }
}
