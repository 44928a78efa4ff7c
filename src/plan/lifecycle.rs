//! What a repository's own lifecycle policy may do to images that stay (A8).
//!
//! ECR applies it by itself, and knows neither what is in use nor this program's rules. An image belongs to the first
//! rule that selects it, by priority; whether that rule expires it today or after some more pushes or days is only a
//! matter of time, so it is told in any case.
//!
//! Source: "Lifecycle policy properties in Amazon ECR".

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::RepositoryPlan;
use crate::{
    image::{Digest, Image, Status},
    policy::wildcard::matches,
};

/// An image that stays, as far as this program goes, and that a lifecycle policy may expire or archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Threat {
    /// The image: `REPOSITORY:TAG` or `REPOSITORY@DIGEST`.
    pub image: String,
    /// Whether it is in use, rather than kept by a rule.
    pub in_use: bool,
    /// The priority of the lifecycle rule.
    pub rule: i64,
    /// What that rule does: `expire` or `transition`.
    pub action: String,
    /// Why the image stays.
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
                        .all(|pattern| some_tag(&|tag| matches(pattern, tag)))
            }
            _ => true,
        }
    }
}

impl RepositoryPlan {
    /// The images that stay and that this lifecycle policy may take.
    ///
    /// # Errors
    /// Where the policy cannot be understood.
    pub fn threats(&self, policy: &str) -> Result<Vec<Threat>, String> {
        let mut rules = serde_json::from_str::<Policy>(policy)
            .map_err(|error| error.to_string())?
            .rules;
        rules.retain(|rule| rule.selection.storage_class.as_deref() != Some("archive"));
        rules.sort_by_key(|rule| rule.priority);
        // ECR expires no image that an index names.
        let children: HashSet<Digest> = self
            .stored
            .children
            .values()
            .flatten()
            .map(|child| child.digest)
            .collect();
        let threats = self.images().filter_map(|(image, verdict)| {
            if verdict.deletes()
                || image.status != Status::Active
                || children.contains(&image.digest)
            {
                return None;
            }
            let rule = rules.iter().find(|rule| rule.selection.selects(image))?;
            Some(Threat {
                image: format!("{}{}", self.title(), image.name()),
                in_use: verdict.in_use(),
                rule: rule.priority,
                action: rule.action.kind.clone(),
                because: self.because(verdict),
            })
        });
        Ok(threats.collect())
    }
}
