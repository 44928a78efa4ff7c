//! Archived images that something live needs (A7).

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::{Plan, RepositoryPlan, graph::Graph};
use crate::{
    evidence::{Reference, UsageIndex},
    image::{Digest, Image, Registry, RepositoryName, Status, Tag},
};

/// What live use names in a repository. A runtime pulls by the digest if there is one.
#[derive(Default)]
struct Named<'a> {
    digests: HashSet<Digest>,
    tags: HashSet<&'a Tag>,
}

/// Returns the archived images that live use needs, of each repository in which mode `archive` acts:
/// what it names, and the children, as far as they are known, and attachments of that. An image comes
/// before what belongs to it.
#[must_use]
pub fn needed_archived<'a>(
    plan: &'a Plan,
    usage: &UsageIndex,
) -> Vec<(&'a RepositoryPlan, Vec<&'a Image>)> {
    let named = named_by_live_use(usage);
    let archiving = plan.repositories().iter();
    let archiving = archiving.filter(|it| it.acts() && plan.is_archiving(it));
    let repositories = archiving.filter_map(|repository| {
        let named = named.get(&(repository.registry(), repository.name()))?;
        let needed = needed_of(repository, named);
        (!needed.is_empty()).then_some((repository, needed))
    });
    repositories.collect()
}

fn named_by_live_use(usage: &UsageIndex) -> BTreeMap<(&Registry, &RepositoryName), Named<'_>> {
    let mut repositories = BTreeMap::<_, Named<'_>>::new();
    for (reference, users) in usage.references() {
        if let Reference::Image(image) = reference
            && let Some(registry) = &image.registry
            && users.iter().any(|user| user.live)
        {
            let named = repositories
                .entry((registry, &image.repository))
                .or_default();
            match &image.digest {
                Some(digest) => drop(named.digests.insert(*digest)),
                None => named.tags.extend(&image.tag),
            }
        }
    }
    repositories
}

fn needed_of<'a>(repository: &'a RepositoryPlan, named: &Named<'_>) -> Vec<&'a Image> {
    let images = repository.stored_images();
    if images.iter().all(|image| image.status != Status::Archived) {
        return Vec::new();
    }
    let graph = Graph::new(images, repository.children());
    let is_named = |image: &Image| {
        let mut tags = image.tags.iter();
        named.digests.contains(&image.digest) || tags.any(|tag| named.tags.contains(tag))
    };
    let named = (0..).zip(images).filter(|(_, image)| is_named(image));
    let mut order: Vec<u32> = named.map(|(index, _)| index).collect();
    let mut seen: BTreeSet<u32> = order.iter().copied().collect();
    let mut next = 0;
    while let Some(&index) = order.get(next) {
        order.extend(graph.dependents(index).filter(|it| seen.insert(*it)));
        next += 1;
    }
    let needed = order
        .into_iter()
        .map(|index| repository.image_at(index as usize));
    // All of it is kept, since it belongs to something in use.
    let needed = needed.filter(|it| it.image.status == Status::Archived && !it.verdict.deletes());
    needed.map(|it| it.image).collect()
}
