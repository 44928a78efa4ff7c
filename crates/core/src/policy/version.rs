//! The version in a tag, for rules that order by version.

use std::{cmp::Ordering, iter};

/// A version as tags write it: any prefix without digits (`v`, `release-`), numbers separated by
/// dots, and what follows a `-`, which makes it a pre-release as in Semantic Versioning.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Version<'a> {
    numbers: Vec<u64>,
    pre_release: Option<&'a str>,
}

impl<'a> Version<'a> {
    /// The version in a tag; none if there is no number, or one beyond 64 bits.
    pub(super) fn parse(tag: &'a str) -> Option<Self> {
        let core = &tag[tag.find(|c: char| c.is_ascii_digit())?..];
        let end = core
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(core.len());
        let (numbers, rest) = core.split_at(end);
        let numbers = numbers
            .trim_end_matches('.')
            .split('.')
            .map(|n| n.parse().ok())
            .collect::<Option<_>>()?;
        // Build metadata does not count; `+` cannot stand in a tag and is written `_`.
        let rest = rest.split('_').next().unwrap_or_default();
        let pre_release = Some(rest.trim_start_matches(['-', '.'])).filter(|text| !text.is_empty());
        Some(Self {
            numbers,
            pre_release,
        })
    }
}

impl Ord for Version<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let longest = self.numbers.len().max(other.numbers.len());
        let padded = |version: &Self| -> Vec<u64> {
            version
                .numbers
                .iter()
                .copied()
                .chain(iter::repeat(0))
                .take(longest)
                .collect()
        };
        padded(self)
            .cmp(&padded(other))
            .then_with(|| match (self.pre_release, other.pre_release) {
                (None, None) => Ordering::Equal,
                (None, Some(_)) => Ordering::Greater,
                (Some(_), None) => Ordering::Less,
                (Some(a), Some(b)) => compare_pre_releases(a, b),
            })
    }
}

impl PartialOrd for Version<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Identifier by identifier: numbers by value and below words, and the shorter list first.
fn compare_pre_releases(a: &str, b: &str) -> Ordering {
    // `Ok` sorts below `Err`.
    let key = |identifier: &'_ str| identifier.parse::<u64>().map_err(|_| identifier.to_owned());
    a.split(['.', '-'])
        .map(key)
        .cmp(b.split(['.', '-']).map(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Versions in the order that a rule ranks them by (K10).
    #[test]
    fn versions_in_rising_order() {
        let tags = [
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
        ];
        let versions: Vec<_> = tags
            .iter()
            .map(|tag| Version::parse(tag).unwrap())
            .collect();
        for pair in versions.windows(2) {
            assert!(pair[0] < pair[1], "{pair:?}");
        }
    }

    #[test]
    fn missing_numbers_are_zero_and_build_metadata_does_not_count() {
        let cmp = |a, b| Version::parse(a).unwrap().cmp(&Version::parse(b).unwrap());
        assert_eq!(cmp("1.0", "v1.0.0"), Ordering::Equal);
        assert_eq!(cmp("1.0.0_build5", "1.0.0"), Ordering::Equal);
    }

    #[test]
    fn no_number_is_no_version() {
        assert_eq!(Version::parse("latest"), None);
        assert_eq!(Version::parse("v99999999999999999999999"), None);
    }
}
