//! Archived images that something live needs (A7).

use std::collections::{BTreeMap, BTreeSet};

use super::{Plan, RepositoryPlan, graph::Graph};
use crate::{
    evidence::{Reference, UsageIndex},
    image::{Image, ImageReference, Registry, RepositoryName, Status},
};

/// Live references by registry and repository.
type LiveReferences<'a> = BTreeMap<(&'a Registry, &'a RepositoryName), Vec<&'a ImageReference>>;

/// Returns the archived images of each repository that live use needs: what it names, and the
/// children, as far as they are known, and attachments of that. An image comes before what belongs
/// to it.
#[must_use]
pub fn needed_archived<'a>(
    plan: &'a Plan,
    usage: &UsageIndex,
) -> Vec<(&'a RepositoryPlan, Vec<&'a Image>)> {
    let live = live_references(usage);
    let repositories = plan.repositories().iter().filter_map(|repository| {
        let references = live.get(&(repository.registry(), repository.name()))?;
        let needed = needed_of(repository, references);
        (!needed.is_empty()).then_some((repository, needed))
    });
    repositories.collect()
}

fn live_references(usage: &UsageIndex) -> LiveReferences<'_> {
    let mut live = LiveReferences::new();
    for (reference, users) in usage.references() {
        if let Reference::Image(image) = reference
            && let Some(registry) = &image.registry
            && users.iter().any(|user| user.live)
        {
            let key = (registry, &image.repository);
            live.entry(key).or_default().push(image);
        }
    }
    live
}

fn needed_of<'a>(repository: &'a RepositoryPlan, references: &[&ImageReference]) -> Vec<&'a Image> {
    let planned = repository.images();
    let images: Vec<&Image> = planned.iter().map(|it| &it.image).collect();
    if images.iter().all(|image| image.status != Status::Archived) {
        return Vec::new();
    }
    let graph = Graph::new(&images, repository.children());
    let is_named = |image: &Image| references.iter().any(|it| names(it, image));
    let named = (0..).zip(&images).filter(|(_, image)| is_named(image));
    let mut order: Vec<u32> = named.map(|(index, _)| index).collect();
    let mut seen: BTreeSet<u32> = order.iter().copied().collect();
    let mut next = 0;
    while let Some(&index) = order.get(next) {
        order.extend(graph.dependents(index).filter(|it| seen.insert(*it)));
        next += 1;
    }
    let needed = order.into_iter().map(|index| &planned[index as usize]);
    // All of it is kept, since it belongs to something in use.
    let needed = needed.filter(|it| it.image.status == Status::Archived && !it.verdict.deletes());
    needed.map(|it| &it.image).collect()
}

/// Returns whether a reference means an image. A runtime pulls by the digest if there is one.
fn names(reference: &ImageReference, image: &Image) -> bool {
    match (&reference.digest, &reference.tag) {
        (Some(digest), _) => *digest == image.digest,
        (None, Some(tag)) => image.tags.contains(tag),
        (None, None) => false,
    }
}
