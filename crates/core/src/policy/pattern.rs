//! Regular expressions on tags, and globs on names of repositories.

use std::{
    collections::HashSet,
    fmt::{self, Debug, Formatter},
};

use globset::{Glob, GlobBuilder, GlobSet};
use regex::{Captures, Regex, RegexBuilder};
use serde::{Serialize, Serializer};

use super::cover::covers;

/// Largest size of a compiled regular expression, in bytes.
const REGEX_SIZE_LIMIT: usize = 1 << 20;

/// A regular expression on tags, unanchored and of linear time. It equals another with the same
/// text.
#[derive(Clone)]
pub struct Pattern(Regex);

impl Pattern {
    /// Compiles a regular expression in the syntax of the `regex` crate.
    ///
    /// # Errors
    ///
    /// Returns an error for bad syntax, and for one of more than 1 MiB when compiled.
    pub fn new(text: &str) -> Result<Self, regex::Error> {
        compile(text).map(Self)
    }

    /// Returns the regular expression as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Returns whether a part of the tag matches.
    #[must_use]
    pub fn is_match(&self, tag: &str) -> bool {
        self.0.is_match(tag)
    }

    /// Returns the groups of the first match.
    #[must_use]
    pub fn captures<'t>(&self, tag: &'t str) -> Option<Captures<'t>> {
        self.0.captures(tag)
    }

    /// Returns the text of the named group; `None` if it took no part in the match.
    #[must_use]
    pub fn group<'t>(&self, tag: &'t str, name: &str) -> Option<&'t str> {
        self.captures(tag)?.name(name).map(|group| group.as_str())
    }

    /// Returns the text of the named group in every match.
    pub(super) fn groups<'t>(&self, tag: &'t str, name: &str) -> impl Iterator<Item = &'t str> {
        let matches = self.0.captures_iter(tag);
        matches.filter_map(move |it| it.name(name).map(|group| group.as_str()))
    }

    /// Returns the names of the named groups, in the order in which they open.
    pub fn group_names(&self) -> impl Iterator<Item = &str> {
        self.0.capture_names().flatten()
    }
}

/// Compiles a regular expression of a bounded size.
pub(super) fn compile(text: &str) -> Result<Regex, regex::Error> {
    let mut builder = RegexBuilder::new(text);
    builder.size_limit(REGEX_SIZE_LIMIT).build()
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Pattern {}

impl Debug for Pattern {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pattern").field(&self.as_str()).finish()
    }
}

impl Serialize for Pattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// A text that is not a glob.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GlobError {
    /// It is empty.
    #[error("expected a glob, found an empty text")]
    Empty,
    /// `globset` would take `team**` for `team*`.
    #[error("`**` stands for whole parts of a path: write `team/**`, `**/app` or `*`")]
    Stars,
    /// Its syntax is wrong, or all globs together are too large.
    #[error("{0}")]
    Syntax(String),
}

/// Globs on whole names: `*` and `?` do not cross a `/`, `**` does and stands for whole parts. They
/// equal others with the same texts.
#[derive(Clone, Serialize)]
#[serde(transparent)]
pub struct RepositoryGlobs {
    texts: Vec<String>,
    #[serde(skip)]
    set: GlobSet,
}

impl RepositoryGlobs {
    /// Compiles globs, one of which has to match.
    ///
    /// # Errors
    ///
    /// Returns an error for every bad glob, with its position.
    pub fn new(texts: &[String]) -> Result<Self, Vec<(usize, GlobError)>> {
        let mut set = GlobSet::builder();
        let mut errors = Vec::new();
        for (position, text) in texts.iter().enumerate() {
            match glob(text) {
                Ok(glob) => {
                    set.add(glob);
                }
                Err(error) => errors.push((position, error)),
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        // Each glob compiled by itself, so all that is left is their size together.
        let set = set
            .build()
            .map_err(|error| vec![(0, GlobError::Syntax(error.kind().to_string()))])?;
        Ok(Self {
            texts: texts.to_vec(),
            set,
        })
    }

    /// Creates no globs, which match nothing.
    #[must_use]
    pub fn none() -> Self {
        Self {
            texts: Vec::new(),
            set: GlobSet::empty(),
        }
    }

    /// Returns whether a glob matches the whole name.
    #[must_use]
    pub fn matches(&self, repository: &str) -> bool {
        self.set.is_match(repository)
    }

    /// Returns the globs that match the whole name, as they were written.
    pub fn matching(&self, name: &str) -> impl Iterator<Item = &str> {
        let matches = self.set.matches(name).into_iter();
        matches.map(|position| self.texts[position].as_str())
    }

    /// Returns whether these match every name that others match. It is `false` where that cannot be
    /// told, and for others that match no name.
    #[must_use]
    pub fn cover(&self, others: &Self) -> bool {
        // Mostly, one name shows that they do not.
        let is_gap = |text: &String| {
            let name = text.replace(['*', '?'], "x");
            others.matches(&name) && !self.matches(&name)
        };
        if others.texts.iter().any(is_gap) {
            return false;
        }
        let compiled = |texts: &[String]| texts.iter().map(|text| glob(text)).collect();
        let (wide, narrow): (Result<Vec<Glob>, _>, _) =
            (compiled(&self.texts), compiled(&others.texts));
        matches!((wide, narrow), (Ok(wide), Ok(narrow)) if covers(&wide, &narrow))
    }

    /// Returns the globs that match none of these names, as they were written.
    #[must_use]
    pub fn unmatched<'n>(&self, names: impl IntoIterator<Item = &'n str>) -> Vec<&str> {
        let names = names.into_iter().flat_map(|name| self.set.matches(name));
        let matched: HashSet<usize> = names.collect();
        let texts = self.texts.iter().enumerate();
        texts
            .filter(|(position, _)| !matched.contains(position))
            .map(|(_, text)| text.as_str())
            .collect()
    }

    /// Returns whether a glob is this name, without a wildcard.
    #[must_use]
    pub fn names_exactly(&self, repository: &str) -> bool {
        let is_plain = |text: &str| !text.contains(['*', '?', '[', ']', '{', '}', '\\']);
        self.texts
            .iter()
            .any(|text| text == repository && is_plain(text))
    }

    /// Returns the globs as they were written.
    #[must_use]
    pub fn patterns(&self) -> &[String] {
        &self.texts
    }
}

fn glob(text: &str) -> Result<Glob, GlobError> {
    if text.is_empty() {
        return Err(GlobError::Empty);
    }
    if !text
        .match_indices("**")
        .all(|(at, stars)| is_whole_part(text, at, at + stars.len()))
    {
        return Err(GlobError::Stars);
    }
    let mut builder = GlobBuilder::new(text);
    builder.literal_separator(true).backslash_escape(true);
    builder
        .build()
        .map_err(|error| GlobError::Syntax(error.kind().to_string()))
}

fn is_whole_part(text: &str, start: usize, end: usize) -> bool {
    let before = text
        .get(..start)
        .and_then(|before| before.chars().next_back());
    let after = text.get(end..).and_then(|after| after.chars().next());
    matches!(before, None | Some('/' | '{' | ',')) && matches!(after, None | Some('/' | '}' | ','))
}

impl PartialEq for RepositoryGlobs {
    fn eq(&self, other: &Self) -> bool {
        self.texts == other.texts
    }
}

impl Eq for RepositoryGlobs {}

impl Debug for RepositoryGlobs {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RepositoryGlobs").field(&self.texts).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn globs(texts: &[&str]) -> Result<RepositoryGlobs, Vec<(usize, GlobError)>> {
        let texts: Vec<String> = texts.iter().map(ToString::to_string).collect();
        RepositoryGlobs::new(&texts)
    }

    #[test]
    fn globs_match_whole_names() {
        for (glob, matching, other) in [
            (
                "app",
                &["app"][..],
                &["apps", "my-app", "team/app", "app/x"][..],
            ),
            ("*", &["app"], &["team/app"]),
            ("**", &["app", "team/app", "a/b/c"], &[]),
            (
                "team/*",
                &["team/app"],
                &["team", "team/app/api", "my/team/app"],
            ),
            (
                "team/**",
                &["team/app", "team/app/api"],
                &["team", "teams/app"],
            ),
            (
                "**/app",
                &["app", "team/app", "a/b/app"],
                &["my-app", "app/x"],
            ),
            ("a/**/z", &["a/z", "a/b/z", "a/b/c/z"], &["az", "a/b"]),
            ("app-?", &["app-1"], &["app-", "app-10", "app-/"]),
            ("app-[0-9]", &["app-1"], &["app-x"]),
            ("app-[!0-9]", &["app-x"], &["app-1"]),
            ("{web,team/**}", &["web", "team/a/b"], &["team", "web/x"]),
            (r"a\*", &["a*"], &["ab"]),
            ("App", &[], &["app"]),
        ] {
            let globs = globs(&[glob]).unwrap();
            for name in matching {
                assert!(globs.matches(name), "{glob} matches {name}");
            }
            for name in other {
                assert!(!globs.matches(name), "{glob} does not match {name}");
            }
        }
    }

    #[test]
    fn any_glob_is_enough_and_all_bad_ones_are_told() {
        let good = globs(&["web", "team/*"]).unwrap();
        assert!(good.matches("web") && good.matches("team/app") && !good.matches("app"));
        let syntax = |problem: &str| GlobError::Syntax(problem.to_owned());
        assert_eq!(
            globs(&["", "app", "team**", "a[", "***", "{a,b", r"a\"]).unwrap_err(),
            [
                (0, GlobError::Empty),
                (2, GlobError::Stars),
                (3, syntax("unclosed character class; missing ']'")),
                (4, GlobError::Stars),
                (
                    5,
                    syntax("unclosed alternate group; missing '}' (maybe escape '{' with '[{]'?)")
                ),
                (6, syntax(r"dangling '\'")),
            ]
        );
        assert!(!globs(&[]).unwrap().matches("app"));
        let all = globs(&["**", "web", "team/*"]).unwrap();
        assert_eq!(all.matching("web").collect::<Vec<_>>(), ["**", "web"]);
    }

    #[test]
    fn globs_that_match_nothing_are_named() {
        let globs = globs(&["team/*", "platfrom/**", "app"]).unwrap();
        let unmatched = globs.unmatched(["team/app", "team/web", "platform/app"]);
        assert_eq!(unmatched, ["platfrom/**", "app"]);
    }

    #[test]
    fn a_name_is_exact_only_without_wildcards() {
        let globs = globs(&["cache/app", "**", "c*"]).unwrap();
        assert!(globs.names_exactly("cache/app"));
        for name in ["cache/web", "app", "**", "c*"] {
            assert!(!globs.names_exactly(name), "{name}");
        }
    }

    #[test]
    fn globs_and_patterns_compare_and_serialize_by_their_text() {
        assert_eq!(globs(&["a", "b"]), globs(&["a", "b"]));
        assert_ne!(globs(&["a", "b"]), globs(&["b", "a"]));
        assert_eq!(
            serde_json::to_string(&globs(&["a"]).unwrap()).unwrap(),
            r#"["a"]"#
        );
        assert_eq!(Pattern::new("^v").unwrap(), Pattern::new("^v").unwrap());
        assert_ne!(Pattern::new("^v").unwrap(), Pattern::new("v").unwrap());
        assert_eq!(
            serde_json::to_string(&Pattern::new("^v").unwrap()).unwrap(),
            r#""^v""#
        );
    }

    #[test]
    fn patterns_are_unanchored_and_name_their_groups() {
        let pattern = Pattern::new(r"(?<branch>[a-z]+)-(\d+)-(?<build>\d+)").unwrap();
        assert!(pattern.is_match("x/main-1-2.tar"));
        assert!(!pattern.is_match("MAIN-1-2"));
        assert_eq!(
            pattern.group_names().collect::<Vec<_>>(),
            ["branch", "build"]
        );
        assert_eq!(&pattern.captures("main-1-2").unwrap()["build"], "2");
        assert_eq!(pattern.group("main-1-2", "branch"), Some("main"));
        assert_eq!(pattern.group("main", "branch"), None);
    }

    #[test]
    fn a_regex_of_more_than_a_mebibyte_is_refused() {
        assert!(matches!(
            Pattern::new("[a-z]{1000000}"),
            Err(regex::Error::CompiledTooBig(_))
        ));
        assert!(matches!(Pattern::new("("), Err(regex::Error::Syntax(_))));
    }
}
