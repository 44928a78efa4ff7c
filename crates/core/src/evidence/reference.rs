//! References that count as use.

use std::fmt;

use serde_with::SerializeDisplay;

use crate::image::{Digest, ImageReference, RepositoryName};

/// A reference that counts as use.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, SerializeDisplay)]
pub enum Reference {
    /// An image of a repository.
    Image(ImageReference),
    /// A digest in any repository.
    Digest(Digest),
    /// An image of a repository, without its tag or digest.
    Repository(RepositoryName),
}

impl Reference {
    /// Returns the reference with a short digest, for people.
    #[must_use]
    pub fn short(&self) -> String {
        match self {
            Self::Image(reference) => reference.short(),
            Self::Digest(digest) => digest.short(),
            Self::Repository(repository) => repository.to_string(),
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Image(reference) => reference.fmt(f),
            Self::Digest(digest) => digest.fmt(f),
            Self::Repository(repository) => write!(f, "{repository} (some image of it)"),
        }
    }
}
