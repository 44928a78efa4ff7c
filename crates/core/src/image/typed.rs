//! What a person types to name an image.

use std::fmt;

use super::{Aliases, Digest, Image, ImageReference, TypedReferenceError};

/// The fewest letters of a digest that name an image.
const LEAST: usize = 4;
/// The letters of a whole digest.
const WHOLE: usize = 64;

/// Reference to an image, or a repository with the beginning of a digest, as it is printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypedImage {
    /// Reference. Without tag and digest if the beginning of a digest was typed.
    pub reference: ImageReference,
    /// Beginning of the hexadecimal digits of the digest.
    prefix: Option<String>,
}

impl TypedImage {
    /// Parses what a person types, with or without a host.
    ///
    /// # Errors
    /// Returns an error if it names no image of a repository.
    pub fn parse(text: &str, aliases: &Aliases) -> Result<Self, TypedReferenceError> {
        let text = text.trim();
        // Not a tag of a repository called `sha256`.
        if text.starts_with("sha256:") && prefix_of(text).is_some() {
            return Err(TypedReferenceError::NoRepository(text.to_owned()));
        }
        let parts = text.rsplit_once('@');
        let parts = parts.and_then(|(named, digest)| Some((named, prefix_of(digest)?)));
        let Some((named, prefix)) = parts else {
            return Ok(ImageReference::parse_typed(text, aliases)?.into());
        };
        let reference = ImageReference {
            tag: None,
            ..ImageReference::parse_typed(named, aliases)?
        };
        Ok(Self {
            reference,
            prefix: Some(prefix.to_owned()),
        })
    }

    /// Returns whether it names an image of its repository. A digest goes before a tag.
    #[must_use]
    pub fn names(&self, image: &Image) -> bool {
        match (&self.prefix, &self.reference.digest, &self.reference.tag) {
            (Some(prefix), ..) => digits(&image.digest).starts_with(prefix),
            (None, Some(digest), _) => image.digest == *digest,
            (None, None, Some(tag)) => image.tags.contains(tag),
            (None, None, None) => false,
        }
    }
}

/// Returns the digits of a short digest, as `sha256:24b7cfd83be7` or without what stands before them.
fn prefix_of(text: &str) -> Option<&str> {
    let digits = text.strip_prefix("sha256:").unwrap_or(text);
    let is_digit = |letter: char| letter.is_ascii_hexdigit() && !letter.is_ascii_uppercase();
    let is_short = (LEAST..WHOLE).contains(&digits.len());
    (is_short && digits.chars().all(is_digit)).then_some(digits)
}

fn digits(digest: &Digest) -> String {
    let text = digest.to_string();
    text.strip_prefix("sha256:")
        .map_or(text.clone(), ToOwned::to_owned)
}

impl From<ImageReference> for TypedImage {
    fn from(reference: ImageReference) -> Self {
        Self {
            reference,
            prefix: None,
        }
    }
}

impl fmt::Display for TypedImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.prefix {
            Some(prefix) => write!(f, "{}@sha256:{prefix}", self.reference.repository),
            None => self.reference.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_digest_is_understood_as_it_is_printed() {
        let typed = |text: &str| TypedImage::parse(text, &Aliases::default());
        let expected = typed("team/app@24b7cfd83be7").unwrap();
        for text in [
            "team/app@sha256:24b7cfd83be7",
            " team/app@24b7cfd83be7",
            "team/app:2.0@sha256:24b7cfd83be7",
        ] {
            assert_eq!(typed(text).unwrap(), expected, "{text}");
        }
        assert_eq!(expected.to_string(), "team/app@sha256:24b7cfd83be7");
        for text in [
            "team/app@24b",
            "team/app@sha256:24B7cfd8",
            "team/app@zzzz",
            "@24b7cf",
            "sha256:24b7cfd83be7",
        ] {
            assert!(typed(text).is_err(), "{text}");
        }
        let whole = format!("team/app@sha256:{}", "1".repeat(64));
        assert_eq!(typed(&whole).unwrap().to_string(), whole);
    }
}
