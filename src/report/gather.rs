//! The answer, from the plan and the outcome of applying it.

use super::{
    Answer, Hygiene, Size, Status, VERSION, Warning, WarningCode,
    answer::{Held, Omitted, Progress},
    count,
    format::usd_a_month,
    summary::Summary,
    totals::Totals,
};
use crate::{
    config::Mode,
    evidence::{Unread, UsageIndex},
    guard::{PullAction, PullGuard, Refusal},
    plan::{LeftAlone, Missing, Plan, UnexplainedPulls},
    policy::Policies,
    registry::{Outcome, Restoring, Stop},
};

/// Input of an answer.
#[derive(Debug)]
pub struct Facts<'a> {
    /// The id of the run.
    pub run_id: &'a str,
    /// The mode of the run.
    pub mode: Mode,
    /// The plan.
    pub plan: &'a Plan,
    /// Everything in use.
    pub usage: &'a UsageIndex,
    /// The policies that the plan was made with.
    pub policies: &'a Policies,
    /// What was not read.
    pub unread: Vec<Unread>,
    /// Treatment of candidates that somebody pulled.
    pub unexplained_pulls: PullGuard,
    /// Refusals of the run.
    pub refusals: &'a [Refusal],
    /// The outcome, if the plan was applied.
    pub outcome: Option<&'a Outcome>,
    /// Number of archived images that something live needs and mode `archive` restores.
    pub to_restore: u64,
    /// What became of these, by repository.
    pub(crate) restoring: &'a [Restoring],
    /// Images in use that cannot be pulled, as of the end of the run.
    pub missing: Vec<Missing>,
    /// Whether time ran out before everything was read.
    pub out_of_time: bool,
    /// Whether somebody interrupted the run.
    pub is_interrupted: bool,
    /// How far reading came, if time ran out.
    pub progress: Option<Progress>,
    /// The price of storage, in US dollars for a gigabyte and month.
    pub usd_per_gb_month: f64,
}

/// Makes the answer of a run.
#[must_use]
pub fn gather(facts: Facts<'_>) -> Answer {
    let (plan, usage, outcome) = (facts.plan, facts.usage, facts.outcome);
    let totals = Totals::new(plan, outcome, facts.restoring);
    let (counts, bytes) = (totals.counts, totals.bytes);
    let refusals = refusals(&facts);
    let has_failures = !totals.failures.is_empty() || !usage.is_complete();
    let status = status(&facts, has_failures);
    let saved = outcome.map_or(totals.bytes_to_delete, |_| bytes.deleted);
    let price = facts.usd_per_gb_month;
    let monthly_savings_usd = usd_a_month(saved, price);
    let summary = Summary {
        status,
        out_of_time: facts.out_of_time,
        is_interrupted: facts.is_interrupted,
        unanswered: usage.out_of_time().collect(),
        progress: facts.progress,
        unread: &facts.unread,
        counts,
        archives: plan.is_archiving_any(),
        to_archive: totals.to_archive,
        to_restore: facts.to_restore,
        size: Size(match status {
            Status::Planned => bytes.candidates,
            _ => bytes.deleted + totals.bytes_archived,
        }),
        savings: monthly_savings_usd,
        refusals: &refusals,
        missing: facts.missing.iter().filter(|one| one.live).count() as u64,
    };
    let unexplained_pulls = unexplained_pulls(plan, facts.unexplained_pulls);
    let (mut warnings, action) = (totals.warnings, facts.unexplained_pulls.action);
    warnings.extend(unexplained(&unexplained_pulls, action));
    Answer {
        result: summary.result(),
        freed: summary.freed(),
        summary: summary.to_string(),
        status,
        mode: facts.mode,
        run_id: facts.run_id.to_owned(),
        version: VERSION,
        saved_plan: None,
        counts,
        bytes,
        exact_bytes: None,
        monthly_savings_usd,
        possible_monthly_savings_usd: usd_a_month(totals.bytes_to_delete, price),
        in_use: usage.sources().to_vec(),
        unread: facts.unread,
        progress: facts.progress,
        refusals,
        explanation: None,
        repositories: totals.lines,
        held: held(plan),
        unexplained_pulls,
        missing: facts.missing,
        failures: totals.failures.into_values().collect(),
        warnings,
        hygiene: Hygiene::of(plan, usage, facts.policies),
        report: None,
        omitted: Omitted::default(),
    }
}

/// Returns the repositories with candidates that somebody pulled, unless that is off.
fn unexplained_pulls(plan: &Plan, guard: PullGuard) -> Vec<UnexplainedPulls> {
    match guard.action {
        PullAction::Off => Vec::new(),
        PullAction::Warn | PullAction::Keep => plan.unexplained_pulls(guard.within),
    }
}

/// Returns the warning about candidates that somebody pulled (U13).
fn unexplained(pulls: &[UnexplainedPulls], action: PullAction) -> Option<Warning> {
    let images: usize = pulls.iter().map(|it| it.images).sum();
    (images > 0 && action == PullAction::Warn).then(|| {
        let message = format!(
            "somebody pulled {} in {} lately, though nothing that is read uses them: see `unexplained_pulls`; read what pulls there, or set `guards.unexplained_pulls.action: keep`",
            count(images as u64, "candidate", "candidates"),
            count(pulls.len() as u64, "repository", "repositories"),
        );
        Warning::new(WarningCode::UnexplainedPulls, message)
    })
}

/// Returns the repositories that are left alone because of something that could not be read (U17).
fn held(plan: &Plan) -> Vec<Held> {
    let repositories = plan.repositories().iter();
    let held = repositories.filter_map(|repository| match repository.left_alone()? {
        why @ LeftAlone::InDoubt { by } => Some(Held {
            repository: repository.title(),
            why: why.to_string(),
            by: by.clone(),
        }),
        _ => None,
    });
    held.collect()
}

/// Returns the refusals of the run, and those that it met while it deleted.
fn refusals(facts: &Facts<'_>) -> Vec<Refusal> {
    let outcome = facts.outcome;
    let mut refusals = facts.refusals.to_vec();
    refusals.extend(outcome.and_then(|outcome| outcome.usage_lost.clone()));
    refusals.extend(outcome.and_then(Outcome::ordered_stop).cloned());
    refusals
}

fn status(facts: &Facts<'_>, failures: bool) -> Status {
    let outcome = facts.outcome;
    let has_rest = |outcome: &Outcome| {
        let mut repositories = outcome.repositories.iter();
        let is_rest = |stop: &Stop| matches!(stop, Stop::OutOfTime | Stop::Ordered(_));
        outcome.beyond_limit > 0 || repositories.any(|of| of.stopped.as_ref().is_some_and(is_rest))
    };
    if facts.out_of_time || outcome.is_some_and(has_rest) {
        Status::Truncated
    } else if facts.mode == Mode::Plan {
        Status::Planned
    } else if outcome.is_none_or(|outcome| outcome.usage_lost.is_some()) {
        Status::Refused
    } else if failures {
        Status::CompletedWithFailures
    } else {
        Status::Completed
    }
}
