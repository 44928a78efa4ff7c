//! Warns of rules that keep what they may be about, since the use ledger is too young (K9).

use std::collections::BTreeSet;

use crate::{
    plan::{KeepReason, Plan, RepositoryPlan, Verdict, first_of},
    report::{Warning, WarningCode, count},
};

/// Number of rules that are named.
const NAMED: usize = 5;

/// Returns a warning with these rules and the age of the ledger, if there are any.
pub(super) fn warning(plan: &Plan) -> Option<Warning> {
    let images = plan.repositories().iter().flat_map(RepositoryPlan::images);
    let reasons = images.filter_map(|planned| match planned.verdict {
        Verdict::Keep(reasons) => Some(reasons.iter()),
        Verdict::Delete(_) => None,
    });
    let young = reasons.flatten().filter_map(|reason| match reason {
        KeepReason::YoungLedger { rule, days, until } => Some((&**rule, *days, *until)),
        _ => None,
    });
    let young: BTreeSet<_> = young.collect();
    let youngest = young.iter().map(|(_, days, _)| *days).min()?;
    let until = young.iter().map(|(.., until)| *until).max()?;
    let rules: BTreeSet<&str> = young.iter().map(|(rule, ..)| *rule).collect();
    let names: Vec<String> = rules.iter().map(|rule| format!("`{rule}`")).collect();
    let age = count(u64::try_from(youngest).unwrap_or(0), "day", "days");
    let message = format!(
        "the use ledger is {age} old, counted from the first run that read all use: until {until} \
         what these rules may be about is kept: {}",
        first_of(&names, NAMED)
    );
    Some(Warning::new(WarningCode::YoungLedger, message))
}
