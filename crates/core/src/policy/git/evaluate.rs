//! Applies Git history to the images of a repository.

use super::{GitImage, GitReason, HistoryError};
use crate::{
    image::Time,
    policy::{Eligibility, KeepRules, RuleImage},
};

impl KeepRules {
    /// Returns for each image why Git history keeps it; nothing if the policy does not ask for it.
    ///
    /// As for keep rules, a child or an attachment without an ordinary tag is judged with what it
    /// belongs to, and an artifact or an image that was archived lately is kept for that alone (K5,
    /// G7).
    pub(in crate::policy) fn judge(
        &self,
        images: &[RuleImage<'_>],
        now: Time,
    ) -> Result<Vec<Option<GitReason>>, HistoryError> {
        let Some(git) = &self.git else {
            return Ok(Vec::new());
        };
        let tags: Vec<Vec<&str>> = images.iter().map(tags).collect();
        let images = images.iter().zip(&tags).map(|(entry, tags)| GitImage {
            tags,
            counts: entry.eligibility_as_image() == Eligibility::Counts,
            revisions: match entry.eligibility_as_image() {
                Eligibility::Counts | Eligibility::Ranked if git.annotation => entry.revisions,
                _ => Some(&[]),
            },
            pushed_at: entry.image.pushed_at,
            pulled_at: entry.pulled_at,
        });
        git.judge(&images.collect::<Vec<_>>(), now)
    }
}

/// Returns the tags that may name the commit of an image.
fn tags<'a>(entry: &RuleImage<'a>) -> Vec<&'a str> {
    if entry.eligibility_as_image() == Eligibility::None {
        return Vec::new();
    }
    let tags = entry.image.ordinary_tags(entry.can_run);
    tags.map(|(_, tag)| &**tag).collect()
}
