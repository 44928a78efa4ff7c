//! What stands beside the name of a repository: keys that say tag, digest or version, with their
//! values.

use std::{collections::BTreeSet, sync::Arc};

use super::Words;
use crate::image::{Digest, Tag};

/// Words of keys that tell a tag or a digest, as the last one.
const TAGS: [&str; 7] = [
    "tag", "tags", "imagetag", "digest", "digests", "sha", "sha256",
];
/// Words of keys that tell an image, as the last one.
const IMAGES: [&str; 6] = [
    "image",
    "images",
    "img",
    "repository",
    "repositories",
    "repo",
];
/// Words that do not tell one image from another beside it.
const COMMON: [&str; 15] = [
    "base",
    "container",
    "docker",
    "ecr",
    "full",
    "hub",
    "name",
    "new",
    "path",
    "registry",
    "uri",
    "url",
    "value",
    "version",
    "aws",
];

/// The words of a key: `imageTag`, `IMAGE_TAG` and `image.tag` have the same.
struct Key(Vec<String>);

impl Key {
    fn parse(key: &str) -> Self {
        let mut words: Vec<String> = Vec::new();
        let (mut inside, mut is_lower) = (false, false);
        for c in key.chars() {
            if !c.is_ascii_alphanumeric() {
                inside = false;
                continue;
            }
            let begins = !inside || (is_lower && c.is_ascii_uppercase());
            match words.last_mut() {
                Some(word) if !begins => word.push(c.to_ascii_lowercase()),
                _ => words.push(c.to_ascii_lowercase().to_string()),
            }
            inside = true;
            is_lower = c.is_ascii_lowercase() || c.is_ascii_digit();
        }
        Self(words)
    }

    /// Returns the key if its last word is one of these. Most keys are none, and are not taken
    /// apart.
    fn ending_with(key: &str, one_of: &[&str]) -> Option<Self> {
        let bytes = key.as_bytes();
        let ends = |word: &&str| {
            let start = bytes.len().checked_sub(word.len());
            start.is_some_and(|start| bytes[start..].eq_ignore_ascii_case(word.as_bytes()))
        };
        let is_word = |key: &Self| key.0.last().is_some_and(|last| one_of.contains(&&**last));
        let parse = || Some(Self::parse(key)).filter(is_word);
        one_of.iter().any(ends).then(parse)?
    }

    /// Returns what tells it from the keys of other images: `sidecar` of `sidecar.image.tag`.
    fn subject(&self) -> String {
        let common = |word: &&String| {
            let word = word.as_str();
            [&TAGS[..], &IMAGES, &COMMON]
                .iter()
                .any(|of| of.contains(&word))
        };
        let telling = self.0.iter().filter(|word| !common(word));
        telling.map(String::as_str).collect::<Vec<_>>().join(" ")
    }
}

/// Returns whether the value of a key names an image.
pub(super) fn names_image(key: &str) -> bool {
    Key::ending_with(key, &IMAGES).is_some()
}

/// Tags and digests that stand side by side, each with the image that its key is about.
#[derive(Debug, Clone, Default)]
pub(super) struct Beside {
    told: Vec<Told>,
    /// Whether they stand beside a chart, so that a version is that of the chart.
    is_chart: bool,
}

#[derive(Debug, Clone)]
struct Told {
    subject: String,
    is_version: bool,
    /// `None` if the value is none that can be read.
    word: Option<Box<str>>,
}

impl Beside {
    pub(super) const fn is_empty(&self) -> bool {
        self.told.is_empty()
    }

    pub(super) fn extend(&mut self, more: Self) {
        self.told.extend(more.told);
        self.is_chart |= more.is_chart;
    }

    /// Adds a key with its value.
    pub(super) fn add(&mut self, key: &str, value: &str) {
        self.add_if(key, || {
            let value = value.trim();
            let parts = value.split('@').filter(|part| !part.is_empty());
            parts.map(word).collect()
        });
    }

    /// Adds a key whose value is a number: 1.10 may have become 1.1, so the tag is not known.
    pub(super) fn add_number(&mut self, key: &str) {
        self.add_if(key, || vec![None]);
    }

    /// Adds a key whose value tells nothing by itself.
    pub(super) fn add_key(&mut self, key: &str) {
        self.is_chart |= key == "chart";
    }

    fn add_if(&mut self, key: &str, words: impl Fn() -> Vec<Option<Box<str>>>) {
        self.add_key(key);
        let version = Key::ending_with(key, &["version"]);
        let is_version = version.is_some();
        if let Some(key) = version.or_else(|| Key::ending_with(key, &TAGS)) {
            let subject = key.subject();
            let told = words().into_iter().map(|word| Told {
                subject: subject.clone(),
                // `v1` is more often the version of an API, `2` a count.
                word: word.filter(|word| !is_version || is_specific(word)),
                is_version,
            });
            self.told.extend(told);
        }
    }

    /// Returns what is told of the image that a key names; none if it may be any. A version counts
    /// if neither tag nor digest is told, and if the key says that it is about an image.
    pub(super) fn words(&self, key: &str) -> Words {
        if self.is_empty() {
            return Words::default();
        }
        let subject = Key::parse(key).subject();
        let told = |versions: bool| {
            let told = self.told.iter();
            told.filter(|it| it.subject == subject && it.is_version == versions)
                .map(|it| it.word.clone())
                .collect::<Vec<_>>()
        };
        let mut words = told(false);
        if words.is_empty() && !self.is_chart && names_image(key) {
            words = told(true);
        }
        // If one cannot be read, the others do not tell.
        let words: Option<BTreeSet<_>> = words.into_iter().collect();
        Arc::new(words.unwrap_or_default())
    }
}

/// Returns the tag or the digest that a value is, or the tag in a version.
fn word(value: &str) -> Option<Box<str>> {
    let digest = value.parse().or_else(|_| Digest::from_hex(value));
    match digest {
        Ok(digest) => Some(digest.to_string().into()),
        Err(_) => Tag::new(value).is_ok().then(|| value.into()),
    }
}

/// Returns whether a version can hardly be that of something else than an image.
fn is_specific(version: &str) -> bool {
    let bare = version.strip_prefix('v').unwrap_or(version);
    let api = bare.replace("alpha", "").replace("beta", "");
    version.bytes().any(|byte| byte.is_ascii_digit())
        && (api.len() >= 8 || !api.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(pairs: &[(&str, &str)], key: &str) -> Vec<String> {
        let mut beside = Beside::default();
        for (key, value) in pairs {
            beside.add(key, value);
        }
        let words = beside.words(key);
        words.iter().map(ToString::to_string).collect()
    }

    /// Only keys that say tag, digest, sha or version narrow a mention (U12).
    #[test]
    fn keys_tell_whose_tag_their_value_is() {
        let hex = "0a".repeat(32);
        let digest = format!("sha256:{hex}");
        for (pairs, key, expected) in [
            (&[("tag", "1.0")][..], "repository", &["1.0"][..]),
            (&[("newTag", "1.0")], "newName", &["1.0"]),
            (&[("imageTag", "1.0")], "image", &["1.0"]),
            (&[("IMAGE_TAG", "1.0")], "IMAGE", &["1.0"]),
            (&[("image.tag", "1.0")], "image.repository", &["1.0"]),
            (&[("version", "1.0")], "image", &["1.0"]),
            (&[("version", "1.0")], "name", &[]),
            (&[("sha", &hex)], "baseImage", &[&*digest]),
            (
                &[("digest", &digest), ("tag", "1.0")],
                "image",
                &["1.0", &*digest],
            ),
            (
                &[("tag", &format!("1.0@{digest}"))],
                "image",
                &["1.0", &*digest],
            ),
            (&[("tag", "1.0"), ("version", "2.0")], "image", &["1.0"]),
            (&[("tag", ""), ("version", "2.0")], "image", &["2.0"]),
            (
                &[("sidecar.tag", "1.0"), ("tag", "2.0")],
                "sidecar.image",
                &["1.0"],
            ),
            (&[("sidecar.tag", "1.0")], "image", &[]),
            (&[("tag", "1.0")], "sidecarImage", &[]),
            (
                &[("tag", "{{ .Values.tag }}"), ("digest", &digest)],
                "image",
                &[],
            ),
            (
                &[("apiVersion", "1.0"), ("chartVersion", "1.0")],
                "image",
                &[],
            ),
            (&[("version", "v1"), ("count", "3")], "image", &[]),
            (&[("version", "1.0"), ("chart", "app")], "image", &[]),
            (&[("stage", "1.0"), ("tagSuffix", "1.0")], "image", &[]),
        ] {
            assert_eq!(told(pairs, key), expected, "{pairs:?} {key}");
        }
        let mut beside = Beside::default();
        beside.add_number("tag");
        assert!(!beside.is_empty() && beside.words("image").is_empty());
    }
}
