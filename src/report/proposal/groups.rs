//! Groups of repositories by the beginning of their names.

use std::{cmp::Reverse, collections::BTreeMap, fmt};

use super::super::count;
use crate::{
    plan::{Plan, RepositoryPlan},
    policy::Shape,
};

/// Repositories that one glob matches.
#[derive(Debug, Default)]
pub(super) struct Group {
    glob: String,
    repositories: u64,
    images: u64,
    /// Images by the shape of their tags; `None` for those without a tag.
    shapes: BTreeMap<Option<Shape>, u64>,
}

/// Returns the groups of the repositories that were read, those with most images first.
pub(super) fn groups(plan: &Plan) -> Vec<Group> {
    let read = |repository: &&RepositoryPlan| repository.was_read();
    let repositories: Vec<&RepositoryPlan> = plan.repositories().iter().filter(read).collect();
    let parents = repositories.iter().map(|it| parent(it.name()));
    let depth = parents.reduce(common).map_or(0, |common| common.len()) + 1;
    let mut groups: BTreeMap<String, Group> = BTreeMap::new();
    for repository in repositories {
        let glob = glob(repository.name(), depth);
        let group = groups.entry(glob.clone()).or_default();
        group.glob = glob;
        group.repositories += 1;
        for (_, tags) in repository.ruled_images() {
            let shape = tags.into_iter().map(|tag| Shape::of(tag)).min();
            group.images += 1;
            *group.shapes.entry(shape).or_default() += 1;
        }
    }
    let mut groups: Vec<Group> = groups.into_values().collect();
    groups.sort_by_key(|group| Reverse(group.images));
    groups
}

/// Returns the parts of a name but the last.
fn parent(name: &str) -> Vec<&str> {
    let mut parts: Vec<&str> = name.split('/').collect();
    parts.pop();
    parts
}

fn common<'a>(one: Vec<&'a str>, other: Vec<&'a str>) -> Vec<&'a str> {
    let both = one.into_iter().zip(other);
    both.take_while(|(a, b)| a == b).map(|(a, _)| a).collect()
}

/// Returns the glob of the group that a repository is in.
fn glob(name: &str, depth: usize) -> String {
    let parent = parent(name);
    let begin: Vec<&str> = parent.iter().take(depth).copied().collect();
    let end = if parent.len() >= depth { "**" } else { "*" };
    [&begin[..], &[end]].concat().join("/")
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let repositories = count(self.repositories, "repository", "repositories");
        write!(f, "{}: {repositories}", self.glob)?;
        // Images without a tag come last.
        let tagged = self.shapes.iter().filter(|(shape, _)| shape.is_some());
        let untagged = self.shapes.iter().filter(|(shape, _)| shape.is_none());
        let shapes = tagged
            .chain(untagged)
            .map(|(shape, images)| format!("{} {images}", shape.map_or("untagged", Shape::name)));
        let shapes: Vec<String> = shapes.collect();
        let shapes = if shapes.is_empty() {
            "no image".to_owned()
        } else {
            shapes.join(", ")
        };
        write!(f, "; {shapes}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_begins_behind_what_all_names_have_in_common() {
        for (names, expected) in [
            (
                &["shop/web", "shop/api", "jobs/a/b", "base"][..],
                &["shop/**", "shop/**", "jobs/**", "*"][..],
            ),
            (
                &["acme/shop/web", "acme/jobs/a", "acme/base"],
                &["acme/shop/**", "acme/jobs/**", "acme/*"],
            ),
            (&["shop/web", "shop/api"], &["shop/*", "shop/*"]),
            (&["web"], &["*"]),
        ] {
            let parents = names.iter().map(|name| parent(name));
            let depth = parents.reduce(common).map_or(0, |common| common.len()) + 1;
            let globs: Vec<String> = names.iter().map(|name| glob(name, depth)).collect();
            assert_eq!(globs, expected);
        }
    }
}
