//! AWS itself: clients with their retries, time limits and pace, errors in one form, and complete pages.

mod access;
mod clients;
mod counter;
mod endpoint;
mod error;
mod https;
mod json;
mod lambda;
mod pace;
mod pages;
mod role;
mod wire;

pub(crate) use access::{Outcome, Tried};
pub use clients::{Clients, Identity, Tuning};
pub(crate) use counter::Counting;
pub use counter::{CallCounter, Calls};
pub(crate) use endpoint::Endpoint;
pub use error::ApiError;
pub(crate) use error::chain;
pub(crate) use json::{CallError, JsonService};
pub(crate) use lambda::{FunctionCode, FunctionConfiguration, LambdaService};
pub use pace::Bucket;
pub(crate) use pages::all_pages;
pub(crate) use wire::{Wire, encoded};
