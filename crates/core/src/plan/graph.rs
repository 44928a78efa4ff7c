//! The image graph of a repository: indexes and their children, images and their referrers.

use std::{
    collections::{BTreeSet, HashMap},
    iter,
};

use crate::{
    image::{Digest, Image},
    inventory::Child,
};

/// Edges between the images of a repository, by position. Repeats, cycles and edges to absent
/// digests do no harm.
#[derive(Debug, Default)]
pub(super) struct Graph {
    children: Relation,
    parents: Relation,
    referrers: Relation,
    subjects: Relation,
}

impl Graph {
    /// Builds the graph of images that are sorted by digest.
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

    /// Returns the children of an index.
    pub(super) fn children(&self, image: u32) -> impl Iterator<Item = u32> + '_ {
        self.children.of(image)
    }

    /// Returns the indexes that name an image.
    pub(super) fn parents(&self, image: u32) -> impl Iterator<Item = u32> + '_ {
        self.parents.of(image)
    }

    /// Returns the referrers of an image: signatures, attestations and the like.
    pub(super) fn referrers(&self, image: u32) -> impl Iterator<Item = u32> + '_ {
        self.referrers.of(image)
    }

    /// Returns the subjects of an image that are in the repository.
    pub(super) fn subjects(&self, image: u32) -> impl Iterator<Item = u32> + '_ {
        self.subjects.of(image)
    }

    /// Returns an image and its children, to any depth.
    pub(super) fn with_parts(&self, image: u32) -> impl Iterator<Item = u32> + '_ {
        let mut open: Vec<u32> = self.children(image).collect();
        let mut seen: BTreeSet<u32> = open.iter().copied().collect();
        let parts = iter::from_fn(move || {
            let part = open.pop()?;
            open.extend(self.children(part).filter(|next| seen.insert(*next)));
            Some(part)
        });
        iter::once(image).chain(parts)
    }

    /// Returns what may be deleted only after this image: its children and its referrers.
    pub(super) fn dependents(&self, image: u32) -> impl Iterator<Item = u32> + '_ {
        self.children(image).chain(self.referrers(image))
    }
}

/// Returns the position of a digest among images that are sorted by digest.
pub(super) fn position(images: &[Image], digest: &Digest) -> Option<u32> {
    let position = images
        .binary_search_by(|image| image.digest.cmp(digest))
        .ok()?;
    u32::try_from(position).ok()
}

/// Pairs of positions, sorted.
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
