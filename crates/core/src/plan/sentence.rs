//! Reasons of verdicts as sentences.

use std::fmt;

use super::{DeleteReason, KeepReason, LeftAlone, RepositoryPlan, Verdict};
use crate::{
    evidence::LastUse,
    image::{Attachment, Digest, Tag},
    inventory::NotRead,
    policy::Rank,
};

/// Names an image of the repository that a reason is about.
type Name<'a> = dyn Fn(&Digest) -> String + 'a;

impl RepositoryPlan {
    /// Returns the reasons of a verdict, one sentence each.
    #[must_use]
    pub fn because(&self, verdict: &Verdict) -> Vec<String> {
        let name = |digest: &Digest| self.name_of(digest);
        match verdict {
            Verdict::Delete(reason) => vec![reason.sentence(&name)],
            Verdict::Keep(reasons) => reasons
                .iter()
                .map(|reason| match (reason, self.left_alone()) {
                    (KeepReason::RepositoryLeftAlone, Some(why)) => {
                        format!("the repository is left alone: {why}")
                    }
                    _ => reason.sentence(&name),
                })
                .collect(),
        }
    }

    /// Returns the repository with the first tag of an image, or its short digest.
    fn name_of(&self, digest: &Digest) -> String {
        match self.image(digest).map(|planned| planned.image.name()) {
            Some(name) => format!("{}{name}", self.name()),
            None => format!("{}@{}", self.name(), digest.short()),
        }
    }
}

impl KeepReason {
    fn sentence(&self, name: &Name<'_>) -> String {
        match self {
            Self::InUse(in_use) => in_use_sentence(&in_use.user, in_use.users, in_use.tag.as_ref()),
            Self::RepositoryInUse { user } => {
                format!("{user} refers to this repository and may mean this image")
            }
            Self::Rule {
                rule,
                tag,
                rank,
                used,
            } => rule_sentence(rule, tag.as_ref(), *rank, used.as_deref()),
            Self::YoungLedger { rule, days, until } => format!(
                "the use ledger is {days} days old, so rule `{rule}` keeps what it may be about until {until}"
            ),
            Self::NoVersion { rule, tag } => {
                format!("rule `{rule}` ranks by version, but tag `{tag}` has no version")
            }
            Self::Git { why } => why.to_string(),
            Self::PartOf { index, role } => {
                let role = in_brackets(role.as_deref());
                format!("child of {}{role}, which is kept", name(index))
            }
            Self::PossibleChildOf { index } => format!(
                "may be a child of {}, which is archived and cannot be read",
                name(index)
            ),
            Self::HasPartInUse { part } => format!("its child {} is in use", name(part)),
            Self::RefersTo { subject, how } => {
                format!("{} {}, which is kept", verb(*how), name(subject))
            }
            Self::AttachedElsewhere {
                subject,
                repository: Some(repository),
            } => format!(
                "attached to {}, which is kept in `{repository}`",
                subject.short()
            ),
            Self::AttachedElsewhere {
                subject,
                repository: None,
            } => format!(
                "attached to {}, which may be in a repository or registry that was not read",
                subject.short()
            ),
            Self::UnexplainedPull { pulled_at } => {
                format!("somebody pulled it on {pulled_at}, though nothing that is read uses it")
            }
            Self::RepositoryLeftAlone
            | Self::Artifact
            | Self::NoTagMatched
            | Self::NoImageRule
            | Self::Archived
            | Self::BeingRestored
            | Self::UnknownStatus
            | Self::NoPushTime
            | Self::PushedInFuture
            | Self::JustPushed => self.words().to_owned(),
        }
    }

    /// Returns the words of a reason that names nothing.
    const fn words(&self) -> &'static str {
        match self {
            Self::RepositoryLeftAlone => "the repository is left alone",
            Self::Artifact => {
                "not a container image and attached to none, and no rule is about such artifacts"
            }
            Self::NoTagMatched => {
                "images here are left alone, since none of their tags matches a rule of the policy"
            }
            Self::NoImageRule => "every rule of the policy is about artifacts, and this is none",
            Self::Archived => "archived",
            Self::BeingRestored => "being restored from the archive",
            Self::UnknownStatus => "its status is unknown to this version of ecr-cleanup",
            Self::NoPushTime => "it has no push time, so its age is unknown",
            Self::PushedInFuture => "its push time is in the future, so a clock is wrong",
            Self::JustPushed => {
                "untagged and pushed less than an hour ago, so its push may not be complete"
            }
            _ => "",
        }
    }
}

impl DeleteReason {
    fn sentence(&self, name: &Name<'_>) -> String {
        match self {
            Self::Superseded { rule, rank } => match rank.keeps {
                Some(keeps) => {
                    format!(
                        "rank {} for rule `{rule}` (keeps {keeps}); not in use",
                        rank.rank
                    )
                }
                None => {
                    format!("its group is not among the newest for rule `{rule}`; not in use")
                }
            },
            Self::NoRule => "no rule keeps any of its tags; not in use".into(),
            Self::Untagged => "untagged; not in use".into(),
            Self::PartOf { index, role } => {
                let role = in_brackets(role.as_deref());
                format!("child of {}{role}, which is not kept", name(index))
            }
            Self::RefersTo { subject, how } => {
                format!("{} {}, which is not kept", verb(*how), name(subject))
            }
            Self::Orphan { subject, how } => {
                format!("{} {}, which no longer exists", verb(*how), subject.short())
            }
            Self::Archived {
                since,
                charged_until,
            } => {
                let charge = charged_until
                    .map(|until| format!("; AWS charges for it until {until} (at least 90 days)"))
                    .unwrap_or_default();
                format!(
                    "archived since {since}, longer than `archive.delete_after`; not in use{charge}"
                )
            }
        }
    }
}

fn rule_sentence(
    rule: &str,
    tag: Option<&Tag>,
    rank: Option<Rank>,
    used: Option<&LastUse>,
) -> String {
    let tag = tag.map(|tag| format!(" (tag `{tag}`)")).unwrap_or_default();
    let rank = match rank {
        Some(Rank {
            rank,
            keeps: Some(keeps),
        }) => format!(": rank {rank} of {keeps}"),
        Some(Rank { keeps: None, .. }) => " with its group".to_owned(),
        None => String::new(),
    };
    let used = used.map(|used| format!("; last used by {} at {}", used.by, used.at));
    let used = used.unwrap_or_default();
    format!("kept by rule `{rule}`{tag}{rank}{used}")
}

fn in_use_sentence(user: &impl fmt::Display, users: usize, tag: Option<&Tag>) -> String {
    let others = match users - 1 {
        0 => String::new(),
        1 => " and 1 other".to_owned(),
        others => format!(" and {others} others"),
    };
    match tag {
        Some(tag) => format!("in use by {user}{others} (tag `{tag}`)"),
        None => format!("in use by {user}{others} (digest)"),
    }
}

fn in_brackets(role: Option<&str>) -> String {
    role.map(|role| format!(" ({role})")).unwrap_or_default()
}

/// Returns what an attachment does to its subject.
pub(super) const fn verb(how: Attachment) -> &'static str {
    match how {
        Attachment::Signs => "signs",
        Attachment::Attests => "attests",
        Attachment::Describes => "describes",
        Attachment::IndexesLayers => "indexes the layers of",
        Attachment::ListsReferrers => "lists the referrers of",
        Attachment::RefersTo => "refers to",
    }
}

impl fmt::Display for LeftAlone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRead(why) => why.fmt(f),
            Self::NoTagMatched => f.write_str(
                "none of its tags matches a rule of its policy; to clean it anyway, set `delete_unmatched: true` in the policy",
            ),
            Self::Unclear(why) => why.fmt(f),
            Self::TooMuch {
                percent,
                limit,
                policy,
            } => {
                let setting = match policy {
                    Some(policy) => format!("`max_percent` of policy `{policy}`"),
                    None => "`guards.max_percent_per_repository`".to_owned(),
                };
                write!(
                    f,
                    "{percent} % of its images are candidates, but {setting} allows {limit} %"
                )
            }
            Self::PulledFrom { by, next } => write!(
                f,
                "its policy lets {} pull, but use there is not read; {next}",
                by.join(" and ")
            ),
            Self::Repeated { locations } => write!(
                f,
                "replication repeats its deletions in {}, but use there is not read; add it to `in_use.accounts`; to clean the repository anyway, set `guards.unread_pull_accounts: warn`",
                locations.join(" and ")
            ),
            Self::InDoubt { by } => write!(
                f,
                "images of it may be used where something could not be read: {}; do what that says and run it again",
                by.join(" and ")
            ),
            Self::Git { why } => write!(f, "the Git document of its policy is not used: {why}"),
            Self::PullersUnknown { error } => {
                write!(f, "cannot determine who may pull from it: {error}")
            }
            Self::TagsUnread { error } => write!(
                f,
                "its AWS tags, which decide on its policy, could not be read: {error}"
            ),
            Self::Vanished => f.write_str("it was deleted during the run"),
            Self::Failed { error } => write!(f, "its images could not be listed: {error}"),
        }
    }
}

impl fmt::Display for NotRead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPolicy => f.write_str("no policy matches it"),
            Self::Policy { policy } => write!(f, "`policies[{policy}]` says `leave_alone: true`"),
            Self::Protected { tag } => write!(f, "its AWS tag `{tag}` says `protect`"),
            Self::UnknownPolicy { tag, name } => write!(
                f,
                "its AWS tag `{tag}` says `{name}`, and no policy has that `name`; change one of them"
            ),
            Self::PullThroughCache => f.write_str(
                "it is a pull-through cache, and no policy names it without a wildcard or reaches it with `pull_through_cache: true`",
            ),
            Self::RootCache => f.write_str(
                "it may be a pull-through cache, since a rule has the prefix `ROOT`, and no policy names it without a wildcard or reaches it with `pull_through_cache: true`",
            ),
            Self::NotAsked => f.write_str("it was not selected for this run"),
        }
    }
}

#[cfg(test)]
mod tests;
