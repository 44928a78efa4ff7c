//! Images that are pulled under another path: through a proxy or another registry's cache, which
//! put a prefix before the name, or through a cache of this registry, whose repositories have a
//! prefix that the workload does not write.
//!
//! Mirrors are configured on nodes, and webhooks swap the host, so neither is known. A path counts
//! for a repository that has the same name or that has it behind a prefix; under a host that stands
//! for the registry, also if the repository is the end of the path. Under the registry's own host a
//! path means what it says.

use std::collections::HashSet;

use crate::image::Registry;

/// Prefix that Docker Hub's official images have and that nobody writes.
const OFFICIAL: &str = "library/";

/// The path of a reference, behind a host.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct MirroredPath {
    pub(super) host: Host,
    pub(super) path: Box<str>,
}

/// Host of a reference.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Host {
    /// A registry of ECR; `None` for an alias.
    Ecr(Option<Registry>),
    /// Another registry, whose images a cache in ECR may have.
    Elsewhere(Box<str>),
}

impl MirroredPath {
    /// Returns whether this may stand for a repository, perhaps of another name; `hosts` are those
    /// that stand for the registry.
    pub(super) fn may_mean(
        &self,
        registry: &Registry,
        repository: &str,
        hosts: &HashSet<&str>,
    ) -> bool {
        match &self.host {
            Host::Ecr(Some(host)) if host == registry => false,
            Host::Ecr(_) => is_end(repository, &self.path) || is_end(&self.path, repository),
            Host::Elsewhere(host) => {
                *self.path == *repository
                    || is_end(&self.path, repository)
                    || self.path.strip_prefix(OFFICIAL) == Some(repository)
                    || (hosts.contains(&**host) && is_end(repository, &self.path))
            }
        }
    }

    /// Returns whether this stands for the repository of that name in every registry.
    pub(super) fn means(&self, repository: &str) -> bool {
        matches!(self.host, Host::Ecr(_)) && *self.path == *repository
    }
}

/// Returns the last part of a path, which paths that stand for each other share.
pub(super) fn last_part(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Returns whether a path is the end of a longer one.
fn is_end(end: &str, path: &str) -> bool {
    path.strip_suffix(end)
        .is_some_and(|prefix| prefix.ends_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_parts_of_a_path_are_its_end() {
        assert!(is_end("app", "team/app") && is_end("team/app", "proxy/team/app"));
        for (end, path) in [("app", "app"), ("app", "team/my-app"), ("team/app", "app")] {
            assert!(!is_end(end, path), "{end} {path}");
        }
    }
}
