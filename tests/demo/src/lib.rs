//! Accounts as teams have them, in the simulated AWS, and what is in use in them.
//!
//! * [`Scenario`]: a world, with what a run in mode `delete` under the default rules has to leave
//!   of it.
//! * [`acceptance`], [`team`]: the scenarios.
//! * [`uses`], [`digest_of`]: what must never be deleted, read without the program.
//! * [`serve`], [`Server`]: the simulated AWS as a process of its own.

mod acceptance;
mod account;
mod scenario;
mod server;
mod team;
mod uses;

pub use acceptance::acceptance;
pub use account::{Account, ImageBuilder, now};
pub use scenario::{ImageKey, Scenario};
pub use server::{CREDENTIALS, Server, Snapshot, Stored, Used, serve};
pub use team::team;
pub use uses::{Reference, Use, digest_of, uses};
