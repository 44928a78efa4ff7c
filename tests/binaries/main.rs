//! The release binaries from end to end, against the simulated AWS: processes, their environment,
//! and what is left.
#![allow(clippy::unwrap_used, reason = "tests")]

mod secrets;
mod support;
mod terminal;

mod accounts;
mod command;
mod configuration;
mod environment;
mod errors;
mod function;
mod https;
mod init;
mod interrupt;
mod lambda;
