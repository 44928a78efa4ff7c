//! Conflicts with the lifecycle policy that a repository has in ECR (A8).
//!
//! ECR applies it without knowing what is in use. Whether the rule that an image belongs to expires
//! it today or after more pushes or days is only a matter of time, so it is a conflict in any case.

use std::collections::HashSet;

use serde::Serialize;

use super::{PlannedImage, RepositoryPlan};
use crate::{
    image::{Digest, Status},
    inventory::LifecyclePolicy,
    policy::LifecycleRules,
};

/// An image that is kept, and that a lifecycle policy may expire or archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LifecycleConflict {
    /// Image: `REPOSITORY:TAG` or `REPOSITORY@DIGEST`.
    pub image: String,
    /// Whether it is in use, rather than kept by a rule.
    pub in_use: bool,
    /// Priority of the lifecycle rule.
    pub rule: i64,
    /// Action of that rule: `expire` or `transition`.
    pub action: String,
    /// Reasons to keep the image, a sentence each.
    pub because: Vec<String>,
}

/// A lifecycle policy that cannot be compared with the plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConflictError {
    /// It could not be read.
    #[error("{0}")]
    Unreadable(Box<str>),
    /// It cannot be parsed.
    #[error("{0}")]
    Malformed(String),
}

impl RepositoryPlan {
    /// Returns the images that are kept and that the lifecycle policy may expire or archive; `None`
    /// if the repository has no lifecycle policy.
    #[must_use]
    pub fn lifecycle_conflicts(&self) -> Option<Result<Vec<LifecycleConflict>, ConflictError>> {
        match self.lifecycle() {
            LifecyclePolicy::None => None,
            LifecyclePolicy::Text(text) => Some(self.conflicts_with(text)),
            LifecyclePolicy::Unreadable(error) => {
                Some(Err(ConflictError::Unreadable(error.clone())))
            }
        }
    }

    fn conflicts_with(&self, policy: &str) -> Result<Vec<LifecycleConflict>, ConflictError> {
        let rules = LifecycleRules::parse(policy)
            .map_err(|error| ConflictError::Malformed(error.to_string()))?;
        // ECR expires no image that an index names.
        let children = self.children().values().flatten();
        let children: HashSet<Digest> = children.map(|child| child.digest).collect();
        let conflicts = self.images().filter_map(|PlannedImage { image, verdict }| {
            if verdict.deletes()
                || image.status != Status::Active
                || children.contains(&image.digest)
            {
                return None;
            }
            let rule = rules.of_active().find(|rule| rule.selects(image))?;
            Some(LifecycleConflict {
                image: format!("{}{}", self.title(), image.name()),
                in_use: verdict.in_use(),
                rule: rule.priority,
                action: rule.action().to_owned(),
                because: self.because(verdict),
            })
        });
        Ok(conflicts.collect())
    }
}
