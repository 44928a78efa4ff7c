//! What a run did with each image.

use std::{collections::BTreeSet, sync::Arc};

use serde::Serialize;

use super::own_bytes;
use crate::{
    image::{Digest, Tags},
    plan::{Plan, RepositoryPlan},
    registry::Outcome,
};

/// An image that a run deleted or archived, or tried to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename = "image")]
pub struct HandledImage {
    /// The repository, with the host of its registry if there are several.
    pub repository: Arc<str>,
    /// The digest.
    pub digest: Digest,
    /// The tags, as they were when the run began.
    pub tags: Tags,
    /// The compressed bytes; 0 for an index.
    pub bytes: u64,
    /// What became of it.
    pub outcome: Handled,
    /// Why it was not deleted. `None` if it was, or was there no more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Box<str>>,
}

/// What became of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, strum::Display)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Handled {
    /// It was deleted.
    Deleted,
    /// It was moved to the archive.
    Archived,
    /// It could not be deleted or archived.
    Failed,
    /// It changed since the plan, or belongs to one that did, and is kept.
    Skipped,
    /// It was not there any more.
    Missing,
}

/// Returns what became of the images that a run tried to delete or archive, by repository.
pub(crate) fn handled(plan: &Plan, outcome: &Outcome) -> Vec<HandledImage> {
    let mut images = Vec::new();
    for of in &outcome.repositories {
        let (registry, name) = &of.repository;
        let Some(repository) = plan.repository_in(registry, name) else {
            continue;
        };
        let title: Arc<str> = repository.title().into();
        let plain = |list: &[Digest], handled| -> Vec<_> {
            list.iter().map(|it| (*it, handled, None)).collect()
        };
        let mut all = plain(&of.deleted, Handled::Deleted);
        all.extend(plain(&of.archived, Handled::Archived));
        let failed = of.failed.iter();
        all.extend(failed.map(|it| (it.digest, Handled::Failed, Some(&*it.why.message))));
        let skipped = of.skipped.iter();
        all.extend(skipped.map(|(digest, _)| (*digest, Handled::Skipped, None)));
        all.extend(plain(&of.missing, Handled::Missing));
        // What failed once and was tried again counts by how it ended.
        let mut seen = BTreeSet::new();
        all.retain(|(digest, ..)| seen.insert(*digest));
        let lines = all.into_iter();
        images.extend(lines.filter_map(|it| line(repository, &title, it)));
    }
    images
}

fn line(
    repository: &RepositoryPlan,
    title: &Arc<str>,
    (digest, outcome, error): (Digest, Handled, Option<&str>),
) -> Option<HandledImage> {
    let image = repository.image(&digest)?.image;
    Some(HandledImage {
        repository: Arc::clone(title),
        digest,
        tags: image.tags.clone(),
        bytes: own_bytes(image),
        outcome,
        error: error.map(Into::into),
    })
}
