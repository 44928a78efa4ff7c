//! Git history: images that belong to branches, tags and pull requests of a repository (K14).
//!
//! A document holds the commit graph as CI exported it; [`History::parse`] accepts it or says why
//! not. [`GitRules::judge`] then finds which images the history needs. It only keeps: what Git does
//! not need is left to the rules and to use.

mod commit;
mod document;
mod evaluate;
mod history;
mod judge;
mod reason;
mod select;
mod walk;

#[cfg(test)]
mod tests;

use std::{fmt, num::NonZeroU32, sync::Arc};

use jiff::SignedDuration;
use regex::Regex;
use serde::{Deserialize, Serialize};

use super::{Pattern, pattern::compile};

pub use commit::{CommitId, CommitIdError};
pub use document::{Commits, Document, DocumentRef, Expected, HistoryError, SCHEMA};
pub use history::{Counts, DocumentSizes, History};
pub use judge::GitImage;
pub use reason::GitReason;

/// What Git history keeps in the repositories of a policy.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GitRules {
    /// Address of the document.
    pub document: String,
    /// Name of the Git repository that the document has to name.
    pub repository: String,
    /// Pattern on tags whose group `commit` is the commit of the image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<Pattern>,
    /// Whether annotations of the image and its children name its commit too.
    pub annotation: bool,
    /// Age beyond which the document is stale.
    pub max_age: SignedDuration,
    /// Time after its last push or pull for which an image of an unknown commit is kept.
    pub unreachable_grace: SignedDuration,
    /// Treatment of images of which nothing names a commit.
    pub unmapped: Unmapped,
    /// Rules. An image is kept if one of them keeps it.
    pub keep: Vec<GitRule>,
    /// History, as it was read for this run. Nothing is deleted without one.
    #[serde(skip)]
    pub history: Option<Result<Arc<History>, HistoryError>>,
}

/// Treatment of images of which nothing names a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unmapped {
    /// They are kept.
    #[default]
    Keep,
    /// They are left to the keep rules.
    Ignore,
}

/// A rule: the images of some refs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GitRule {
    /// Kind of the refs.
    pub kind: RefKind,
    /// Names of the refs.
    pub names: RefPattern,
    /// Which of these refs count.
    pub refs: Limit,
    /// Which images of each count.
    pub images: Limit,
}

/// Kind of a ref.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RefKind {
    /// A branch.
    Branch,
    /// A tag.
    Tag,
    /// A pull or merge request, by its number.
    Pull,
}

/// A limit by rank and age.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Limit {
    /// Number of the newest; `None` for any number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<NonZeroU32>,
    /// Age; `None` for any age.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub within: Option<SignedDuration>,
    /// Whether both have to hold.
    pub operator: Operator,
}

/// How the two parts of a limit are combined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Operator {
    /// Both have to hold.
    #[default]
    And,
    /// One has to hold. Both have to be written.
    Or,
}

/// A regular expression on whole names of refs.
#[derive(Clone)]
pub struct RefPattern(Regex);

/// What stands around the regular expression, so that each of its alternatives is anchored.
const ANCHORS: (&str, &str) = ("^(?:", ")$");

impl RefPattern {
    /// Compiles a regular expression in the syntax of the `regex` crate.
    ///
    /// # Errors
    /// Returns an error for bad syntax, and for one of more than 1 MiB when compiled.
    pub fn new(text: &str) -> Result<Self, regex::Error> {
        // By itself first: the error quotes what was written, and `a)|(b` is none.
        compile(text)?;
        compile(&format!("{}{text}{}", ANCHORS.0, ANCHORS.1)).map(Self)
    }

    /// Returns the regular expression as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let text = self.0.as_str();
        &text[ANCHORS.0.len()..text.len() - ANCHORS.1.len()]
    }

    fn matches(&self, name: &str) -> bool {
        self.0.is_match(name)
    }
}

impl PartialEq for RefPattern {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl fmt::Debug for RefPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RefPattern").field(&self.as_str()).finish()
    }
}

impl Serialize for RefPattern {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl fmt::Display for RefKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Branch => "branch",
            Self::Tag => "tag",
            Self::Pull => "pull request",
        })
    }
}
