//! Explanations of single images.

use std::{fmt, sync::Arc};

use serde::Serialize;
use serde_with::skip_serializing_none;

use super::{Plan, PlannedImage, RepositoryKey, first_of};
use crate::image::{Digest, Registry, RepositoryName, TypedImage};

/// Explanation of what would be done to one image, and why.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The repository.
    pub repository: RepositoryName,
    /// The repository in its registry. `None` if it is not planned.
    #[serde(skip)]
    pub key: Option<RepositoryKey>,
    /// The host of its registry. `None` if there is only one registry.
    pub host: Option<String>,
    /// The name of the policy that decides about it. `None` if there is none.
    pub policy: Option<String>,
    /// The digest. `None` if the image does not exist.
    pub digest: Option<Digest>,
    /// All its tags.
    pub tags: Vec<String>,
    /// Whether it would be deleted.
    pub deletes: bool,
    /// Whether it would be moved to the archive.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub archives: bool,
    /// The reasons, one sentence each.
    pub because: Vec<String>,
    /// The image of the same name in other registries.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<Explanation>,
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self
            .host
            .as_ref()
            .map(|host| format!("{host}/"))
            .unwrap_or_default();
        match self.digest {
            None => writeln!(f, "{host}{}: image not found", self.repository)?,
            Some(digest) => {
                let outcome = match (self.deletes, self.archives) {
                    (true, _) => "would be deleted",
                    (false, true) => "would be archived",
                    (false, false) => "is kept",
                };
                writeln!(f, "{host}{}@{digest} {outcome}", self.repository)?;
                match self.tags.as_slice() {
                    [] => writeln!(f, "  tags: none")?,
                    tags => writeln!(f, "  tags: {}", tags.join(", "))?,
                }
            }
        }
        if let Some(policy) = &self.policy {
            writeln!(f, "  policy: {policy}")?;
        }
        for because in &self.because {
            writeln!(f, "  - {because}")?;
        }
        self.also.iter().try_for_each(|other| other.fmt(f))
    }
}

impl Plan {
    /// Explains what would be done to an image.
    ///
    /// A digest in the reference takes precedence over its tag. If the reference names no registry,
    /// the image is looked up in all of them.
    #[must_use]
    pub fn explain(&self, image: &TypedImage) -> Explanation {
        let registries = self.registries.iter();
        let is_meant = |registry: &&Arc<Registry>| {
            let named = image.reference.registry.as_ref();
            named.is_none_or(|named| *named == ***registry)
        };
        let all = registries.filter(is_meant);
        let all = all.map(|registry| self.explain_in(registry, image));
        let (found, not_found): (Vec<_>, Vec<_>) =
            all.partition(|explanation| explanation.digest.is_some());
        let mut all = if found.is_empty() { not_found } else { found }.into_iter();
        let why = match &image.reference.registry {
            Some(registry) => format!("registry {registry} is not one of those that were read"),
            None => "no registry was read".to_owned(),
        };
        match all.next() {
            Some(first) => Explanation {
                also: all.collect(),
                ..first
            },
            None => Explanation::unknown(image, None, why),
        }
    }

    fn explain_in(&self, registry: &Registry, image: &TypedImage) -> Explanation {
        let host = (self.registries.len() > 1).then(|| registry.host());
        let unknown = |because: String| Explanation::unknown(image, host.clone(), because);
        let name = &image.reference.repository;
        let Some(repository) = self.repository_in(registry, name) else {
            return unknown(format!("repository `{name}` does not exist in {registry}"));
        };
        let images = repository.images();
        let named: Vec<_> = images
            .filter(|planned| image.names(planned.image))
            .collect();
        let planned = match named.as_slice() {
            [planned] => planned,
            [] => {
                return unknown(match repository.left_alone() {
                    Some(why) => format!("the repository is left alone: {why}"),
                    None => format!("`{image}` does not exist in the repository"),
                });
            }
            several => {
                let digests = several.iter().map(|planned| planned.image.digest.short());
                let digests: Vec<String> = digests.collect();
                let first = first_of(&digests, 3);
                return unknown(format!(
                    "`{image}` is the beginning of {} digests: {first}; write more of it",
                    several.len()
                ));
            }
        };
        let PlannedImage { image, verdict } = planned;
        let archives = verdict.deletes() && self.archives(repository, image);
        let mut because = repository.because(verdict);
        if verdict.deletes() && !repository.acts() {
            because.push("only shown, since its policy has `mode: plan`".to_owned());
        }
        Explanation {
            repository: repository.name().clone(),
            key: Some(repository.key().clone()),
            host,
            policy: repository.policy_title().map(str::to_owned),
            digest: Some(image.digest),
            tags: image.tags.iter().map(ToString::to_string).collect(),
            deletes: verdict.deletes() && !archives,
            archives,
            because,
            also: Vec::new(),
        }
    }
}

impl Explanation {
    fn unknown(image: &TypedImage, host: Option<String>, because: String) -> Self {
        Self {
            repository: image.reference.repository.clone(),
            key: None,
            host,
            policy: None,
            digest: None,
            tags: Vec::new(),
            deletes: false,
            archives: false,
            because: vec![because],
            also: Vec::new(),
        }
    }
}
