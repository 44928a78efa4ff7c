//! The lines that a run logs of its plan, its refusals and what is missing.

use crate::{
    guard::Refusal,
    plan::{Missing, Plan},
};

pub(super) fn log_refusals<'a>(run_id: &str, refusals: impl IntoIterator<Item = &'a Refusal>) {
    for refusal in refusals {
        tracing::warn!(event = "guard_tripped", run_id, guard = %refusal.guard, observed = refusal.observed, "{refusal}");
    }
}

pub(super) fn log_missing(run_id: &str, missing: &[Missing]) {
    for missing in missing {
        tracing::warn!(
            event = "missing_image",
            run_id,
            image = missing.title(),
            live = missing.live,
            users = missing.users.join("; "),
            "an image in use cannot be pulled"
        );
    }
}

pub(super) fn log_plan(run_id: &str, plan: &Plan, refusals: &[Refusal]) {
    for repository in &plan.repositories {
        let candidates = repository
            .verdicts
            .iter()
            .filter(|verdict| verdict.deletes())
            .count();
        tracing::info!(
            event = "repository_planned",
            run_id,
            registry = %repository.registry,
            repository = %repository.name,
            images = repository.verdicts.len(),
            candidates,
            left_alone = repository.left_alone.as_ref().map(ToString::to_string),
            "planned a repository"
        );
    }
    log_refusals(run_id, refusals);
}
