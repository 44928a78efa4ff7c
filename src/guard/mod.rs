//! Guards: what has to hold before anything is deleted (A1).
//!
//! A [`Clearance`] is the only way to a delete call, and only [`judge`] makes one: from a plan, and from complete use.

mod limits;
mod refusal;

pub use limits::{Selection, spare_repositories};
pub use refusal::{Guard, Refusal};

use crate::{config::Guards, plan::Plan, usage::Usage};

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

/// Judges every guard of a whole run.
///
/// # Errors
/// All refusals, if there is one.
pub fn judge<'a>(plan: &'a Plan, usage: &Usage, guards: &Guards) -> Result<Clearance<'a>, Vec<Refusal>> {
    let refusals = refusals(plan, usage, guards);
    if refusals.is_empty() {
        Ok(Clearance { plan, selection: Selection::new(plan, guards.max_deletions_per_run) })
    } else {
        Err(refusals)
    }
}

/// Every reason for which a run may not act.
#[must_use]
pub fn refusals(plan: &Plan, usage: &Usage, guards: &Guards) -> Vec<Refusal> {
    let incomplete = usage.coverage().iter().filter(|coverage| !coverage.complete).map(Refusal::source_incomplete);
    let mut refusals: Vec<Refusal> = incomplete.collect();
    // What an incomplete source did not show says nothing of what is in use.
    if refusals.is_empty() && usage.references().len() == 0 && !guards.allow_no_usage {
        refusals.push(Refusal::no_usage(usage.coverage()));
    }
    let account = &plan.registry.account;
    if !guards.expected_accounts.is_empty() && !guards.expected_accounts.iter().any(|expected| **expected == **account)
    {
        refusals.push(Refusal::wrong_account(account, &guards.expected_accounts));
    }
    refusals
}
