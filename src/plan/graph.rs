//! How the images of a repository belong together: indexes and their children, images and what refers to them.

use std::collections::HashMap;

use crate::{
    image::{Digest, Image},
    inventory::Child,
};

/// The edges between the images of one repository, by position. Repeats, cycles and edges to digests that are not
/// there do no harm.
#[derive(Debug, Default)]
pub(super) struct Graph {
    children: Relation,
    parents: Relation,
    referrers: Relation,
    subjects: Relation,
}

impl Graph {
    /// Builds the graph of images that are sorted by digest, in time linear in images and edges but for sorting.
    pub(super) fn new(images: &[Image], children: &HashMap<Digest, Vec<Child>>) -> Self {
        let position = |digest: &Digest| position(images, digest);
        let mut child_edges = Vec::new();
        let mut referrer_edges = Vec::new();
        for (index, image) in (0..).zip(images) {
            let named = children
                .get(&image.digest)
                .map(Vec::as_slice)
                .unwrap_or_default();
            child_edges.extend(
                named
                    .iter()
                    .filter_map(|child| Some((index, position(&child.digest)?))),
            );
            referrer_edges.extend(
                image
                    .subjects()
                    .filter_map(|subject| Some((position(&subject)?, index))),
            );
        }
        let reversed =
            |edges: &[(u32, u32)]| Relation::new(edges.iter().map(|&(a, b)| (b, a)).collect());
        Self {
            parents: reversed(&child_edges),
            children: Relation::new(child_edges),
            subjects: reversed(&referrer_edges),
            referrers: Relation::new(referrer_edges),
        }
    }

    /// The children of an index.
    pub(super) fn children(&self, image: u32) -> impl Iterator<Item = u32> + '_ {
        self.children.of(image)
    }

    /// The indexes that name an image.
    pub(super) fn parents(&self, image: u32) -> impl Iterator<Item = u32> + '_ {
        self.parents.of(image)
    }

    /// What refers to an image: signatures, attestations and the like.
    pub(super) fn referrers(&self, image: u32) -> impl Iterator<Item = u32> + '_ {
        self.referrers.of(image)
    }

    /// What an image refers to, as far as it is in the repository.
    pub(super) fn subjects(&self, image: u32) -> impl Iterator<Item = u32> + '_ {
        self.subjects.of(image)
    }

    /// What goes only after this image: children are refused before, and a referrer is worth something until then.
    pub(super) fn dependents(&self, image: u32) -> impl Iterator<Item = u32> + '_ {
        self.children(image).chain(self.referrers(image))
    }
}

/// Where a digest stands among images that are sorted by digest.
pub(super) fn position(images: &[Image], digest: &Digest) -> Option<u32> {
    let position = images
        .binary_search_by(|image| image.digest.cmp(digest))
        .ok()?;
    u32::try_from(position).ok()
}

/// Pairs of positions, sorted, so that those of one position stand together.
#[derive(Debug, Default)]
struct Relation(Vec<(u32, u32)>);

impl Relation {
    fn new(mut pairs: Vec<(u32, u32)>) -> Self {
        pairs.retain(|(from, to)| from != to);
        pairs.sort_unstable();
        pairs.dedup();
        Self(pairs)
    }

    fn of(&self, from: u32) -> impl Iterator<Item = u32> + '_ {
        let start = self.0.partition_point(|&(other, _)| other < from);
        self.0[start..]
            .iter()
            .take_while(move |&&(other, _)| other == from)
            .map(|&(_, to)| to)
    }
}
