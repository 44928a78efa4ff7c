//! Names of repositories, and tags.

use std::{borrow::Borrow, fmt, ops::Deref, str::FromStr};

use arcstr::ArcStr;
use serde::{Serialize, Serializer};
use serde_with::DeserializeFromStr;

use super::Digest;

/// A text that is not a repository name or not a tag.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Not a repository name.
    #[error(
        "`{0}` is no repository name: expected 2 to 256 lower-case letters, digits, `.`, `_`, `-`, in parts separated by `/`"
    )]
    Repository(String),
    /// Not a tag.
    #[error(
        "`{0}` is no tag: expected 1 to 300 letters, digits, `_`, `.` and `-`, not beginning with `.` or `-`"
    )]
    Tag(String),
}

/// Name of a repository, without registry, tag or digest: `team/app`. It is compared whole, never
/// by prefix (U1).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, DeserializeFromStr)]
pub struct RepositoryName(Box<str>);

impl RepositoryName {
    /// Parses a repository name.
    pub fn new(text: &str) -> Result<Self, NameError> {
        let valid = (2..=256).contains(&text.len())
            && text.split('/').all(|part| {
                let bytes = part.as_bytes();
                let alphanumeric = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
                bytes.first().is_some_and(alphanumeric)
                    && bytes.last().is_some_and(alphanumeric)
                    && bytes
                        .iter()
                        .all(|b| alphanumeric(b) || matches!(b, b'.' | b'_' | b'-'))
            });
        if valid {
            Ok(Self(text.into()))
        } else {
            Err(NameError::Repository(text.to_owned()))
        }
    }
}

/// Tag of an image, case-sensitive. Copies of it share its text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(ArcStr);

impl Tag {
    /// Returns `latest`, the tag of a reference without one.
    #[must_use]
    pub fn latest() -> Self {
        Self("latest".into())
    }

    /// Parses a tag.
    pub fn new(text: &str) -> Result<Self, NameError> {
        let bytes = text.as_bytes();
        let valid = (1..=300).contains(&bytes.len())
            && bytes
                .iter()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
            && !matches!(bytes.first(), Some(b'.' | b'-'));
        if valid {
            Ok(Self(text.into()))
        } else {
            Err(NameError::Tag(text.to_owned()))
        }
    }

    /// Returns the digest that a tag names, with what follows it: `sha256-<hex>`, alone or followed
    /// by `.` or `-` and anything.
    #[must_use]
    pub fn digest(&self) -> Option<(Digest, &str)> {
        let rest = self.0.strip_prefix("sha256-")?;
        let (hex, ending) = rest.split_at_checked(64)?;
        let has_end = ending.is_empty() || ending.starts_with(['.', '-']);
        let digest = Digest::from_hex(hex).ok().filter(|_| has_end)?;
        Some((digest, ending))
    }
}

impl Serialize for Tag {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

impl FromStr for RepositoryName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::new(text)
    }
}

macro_rules! text {
    ($name:ident) => {
        impl Deref for $name {
            type Target = str;

            fn deref(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }
    };
}

text!(RepositoryName);
text!(Tag);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repository_names() {
        for name in ["ab", "team/app", "a.b/c_d/e-f", "a__b", "app-", "-app"] {
            assert_eq!(
                RepositoryName::new(name).is_ok(),
                !name.starts_with('-') && !name.ends_with('-'),
                "{name}"
            );
        }
        for name in [
            "",
            "a",
            "Team/app",
            "team//app",
            "/app",
            "app/",
            "team app",
            "äpp",
            &"a".repeat(257),
        ] {
            assert!(RepositoryName::new(name).is_err(), "{name}");
        }
    }

    #[test]
    fn tags() {
        for tag in ["latest", "1.0", "v1_0-SNAPSHOT", "_x", &"a".repeat(300)] {
            assert!(Tag::new(tag).is_ok(), "{tag}");
        }
        for tag in ["", ".x", "-x", "a/b", "a:b", "ä", "a b", &"a".repeat(301)] {
            assert!(Tag::new(tag).is_err(), "{tag}");
        }
    }

    #[test]
    fn a_tag_may_name_a_digest_with_an_ending() {
        let hex = "0f".repeat(32);
        let subject = Digest::from_hex(&hex).unwrap();
        for ending in ["", ".sig", ".imgpkg", "-soci"] {
            let tag = Tag::new(&format!("sha256-{hex}{ending}")).unwrap();
            assert_eq!(tag.digest(), Some((subject, ending)), "{ending}");
        }
        for tag in [
            "sha256-0f0f.sig".to_owned(),
            format!("sha256-{hex}0"),
            format!("v1-sha256-{hex}"),
        ] {
            assert_eq!(Tag::new(&tag).unwrap().digest(), None, "{tag}");
        }
    }
}
