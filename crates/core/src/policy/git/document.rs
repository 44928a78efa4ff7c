//! The document that CI exports, and what has to hold for it to be believed.

use std::collections::{BTreeMap, HashSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_with::SerializeDisplay;

use super::{
    CommitId, RefKind,
    history::{Counts, History, Ref},
};
use crate::image::Time;

/// Schema of the document.
pub const SCHEMA: &str = "ecr-git-evidence/1";

/// The most commits that are read.
const MAX_COMMITS: usize = 500_000;
/// The most refs that are read.
const MAX_REFS: usize = 100_000;
/// How far a clock may be ahead of ours.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(5);
/// Position of a parent that is not in the document.
const OUTSIDE: i64 = -1;
/// Times beyond this, in seconds from 1970, are none that a clock showed.
const FARTHEST: i64 = 1 << 40;

/// The commit graph of a Git repository, as it is written to S3.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// Name of the Git repository, such as `github.com/org/app`.
    pub repository: String,
    /// Time of the export.
    pub generated_at: Timestamp,
    /// Program that exported it.
    #[serde(default)]
    pub producer: String,
    /// Whether the refs were compared with those of the remote.
    pub complete: bool,
    /// Whether the clone lacked history.
    pub shallow: bool,
    /// Name of the default branch, without `refs/heads/`.
    pub default_branch: String,
    /// Time from which all commits are in it; `None` if it has every commit.
    pub since: Option<Timestamp>,
    /// Refs.
    pub refs: Vec<DocumentRef>,
    /// Commits.
    pub commits: Commits,
}

/// A ref of the document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentRef {
    /// Full name, such as `refs/heads/main`.
    pub name: String,
    /// Position of its commit.
    pub commit: i64,
    /// Committer time of a branch's head, tagger time of an annotated tag, in seconds since 1970.
    pub time: i64,
}

/// The commits of the document, as columns of equal length.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commits {
    /// Ids.
    pub id: Vec<CommitId>,
    /// Committer times, in seconds since 1970.
    pub time: Vec<i64>,
    /// Positions of the parents; -1 for one that is not in the document.
    pub parents: Vec<Vec<i64>>,
}

/// What is known of a document before it is read.
#[derive(Debug, Clone)]
pub struct Expected<'a> {
    /// Name of the Git repository.
    pub repository: &'a str,
    /// Age beyond which it is stale.
    pub max_age: SignedDuration,
    /// Counts of the last document that was accepted; `None` if none is remembered.
    pub last: Option<Counts>,
    /// Time.
    pub now: Time,
}

/// Reason for which a document is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, SerializeDisplay)]
pub enum HistoryError {
    /// It was not read.
    #[error("it was not read")]
    NotRead,
    /// It could not be read.
    #[error("it could not be read: {0}")]
    Unreadable(String),
    /// It is not JSON of the right form.
    #[error("it is malformed: {0}")]
    Malformed(String),
    /// Another schema.
    #[error("its schema is `{0}`, and this version reads `{known}`", known = SCHEMA)]
    Schema(String),
    /// It is of another Git repository.
    #[error("it is of repository `{found}`, but `git.repository` is `{expected}`")]
    Foreign {
        /// Repository that it names.
        found: String,
        /// Repository that was expected.
        expected: String,
    },
    /// It is too old.
    #[error("it was exported at {generated_at}, longer ago than `git.max_age`")]
    Stale {
        /// Time of the export.
        generated_at: Timestamp,
    },
    /// It is from the future.
    #[error("it was exported at {generated_at}, which is in the future, so a clock is wrong")]
    Future {
        /// Time of the export.
        generated_at: Timestamp,
    },
    /// The clone lacked history.
    #[error("it is of a shallow clone; export it from a whole one")]
    Shallow,
    /// The refs were not compared with the remote.
    #[error("it does not say that it is complete")]
    Incomplete,
    /// There is no branch.
    #[error("it has no branch")]
    NoBranch,
    /// The default branch is not there.
    #[error("it has no branch `{0}`, which it calls the default branch")]
    NoDefaultBranch(String),
    /// More than is read.
    #[error("it has {found} {what}, and at most {limit} are read")]
    TooMany {
        /// Commits or refs.
        what: &'static str,
        /// Number of them.
        found: usize,
        /// Limit.
        limit: usize,
    },
    /// The columns differ in length.
    #[error("it has {ids} commit ids, {times} times and {parents} lists of parents")]
    Columns {
        /// Ids.
        ids: usize,
        /// Times.
        times: usize,
        /// Lists of parents.
        parents: usize,
    },
    /// An id is abbreviated, or of another length than the first.
    #[error("commit id `{0}` is abbreviated, or shorter or longer than the others")]
    IdLength(CommitId),
    /// A commit is in it twice.
    #[error("commit `{0}` is in it twice")]
    DuplicateCommit(CommitId),
    /// A ref is in it twice.
    #[error("ref `{0}` is in it twice")]
    DuplicateRef(String),
    /// A position is not one of a commit.
    #[error("{of} names commit number {position}, which it does not have")]
    Position {
        /// Ref or commit that names it.
        of: String,
        /// Position.
        position: i64,
    },
    /// A parent is outside though all commits should be in it.
    #[error("it says that it has every commit, but not the parents of `{0}`")]
    Outside(CommitId),
    /// A commit is its own ancestor.
    #[error("a commit in it is its own ancestor")]
    Cycle,
    /// It has much less than the last one that was accepted.
    #[error(
        "it has {now} {what}, less than half of the {before} that the last one had; if that is right, `ecr-cleanup accept-use git` accepts it"
    )]
    Shrunken {
        /// Commits or refs.
        what: &'static str,
        /// Number in the last document.
        before: usize,
        /// Number now.
        now: usize,
    },
    /// Not one image is of a commit in it.
    #[error(
        "not one image is of a commit in it, so `git.commit` or the document is of something else"
    )]
    MapsNone,
}

impl History {
    /// Reads a document, and returns its history if it can be believed.
    ///
    /// # Errors
    /// Returns the first reason not to believe it.
    pub fn parse(text: &[u8], expected: &Expected<'_>) -> Result<Self, HistoryError> {
        let document = serde_json::from_slice(text).map_err(|error| {
            let schema = serde_json::from_slice(text).map(|it: Schema| it.schema);
            match schema {
                Ok(schema) if schema != SCHEMA => HistoryError::Schema(schema),
                _ => HistoryError::Malformed(error.to_string()),
            }
        })?;
        Self::of(document, expected)
    }

    /// Returns the history of a document if it can be believed.
    ///
    /// # Errors
    /// Returns the first reason not to believe it.
    pub fn of(document: Document, expected: &Expected<'_>) -> Result<Self, HistoryError> {
        document.check_origin(expected)?;
        document.check_commits()?;
        let refs = document.refs()?;
        let mut branches = refs.iter().filter(|it| it.kind == RefKind::Branch);
        if branches.clone().next().is_none() {
            return Err(HistoryError::NoBranch);
        }
        if !branches.any(|it| it.name == document.default_branch) {
            return Err(HistoryError::NoDefaultBranch(document.default_branch));
        }
        let counts = Counts {
            commits: document.commits.id.len(),
            refs: document.refs.len(),
        };
        let is_whole = document.since.is_none();
        if let Some(last) = expected.last {
            counts.check_against(last, is_whole)?;
        }
        Self::new(
            &document.commits,
            refs,
            document.default_branch,
            counts,
            is_whole,
        )
    }
}

/// The part of a document that says what the rest is.
#[derive(Deserialize)]
struct Schema {
    schema: String,
}

impl Counts {
    /// A slice holds what is new, so only the number of its refs says something.
    fn check_against(self, last: Self, is_whole: bool) -> Result<(), HistoryError> {
        let commits = is_whole.then_some(("commits", last.commits, self.commits));
        let pairs = commits.into_iter().chain([("refs", last.refs, self.refs)]);
        for (what, before, now) in pairs {
            if now < before.div_ceil(2) {
                return Err(HistoryError::Shrunken { what, before, now });
            }
        }
        Ok(())
    }
}

impl Document {
    fn check_origin(&self, expected: &Expected<'_>) -> Result<(), HistoryError> {
        let generated_at = self.generated_at;
        let age = Time::from(generated_at).age(expected.now);
        if self.schema != SCHEMA {
            return Err(HistoryError::Schema(self.schema.clone()));
        }
        if self.repository != expected.repository {
            return Err(HistoryError::Foreign {
                found: self.repository.clone(),
                expected: expected.repository.to_owned(),
            });
        }
        if age > expected.max_age {
            return Err(HistoryError::Stale { generated_at });
        }
        if age < -CLOCK_SKEW {
            return Err(HistoryError::Future { generated_at });
        }
        if self.shallow {
            return Err(HistoryError::Shallow);
        }
        if !self.complete {
            return Err(HistoryError::Incomplete);
        }
        Ok(())
    }

    fn check_commits(&self) -> Result<(), HistoryError> {
        let Commits { id, time, parents } = &self.commits;
        for (what, found, limit) in [
            ("commits", id.len(), MAX_COMMITS),
            ("refs", self.refs.len(), MAX_REFS),
        ] {
            if found > limit {
                return Err(HistoryError::TooMany { what, found, limit });
            }
        }
        if id.len() != time.len() || id.len() != parents.len() {
            return Err(HistoryError::Columns {
                ids: id.len(),
                times: time.len(),
                parents: parents.len(),
            });
        }
        let digits = id.first().map(CommitId::digits);
        let mut seen = HashSet::with_capacity(id.len());
        for (id, parents) in id.iter().zip(parents) {
            if !id.is_whole() || Some(id.digits()) != digits {
                return Err(HistoryError::IdLength(*id));
            }
            if !seen.insert(id) {
                return Err(HistoryError::DuplicateCommit(*id));
            }
            for &position in parents {
                if position == OUTSIDE && self.since.is_none() {
                    return Err(HistoryError::Outside(*id));
                }
                if position != OUTSIDE && self.position(position).is_none() {
                    let of = format!("commit `{id}`");
                    return Err(HistoryError::Position { of, position });
                }
            }
        }
        Ok(())
    }

    fn position(&self, position: i64) -> Option<u32> {
        let position = u32::try_from(position).ok()?;
        ((position as usize) < self.commits.id.len()).then_some(position)
    }

    /// Returns the refs, those of one pull request as one.
    fn refs(&self) -> Result<Vec<Ref>, HistoryError> {
        let (mut seen, mut refs) = (HashSet::new(), BTreeMap::<_, Ref>::new());
        for it in &self.refs {
            if !seen.insert(&it.name) {
                return Err(HistoryError::DuplicateRef(it.name.clone()));
            }
            let tip = self
                .position(it.commit)
                .ok_or_else(|| HistoryError::Position {
                    of: format!("ref `{}`", it.name),
                    position: it.commit,
                })?;
            let Some((kind, name)) = short_name(&it.name) else {
                continue;
            };
            let time = clamped(it.time);
            let found = refs.entry((kind, name)).or_insert_with(|| Ref {
                kind,
                name: name.to_owned(),
                time,
                tips: Vec::new(),
            });
            found.time = found.time.max(time);
            found.tips.push(tip);
        }
        Ok(refs.into_values().collect())
    }
}

/// Returns the kind and the short name of a ref; `None` for one of another kind.
fn short_name(name: &str) -> Option<(RefKind, &str)> {
    let branch = || Some((RefKind::Branch, name.strip_prefix("refs/heads/")?));
    let tag = || Some((RefKind::Tag, name.strip_prefix("refs/tags/")?));
    let pull = || {
        let pull = name.strip_prefix("refs/pull/");
        let rest = pull.or_else(|| name.strip_prefix("refs/merge-requests/"))?;
        let (number, end) = rest.split_once('/')?;
        matches!(end, "head" | "merge").then_some((RefKind::Pull, number))
    };
    branch().or_else(tag).or_else(pull)
}

/// Returns a time that a clock may have shown: Git stores whatever it is given.
pub(super) fn clamped(seconds: i64) -> i64 {
    seconds.clamp(-FARTHEST, FARTHEST)
}
