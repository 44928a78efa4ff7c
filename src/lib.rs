//! Deletes from Amazon ECR the images nobody needs, and never one that somebody needs.
//!
//! ```text
//! config --> clients --+-> inventory (what is stored) --+
//!                      |                                +-> plan --> guard --> apply --> report
//!                      +-> evidence (what is in use) ---+
//! ```
//!
//! [`pipeline`] follows this picture. What decides is in the crate `ecr-cleanup-core`, whose
//! modules are those from `image` to `guard`: values in, values out.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod aws;
pub mod cache;
pub mod config;
mod counted;
pub mod event;
#[cfg(feature = "function")]
pub mod function;
pub mod kubernetes;
pub mod pipeline;
pub mod registry;
pub mod report;
pub mod sources;
pub mod state;
pub mod stop_time;

pub use ecr_cleanup_core::{evidence, guard, image, inventory, plan, policy};
