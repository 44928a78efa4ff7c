//! Guards: what has to hold before anything is deleted (A1).
//!
//! A [`Clearance`] is the only way to a delete call, and only [`judge`] makes one: from a plan, and from complete use.

mod limits;
mod pulls;
mod refusal;
mod window;

pub use limits::{Selection, spare_repositories};
pub use pulls::{Puller, pullers};
pub use refusal::{Guard, Refusal};

use std::collections::BTreeSet;

use crate::{
    config::Guards,
    image::{AccountId, Time},
    plan::{Plan, RepositoryPlan},
    state::{Counts, Memory},
    usage::Usage,
};

/// The proof that every guard passed, with the images that may go.
#[derive(Debug)]
pub struct Clearance<'a> {
    plan: &'a Plan,
    selection: Selection,
}

impl<'a> Clearance<'a> {
    /// The plan that was cleared.
    #[must_use]
    pub const fn plan(&self) -> &'a Plan {
        self.plan
    }

    /// What may go of it.
    #[must_use]
    pub const fn selection(&self) -> &Selection {
        &self.selection
    }
}

/// What the guards judge.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// What is in use.
    pub usage: &'a Usage,
    /// What the configuration asks for.
    pub guards: &'a Guards,
    /// What is remembered of earlier runs.
    pub memory: &'a Memory,
    /// What time it is.
    pub now: Time,
    /// What the run met that stops it already: a lock that another run holds, a store that cannot be read or written.
    pub obstacles: &'a [Refusal],
}

/// Judges every guard of a whole run.
///
/// # Errors
/// All refusals, if there is one.
pub fn judge(case: Case<'_>) -> Result<Clearance<'_>, Vec<Refusal>> {
    let refusals = refusals(case);
    if refusals.is_empty() {
        Ok(Clearance {
            plan: case.plan,
            selection: select(case),
        })
    } else {
        Err(refusals)
    }
}

/// The images that may go.
#[must_use]
pub fn select(case: Case<'_>) -> Selection {
    let Case {
        plan,
        guards,
        memory,
        now,
        ..
    } = case;
    let has_soaked = |repository: &RepositoryPlan, index: u32| {
        guards.soak.is_zero()
            || memory.ledger.as_ref().is_some_and(|ledger| {
                let image = &repository.stored.images[index as usize].digest;
                ledger.has_soaked(
                    &repository.registry,
                    &repository.name,
                    image,
                    guards.soak,
                    now,
                )
            })
    };
    Selection::new(plan, guards.max_deletions_per_run, has_soaked)
}

/// Every reason for which a run may not act.
#[must_use]
pub fn refusals(case: Case<'_>) -> Vec<Refusal> {
    let Case {
        plan,
        guards,
        now,
        obstacles,
        ..
    } = case;
    let mut refusals = of_use(case);
    let accounts: BTreeSet<AccountId> = plan
        .registries
        .iter()
        .map(|registry| registry.account)
        .collect();
    refusals.extend(
        accounts
            .into_iter()
            .filter_map(|account| unexpected(account, guards)),
    );
    if let Some(window) = &guards.change_window
        && let (clock, false) = window::look(window, now)
    {
        refusals.push(Refusal::change_window(&clock, &window::words(window)));
    }
    refusals.extend(obstacles.iter().cloned());
    refusals
}

/// A refusal, if images of this account were not expected to be judged.
#[must_use]
pub fn unexpected(account: AccountId, guards: &Guards) -> Option<Refusal> {
    let expected = &guards.expected_accounts;
    let wrong = !expected.is_empty() && !expected.contains(&account);
    wrong.then(|| Refusal::wrong_account(account, expected))
}

/// Every reason for which what is in use by now, read again, cannot be trusted.
#[must_use]
pub fn fresh_use_refusals(case: Case<'_>, fresh: &Usage) -> Vec<Refusal> {
    let mut refusals = of_use(Case {
        usage: fresh,
        ..case
    });
    if refusals.is_empty() {
        let began = Counts::of(case.usage.coverage());
        refusals.extend(drops(
            &began,
            "when this run began",
            fresh,
            case.guards.max_usage_drop_percent,
        ));
    }
    refusals
}

/// Every reason for which use cannot be trusted.
fn of_use(case: Case<'_>) -> Vec<Refusal> {
    let Case {
        usage,
        guards,
        memory,
        ..
    } = case;
    let incomplete = usage
        .coverage()
        .iter()
        .filter(|coverage| !coverage.complete)
        .map(Refusal::source_incomplete);
    let mut refusals: Vec<Refusal> = incomplete.collect();
    // What an incomplete source did not show says nothing of what is in use.
    if refusals.is_empty() {
        if usage.references().len() == 0 && !guards.allow_no_usage {
            refusals.push(Refusal::no_usage(usage.coverage()));
        }
        let last = "in the last run that no guard stopped";
        refusals.extend(
            memory
                .counts
                .iter()
                .flat_map(|counts| drops(counts, last, usage, guards.max_usage_drop_percent)),
        );
    }
    refusals
}

/// A refusal for each source that finds so much less than before that something may be wrong with it, one that is
/// not read any more included.
fn drops(before: &Counts, when: &str, usage: &Usage, limit: u8) -> impl Iterator<Item = Refusal> {
    let current = Counts::of(usage.coverage());
    before.iter().filter_map(move |(source, before)| {
        let now = current.get(source);
        let shrunk_by = before.saturating_sub(now.unwrap_or_default());
        (shrunk_by * 100 > usize::from(limit) * before)
            .then(|| Refusal::usage_drop(source, now, before, when, limit))
    })
}
