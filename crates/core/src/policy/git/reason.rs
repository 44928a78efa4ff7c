//! Why Git history keeps an image, in words.

use std::{fmt, sync::Arc};

use serde::Serialize;

use super::RefKind;

/// Reason for which Git history keeps an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "git")]
pub enum GitReason {
    /// A rule keeps it as an image of a branch, tag or pull request.
    Needed {
        /// Kind of the ref.
        kind: RefKind,
        /// Its short name.
        name: Arc<str>,
        /// Rank among the images of that ref, from 1; `None` if it is young enough whatever its
        /// rank is.
        #[serde(skip_serializing_if = "Option::is_none")]
        rank: Option<u32>,
    },
    /// No ref has its commit, and it was pushed or pulled a short time ago.
    Unreachable,
    /// The document leaves out old commits, and its commit may be one.
    NotInSlice,
    /// Its annotations, which may name its commit, could not be read.
    NotRead,
    /// Neither tags nor annotations name a commit.
    Unmapped,
}

impl fmt::Display for GitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Needed { kind, name, rank } => {
                match rank {
                    Some(1) => f.write_str("newest"),
                    Some(rank) => write!(f, "{rank}{} newest", ordinal(*rank)),
                    None => f.write_str("recent"),
                }?;
                write!(f, " image of {kind} `{name}`")
            }
            Self::Unreachable => f.write_str(
                "no branch, tag or pull request has its commit, and it was pushed or pulled within `git.unreachable_grace`",
            ),
            Self::NotInSlice => {
                f.write_str("its commit may be an old one, which the Git document leaves out")
            }
            Self::NotRead => {
                f.write_str("its annotations, which may name its commit, could not be read")
            }
            Self::Unmapped => f.write_str("nothing of it names a commit (`git.unmapped`)"),
        }
    }
}

/// Returns the ending of an ordinal number.
const fn ordinal(number: u32) -> &'static str {
    if matches!(number % 100, 11..=13) {
        return "th";
    }
    match number % 10 {
        1 => "st",
        2 => "nd",
        3 => "rd",
        _ => "th",
    }
}
