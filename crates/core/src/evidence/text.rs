//! Images that are named anywhere in a text: in annotations, arguments, environment variables, keys
//! of maps, manifests within strings, custom resources of any shape.
//!
//! JSON writes a reference as one run of plain characters, so the bytes of an object are searched
//! without knowing its type. A host of ECR that is not followed by a repository and its tag only
//! mentions images; what stands beside it may tell which.

use std::{borrow::Cow, collections::BTreeSet};

use regex::bytes::{Captures, Regex};

use crate::image::{Aliases, Digest, RepositoryName};

/// Length of the longest tag.
const LONGEST_TAG: usize = 300;

/// First characters of what a template, a script or an operator fills in.
pub(super) const PLACEHOLDERS: [char; 4] = ['{', '$', '<', '%'];

/// Finds images in text.
#[derive(Debug, Clone)]
pub struct TextScanner {
    pub(super) images: Regex,
    /// A key with its value: `tag: 1.0`, `IMAGE_TAG=1.0`.
    pub(super) pairs: regex::Regex,
    /// Finds what a key of such a pair holds.
    pub(super) keys: regex::Regex,
}

/// An image that was found in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hit {
    /// A reference with a tag, a digest or both.
    Reference(String),
    /// A registry, perhaps with a repository, without a tag: [`TextScanner::mentions`] tells more.
    Mention,
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
            r"(?-u)(?<host>(?i:{hosts}))(?:(?<path>(?:\\*/{PART})+)(?::(?<tag>[A-Za-z0-9_][A-Za-z0-9_.-]*))?(?:@(?<digest>sha256:[0-9a-fA-F]{{64}}))?)?|(?<bare>sha256:[0-9a-fA-F]{{64}})"
        );
        Ok(Self {
            images: Regex::new(&images)?,
            pairs: regex::Regex::new(
                r#"([A-Za-z0-9_.-]+)["']?\s*([:=])\s*(["']?)([^\s"',;&}\]]*)"#,
            )?,
            keys: regex::Regex::new("(?i:tag|digest|sha|version|chart)")?,
        })
    }

    /// Returns every image that is named in a text.
    pub fn scan<'t>(&'t self, text: &'t [u8]) -> impl Iterator<Item = Hit> + 't {
        self.images
            .captures_iter(text)
            .flat_map(|found| hits(text, &found))
    }

    /// Returns whether a text names a registry.
    pub(super) fn names_host(&self, text: &str) -> bool {
        self.images.is_match(text.as_bytes())
    }
}

fn hits(all: &[u8], found: &Captures<'_>) -> Vec<Hit> {
    let text = |name| {
        found
            .name(name)
            .map(|part| String::from_utf8_lossy(part.as_bytes()))
    };
    if let Some(bare) = text("bare") {
        return bare.parse().map(Hit::Digest).into_iter().collect();
    }
    let (Some(host), Some(path)) = (text("host"), text("path")) else {
        return vec![Hit::Mention];
    };
    let path = path.replace('\\', "");
    let (tag, digest) = (text("tag"), text("digest"));
    let name = format!("{host}{path}");
    // A name that no repository can have is none.
    if RepositoryName::new(path.trim_start_matches('/')).is_err() {
        return vec![Hit::Mention];
    }
    let suffix = digest
        .map(|digest| format!("@{digest}"))
        .unwrap_or_default();
    match tag {
        None if suffix.is_empty() => vec![Hit::Mention],
        None => vec![Hit::Reference(name + &suffix)],
        // A placeholder goes on with it.
        Some(_) if suffix.is_empty() && is_cut(all, found) => vec![Hit::Mention],
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

/// Returns whether a placeholder follows what was found.
fn is_cut(all: &[u8], found: &Captures<'_>) -> bool {
    let next = found.get(0).and_then(|whole| all.get(whole.end()));
    next.is_some_and(|next| PLACEHOLDERS.contains(&char::from(*next)))
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
            Hit::Mention => "mention".to_owned(),
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
            (format!("{HOST}/team/app"), &["mention"]),
            (format!("{HOST}/team/app:${{TAG}}"), &["mention"]),
            (format!("{HOST}/app-${{TAG}}"), &["mention"]),
            (format!("{HOST}/app:1.0-${{TAG}}"), &["mention"]),
            (HOST.to_owned(), &["mention"]),
            (format!("{HOST}/{{{{name}}}}"), &["mention"]),
        ] {
            assert_eq!(scan(&text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_elsewhere_names_nothing() {
        for text in ["registry.example.com/app:1", "nginx:1", "sha256:12"] {
            assert_eq!(scan(text), [""; 0], "{text}");
        }
    }
}
