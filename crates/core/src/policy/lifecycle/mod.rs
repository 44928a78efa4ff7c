//! The lifecycle policy that a repository has in ECR, and the keep rules that keep what it keeps.
//!
//! An image belongs to the first rule that selects it, by priority, even if that rule does not delete it.
//! One that no rule selects is not deleted.
//!
//! Source: "Lifecycle policy properties in Amazon ECR", "Automate the cleanup of images by using
//! lifecycle policies".

mod conditions;
mod import;

use serde::Deserialize;

use super::wildcard;
use crate::image::Image;

pub use import::{Imported, ImportedRule, Remark};

/// A lifecycle policy in ECR.
#[derive(Debug, Clone, Deserialize)]
pub struct LifecycleRules {
    rules: Vec<LifecycleRule>,
}

/// A rule of a lifecycle policy.
#[derive(Debug, Clone, Deserialize)]
pub struct LifecycleRule {
    /// Priority: of several rules that select an image, the one with the lowest number decides.
    #[serde(rename = "rulePriority")]
    pub priority: i64,
    selection: Selection,
    action: Action,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Selection {
    tag_status: String,
    #[serde(default)]
    tag_prefix_list: Vec<String>,
    #[serde(default)]
    tag_pattern_list: Vec<String>,
    storage_class: Option<String>,
    count_type: Option<String>,
    count_unit: Option<String>,
    count_number: Option<u32>,
}

#[derive(Debug, Clone, Deserialize)]
struct Action {
    #[serde(rename = "type")]
    kind: String,
}

impl LifecycleRules {
    /// Parses a lifecycle policy.
    ///
    /// # Errors
    /// Returns an error if it is no such policy.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        let mut policy: Self = serde_json::from_str(text)?;
        policy.rules.sort_by_key(|rule| rule.priority);
        Ok(policy)
    }

    /// Returns the rules about images that can be pulled, by priority.
    pub fn of_active(&self) -> impl Iterator<Item = &LifecycleRule> {
        self.rules.iter().filter(|rule| !rule.is_of_archive())
    }
}

impl LifecycleRule {
    /// Returns the action: `expire` or `transition`.
    #[must_use]
    pub fn action(&self) -> &str {
        &self.action.kind
    }

    /// Returns whether it is about the archive.
    fn is_of_archive(&self) -> bool {
        self.selection.storage_class.as_deref() == Some("archive")
    }

    /// Returns whether it is about an image; a tag status that is not known selects all.
    #[must_use]
    pub fn selects(&self, image: &Image) -> bool {
        let selection = &self.selection;
        let some_tag = |matches: &dyn Fn(&str) -> bool| image.tags.iter().any(|tag| matches(tag));
        match selection.tag_status.as_str() {
            "untagged" => image.tags.is_empty(),
            // Several entries have to match all, each by some tag.
            "tagged" => {
                !image.tags.is_empty()
                    && selection
                        .tag_prefix_list
                        .iter()
                        .all(|prefix| some_tag(&|tag| tag.starts_with(prefix)))
                    && selection
                        .tag_pattern_list
                        .iter()
                        .all(|pattern| some_tag(&|tag| wildcard::matches(pattern, tag)))
            }
            _ => true,
        }
    }
}
