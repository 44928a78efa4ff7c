//! Deletes from Amazon ECR the images nobody needs, and never one that somebody needs.
//!
//! One direction, no way back:
//!
//! ```text
//! config --> clients --+-> inventory (what is stored) --+
//!                      |                                +-> plan --> guard --> cleanup --> report
//!                      +-> usage (what is in use) ------+
//! ```
//!
//! [`run`] reads like this picture. `image`, `policy`, `plan` and `guard` are pure: no SDK, no clock, no I/O.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod access;
pub mod aws;
pub mod cleanup;
pub mod config;
pub mod event;
#[cfg(feature = "function")]
pub mod function;
pub mod guard;
pub mod image;
pub mod inventory;
pub mod kubernetes;
pub mod plan;
pub mod policy;
pub mod report;
pub mod run;
pub mod state;
pub mod usage;
pub mod verify;
