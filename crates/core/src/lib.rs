//! Decides which images of Amazon ECR may be deleted, and proves that they may.
//!
//! Values in, values out: this crate has no I/O, no clock and nothing that waits. What is stored
//! ([`inventory`]) and what is in use ([`evidence`]) go in, a [`plan::Plan`] comes out, and
//! [`guard`] turns it into a [`guard::Clearance`], without which nothing is deleted.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod evidence;
pub mod guard;
pub mod image;
pub mod inventory;
pub mod plan;
pub mod policy;
