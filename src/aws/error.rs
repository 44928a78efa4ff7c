//! What went wrong in a call, in one form for all services.

use std::error::Error;

use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

/// A call that failed for good, after its retries.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{operation}`{} failed: {message}", resource.as_ref().map(|resource| format!(" for `{resource}`")).unwrap_or_default())]
pub struct ApiError {
    /// The operation with its service, as IAM names it: `ecs:ListTasks`.
    pub operation: &'static str,
    /// What the call was about: a cluster, a repository.
    pub resource: Option<String>,
    /// The error code of the service; none if it did not answer with one.
    pub code: Option<String>,
    /// The error code and message of the service, or why there was no usable answer.
    pub message: String,
    /// Whether the endpoint does not know the operation at all.
    pub unknown_operation: bool,
}

impl ApiError {
    /// An answer that cannot be used, though the call itself succeeded.
    pub(crate) fn answer(
        operation: &'static str,
        resource: &str,
        message: impl Into<String>,
    ) -> Self {
        Self {
            operation,
            resource: Some(resource.to_owned()).filter(|resource| !resource.is_empty()),
            code: None,
            message: message.into(),
            unknown_operation: false,
        }
    }

    /// The error of a call about `resource`; empty if it was about nothing in particular.
    pub(crate) fn new<E>(
        operation: &'static str,
        resource: &str,
        error: &SdkError<E, aws_smithy_runtime_api::http::Response>,
    ) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let (code, text) = match error.as_service_error() {
            Some(service) => (
                service.code().map(ToOwned::to_owned),
                service.message().map(ToOwned::to_owned),
            ),
            None => (None, None),
        };
        let message = match (&code, text) {
            (Some(code), Some(text)) => format!("{code}: {text}"),
            (Some(code), None) => code.clone(),
            (None, _) => chain(error),
        };
        let html = error.raw_response().is_some_and(|response| {
            response
                .headers()
                .get("content-type")
                .is_some_and(|content_type| content_type.starts_with("text/html"))
        });
        let unknown_operation = html
            || code
                .as_deref()
                .is_some_and(|code| code.contains("UnknownOperation"));
        Self {
            code,
            unknown_operation,
            ..Self::answer(operation, resource, message)
        }
    }

    /// Whether the service answered with this error code.
    #[must_use]
    pub fn is(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }
}

/// An error with all its causes, each once.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.ends_with(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text
}
