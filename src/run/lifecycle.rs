//! What the lifecycle policies of repositories may do to images that stay.

use super::{Prepared, within};
use crate::{
    aws::Clients,
    inventory,
    plan::{RepositoryPlan, Threat, Verdict},
};

impl Prepared<'_> {
    /// What the lifecycle policies of the repositories that were read may do to images that stay: for each repository
    /// that has one, the images, or why that cannot be told.
    pub async fn lifecycle(&self) -> Vec<(String, Result<Vec<Threat>, String>)> {
        self.lifecycle_of(|_| true).await
    }

    async fn lifecycle_of(
        &self,
        wanted: impl Fn(&RepositoryPlan) -> bool,
    ) -> Vec<(String, Result<Vec<Threat>, String>)> {
        let repositories = self.plan.repositories.iter();
        let repositories: Vec<&RepositoryPlan> =
            repositories.filter(|repository| !repository.verdicts.is_empty() && wanted(repository)).collect();
        let clients_of = |repository: &&RepositoryPlan| self.places.registries.get(&*repository.registry);
        let repositories: Vec<(&Clients, &RepositoryPlan)> =
            repositories.into_iter().filter_map(|repository| Some((clients_of(&repository)?, repository))).collect();
        let names: Vec<_> = repositories.iter().map(|&(clients, repository)| (clients, &repository.name)).collect();
        let policies = inventory::lifecycles(&names).await;
        let threats = repositories.iter().zip(policies).filter_map(|((_, repository), policy)| {
            let threats = match policy {
                Ok(policy) => repository.threats(&policy?),
                Err(error) => Err(error.to_string()),
            };
            Some((repository.title(), threats))
        });
        threats.collect()
    }

    /// Warns of lifecycle policies that may take an image in use. Only repositories with such images are asked for
    /// theirs, and nothing depends on it.
    pub(super) async fn warn_of_lifecycles(&mut self) {
        let has_images_in_use = |repository: &RepositoryPlan| repository.verdicts.iter().any(Verdict::in_use);
        let found = within(self.request.stop_at, self.lifecycle_of(has_images_in_use)).await.unwrap_or_default();
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
                    self.warnings.push(format!("the lifecycle policy of `{name}` could not be read: {problem}"));
                }
                Err(_) => unread += 1,
            }
        }
        if unread > 1 {
            self.warnings.push(format!("{} more lifecycle policies could not be read", unread - 1));
        }
    }
}
