//! Images that are named anywhere in a text: in annotations, arguments, environment variables, keys
//! of maps, manifests within strings, custom resources of any shape.
//!
//! JSON writes a reference as one run of plain characters, so the bytes of an object are searched
//! without knowing its type. A host of ECR that is not followed by a repository (`.../*` in a rule,
//! the `${NAME}` of a template) names no image.

use std::{borrow::Cow, collections::BTreeSet};

use regex::bytes::{Captures, Regex};

use crate::image::{Aliases, Digest, RepositoryName};

/// Length of the longest tag.
const LONGEST_TAG: usize = 300;
/// Number of words beside the name of a repository from which on any word may be the tag.
const MOST_WORDS: usize = 20_000;

/// Finds images in text.
#[derive(Debug, Clone)]
pub struct TextScanner {
    images: Regex,
    numbers: Regex,
}

/// An image that was found in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hit {
    /// A reference with a tag, a digest or both.
    Reference(String),
    /// A repository without tag and digest: as it is written, and its name.
    Repository(String, RepositoryName),
    /// A digest.
    Digest(Digest),
}

impl TextScanner {
    /// Creates a scanner; `aliases` are the host names that stand for the registries.
    pub fn new(aliases: &Aliases) -> Result<Self, regex::Error> {
        const PART: &str = r"[a-z0-9]+(?:(?:[.]|__?|-+)[a-z0-9]+)*";
        // Any suffix, so that a new partition is no blind spot.
        let mut hosts =
            r"[0-9]{12}[.]dkr[.-]ecr(?:-fips)?[.][a-z0-9-]+(?:[.][a-z0-9-]+)+(?::[0-9]+)?"
                .to_owned();
        for alias in aliases.hosts() {
            hosts.push('|');
            hosts.push_str(&regex::escape(alias));
        }
        // Within JSON within JSON, a separator is written with backslashes.
        let images = format!(
            r"(?-u)(?<host>(?i:{hosts}))(?<path>(?:\\*/{PART})+)(?::(?<tag>[A-Za-z0-9_][A-Za-z0-9_.-]*))?(?:@(?<digest>sha256:[0-9a-fA-F]{{64}}))?|(?<bare>sha256:[0-9a-fA-F]{{64}})"
        );
        let numbers = Regex::new(r#"(?-u)(?i:tag|version)"\s*:\s*-?[0-9]"#)?;
        Ok(Self {
            images: Regex::new(&images)?,
            numbers,
        })
    }

    /// Returns every image that is named in a text.
    pub fn scan<'t>(&'t self, text: &'t [u8]) -> impl Iterator<Item = Hit> + 't {
        self.images
            .captures_iter(text)
            .flat_map(|found| hits(&found))
    }

    /// Returns the words that may be the tag of a repository which the text names; `None` if it may
    /// be any.
    #[must_use]
    pub fn words(&self, text: &[u8]) -> Option<BTreeSet<Box<str>>> {
        // A number may have lost its last zero: 1.10 became 1.1.
        if self.numbers.is_match(text) {
            return None;
        }
        let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.-".contains(byte);
        let mut words = BTreeSet::new();
        let mut escaped = false;
        for run in text.chunk_by(|a, b| is_word(a) == is_word(b)) {
            if !run.first().is_some_and(is_word) {
                escaped = run.last() == Some(&b'\\');
                continue;
            }
            let Ok(word) = std::str::from_utf8(run) else {
                continue;
            };
            // What follows a backslash is, in part, an escape: `\n1.0`, `\u003c1.0`.
            let without_escape = if word.starts_with('u') {
                word.get(5..)
            } else {
                word.get(1..)
            };
            for word in [Some(word), without_escape.filter(|_| escaped)]
                .into_iter()
                .flatten()
            {
                for word in [word, word.trim_end_matches(['.', '_', '-'])] {
                    if (1..=LONGEST_TAG).contains(&word.len()) && !word.starts_with(['.', '-']) {
                        words.insert(word.into());
                    }
                }
            }
            if words.len() > MOST_WORDS {
                return None;
            }
        }
        Some(words)
    }
}

fn hits(found: &Captures<'_>) -> Vec<Hit> {
    let text = |name| {
        found
            .name(name)
            .map(|part| String::from_utf8_lossy(part.as_bytes()))
    };
    if let Some(bare) = text("bare") {
        return bare.parse().map(Hit::Digest).into_iter().collect();
    }
    let (Some(host), Some(path)) = (text("host"), text("path")) else {
        return Vec::new();
    };
    let path = path.replace('\\', "");
    let (tag, digest) = (text("tag"), text("digest"));
    let name = format!("{host}{path}");
    // A name that no repository can have is none.
    let Ok(repository) = RepositoryName::new(path.trim_start_matches('/')) else {
        return Vec::new();
    };
    let suffix = digest
        .map(|digest| format!("@{digest}"))
        .unwrap_or_default();
    match tag {
        None if suffix.is_empty() => vec![Hit::Repository(name, repository)],
        None => vec![Hit::Reference(name + &suffix)],
        Some(tag) => {
            // A sentence may end after a tag.
            let trimmed = tag.trim_end_matches(['.', '_', '-']);
            let tags: BTreeSet<Cow<'_, str>> = [tag.clone(), trimmed.into()].into();
            let fitting = tags
                .iter()
                .filter(|tag| (1..=LONGEST_TAG).contains(&tag.len()));
            fitting
                .map(|tag| Hit::Reference(format!("{name}:{tag}{suffix}")))
                .collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: &str = "111111111111.dkr.ecr.eu-west-1.amazonaws.com";
    const HEX: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    fn scan(text: &str) -> Vec<String> {
        let scanner =
            TextScanner::new(&Aliases::new(&["registry.example.com:5000".to_owned()])).unwrap();
        let shown = |hit| match hit {
            Hit::Reference(text) => text,
            Hit::Repository(_, name) => format!("any of {name}"),
            Hit::Digest(digest) => digest.to_string(),
        };
        scanner
            .scan(text.as_bytes())
            .map(|hit| shown(hit).replace(HOST, "HOST").replace(HEX, "HEX"))
            .collect()
    }

    #[test]
    fn finds_images_wherever_they_stand() {
        for (text, expected) in [
            (
                format!(r#"{{"image":"{HOST}/team/app:1.0"}}"#),
                &["HOST/team/app:1.0"][..],
            ),
            (
                format!(r#"["--image={HOST}/app:1,{HOST}/bb:2"]"#),
                &["HOST/app:1", "HOST/bb:2"],
            ),
            (format!(r#"{{"{HOST}/app:1":{{}}}}"#), &["HOST/app:1"]),
            (
                format!("{HOST}/app:1.0. It ends."),
                &["HOST/app:1.0", "HOST/app:1.0."],
            ),
            (
                format!("{HOST}/app:1@sha256:{HEX}"),
                &["HOST/app:1@sha256:HEX"],
            ),
            (format!("{HOST}/app@sha256:{HEX}"), &["HOST/app@sha256:HEX"]),
            (format!(r"{HOST}\/team\\/app:1"), &["HOST/team/app:1"]),
            (format!(r"image:\n{HOST}/app:1\n"), &["HOST/app:1"]),
            (format!(r"\u0026{HOST}/app:1"), &["HOST/app:1"]),
            (
                format!("docker-pullable://{HOST}/app@sha256:{HEX} sha256:{HEX}"),
                &["HOST/app@sha256:HEX", "sha256:HEX"],
            ),
            (format!("nginx@sha256:{HEX}"), &["sha256:HEX"]),
            (format!("{HOST}:443/app:1"), &["HOST:443/app:1"]),
            (
                "x.registry.example.com:5000/app:1".to_owned(),
                &["registry.example.com:5000/app:1"],
            ),
            (
                "111111111111.DKR-ECR.eu-west-1.on.aws/app:1".to_owned(),
                &["111111111111.DKR-ECR.eu-west-1.on.aws/app:1"],
            ),
            (format!("{HOST}/team/app"), &["any of team/app"]),
            (format!("{HOST}/team/app:${{TAG}}"), &["any of team/app"]),
            (format!("{HOST}/app-${{TAG}}"), &["any of app"]),
        ] {
            assert_eq!(scan(&text), expected, "{text}");
        }
    }

    #[test]
    fn a_host_alone_and_what_is_elsewhere_name_nothing() {
        for text in [
            HOST,
            &format!("{HOST}/"),
            &format!("{HOST}/*"),
            "registry.example.com/app:1",
            "nginx:1",
            "sha256:12",
        ] {
            assert_eq!(scan(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn the_words_of_a_text_may_be_tags() {
        let scanner = TextScanner::new(&Aliases::default()).unwrap();
        let words = scanner
            .words(br#"{"repository":"x","tag":"1.2.3","n":5,"text":"tag: 1.10\n7.0. \u003c8"}"#)
            .unwrap();
        for word in ["1.2.3", "1.10", "5", "7.0", "7.0.", "8"] {
            assert!(words.contains(word), "{word}: {words:?}");
        }
        assert_eq!(
            scanner.words(br#"{"tag": 1.1}"#),
            None,
            "a number may have been 1.10"
        );
    }
}
