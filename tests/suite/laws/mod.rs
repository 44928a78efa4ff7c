//! Laws that hold whatever is stored, whatever uses it and whatever the policies say: of the planner
//! alone, and of whole runs.

pub(crate) mod account;
mod planner;
mod runs;
