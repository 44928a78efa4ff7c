//! Conflicts between a plan and the lifecycle policies of repositories.

use super::{Locations, Planned, Program};
use crate::{
    aws::ApiError,
    image::{Registry, RepositoryName},
    inventory::LifecyclePolicy,
    plan::{ConflictError, LifecycleConflict, Plan, RepositoryPlan},
    policy::RepositoryGlobs,
    registry,
    report::{Warning, WarningCode},
};

impl Program {
    /// Reads the lifecycle policies of the repositories whose names match, in every registry that
    /// is cleaned.
    ///
    /// # Errors
    /// Returns an error if a registry cannot be entered, or its repositories cannot be listed.
    pub async fn lifecycle_policies(
        &self,
        wanted: &RepositoryGlobs,
    ) -> Result<Vec<(Registry, RepositoryName, LifecyclePolicy)>, ApiError> {
        let own = self.clients.identity().await?;
        let id = self.begin().id;
        let locations = Locations::find_named(&self.clients, own, &self.config, &id).await?;
        if let Some(unreachable) = locations.unreachable().next() {
            return Err(unreachable.error.clone());
        }
        let mut found = Vec::new();
        for (registry, clients) in &locations.registries {
            let policies = registry::lifecycle_policies(clients, wanted).await?;
            let policies = policies.into_iter();
            found.extend(policies.map(|(name, policy)| (registry.clone(), name, policy)));
        }
        Ok(found)
    }
}

/// Conflicts of a repository, by its title.
pub type Conflicts = (String, Result<Vec<LifecycleConflict>, ConflictError>);

impl Planned<'_> {
    /// Returns the conflicts of each repository that has a lifecycle policy, or why they cannot be
    /// told.
    #[must_use]
    pub fn lifecycle_conflicts(&self) -> Vec<Conflicts> {
        conflicts(self.plan.repositories().iter())
    }
}

fn conflicts<'a>(repositories: impl Iterator<Item = &'a RepositoryPlan>) -> Vec<Conflicts> {
    repositories
        .filter_map(|it| Some((it.title(), it.lifecycle_conflicts()?)))
        .collect()
}

/// Returns a warning for each lifecycle policy that may take an image in use.
pub(super) fn warnings(plan: &Plan) -> Vec<Warning> {
    let has_images_in_use = |repository: &&RepositoryPlan| {
        let mut images = repository.images();
        images.any(|planned| planned.verdict.in_use())
    };
    let (mut warnings, mut errors) = (Vec::new(), Vec::new());
    for (name, conflicts) in conflicts(plan.repositories().iter().filter(has_images_in_use)) {
        match conflicts {
            Ok(conflicts) => warnings.extend(warning(&name, &conflicts)),
            Err(error) => {
                let message =
                    format!("the lifecycle policy of `{name}` could not be read: {error}");
                let code = WarningCode::LifecyclePolicyUnread;
                errors.push(Warning::about(name, code, message));
            }
        }
    }
    let more = errors.len().saturating_sub(1);
    warnings.extend(errors.into_iter().next());
    if more > 0 {
        let message = format!("{more} more lifecycle policies could not be read");
        warnings.push(Warning::new(WarningCode::LifecyclePolicyUnread, message));
    }
    warnings
}

fn warning(name: &str, conflicts: &[LifecycleConflict]) -> Option<Warning> {
    let mut in_use = conflicts.iter().filter(|conflict| conflict.in_use);
    let LifecycleConflict {
        image,
        rule,
        action,
        ..
    } = in_use.next()?;
    let message = format!(
        "the lifecycle policy of `{name}` may {action} {} images in use, such as `{image}` by its rule {rule}: ECR does not know that they are in use",
        in_use.count() + 1
    );
    Some(Warning::about(name, WarningCode::LifecyclePolicy, message))
}
