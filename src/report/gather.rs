//! The answer, from the plan and the outcome of applying it.

use super::{
    Answer, Bytes, Counts, Hygiene, Size, Status, VERSION,
    answer::Omitted,
    format::GIGABYTE,
    summary::{
        Actions, Completed, Ending, Failed, OutOfTime, Planned, Refused, Savings, Scanned, Summary,
        Truncated,
    },
    totals::Totals,
};
use crate::{
    config::Mode,
    evidence::UsageIndex,
    guard::Refusal,
    plan::{Missing, Plan, missing},
    policy::Policies,
    registry::{Outcome, RepositoryOutcome, Stop},
};

/// What an answer is made of.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The id of the run.
    pub run_id: &'a str,
    /// The mode of the run.
    pub mode: Mode,
    /// The plan.
    pub plan: &'a Plan,
    /// What is in use.
    pub usage: &'a UsageIndex,
    /// The policies that the plan was made with.
    pub policies: &'a Policies,
    /// Why the run may not delete.
    pub refusals: &'a [Refusal],
    /// The outcome, if the plan was applied.
    pub outcome: Option<&'a Outcome>,
    /// Whether time ran out before everything was read.
    pub out_of_time: bool,
    /// The price of storage, in US dollars for a gigabyte and month.
    pub usd_per_gb_month: f64,
}

/// Makes the answer of a run.
#[must_use]
pub fn gather(facts: Facts<'_>) -> Answer {
    let Facts {
        plan,
        usage,
        outcome,
        ..
    } = facts;
    let totals = Totals::new(plan, outcome);
    let mut refusals = facts.refusals.to_vec();
    refusals.extend(outcome.and_then(|outcome| outcome.usage_lost.clone()));
    let status = status(facts, !totals.failures.is_empty());
    let missing = missing(plan, usage);
    let saved = match outcome {
        Some(_) => totals.bytes.deleted,
        None => totals.bytes_to_delete,
    };
    let monthly_savings_usd = savings(saved, facts.usd_per_gb_month);
    let summary = Summary {
        ending: ending(facts, status, &totals, monthly_savings_usd),
        failed: Failed {
            images: totals.counts.failed,
            archives: plan.is_archiving(),
        },
        refusals: &refusals,
        missing: live(&missing),
    }
    .to_string();
    Answer {
        summary,
        status,
        mode: facts.mode,
        run_id: facts.run_id.to_owned(),
        version: VERSION,
        counts: totals.counts,
        bytes: totals.bytes,
        exact_bytes: None,
        monthly_savings_usd,
        in_use: usage.sources().to_vec(),
        refusals,
        explanation: None,
        repositories: totals.lines,
        missing,
        failures: totals.failures.into_values().collect(),
        warnings: totals.warnings,
        hygiene: Hygiene::of(plan, usage, facts.policies),
        report: None,
        omitted: Omitted::default(),
    }
}

fn status(facts: Facts<'_>, failures: bool) -> Status {
    let left = facts.outcome.is_some_and(|outcome| {
        let out_of_time = |of: &RepositoryOutcome| of.stopped == Some(Stop::OutOfTime);
        outcome.beyond_limit > 0 || outcome.repositories.iter().any(out_of_time)
    });
    if facts.out_of_time || left {
        Status::Truncated
    } else if facts.mode == Mode::Plan {
        Status::Planned
    } else if facts
        .outcome
        .is_none_or(|outcome| outcome.usage_lost.is_some())
    {
        Status::Refused
    } else if failures {
        Status::CompletedWithFailures
    } else {
        Status::Completed
    }
}

/// US dollars a month, to the cent.
#[expect(clippy::cast_precision_loss, reason = "an estimate")]
fn savings(bytes: u64, usd_per_gb_month: f64) -> f64 {
    (bytes as f64 / GIGABYTE * usd_per_gb_month * 100.0).round() / 100.0
}

/// Returns how the run ended, for the summary.
fn ending(facts: Facts<'_>, status: Status, totals: &Totals, usd: f64) -> Ending {
    let Counts {
        repositories,
        images,
        candidates,
        deleted,
        archived,
        untouched: left,
        ..
    } = totals.counts;
    let Bytes {
        candidates: bytes_planned,
        deleted: bytes_deleted,
        ..
    } = totals.bytes;
    let archives = facts.plan.is_archiving();
    let planned = Actions::new(archives, totals.to_archive, candidates - totals.to_archive);
    let done = Actions::new(archives, archived, deleted);
    let of = Scanned {
        images,
        repositories,
    };
    let savings = Savings((!matches!(planned, Actions::Archive(_))).then_some(usd));
    let completed = Completed {
        done,
        of,
        size: Size(bytes_deleted + totals.bytes_archived),
        savings,
    };
    match status {
        Status::Planned => Ending::Planned(Planned {
            actions: planned,
            of,
            size: Size(bytes_planned),
            savings,
        }),
        Status::Refused => Ending::Refused(Refused {
            planned,
            done: (deleted + archived > 0).then_some(done),
            of,
            left,
        }),
        Status::Truncated if facts.out_of_time => Ending::OutOfTime(OutOfTime),
        Status::Truncated => Ending::Truncated(Truncated { completed, left }),
        Status::Completed | Status::CompletedWithFailures => Ending::Completed(completed),
    }
}

/// Returns the number of missing images that run now.
fn live(missing: &[Missing]) -> u64 {
    missing.iter().filter(|missing| missing.live).count() as u64
}
