//! Verdicts and their reasons.

use std::sync::Arc;

use serde::Serialize;

use super::KeptBy;
use crate::{
    evidence::{InUse, LastUse, User},
    image::{Attachment, Digest, Interned, RepositoryName, Tag, Time},
    inventory::{NotRead, Unclear},
    policy::{
        Rank,
        git::{GitReason, HistoryError},
    },
};

/// Verdict on an image: every reason to keep it, or the one that tells best why nothing keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It is kept.
    Keep(KeptBy),
    /// It may be deleted, or archived in mode `archive`.
    Delete(DeleteReason),
}

/// Reason to keep an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "reason")]
pub enum KeepReason {
    /// Its repository is left alone.
    RepositoryLeftAlone,
    /// It is in use.
    InUse(Box<InUse>),
    /// A user names its repository without a tag, and may mean this image.
    RepositoryInUse {
        /// User.
        user: Arc<User>,
    },
    /// A keep rule keeps it.
    Rule {
        /// Name of the rule.
        rule: Interned,
        /// Tag by which it met the rule.
        #[serde(skip_serializing_if = "Option::is_none")]
        tag: Option<Tag>,
        /// Rank, if the rule ranks.
        #[serde(flatten)]
        rank: Option<Rank>,
        /// Its last use, if the rule is about that.
        #[serde(skip_serializing_if = "Option::is_none")]
        used: Option<Box<LastUse>>,
    },
    /// A rule asks for the past, and the use ledger does not know enough of it (K9).
    YoungLedger {
        /// Name of the rule.
        rule: Interned,
        /// Age of the ledger, in days.
        days: i64,
        /// Time at which the ledger knows enough.
        until: Time,
    },
    /// A rule orders by version, and its tag has none.
    NoVersion {
        /// Name of the rule.
        rule: Interned,
        /// Tag.
        tag: Tag,
    },
    /// Git history needs it, or may (K14).
    Git {
        /// Reason.
        #[serde(flatten)]
        why: GitReason,
    },
    /// It is the child of an index that is kept.
    PartOf {
        /// Index.
        index: Digest,
        /// Role in the index, such as `linux/arm64`.
        #[serde(skip_serializing_if = "Option::is_none")]
        role: Option<Interned>,
    },
    /// It may be the child of an archived index, whose manifest cannot be read.
    PossibleChildOf {
        /// Index.
        index: Digest,
    },
    /// It is an index, and a child of it is in use.
    HasPartInUse {
        /// Child.
        part: Digest,
    },
    /// It refers to an image that is kept.
    RefersTo {
        /// Image that it refers to.
        subject: Digest,
        /// Relation to that image.
        how: Attachment,
    },
    /// It is attached to an image that is not in this repository but may be in another one.
    AttachedElsewhere {
        /// Image that it is attached to.
        subject: Box<Digest>,
        /// Repository that has that image; `None` if it may be in a repository or registry that was
        /// not read.
        #[serde(skip_serializing_if = "Option::is_none")]
        repository: Option<RepositoryName>,
    },
    /// It is not a container image, and belongs to none.
    Artifact,
    /// No rule is about any tag of an image here; others are about artifacts (K7).
    NoTagMatched,
    /// Every rule is about artifacts, and this is none and belongs to none (K7).
    NoImageRule,
    /// It is archived.
    Archived,
    /// It is being restored from the archive.
    BeingRestored,
    /// Its status is not known to this version.
    UnknownStatus,
    /// ECR gave no push time.
    NoPushTime,
    /// Its push time is in the future.
    PushedInFuture,
    /// It has no tag and was pushed a short time ago: the push may still be going on.
    JustPushed,
    /// Somebody pulled it or a part of it lately, although nothing is known to use it (U13).
    UnexplainedPull {
        /// Last pull.
        pulled_at: Time,
    },
}

/// Reason for which nothing keeps an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "reason")]
pub enum DeleteReason {
    /// It met a rule, and others are newer.
    Superseded {
        /// Name of the rule.
        rule: Interned,
        /// Rank, beyond the number that the rule keeps.
        #[serde(flatten)]
        rank: Rank,
    },
    /// No rule keeps any of its tags.
    NoRule,
    /// It has no tag, and nothing needs it.
    Untagged,
    /// It is the child of an index that is deleted.
    PartOf {
        /// Index, boxed since every verdict takes as much memory as the largest.
        index: Box<Digest>,
        /// Role in the index.
        #[serde(skip_serializing_if = "Option::is_none")]
        role: Option<Interned>,
    },
    /// It refers to an image that is deleted.
    RefersTo {
        /// Image that it refers to.
        subject: Box<Digest>,
        /// Relation to that image.
        how: Attachment,
    },
    /// It refers to an image that does not exist.
    Orphan {
        /// Image that it referred to.
        subject: Box<Digest>,
        /// Relation to that image.
        how: Attachment,
    },
    /// It has been archived for longer than `archive.delete_after`.
    Archived {
        /// Time of archiving.
        since: Time,
        /// Time until which AWS charges for it all the same, if that is in the future.
        #[serde(skip_serializing_if = "Option::is_none")]
        charged_until: Option<Time>,
    },
}

/// Reason for which nothing of a repository is deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "reason")]
pub enum LeftAlone {
    /// It was not read.
    NotRead(NotRead),
    /// No rule is about any of its tags (K7).
    NoTagMatched,
    /// There is a doubt about its images (G5, P4).
    Unclear(Unclear),
    /// More of its images are candidates than the guard allows.
    TooMuch {
        /// Candidates in percent of its images, rounded up.
        percent: u8,
        /// Percentage that is allowed.
        limit: u8,
        /// Name of the policy that says so; `None` if it is `guards.max_percent_per_repository`.
        #[serde(skip_serializing_if = "Option::is_none")]
        policy: Option<String>,
    },
    /// Its policy lets principals pull whose use is not read (U16).
    PulledFrom {
        /// Accounts, organizations and others.
        by: Vec<String>,
        /// What would have their use read.
        next: String,
    },
    /// Replication repeats its deletions in locations whose use is not read.
    Repeated {
        /// Accounts and Regions.
        #[serde(rename = "places")]
        locations: Vec<String>,
    },
    /// The Git history of its policy cannot be believed (K14).
    Git {
        /// Reason.
        why: HistoryError,
    },
    /// Images of it may be used where something could not be read (U17).
    InDoubt {
        /// What could not be read, each with what it may hide.
        by: Vec<String>,
    },
    /// It could not be found out who may pull from it.
    PullersUnknown {
        /// Error.
        error: String,
    },
    /// Its AWS tags, which decide on its policy, could not be read.
    TagsUnread {
        /// Error.
        error: String,
    },
    /// It was deleted during the run.
    Vanished,
    /// It could not be listed.
    Failed {
        /// Error.
        error: String,
    },
}

impl LeftAlone {
    /// Returns the code of the failure that it is: a call that AWS denied or did not answer. `None`
    /// if it follows from what was read.
    #[must_use]
    pub const fn failure_code(&self) -> Option<&'static str> {
        match self {
            Self::Failed { .. } => Some("not_listed"),
            Self::TagsUnread { .. } => Some("tags_not_read"),
            Self::Unclear(Unclear::Unread { .. }) => Some("index_not_read"),
            Self::Unclear(Unclear::Annotations { .. }) => Some("annotations_not_read"),
            Self::PullersUnknown { .. } => Some("pullers_unknown"),
            Self::Git {
                why: HistoryError::Unreadable(_),
            } => Some("git_not_read"),
            Self::NotRead(_)
            | Self::NoTagMatched
            | Self::Unclear(_)
            | Self::TooMuch { .. }
            | Self::PulledFrom { .. }
            | Self::Repeated { .. }
            | Self::InDoubt { .. }
            | Self::Git { .. }
            | Self::Vanished => None,
        }
    }
}

impl KeepReason {
    /// Returns whether it says that the image or a child of it is in use.
    #[must_use]
    pub const fn is_use(&self) -> bool {
        matches!(
            self,
            Self::InUse(_) | Self::RepositoryInUse { .. } | Self::HasPartInUse { .. }
        )
    }
}

impl Verdict {
    /// Returns whether the image may be deleted, or archived in mode `archive`.
    #[must_use]
    pub const fn deletes(&self) -> bool {
        matches!(self, Self::Delete(_))
    }

    /// Returns whether the image is kept since it is not a container image and belongs to none
    /// (K8).
    #[must_use]
    pub fn is_of_artifact(&self) -> bool {
        matches!(self, Self::Keep(reasons) if reasons.contains(&KeepReason::Artifact))
    }

    /// Returns whether the image is left alone since no rule is about any tag of an image (K7).
    #[must_use]
    pub fn is_unmatched(&self) -> bool {
        matches!(self, Self::Keep(reasons) if reasons.contains(&KeepReason::NoTagMatched))
    }

    /// Returns whether the image is kept since it or a child of it is in use.
    #[must_use]
    pub fn in_use(&self) -> bool {
        match self {
            Self::Keep(reasons) => reasons.iter().any(KeepReason::is_use),
            Self::Delete(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_is_small() {
        assert!(size_of::<Verdict>() <= 40, "{} bytes", size_of::<Verdict>());
    }
}
