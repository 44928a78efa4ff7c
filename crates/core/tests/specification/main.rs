//! The planner, held to an executable specification: the rules of docs/design/rules.md as sets and
//! fixpoints (`planner`, and `ranks` for what keep rules keep). Both decide on the same values, for
//! all small worlds of some families and for random large ones.
#![allow(clippy::unwrap_used, reason = "tests")]

mod drawn;
mod exhaustive;
mod families;
mod git;
mod history;
mod planner;
mod random;
mod ranks;
mod rules;
mod saved;
mod set;
mod world;
