//! Logs the plan, the refusals and the missing images of a run.

use crate::{
    evidence::Unread,
    guard::Refusal,
    plan::{Missing, Plan},
    report::{Warning, shortened},
};

/// The most characters of a text in a line.
const TEXT: usize = 4000;
/// The most users in a line.
const USERS: usize = 20;

pub(super) fn refusals<'a>(run_id: &str, refusals: impl IntoIterator<Item = &'a Refusal>) {
    for refusal in refusals {
        let text = refusal.to_string();
        let (observed, text) = (shortened(&refusal.observed, TEXT), shortened(&text, TEXT));
        tracing::warn!(event = "guard_tripped", run_id, guard = %refusal.guard, %observed, "{text}");
    }
}

pub(super) fn missing(run_id: &str, missing: &[Missing]) {
    for missing in missing {
        tracing::warn!(
            event = "missing_image",
            run_id,
            image = missing.title(),
            live = missing.live,
            users = missing.first_users(USERS),
            "an image in use cannot be pulled"
        );
    }
}

pub(super) fn unread(run_id: &str, unread: &[Unread]) {
    for one in unread {
        tracing::info!(
            event = "unread",
            run_id,
            kind = %one.kind,
            name = one.name,
            account = one.account.map(|account| account.to_string()),
            region = one.region.as_ref().map(ToString::to_string),
            setting = one.setting,
            "not read: {}",
            one.why
        );
    }
}

pub(super) fn warnings(run_id: &str, warnings: &[Warning]) {
    for warning in warnings {
        let (code, repository) = (warning.code, warning.repository.as_deref());
        let message = shortened(&warning.message, TEXT);
        tracing::warn!(event = "warning", run_id, %code, repository, "{message}");
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
