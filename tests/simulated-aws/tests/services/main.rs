//! The simulated AWS, tested over HTTP without any SDK.
#![expect(clippy::unwrap_used, reason = "tests")]

mod behaviour;
mod client;
mod ecr;
mod ecs;
