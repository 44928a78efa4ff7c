//! A verdict and its reasons.

use std::sync::Arc;

use serde::Serialize;

use crate::{
    image::{Attachment, Digest, RepositoryName, Tag, Time},
    inventory::{NotRead, Unclear},
    policy::Place,
    usage::{InUse, User},
};

/// What happens to an image: it stays, for every reason there is, or it goes, for the one that says best why nothing
/// keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It stays.
    Keep(Box<[KeepReason]>),
    /// It goes.
    Delete(DeleteReason),
}

/// Why an image stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "reason")]
pub enum KeepReason {
    /// Its repository is left alone.
    RepositoryLeftAlone,
    /// Somebody uses it.
    InUse(Box<InUse>),
    /// Somebody uses an image of its repository, and this may be the one: the tag stands apart, or nowhere.
    RepositoryInUse {
        /// Who.
        user: Arc<User>,
    },
    /// A keep rule keeps it.
    Rule {
        /// The rule's name.
        rule: Arc<str>,
        /// The tag by which it met the rule.
        #[serde(skip_serializing_if = "Option::is_none")]
        tag: Option<Tag>,
        /// The place it took.
        #[serde(flatten)]
        place: Option<Place>,
    },
    /// A rule orders by version, and its tag holds none.
    NoVersion {
        /// The rule's name.
        rule: Arc<str>,
        /// The tag.
        tag: Tag,
    },
    /// An index that stays names it.
    PartOf {
        /// The index.
        index: Digest,
        /// What it is to the index, such as `linux/arm64`.
        #[serde(skip_serializing_if = "Option::is_none")]
        role: Option<Box<str>>,
    },
    /// It has no tag, and an index that cannot be read, since it is archived, may name it.
    PerhapsPartOf {
        /// The index.
        index: Digest,
    },
    /// It is an index, and a part of it is in use.
    HasPartInUse {
        /// The part.
        part: Digest,
    },
    /// It refers to an image that stays: it signs, attests or describes that.
    RefersTo {
        /// What it refers to.
        subject: Digest,
        /// What it is to that.
        how: Attachment,
    },
    /// It is attached to an image that is not in this repository but may be in another one.
    AttachedElsewhere {
        /// What it is attached to.
        subject: Digest,
        /// The repository that has it; none: not every repository was read, so it cannot be said to be gone.
        #[serde(skip_serializing_if = "Option::is_none")]
        repository: Option<RepositoryName>,
    },
    /// It is no container image, and belongs to none.
    Artifact,
    /// It is archived.
    Archived,
    /// It is being restored from the archive.
    BeingRestored,
    /// Its status is not one this program knows.
    UnknownStatus,
    /// ECR gave no push time.
    NoPushTime,
    /// Its push time is still to come.
    PushedInFuture,
    /// It has no tag and was pushed moments ago: perhaps by a push that is still going on.
    JustPushed,
}

/// Why an image goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "reason")]
pub enum DeleteReason {
    /// It met a rule, but others are newer.
    Superseded {
        /// The rule's name.
        rule: Arc<str>,
        /// The place it has, beyond those the rule gives.
        #[serde(flatten)]
        place: Place,
    },
    /// It has tags, and no rule keeps any of them.
    NoRule,
    /// It has no tag, and nothing needs it.
    Untagged,
    /// It is part of an index that goes.
    PartOf {
        /// The index; in a box, as below, since every verdict takes as much room as the largest.
        index: Box<Digest>,
        /// What it is to the index.
        #[serde(skip_serializing_if = "Option::is_none")]
        role: Option<Box<str>>,
    },
    /// It refers to an image that goes.
    RefersTo {
        /// What it refers to.
        subject: Box<Digest>,
        /// What it is to that.
        how: Attachment,
    },
    /// It refers to an image that is gone.
    Orphan {
        /// What it referred to.
        subject: Box<Digest>,
        /// What it was to that.
        how: Attachment,
    },
    /// It has been in the archive for longer than the configuration wants it there.
    Archived {
        /// Since when.
        since: Time,
        /// Until when AWS charges for it all the same, if that is still to come.
        #[serde(skip_serializing_if = "Option::is_none")]
        charged_until: Option<Time>,
    },
}

/// Why nothing of a repository is deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "reason")]
pub enum LeftAlone {
    /// It was not read.
    NotRead(NotRead),
    /// Not one of its tags is what any rule is about (K7).
    NoTagMatched,
    /// Something about its images is unclear (G5, P4).
    Unclear(Unclear),
    /// More of it would go than the guard allows.
    TooMuch {
        /// What would go, in percent of its images, rounded up.
        percent: u8,
        /// `guards.max_percent_per_repository`.
        limit: u8,
    },
    /// Somebody may pull from it, and what is used there is not read.
    PulledFrom {
        /// Who: accounts, organisations and others, in words.
        by: Vec<String>,
    },
    /// Its deletions are repeated elsewhere, and what is used there is not read.
    Repeated {
        /// The accounts and Regions.
        places: Vec<String>,
    },
    /// It is not known who may pull from it.
    PullersUnknown {
        /// Why.
        error: String,
    },
    /// It was deleted while the run was on.
    Vanished,
    /// It could not be listed.
    Failed {
        /// What went wrong.
        error: String,
    },
}

impl KeepReason {
    /// Whether it says that somebody uses the image or a part of it.
    #[must_use]
    pub const fn is_use(&self) -> bool {
        matches!(
            self,
            Self::InUse(_) | Self::RepositoryInUse { .. } | Self::HasPartInUse { .. }
        )
    }
}

impl Verdict {
    /// Whether the image goes.
    #[must_use]
    pub const fn deletes(&self) -> bool {
        matches!(self, Self::Delete(_))
    }

    /// Whether the image stays because it is no container image and belongs to none (K8).
    #[must_use]
    pub fn is_of_artifact(&self) -> bool {
        matches!(self, Self::Keep(reasons) if reasons.contains(&KeepReason::Artifact))
    }

    /// Whether the image stays because somebody uses it or a part of it.
    #[must_use]
    pub fn in_use(&self) -> bool {
        match self {
            Self::Keep(reasons) => reasons.iter().any(KeepReason::is_use),
            Self::Delete(_) => false,
        }
    }
}
