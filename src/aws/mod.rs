//! AWS itself: clients with their retries, time limits and pace, errors in one form, and complete pages.

mod access;
mod clients;
mod counter;
mod error;
mod pace;
mod pages;
mod role;

pub(crate) use access::{Outcome, Tried};
pub use clients::{Clients, Identity, Tuning};
pub(crate) use counter::Counting;
pub use counter::{CallCounter, Calls};
pub use error::ApiError;
pub use pace::Bucket;
pub(crate) use pages::all_pages;
