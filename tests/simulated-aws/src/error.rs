//! What an operation answers: bytes of JSON, or an error of the service.

use serde::Serialize;

/// An error answer.
#[derive(Debug, Clone)]
pub(crate) struct ApiError {
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) message: String,
}

/// The body of a good answer, or an error.
pub(crate) type Answer = Result<Vec<u8>, ApiError>;

impl ApiError {
    /// An error of the caller: HTTP 400.
    pub(crate) fn new(code: &str, message: impl Into<String>) -> Self {
        Self::with_status(400, code, message)
    }

    pub(crate) fn with_status(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self {
            status,
            code: code.to_owned(),
            message: message.into(),
        }
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new("InvalidParameterException", message)
    }

    pub(crate) fn unknown_operation(operation: &str) -> Self {
        Self::new(
            "UnknownOperationException",
            format!("the simulated AWS does not know {operation}"),
        )
    }
}

/// Makes a good answer with this body.
pub(crate) fn json(body: &impl Serialize) -> Answer {
    serde_json::to_vec(body)
        .map_err(|error| ApiError::with_status(500, "ServerException", error.to_string()))
}
