//! The version in a tag, for rules that order by version (K10).

use std::{cmp::Ordering, iter};

/// What separates the parts of a tag.
const SEPARATORS: [char; 4] = ['-', '_', '.', '/'];

/// A version as tags write it: `release-1.2.3-4-rc1_build5` holds all of its pieces.
#[derive(Debug, Clone, Copy)]
pub(super) struct Version<'a> {
    /// `1.2.3`.
    numbers: &'a str,
    /// `-4`: what counts upwards from the numbers, as revisions and `git describe` do.
    revision: &'a str,
    /// `rc1`: what ranks below the version without it; empty if there is none.
    suffix: &'a str,
}

impl<'a> Version<'a> {
    /// Returns the version in a tag, if there is one.
    pub(super) fn parse(tag: &'a str) -> Option<Self> {
        let core = &tag[start(tag)?..];
        let mut end = digits(core);
        while let Some(rest) = core[end..].strip_prefix('.') {
            let more = digits(rest);
            if more == 0 || is_commit(first_part(rest), None) {
                break;
            }
            end += 1 + more;
        }
        let (numbers, rest) = core.split_at(end);
        let mut end = 0;
        while let Some(after) = rest[end..].strip_prefix(SEPARATORS) {
            let part = first_part(after);
            if digits(part) == 0 || is_commit(part, None) {
                break;
            }
            end += 1 + part.len();
        }
        let (revision, rest) = rest.split_at(end);
        Some(Self {
            numbers,
            revision,
            suffix: without_build(rest).trim_start_matches(SEPARATORS),
        })
    }
}

/// Returns where the version in a tag begins.
fn start(tag: &str) -> Option<usize> {
    let mut start = 0;
    let mut previous = None;
    for part in tag.split(SEPARATORS) {
        let number = part.strip_prefix(['v', 'V']).unwrap_or(part);
        let follows_letters = previous.is_none_or(is_word);
        let begins = number.len() < part.len() || follows_letters;
        if begins && digits(number) > 0 && !is_commit(number, previous) {
            return Some(start + part.len() - number.len());
        }
        start += part.len() + 1;
        previous = Some(part);
    }
    None
}

fn first_part(text: &str) -> &str {
    text.split(SEPARATORS).next().unwrap_or_default()
}

fn is_word(part: &str) -> bool {
    !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphabetic())
}

/// Returns the number of digits that a text begins with.
fn digits(text: &str) -> usize {
    let other = text.find(|c: char| !c.is_ascii_digit());
    other.unwrap_or(text.len())
}

/// Returns whether a part of a tag is the hash of a commit: hexadecimal digits, of which one is a
/// letter, unless `g` or a part `sha` before it says so.
fn is_commit(part: &str, previous: Option<&str>) -> bool {
    let marked = part.strip_prefix('g');
    let hex = marked.unwrap_or(part);
    let is_marked = marked.is_some() || previous == Some("sha");
    hex.len() >= 7
        && hex.bytes().all(|byte| byte.is_ascii_hexdigit())
        && (is_marked || hex.bytes().any(|byte| byte.is_ascii_alphabetic()))
}

/// Cuts off metadata of a build: `+` cannot stand in a tag, and is written `_`.
fn without_build(suffix: &str) -> &str {
    let mut ends = suffix.match_indices('_');
    let end = ends.find(|(at, _)| suffix[at + 1..].starts_with(|c: char| c.is_ascii_alphabetic()));
    end.map_or(suffix, |(at, _)| &suffix[..at])
}

impl Ord for Version<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_revision = || parts(self.revision).cmp(parts(other.revision));
        compare_numbers(self.numbers, other.numbers)
            .then_with(by_revision)
            .then_with(|| match (self.suffix, other.suffix) {
                ("", "") => Ordering::Equal,
                ("", _) => Ordering::Greater,
                (_, "") => Ordering::Less,
                (one, other) => parts(one).cmp(parts(other)),
            })
    }
}

impl PartialOrd for Version<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Version<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Version<'_> {}

/// Compares number by number; one that is missing is 0.
fn compare_numbers(one: &str, other: &str) -> Ordering {
    let count = |text: &str| text.split('.').count();
    let longest = count(one).max(count(other));
    let padded = |text| {
        let numbers = str::split(text, '.').chain(iter::repeat("0"));
        numbers.take(longest).map(natural)
    };
    padded(one).cmp(padded(other))
}

/// Returns the parts of a revision or of a suffix, to be compared one by one. Commit hashes have no
/// order.
fn parts(text: &str) -> impl Iterator<Item = Vec<Run<'_>>> {
    let parts = text.split(SEPARATORS).filter(|part| !part.is_empty());
    parts.map(|part| natural(if is_commit(part, None) { "" } else { part }))
}

/// A run of characters of one kind. A number is below a text, as in Semantic Versioning.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Run<'a> {
    /// The number of digits and the digits, without zeros in front: of any size.
    Number(usize, &'a str),
    Text(&'a str),
}

/// Returns the runs of a text, which compare as people read them: rc2 is below rc10.
fn natural(mut text: &str) -> Vec<Run<'_>> {
    let mut runs = Vec::with_capacity(2);
    while !text.is_empty() {
        let number = digits(text);
        let (run, rest) = if number > 0 {
            let digits = text[..number].trim_start_matches('0');
            (Run::Number(digits.len(), digits), &text[number..])
        } else {
            let end = text.find(|c: char| c.is_ascii_digit());
            let (run, rest) = text.split_at(end.unwrap_or(text.len()));
            (Run::Text(run), rest)
        };
        runs.push(run);
        text = rest;
    }
    runs
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Tags of one image repository each, from the lowest version to the highest (K10).
    const RISING: [&[&str]; 12] = [
        &[
            "0.9",
            "v1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-alpha.beta",
            "1.0.0-rc.2",
            "1.0.0-rc.10",
            "release-1.0.0",
            "1.0.1",
            "1.2",
            "1.10",
            "2",
            "2.0.0.1",
            "2024.11.05",
        ],
        &[
            "1.0.0-rc2",
            "1.0.0-rc9",
            "1.0.0rc10",
            "1.0.0",
            "1.0.0-1",
            "1.0.0-10",
            "1.0.1",
        ],
        &["java21-v9", "java21-v10"],
        &[
            "1.2.3",
            "v1.2.3-2-gabcdef0",
            "v1.2.3-12-g1234567",
            "1.2.4-rc1",
            "1.2.4-rc1-5-g9f31c02",
            "1.2.4-rc2",
        ],
        &["2024-02-28", "2024-11-05-rc1", "2024-11-05", "2024-11-06"],
        &["20240101", "main-20240102", "main-20240102-9"],
        &[
            "17.0.9_7-jre",
            "17.0.9_9-jre",
            "17.0.9_10-jre",
            "17.0.10_1-jre",
        ],
        &[
            "3.12.0b9",
            "3.12.0b10",
            "3.12.0",
            "3.12.1-alpine3.9",
            "3.12.1-alpine3.20",
            "3.12.1",
        ],
        &["1.0.0-9f31c02", "1.0.0", "1.0.1-abcdef0", "1.0.1"],
        &["pr-9", "pr-10"],
        &[
            "99999999999999999999998",
            "99999999999999999999999",
            "100000000000000000000000",
        ],
        &["1.0.Final", "1.0", "1.0.1.RC1", "1.0.1"],
    ];

    #[test]
    fn versions_rise() {
        for tags in RISING {
            let versions: Vec<_> = tags
                .iter()
                .map(|tag| Version::parse(tag).unwrap())
                .collect();
            for (position, version) in versions.iter().enumerate() {
                for later in &versions[position + 1..] {
                    assert!(version < later, "{version:?} {later:?}");
                }
            }
        }
    }

    #[test]
    fn missing_numbers_are_zero_and_builds_and_commits_have_no_order() {
        let cmp = |a, b| Version::parse(a).unwrap().cmp(&Version::parse(b).unwrap());
        for (a, b) in [
            ("1.0", "v1.0.0"),
            ("1.0.0_build5", "1.0.0"),
            ("1.0.0-rc1_build5", "1.0.0-rc01"),
            ("1.0.0-9f31c02", "1.0.0-abcdef0"),
            ("1.0-2-gabcdef0", "1.0-2-g9f31c02"),
            ("java17-v10", "java21-v10"),
        ] {
            assert_eq!(cmp(a, b), Ordering::Equal, "{a} {b}");
        }
    }

    #[test]
    fn what_is_no_version() {
        for tag in [
            "latest",
            "sha-9f31c02",
            "sha-1234567",
            "9f31c02",
            "main-9f31c02",
            "main-9f31c02-1700000000",
            "g1234567",
            "java21",
            "x86_64-1.2",
            "550e8400-e29b-41d4-a716-446655440000",
            "sha256-0f0f0f0f",
            "release--1",
            "_1",
        ] {
            assert_eq!(Version::parse(tag), None, "{tag}");
        }
    }

    proptest! {
        /// Any tags can be sorted.
        #[test]
        fn versions_are_in_a_total_order(tags in prop::collection::vec("[1-3rcg._-]{1,10}", 3)) {
            let versions: Vec<_> = tags.iter().filter_map(|tag| Version::parse(tag)).collect();
            for a in &versions {
                for b in &versions {
                    prop_assert_eq!(a.cmp(b), b.cmp(a).reverse());
                    for c in &versions {
                        prop_assert!(!(a <= b && b <= c) || a <= c);
                    }
                }
            }
        }
    }
}
