//! AWS: clients with retries, timeouts and rate limits; one form of errors; complete pages.

mod access;
mod bucket;
mod call;
mod call_counter;
mod caller;
mod clients;
mod cloudformation;
mod endpoint;
mod environment;
mod error;
#[cfg(test)]
mod fake_network;
mod fetch;
mod https;
mod json_request;
mod json_service;
mod known_regions;
mod lambda;
mod operation;
mod organizations;
mod pages;
mod rate_limit;
mod regions;
mod role;
pub(crate) mod s3;
mod webhook;
mod xml;

pub(crate) use access::{Outcome, Tried};
pub(crate) use bucket::Bucket;
pub(crate) use call::{Turn, list};
pub use call_counter::Calls;
pub(crate) use call_counter::{CallCounter, CountInterceptor};
pub use caller::{CallerChoice, NoCaller};
pub use clients::{ClientOptions, Clients, Identity};
pub(crate) use cloudformation::{ChangeSet, CloudFormationService, Parameter, Stack, TemplateOf};
pub(crate) use endpoint::Endpoint;
pub use error::ApiError;
pub(crate) use error::{Cause, chain};
pub(crate) use json_request::{JsonRequest, percent_encoded};
pub(crate) use json_service::JsonService;
pub use known_regions::{UnknownRegion, known_region};
pub(crate) use lambda::{FunctionCode, FunctionConfiguration, LambdaService};
pub(crate) use operation::Operation;
pub(crate) use organizations::{ListedAccount, list_accounts};
pub(crate) use pages::{Page, all_pages};
pub(crate) use webhook::{Webhook, WebhookError};
