//! Conflicts with the lifecycle policy that a repository has in ECR (A8).
//!
//! ECR applies it without knowing what is in use. An image belongs to the first rule that selects
//! it, by priority. Whether that rule expires the image today or after more pushes or days is only
//! a matter of time, so it is a conflict in any case.
//!
//! Source: "Lifecycle policy properties in Amazon ECR".

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::{PlannedImage, RepositoryPlan};
use crate::{
    image::{Digest, Image, Status},
    inventory::LifecyclePolicy,
    policy::wildcard,
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

#[derive(Deserialize)]
struct Policy {
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
struct Rule {
    #[serde(rename = "rulePriority")]
    priority: i64,
    selection: Selection,
    action: Action,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Selection {
    tag_status: String,
    #[serde(default)]
    tag_prefix_list: Vec<String>,
    #[serde(default)]
    tag_pattern_list: Vec<String>,
    storage_class: Option<String>,
}

#[derive(Deserialize)]
struct Action {
    #[serde(rename = "type")]
    kind: String,
}

impl Selection {
    fn selects(&self, image: &Image) -> bool {
        let some_tag = |matches: &dyn Fn(&str) -> bool| image.tags.iter().any(|tag| matches(tag));
        match self.tag_status.as_str() {
            "untagged" => image.tags.is_empty(),
            // Several entries have to match all, each by some tag.
            "tagged" => {
                !image.tags.is_empty()
                    && self
                        .tag_prefix_list
                        .iter()
                        .all(|prefix| some_tag(&|tag| tag.starts_with(prefix)))
                    && self
                        .tag_pattern_list
                        .iter()
                        .all(|pattern| some_tag(&|tag| wildcard::matches(pattern, tag)))
            }
            _ => true,
        }
    }
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
        let mut rules = serde_json::from_str::<Policy>(policy)
            .map_err(|error| ConflictError::Malformed(error.to_string()))?
            .rules;
        rules.retain(|rule| rule.selection.storage_class.as_deref() != Some("archive"));
        rules.sort_by_key(|rule| rule.priority);
        // ECR expires no image that an index names.
        let children = self.children().values().flatten();
        let children: HashSet<Digest> = children.map(|child| child.digest).collect();
        let conflicts = self
            .images()
            .iter()
            .filter_map(|PlannedImage { image, verdict }| {
                if verdict.deletes()
                    || image.status != Status::Active
                    || children.contains(&image.digest)
                {
                    return None;
                }
                let rule = rules.iter().find(|rule| rule.selection.selects(image))?;
                Some(LifecycleConflict {
                    image: format!("{}{}", self.title(), image.name()),
                    in_use: verdict.in_use(),
                    rule: rule.priority,
                    action: rule.action.kind.clone(),
                    because: self.because(verdict),
                })
            });
        Ok(conflicts.collect())
    }
}
