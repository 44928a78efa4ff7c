//! Explanations of single images.

use std::fmt;

use serde::Serialize;
use serde_with::skip_serializing_none;

use super::{Plan, PlannedImage};
use crate::image::{Digest, ImageReference, Registry, RepositoryName};

/// Explanation of what would be done to one image, and why.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The repository.
    pub repository: RepositoryName,
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
    /// A digest in the reference takes precedence over its tag. If the reference names no registry
    /// of the plan, the image is looked up in all of them.
    #[must_use]
    pub fn explain(&self, reference: &ImageReference) -> Explanation {
        let named = self
            .registries
            .iter()
            .find(|registry| reference.registry.as_ref() == Some(&***registry));
        let registries = named.map_or(self.registries.as_slice(), std::slice::from_ref);
        let all = registries
            .iter()
            .map(|registry| self.explain_in(registry, reference));
        let (found, not_found): (Vec<_>, Vec<_>) =
            all.partition(|explanation| explanation.digest.is_some());
        let mut all = if found.is_empty() { not_found } else { found }.into_iter();
        match all.next() {
            Some(first) => Explanation {
                also: all.collect(),
                ..first
            },
            None => Explanation::unknown(reference, None, "no registry was read".to_owned()),
        }
    }

    fn explain_in(&self, registry: &Registry, reference: &ImageReference) -> Explanation {
        let host = (self.registries.len() > 1).then(|| registry.host());
        let unknown = |because: String| Explanation::unknown(reference, host.clone(), because);
        let Some(repository) = self.repository_in(registry, &reference.repository) else {
            return unknown(format!(
                "repository `{}` does not exist in {registry}",
                reference.repository
            ));
        };
        let planned = match (&reference.digest, &reference.tag) {
            (Some(digest), _) => repository.image(digest),
            (None, Some(tag)) => {
                let mut images = repository.images().iter();
                images.find(|planned| planned.image.tags.contains(tag))
            }
            (None, None) => None,
        };
        let Some(PlannedImage { image, verdict }) = planned else {
            return unknown(match repository.left_alone() {
                Some(why) => format!("the repository is left alone: {why}"),
                None => format!("`{reference}` does not exist in the repository"),
            });
        };
        let archives = verdict.deletes() && self.archives(repository, image);
        let mut because = repository.because(verdict);
        if verdict.deletes() && !repository.acts() {
            because.push("only shown, since its policy has `mode: plan`".to_owned());
        }
        Explanation {
            repository: repository.name().clone(),
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
    fn unknown(reference: &ImageReference, host: Option<String>, because: String) -> Self {
        Self {
            repository: reference.repository.clone(),
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
