//! Logs the plan, the refusals and the missing images of a run.

use crate::{
    guard::Refusal,
    plan::{Missing, Plan},
};

pub(super) fn refusals<'a>(run_id: &str, refusals: impl IntoIterator<Item = &'a Refusal>) {
    for refusal in refusals {
        tracing::warn!(event = "guard_tripped", run_id, guard = %refusal.guard, observed = refusal.observed, "{refusal}");
    }
}

pub(super) fn missing(run_id: &str, missing: &[Missing]) {
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

pub(super) fn plan(run_id: &str, plan: &Plan, found: &[Refusal]) {
    for repository in plan.repositories() {
        tracing::info!(
            event = "repository_planned",
            run_id,
            registry = %repository.registry(),
            repository = %repository.name(),
            images = repository.images().len(),
            candidates = repository.candidates().count(),
            left_alone = repository.left_alone().map(ToString::to_string),
            "planned a repository"
        );
    }
    refusals(run_id, found);
}
