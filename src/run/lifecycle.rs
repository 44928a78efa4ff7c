//! What the lifecycle policies of repositories may do to images that stay.

use super::Prepared;
use crate::plan::{RepositoryPlan, Threat, Verdict};

impl Prepared<'_> {
    /// What the lifecycle policies of the repositories that were read may do to images that stay: for each repository
    /// that has one, the images, or why that cannot be told.
    #[must_use]
    pub fn lifecycle(&self) -> Vec<(String, Result<Vec<Threat>, String>)> {
        self.lifecycle_of(|_| true)
    }

    fn lifecycle_of(
        &self,
        wanted: impl Fn(&RepositoryPlan) -> bool,
    ) -> Vec<(String, Result<Vec<Threat>, String>)> {
        let repositories = self
            .plan
            .repositories
            .iter()
            .filter(|repository| wanted(repository));
        let threats = repositories.filter_map(|repository| {
            let policy = repository.stored.lifecycle.as_ref()?;
            let threats = policy
                .as_ref()
                .map_err(Clone::clone)
                .and_then(|policy| repository.threats(policy));
            Some((repository.title(), threats))
        });
        threats.collect()
    }

    /// Warns of lifecycle policies that may take an image in use.
    pub(super) fn warn_of_lifecycles(&mut self) {
        let has_images_in_use =
            |repository: &RepositoryPlan| repository.verdicts.iter().any(Verdict::in_use);
        let found = self.lifecycle_of(has_images_in_use);
        let mut unread = 0;
        for (name, threats) in found {
            match threats {
                Ok(threats) => {
                    let mut in_use = threats.iter().filter(|threat| threat.in_use);
                    if let Some(first) = in_use.next() {
                        self.warnings.push(format!(
                            "the lifecycle policy of `{name}` may {} {} images in use, such as `{}` by its rule {}: ECR does not know that they are in use",
                            first.action,
                            in_use.count() + 1,
                            first.image,
                            first.rule
                        ));
                    }
                }
                Err(problem) if unread == 0 => {
                    unread += 1;
                    self.warnings.push(format!(
                        "the lifecycle policy of `{name}` could not be read: {problem}"
                    ));
                }
                Err(_) => unread += 1,
            }
        }
        if unread > 1 {
            self.warnings.push(format!(
                "{} more lifecycle policies could not be read",
                unread - 1
            ));
        }
    }
}
