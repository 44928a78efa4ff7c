//! The candidates of a repository, by the reason that they have in common.

use std::fmt;

use super::{DeleteReason, PlannedImage, RepositoryPlan, Verdict, sentence::verb};
use crate::image::Attachment;

/// Candidates that nothing keeps for the same reason.
#[derive(Debug, Clone)]
pub struct ReasonGroup<'a> {
    reason: CommonReason<'a>,
    /// The lowest and the highest rank, if the reason is one.
    ranks: Option<(u32, u32)>,
    /// The images, newest first.
    pub images: Vec<PlannedImage<'a>>,
}

/// Reason without what only one image has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CommonReason<'a> {
    Superseded { rule: &'a str, keeps: Option<u32> },
    NoRule,
    Untagged,
    PartOf,
    RefersTo(Attachment),
    Orphan(Attachment),
    Archived,
}

impl RepositoryPlan {
    /// Returns the candidates by the reason that they have in common.
    #[must_use]
    pub fn candidates_by_reason(&self) -> Vec<ReasonGroup<'_>> {
        let mut groups: Vec<ReasonGroup<'_>> = Vec::new();
        let mut candidates: Vec<_> = self.candidates().collect();
        candidates.sort_by_key(|it| (std::cmp::Reverse(it.image.pushed_at), it.image.digest));
        for planned in candidates {
            let Verdict::Delete(why) = planned.verdict else {
                continue;
            };
            let reason = CommonReason::of(why);
            let position = groups.iter().position(|group| group.reason == reason);
            let position = position.unwrap_or_else(|| {
                groups.push(ReasonGroup {
                    reason,
                    ranks: None,
                    images: Vec::new(),
                });
                groups.len() - 1
            });
            groups[position].add(planned, why);
        }
        groups
    }
}

impl<'a> ReasonGroup<'a> {
    fn add(&mut self, planned: PlannedImage<'a>, why: &DeleteReason) {
        self.images.push(planned);
        if let DeleteReason::Superseded { rank, .. } = why {
            let (low, high) = self.ranks.unwrap_or((rank.rank, rank.rank));
            self.ranks = Some((low.min(rank.rank), high.max(rank.rank)));
        }
    }
}

impl<'a> CommonReason<'a> {
    fn of(why: &'a DeleteReason) -> Self {
        match why {
            DeleteReason::Superseded { rule, rank } => Self::Superseded {
                rule,
                keeps: rank.keeps,
            },
            DeleteReason::NoRule => Self::NoRule,
            DeleteReason::Untagged => Self::Untagged,
            DeleteReason::PartOf { .. } => Self::PartOf,
            DeleteReason::RefersTo { how, .. } => Self::RefersTo(*how),
            DeleteReason::Orphan { how, .. } => Self::Orphan(*how),
            DeleteReason::Archived { .. } => Self::Archived,
        }
    }
}

/// Displays the reason as it holds for each of the images.
impl fmt::Display for ReasonGroup<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reason {
            CommonReason::Superseded { rule, keeps } => match (keeps, self.ranks) {
                (Some(keeps), Some((low, high))) => {
                    let ranks = if low == high {
                        low.to_string()
                    } else {
                        format!("{low}-{high}")
                    };
                    write!(
                        f,
                        "rank {ranks} for rule `{rule}` (keeps {keeps}); not in use"
                    )
                }
                _ => write!(
                    f,
                    "group is not among the newest for rule `{rule}`; not in use"
                ),
            },
            CommonReason::NoRule => f.write_str("no rule keeps any of the tags; not in use"),
            CommonReason::Untagged => f.write_str("untagged; not in use"),
            CommonReason::PartOf => f.write_str("child of an index that is not kept"),
            CommonReason::RefersTo(how) => {
                write!(f, "{} an image that is not kept", verb(how))
            }
            CommonReason::Orphan(how) => {
                write!(f, "{} an image that no longer exists", verb(how))
            }
            CommonReason::Archived => {
                f.write_str("archived for longer than `archive.delete_after`; not in use")
            }
        }
    }
}
