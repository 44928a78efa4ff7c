//! Globs on the names of clusters.

use crate::policy::{GlobError, RepositoryGlobs};

/// Globs on the names of clusters. The last one that matches a name decides about it: one with `!`
/// before it leaves out what it matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterGlobs(Vec<ClusterGlob>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct ClusterGlob {
    text: String,
    /// The glob without its `!`.
    glob: RepositoryGlobs,
}

impl ClusterGlobs {
    /// Compiles globs.
    ///
    /// # Errors
    ///
    /// Returns an error for every bad glob, with its position.
    pub fn new(texts: &[String]) -> Result<Self, Vec<(usize, GlobError)>> {
        let mut errors = Vec::new();
        let globs = texts.iter().enumerate().filter_map(|(position, text)| {
            let glob = text.strip_prefix('!').unwrap_or(text).to_owned();
            match RepositoryGlobs::new(&[glob]) {
                Ok(glob) => Some(ClusterGlob {
                    text: text.clone(),
                    glob,
                }),
                Err(wrong) => {
                    errors.extend(wrong.into_iter().map(|(_, error)| (position, error)));
                    None
                }
            }
        });
        let globs = globs.collect();
        if errors.is_empty() {
            Ok(Self(globs))
        } else {
            Err(errors)
        }
    }

    /// Returns whether a cluster is read.
    #[must_use]
    pub fn matches(&self, cluster: &str) -> bool {
        let last = self.last(cluster);
        last.is_some_and(|text| !text.starts_with('!'))
    }

    /// Returns the glob that leaves a cluster out, as it was written. `None` if no glob matches the
    /// cluster.
    #[must_use]
    pub fn leaving_out(&self, cluster: &str) -> Option<&str> {
        self.last(cluster).filter(|text| text.starts_with('!'))
    }

    /// Returns the clusters that are named without a wildcard, and not left out.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let globs = self.0.iter();
        let named = globs.filter(|it| it.glob.names_exactly(&it.text));
        let names = named.map(|it| it.text.as_str());
        names.filter(|name| self.matches(name))
    }

    /// Returns the globs as they were written.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|it| it.text.as_str())
    }

    fn last(&self, cluster: &str) -> Option<&str> {
        let mut globs = self.0.iter().rev();
        let last = globs.find(|it| it.glob.matches(cluster))?;
        Some(&last.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_glob_that_matches_decides() {
        for (globs, read, left_out) in [
            (&["**"][..], &["prod", "lab-1"][..], &[][..]),
            (&["**", "!lab-*"], &["prod", "lab"], &["lab-1"]),
            (&["**", "!lab-*", "lab-1"], &["prod", "lab-1"], &["lab-2"]),
            (&["prod-*"], &["prod-1"], &["prod", "lab-1"]),
            (&["prod", "lab", "!lab"], &["prod"], &["lab", "other"]),
        ] {
            let texts: Vec<String> = globs.iter().map(ToString::to_string).collect();
            let globs = ClusterGlobs::new(&texts).unwrap();
            for name in read {
                assert!(globs.matches(name), "{texts:?} read {name}");
                assert_eq!(globs.leaving_out(name), None);
            }
            for name in left_out {
                assert!(!globs.matches(name), "{texts:?} leave out {name}");
            }
        }
    }

    #[test]
    fn only_what_is_named_and_read_must_exist() {
        let texts = ["prod", "lab-*", "test", "!test", "!old"].map(str::to_owned);
        let globs = ClusterGlobs::new(&texts).unwrap();
        assert_eq!(globs.names().collect::<Vec<_>>(), ["prod"]);
        assert_eq!(globs.leaving_out("old"), Some("!old"));
        assert_eq!(globs.texts().collect::<Vec<_>>(), texts);
        let bad = ["a[", "b", "!"].map(str::to_owned);
        let positions = ClusterGlobs::new(&bad).unwrap_err();
        let positions: Vec<usize> = positions.into_iter().map(|(at, _)| at).collect();
        assert_eq!(positions, [0, 2]);
    }
}
