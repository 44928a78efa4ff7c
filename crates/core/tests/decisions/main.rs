//! What becomes of a plan and stands around it: guards, limits, units, explanations, missing images
//! and conflicts.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod belonging;
mod conflicts;
mod evidence;
mod explanations;
mod guards;
mod ledger;
mod limits;
mod missing;
mod reasons;
mod refusals;
mod soak;
mod support;
mod units;
mod vetoes;
