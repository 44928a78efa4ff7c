//! AWS Lambda's Runtime API for the binary of one function, on this machine.
//!
//! [`invoke`] starts the binary, gives it one event and ends it. A [`Function`] keeps its process
//! for several events, as a warm Lambda does. The process gets Lambda's variables and those given,
//! and nothing of the caller's environment.

mod exchange;
mod function;
mod server;

pub use function::{Function, Invocation, Settings, invoke};

use serde::{Deserialize, Serialize};

/// The error of an invocation, as Lambda answers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FunctionError {
    /// The function's own name for it, [`TIMED_OUT`] or [`EXITED`].
    pub error_type: String,
    /// The text for people.
    pub error_message: String,
}

/// The error type of a function that does not answer in time.
pub const TIMED_OUT: &str = "Sandbox.Timedout";
/// The error type of a process that ends without an answer.
pub const EXITED: &str = "Runtime.ExitError";

impl FunctionError {
    fn new(error_type: &str, error_message: String) -> Self {
        Self {
            error_type: error_type.to_owned(),
            error_message,
        }
    }
}
