//! Shapes of tags: what a rule may be about where nobody has said yet what the tags mean.

use std::{collections::BTreeSet, num::NonZeroU32, sync::LazyLock};

use jiff::SignedDuration;

use super::{KeepRule, Order, Pattern};

/// Shape of a tag: the first in this order that fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Shape {
    /// `latest` as a whole word.
    Latest,
    /// `1.2-SNAPSHOT`.
    Snapshot,
    /// `1.2`, `v1.2.3-rc1`, `release-1.2`.
    Release,
    /// `42`, `20241105`, `2024-11-05`.
    Number,
    /// `pr-12`, `mr-12-9f31c02`.
    Request,
    /// `9f31c02`, `sha-9f31c02`.
    Commit,
    /// `main-9f31c02`, `main-9f31c02-1700000000`, `prod-7`.
    Build,
    /// Anything else: `stable`, `feature-login`.
    Other,
}

/// What is known of a shape.
struct Kind {
    shape: Shape,
    name: &'static str,
    /// The tags of it, and of shapes before it.
    tags: &'static str,
    /// A group of `tags`, for each value of which images are counted.
    per: Option<&'static str>,
    newest: u32,
    days: i64,
    by: Order,
    /// Shapes before it whose tags `tags` may match, but for `latest`, which is kept anyway.
    overlaps: &'static [Shape],
}

const PLAIN: Kind = Kind {
    shape: Shape::Other,
    name: "others",
    tags: ".",
    per: None,
    newest: 0,
    days: 0,
    by: Order::Pushed,
    overlaps: &[
        Shape::Latest,
        Shape::Snapshot,
        Shape::Release,
        Shape::Number,
        Shape::Request,
        Shape::Commit,
        Shape::Build,
    ],
};

const KINDS: [Kind; 8] = [
    Kind {
        shape: Shape::Latest,
        name: "latest",
        tags: "(^|[._-])latest($|[._-])",
        overlaps: &[],
        ..PLAIN
    },
    Kind {
        shape: Shape::Snapshot,
        name: "snapshots",
        tags: "SNAPSHOT",
        newest: 5,
        overlaps: &[],
        ..PLAIN
    },
    Kind {
        shape: Shape::Release,
        name: "releases",
        tags: r"^(v|release-)?[0-9]+\.[0-9]",
        newest: 10,
        by: Order::Version,
        overlaps: &[Shape::Snapshot],
        ..PLAIN
    },
    Kind {
        shape: Shape::Number,
        name: "numbers",
        tags: "^v?[0-9]+([-_][0-9]+)*$",
        newest: 10,
        overlaps: &[],
        ..PLAIN
    },
    Kind {
        shape: Shape::Request,
        name: "pull requests",
        tags: "^(?<request>(?i:pr|mr|pull)[-_]?[0-9]+)",
        per: Some("request"),
        newest: 1,
        days: 30,
        overlaps: &[Shape::Snapshot],
        ..PLAIN
    },
    Kind {
        shape: Shape::Commit,
        name: "commits",
        tags: "^(sha-)?[0-9a-f]{7,40}$",
        newest: 20,
        overlaps: &[Shape::Number],
        ..PLAIN
    },
    Kind {
        shape: Shape::Build,
        name: "builds",
        tags: "^(?<branch>[A-Za-z].*?)[-_.]g?([0-9a-f]{7,40}|[0-9]+)([-_.][0-9]+)?$",
        per: Some("branch"),
        newest: 5,
        overlaps: &[
            Shape::Snapshot,
            Shape::Release,
            Shape::Number,
            Shape::Request,
            Shape::Commit,
        ],
        ..PLAIN
    },
    PLAIN,
];

/// The patterns of all shapes, in their order.
static PATTERNS: LazyLock<Vec<(Shape, Pattern)>> = LazyLock::new(|| {
    let compiled = KINDS.iter().map(|kind| {
        let pattern = Pattern::new(kind.tags).ok()?;
        Some((kind.shape, pattern))
    });
    compiled.flatten().collect()
});

impl Shape {
    /// All shapes, in their order.
    pub const ALL: [Self; 8] = [
        Self::Latest,
        Self::Snapshot,
        Self::Release,
        Self::Number,
        Self::Request,
        Self::Commit,
        Self::Build,
        Self::Other,
    ];

    /// Returns the shape of a tag.
    #[must_use]
    pub fn of(tag: &str) -> Self {
        let found = PATTERNS.iter().find(|(_, pattern)| pattern.is_match(tag));
        found.map_or(Self::Other, |(shape, _)| *shape)
    }

    /// Returns the name of its rule.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.kind().map_or(PLAIN.name, |kind| kind.name)
    }

    fn kind(self) -> Option<&'static Kind> {
        KINDS.iter().find(|kind| kind.shape == self)
    }

    /// Returns a rule about the tags of this shape, where there are tags of these.
    ///
    /// # Errors
    /// Returns an error if its regular expressions are too large, which they are not.
    pub fn rule(self, present: &BTreeSet<Self>) -> Result<KeepRule, regex::Error> {
        let kind = self.kind().unwrap_or(&PLAIN);
        let overlaps = kind.overlaps.iter().filter(|shape| present.contains(shape));
        let except: Vec<&str> = overlaps
            .filter_map(|shape| Some(shape.kind()?.tags))
            .collect();
        let except = (!except.is_empty()).then(|| without_names(&except.join("|")));
        let except = except.map(|except| Pattern::new(&except)).transpose()?;
        Ok(KeepRule {
            tags: Some(Pattern::new(kind.tags)?),
            except,
            per: kind.per.map(ToOwned::to_owned),
            newest: NonZeroU32::new(kind.newest),
            pushed_within: (kind.days > 0).then(|| SignedDuration::from_hours(24 * kind.days)),
            by: kind.by,
            ..KeepRule::new(kind.name.to_owned())
        })
    }
}

/// Returns a regular expression without the names of its groups.
fn without_names(regex: &str) -> String {
    regex.replace("?<request>", "").replace("?<branch>", "")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn tags_have_shapes() {
        for (shape, tags) in [
            (
                Shape::Latest,
                &["latest", "dev-latest", "latest-9f31c02"][..],
            ),
            (Shape::Snapshot, &["1.0-SNAPSHOT", "pr-1-SNAPSHOT"]),
            (
                Shape::Release,
                &[
                    "1.0",
                    "v2.0.0-rc1",
                    "release-1.2",
                    "20241105.3",
                    "3.12-alpine",
                ],
            ),
            (
                Shape::Number,
                &["1", "v7", "20241105", "2024-11-05", "1234567"],
            ),
            (
                Shape::Request,
                &["pr-12", "PR-12", "mr12-9f31c02", "pull_7"][..],
            ),
            (Shape::Commit, &["9f31c02", "sha-1234567", "sha-9f31c02"]),
            (
                Shape::Build,
                &[
                    "main-9f31c02",
                    "main-9f31c02-1700000000",
                    "prod-7",
                    "build.12",
                ],
            ),
            (
                Shape::Other,
                &[
                    "stable",
                    "feature-login",
                    "v1-alpine",
                    "latests",
                    "java21-v9",
                ],
            ),
        ] {
            for tag in tags {
                assert_eq!(Shape::of(tag), shape, "{tag}");
            }
        }
    }

    #[test]
    fn builds_are_of_a_branch() {
        let builds = Shape::Build.rule(&BTreeSet::new()).unwrap().tags.unwrap();
        for (tag, branch) in [
            ("main-9f31c02", "main"),
            ("main-9f31c02-1700000000", "main"),
            ("feature-12-abcdef0", "feature-12"),
            ("v1.0-login-g9f31c02", "v1.0-login"),
            ("prod-7", "prod"),
        ] {
            assert_eq!(builds.group(tag, "branch"), Some(branch), "{tag}");
        }
    }

    #[test]
    fn there_is_a_pattern_for_every_shape() {
        let shapes: Vec<Shape> = PATTERNS.iter().map(|(shape, _)| *shape).collect();
        assert_eq!(shapes, Shape::ALL);
    }

    proptest! {
        /// Where all shapes are there, one rule is about each tag, besides that of `latest`.
        #[test]
        fn one_rule_is_about_each_tag(
            tag in "(v|pr|mr|pull|release|sha|main|latest|SNAPSHOT|[0-9a-f]{1,8}|[0-9]{1,3}|[._-]){1,5}",
        ) {
            let present = BTreeSet::from(Shape::ALL);
            let own = Shape::of(&tag);
            for kind in KINDS {
                let rule = kind.shape.rule(&present).unwrap();
                if own != Shape::Latest {
                    prop_assert_eq!(rule.matches_tag(&tag), kind.shape == own, "{}", kind.name);
                }
            }
        }
    }
}
