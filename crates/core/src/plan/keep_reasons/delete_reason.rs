//! The reason that tells best why nothing keeps an image.

use super::KeepReasons;
use crate::{image::Status, plan::DeleteReason};

impl KeepReasons<'_> {
    pub(super) fn delete_reason(&self, index: u32) -> DeleteReason {
        let image = &self.images[index as usize];
        if let (Status::Archived, Some(since)) = (image.status, image.archived_at()) {
            return DeleteReason::Archived {
                since,
                charged_until: self.settings.charged_until(since),
            };
        }
        if let Some(missed) = &self.evaluation.missed[index as usize] {
            return DeleteReason::Superseded {
                rule: self.names[missed.rule],
                rank: missed.rank,
            };
        }
        let digest_of = |index: u32| self.images[index as usize].digest;
        // An attachment tells more of itself than a list of referrers tells of it.
        let mut parents = self.graph.parents(index);
        let of_index = parents.find(|&parent| !self.is_attachment(parent) || !image.is_referrer());
        if let Some(index) = of_index.map(digest_of) {
            return DeleteReason::PartOf {
                index: Box::new(index),
                role: self.role(index, image.digest),
            };
        }
        if self.is_attachment(index) {
            let stored = self.graph.subjects(index).next().map(digest_of);
            if let Some(subject) = stored {
                return DeleteReason::RefersTo {
                    subject: Box::new(subject),
                    how: image.attachment_to(&subject),
                };
            }
            if let Some(subject) = image.subjects().next() {
                return DeleteReason::Orphan {
                    subject: Box::new(subject),
                    how: image.attachment_to(&subject),
                };
            }
        }
        if image.tags.is_empty() {
            DeleteReason::Untagged
        } else {
            DeleteReason::NoRule
        }
    }
}
