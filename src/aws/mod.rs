//! AWS itself: clients with their retries, time limits and pace, errors in one form, and complete pages.

mod access;
mod clients;
mod counter;
mod error;
mod https;
mod json;
mod pace;
mod pages;
mod partition;
mod role;

pub(crate) use access::{Outcome, Tried};
pub use clients::{Clients, Identity, Tuning};
pub(crate) use counter::Counting;
pub use counter::{CallCounter, Calls};
pub use error::ApiError;
pub(crate) use json::{CallError, Endpoint, JsonService, Wire};
pub use pace::Bucket;
pub(crate) use pages::all_pages;
pub(crate) use partition::Partition;
