//! Images that are pulled under another path: through a proxy or another registry's cache, which put a prefix before the
//! name, or through a cache of this registry, whose repositories have one that the workload does not write.
//!
//! Which prefixes there are is nobody's to say, since mirrors are configured on nodes: so a path counts for a repository
//! where one of the two is the end of the other. Under the registry's own host a path means what it says.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use super::{User, Users};
use crate::image::{ImageReference, Registry, Tag};

/// Tagged references by the last part of their path, and their tag.
#[derive(Debug, Default)]
pub(super) struct Through(HashMap<Box<str>, HashMap<Tag, BTreeMap<Path, Users>>>);

/// A path, and the host that it stands behind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Path {
    host: Host,
    path: Box<str>,
}

/// A host.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Host {
    /// A registry of ECR; none: an alias.
    Ecr(Option<Registry>),
    /// Another one, which stands for ECR only where a cache has its images.
    Elsewhere,
}

impl Through {
    pub(super) fn add(&mut self, user: &Arc<User>, host: Host, image: &ImageReference) {
        let Some(tag) = &image.tag else { return };
        let paths = self
            .0
            .entry(last_part(&image.repository).into())
            .or_default()
            .entry(tag.clone())
            .or_default();
        let path = Path {
            host,
            path: (*image.repository).into(),
        };
        paths.entry(path).or_default().insert(Arc::clone(user));
    }

    pub(super) fn merge(&mut self, other: Self) {
        for (part, by_tag) in other.0 {
            let known = self.0.entry(part).or_default();
            for (tag, paths) in by_tag {
                let known = known.entry(tag).or_default();
                for (path, users) in paths {
                    known.entry(path).or_default().extend(users);
                }
            }
        }
    }

    /// Those who use some of these tags of a repository under another path.
    pub(super) fn of<'a>(
        &'a self,
        registry: &'a Registry,
        repository: &'a str,
        tags: &'a [Tag],
    ) -> impl Iterator<Item = (&'a Tag, &'a Users)> {
        let by_tag = self.0.get(last_part(repository));
        let paths = tags
            .iter()
            .filter_map(move |tag| Some((tag, by_tag?.get(tag)?)));
        paths.flat_map(move |(tag, paths)| {
            let meant = paths
                .iter()
                .filter(move |(path, _)| path.may_mean(registry, repository));
            meant.map(move |(_, users)| (tag, users))
        })
    }
}

impl Path {
    fn may_mean(&self, registry: &Registry, repository: &str) -> bool {
        match &self.host {
            Host::Ecr(Some(host)) if host == registry => false,
            Host::Ecr(_) => is_end(repository, &self.path) || is_end(&self.path, repository),
            Host::Elsewhere => is_end(&self.path, repository),
        }
    }
}

/// Whether a path is the end of a longer one.
fn is_end(end: &str, path: &str) -> bool {
    path.strip_suffix(end)
        .is_some_and(|prefix| prefix.ends_with('/'))
}

fn last_part(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_parts_of_a_path_are_its_end() {
        assert!(is_end("app", "team/app") && is_end("team/app", "proxy/team/app"));
        assert!(
            !is_end("app", "app") && !is_end("app", "team/my-app") && !is_end("team/app", "app")
        );
    }
}
