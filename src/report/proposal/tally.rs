//! Counts the images of each shape of tags, and what would be deleted of them.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
};

use super::super::{Size, count, totals::own_bytes};
use crate::{
    image::{Digest, Time},
    plan::{Plan, RepositoryKey},
    policy::Shape,
};

/// Counts by shape; `None` for images without a tag.
#[derive(Debug, Default)]
pub(super) struct Tallies<'a>(BTreeMap<Option<Shape>, Tally<'a>>);

/// Counts for one shape.
#[derive(Debug, Default)]
pub(super) struct Tally<'a> {
    /// Images that the tags are of.
    pub(super) images: u64,
    repositories: BTreeSet<&'a RepositoryKey>,
    /// The last pushed.
    example: Option<(Option<Time>, &'a str)>,
    /// Images that would be deleted, with their parts and what is attached to them.
    deleted: u64,
    bytes: u64,
}

impl<'a> Tallies<'a> {
    /// Counts the images of a plan.
    pub(super) fn of(plan: &'a Plan) -> Self {
        let mut tallies = Self::default();
        for repository in plan.repositories() {
            let mut shapes: HashMap<Digest, Option<Shape>> = HashMap::new();
            for (planned, tags) in repository.ruled_images() {
                let named = tags.into_iter().map(|tag| (Shape::of(tag), &**tag)).min();
                let shape = named.map(|(shape, _)| shape);
                shapes.insert(planned.image.digest, shape);
                let tally = tallies.0.entry(shape).or_default();
                tally.images += 1;
                tally.repositories.insert(repository.key());
                let example = named.map(|(_, tag)| (planned.image.pushed_at, tag));
                tally.example = tally.example.max(example);
            }
            for candidate in repository.candidates() {
                let root = repository.decided_by(candidate).image.digest;
                let shape = shapes.get(&root).copied().flatten();
                let tally = tallies.0.entry(shape).or_default();
                tally.deleted += 1;
                tally.bytes += own_bytes(candidate.image);
            }
        }
        tallies
    }

    /// Returns the counts of a shape in words.
    pub(super) fn of_shape(&self, shape: Option<Shape>) -> String {
        let none = Tally::default();
        self.0.get(&shape).unwrap_or(&none).to_string()
    }
}

impl fmt::Display for Tally<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.images == 0 && self.deleted == 0 {
            return f.write_str("None now.");
        }
        let images = count(self.images, "image", "images");
        let repositories = count(self.repositories.len() as u64, "repository", "repositories");
        write!(f, "{images} in {repositories}")?;
        if let Some((_, tag)) = self.example {
            write!(f, ", such as `{tag}`")?;
        }
        match self.deleted {
            0 => f.write_str("; deletes none."),
            deleted => write!(f, "; deletes {deleted} ({}).", Size(self.bytes)),
        }
    }
}
