//! Images in use that cannot be pulled (U10).

use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::Arc,
};

use serde::Serialize;

use super::{LeftAlone, Plan};
use crate::{
    evidence::{Reference, UsageIndex, User},
    image::{Digest, Image, ImageReference, Registry, RepositoryName, Status, Tag},
};

/// A reference in use whose image cannot be pulled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Missing {
    /// Reference.
    pub reference: ImageReference,
    /// Host of its registry, if there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Reason for which it cannot be pulled.
    pub problem: MissingReason,
    /// Whether a user of it runs or is meant to run now. What is kept for later may name images
    /// that were deleted long ago.
    pub live: bool,
    /// Users.
    pub users: Vec<String>,
}

impl Missing {
    /// Returns the image for people, with its host if there are several registries.
    #[must_use]
    pub fn title(&self) -> String {
        match &self.host {
            Some(host) => format!("{host}/{}", self.reference),
            None => self.reference.to_string(),
        }
    }

    /// Returns the first users in a line of text, and how many more there are.
    #[must_use]
    pub fn first_users(&self, most: usize) -> String {
        first_of(&self.users, most)
    }
}

/// Returns the first of some texts in a line, and how many more there are.
#[must_use]
pub fn first_of(texts: &[String], most: usize) -> String {
    let named = &texts[..texts.len().min(most)];
    let more = match texts.len() - named.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    named.join(", ") + &more
}

/// Reason for which an image in use cannot be pulled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MissingReason {
    /// There is no such repository.
    NoRepository,
    /// The repository has no image of that tag or digest.
    NoImage,
    /// The image is archived.
    Archived,
}

impl fmt::Display for MissingReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoRepository => "there is no such repository",
            Self::NoImage => "there is no such image",
            Self::Archived => "it is archived",
        })
    }
}

/// Content of a repository, as far as it is known.
#[derive(Debug, Clone)]
pub enum Stored<'a> {
    /// It is not known.
    Unknown,
    /// Every image that a reference names, and each is active.
    Everything,
    /// There is no such repository.
    NoRepository,
    /// These images.
    Images(Vec<&'a Image>),
}

/// Returns the references in use to the registries of a plan that cannot be pulled, live ones
/// first.
#[must_use]
pub fn missing(plan: &Plan, usage: &UsageIndex) -> Vec<Missing> {
    missing_from(plan.registries(), usage, |registry, name| {
        plan.stored(registry, name)
    })
}

/// Returns the references in use to registries with this content that cannot be pulled, live ones
/// first.
#[must_use]
pub fn missing_from<'a>(
    registries: &[Arc<Registry>],
    usage: &UsageIndex,
    stored: impl Fn(&Registry, &RepositoryName) -> Stored<'a>,
) -> Vec<Missing> {
    // References are in the order of their repositories, so one lookup at a time is enough.
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
            .is_none_or(|(of, named, _)| (*of, *named) != (&**registry, name))
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
    /// Returns the content of a repository, as far as it is known.
    #[must_use]
    pub fn stored(&self, registry: &Registry, name: &RepositoryName) -> Stored<'_> {
        let Some(repository) = self.repository_in(registry, name) else {
            return Stored::NoRepository;
        };
        match repository.left_alone() {
            Some(LeftAlone::Vanished) => Stored::NoRepository,
            Some(
                LeftAlone::NotRead(_) | LeftAlone::TagsUnread { .. } | LeftAlone::Failed { .. },
            ) => Stored::Unknown,
            _ => Stored::Images(repository.stored_images().iter().collect()),
        }
    }
}

fn names<'a>(users: impl IntoIterator<Item = &'a Arc<User>>) -> Vec<String> {
    let mut seen = HashSet::new();
    let names = users.into_iter().map(ToString::to_string);
    names.filter(|name| seen.insert(name.clone())).collect()
}

/// Content of a repository by what references name.
enum Lookup<'a> {
    Whatever,
    NoRepository,
    Images {
        by_digest: HashMap<Digest, &'a Image>,
        by_tag: HashMap<&'a Tag, &'a Image>,
    },
}

impl<'a> Lookup<'a> {
    fn new(stored: Stored<'a>) -> Self {
        let images = match stored {
            Stored::Unknown | Stored::Everything => return Self::Whatever,
            Stored::NoRepository => return Self::NoRepository,
            Stored::Images(images) => images,
        };
        let tagged = |&image: &&'a Image| image.tags.iter().map(move |tag| (tag, image));
        Self::Images {
            by_tag: images.iter().flat_map(tagged).collect(),
            by_digest: images.iter().map(|&it| (it.digest, it)).collect(),
        }
    }

    /// Returns why a reference cannot be pulled. A runtime pulls by the digest if there is one.
    fn problem(&self, reference: &ImageReference) -> Option<MissingReason> {
        let image = match (self, &reference.digest, &reference.tag) {
            (Self::Whatever, ..) => return None,
            (Self::NoRepository, ..) => return Some(MissingReason::NoRepository),
            (Self::Images { by_digest, .. }, Some(digest), _) => by_digest.get(digest),
            (Self::Images { by_tag, .. }, None, Some(tag)) => by_tag.get(tag),
            (Self::Images { .. }, None, None) => None,
        };
        match image.map(|image| image.status) {
            None => Some(MissingReason::NoImage),
            Some(Status::Archived | Status::Restoring) => Some(MissingReason::Archived),
            Some(Status::Active | Status::Unknown) => None,
        }
    }
}
