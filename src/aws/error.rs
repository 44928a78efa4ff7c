//! Why a call failed, in one form for all services.

use std::error::Error;

use aws_smithy_runtime_api::{client::result::SdkError, http::Response};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::Operation;
use crate::{evidence::SourceError, image::escaped};

/// A call that failed for good, after its retries.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{operation}`{} failed: {message}", resource.as_ref().map(|resource| format!(" for `{resource}`")).unwrap_or_default())]
pub struct ApiError {
    pub(crate) operation: Operation,
    /// Resource of the call, such as a cluster or a repository.
    pub(crate) resource: Option<String>,
    /// Cause, by which callers decide.
    pub(crate) cause: Cause,
    /// The error code of the service; `None` if it did not answer with one.
    pub(crate) code: Option<String>,
    /// The error code and message of the service, or why there was no usable answer.
    pub(crate) message: String,
}

/// Reason for which a call failed, as far as a caller decides by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    AccessDenied,
    /// A policy denies it explicitly.
    ExplicitDeny,
    Throttled,
    RepositoryNotFound,
    ImageNotFound,
    /// The registry or the repository has no policy of that kind.
    PolicyNotFound,
    /// There is no such cluster, function or other resource.
    ResourceNotFound,
    ObjectNotFound,
    /// An object is not in the state that the request makes a condition.
    PreconditionFailed,
    /// ECR does not move this image to another storage class.
    StorageClassRefused,
    /// ECS rejects the request; of a task definition it mostly means that there is none.
    ClientException,
    /// The endpoint does not know the operation, or does not offer it in its Region.
    UnknownOperation,
    /// The service answered with another error.
    Service,
    /// The service itself failed.
    ServerError,
    /// The account has not enabled the service or the Region.
    NotEnabled,
    /// The host name of the endpoint does not exist.
    HostNotFound,
    /// The service is not offered in the Region.
    NotOffered,
    TimedOut,
    Connection,
    NotSent,
    /// The answer cannot be used, though the call itself succeeded.
    UnusableAnswer,
}

impl ApiError {
    /// Makes the error of an answer that cannot be used, though the call itself succeeded.
    pub(crate) fn answer(operation: Operation, resource: &str, message: impl Into<String>) -> Self {
        Self {
            operation,
            resource: Some(resource.to_owned()).filter(|resource| !resource.is_empty()),
            cause: Cause::UnusableAnswer,
            code: None,
            // Whatever a server says is printed somewhere.
            message: escaped(&message.into()).into_owned(),
        }
    }

    /// Makes the error of a call about `resource`, which is empty if it was about nothing in
    /// particular.
    pub(super) fn new<E>(
        operation: Operation,
        resource: &str,
        error: &SdkError<E, Response>,
    ) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let service = error.as_service_error();
        let code = service.and_then(ProvideErrorMetadata::code);
        let text = service.and_then(ProvideErrorMetadata::message);
        let message = match (code, text) {
            (Some(code), Some(text)) => format!("{code}: {text}"),
            (Some(code), None) => code.to_owned(),
            (None, _) => chain(error),
        };
        Self {
            cause: Cause::of(error, code, &message),
            code: code.map(ToOwned::to_owned),
            ..Self::answer(operation, resource, message)
        }
    }
}

impl ApiError {
    /// Returns whether the caller was not allowed to make the call.
    #[must_use]
    pub const fn is_denied(&self) -> bool {
        self.cause.is_denied()
    }

    /// Returns what to do about a call that failed, as an order.
    pub(crate) const fn remedy(&self) -> &'static str {
        match self.cause {
            cause if cause.is_denied() => {
                "let the role call that and what else `check-config --access` lists for it"
            }
            Cause::ServerError | Cause::Throttled => "run it again: AWS was failing",
            _ => "let the program reach it",
        }
    }
}

impl From<ApiError> for SourceError {
    fn from(error: ApiError) -> Self {
        let text = error.to_string();
        if error.cause.is_denied() {
            Self::AccessDenied(text)
        } else {
            Self::Call(text)
        }
    }
}

impl Cause {
    /// Returns whether the caller was not allowed to make the call.
    #[must_use]
    pub(crate) const fn is_denied(self) -> bool {
        matches!(self, Self::AccessDenied | Self::ExplicitDeny)
    }

    /// Returns whether a first call that fails so shows that the caller cannot ask there at all: it is
    /// denied, or nobody answers that could be asked.
    #[must_use]
    pub(crate) const fn leaves_unread(self) -> bool {
        self.is_denied()
            || matches!(
                self,
                Self::NotEnabled
                    | Self::NotOffered
                    | Self::UnknownOperation
                    | Self::HostNotFound
                    | Self::TimedOut
                    | Self::Connection
            )
    }

    /// Returns whether the same call may succeed in a moment.
    #[must_use]
    pub(crate) const fn may_pass(self) -> bool {
        matches!(
            self,
            Self::Throttled
                | Self::ServerError
                | Self::TimedOut
                | Self::Connection
                | Self::UnusableAnswer
        )
    }

    /// Returns whether the call may have been carried out all the same.
    #[must_use]
    pub(crate) const fn is_unclear(self) -> bool {
        self.may_pass() && !matches!(self, Self::Throttled)
    }

    fn of<E>(error: &SdkError<E, Response>, code: Option<&str>, message: &str) -> Self {
        match code.map(|code| Self::of_code(code, message)) {
            Some(cause) if cause.is_denied() => cause,
            _ if is_not_implemented(error) => Self::UnknownOperation,
            Some(cause) => cause,
            None => match error {
                SdkError::ConstructionFailure(_) => Self::NotSent,
                SdkError::TimeoutError(_) => Self::TimedOut,
                SdkError::DispatchFailure(failure) if failure.is_timeout() => Self::TimedOut,
                SdkError::DispatchFailure(_) if is_host_not_found(message) => Self::HostNotFound,
                SdkError::DispatchFailure(_) => Self::Connection,
                _ => Self::UnusableAnswer,
            },
        }
    }

    fn of_code(code: &str, message: &str) -> Self {
        match code {
            "RepositoryNotFoundException" => Self::RepositoryNotFound,
            "ImageNotFoundException" => Self::ImageNotFound,
            "LifecyclePolicyNotFoundException"
            | "RegistryPolicyNotFoundException"
            | "RepositoryPolicyNotFoundException" => Self::PolicyNotFound,
            "ResourceNotFoundException" => Self::ResourceNotFound,
            "NoSuchKey" => Self::ObjectNotFound,
            "PreconditionFailed" | "ConditionalRequestConflict" => Self::PreconditionFailed,
            "ImageStorageClassUpdateNotSupportedException" => Self::StorageClassRefused,
            "ClientException" => Self::ClientException,
            _ if code.starts_with("AccessDenied") || code.starts_with("NotAuthorized") => {
                // Nothing else tells them apart: "Access denied error message examples", IAM User
                // Guide.
                if message.contains("explicit deny") {
                    Self::ExplicitDeny
                } else {
                    Self::AccessDenied
                }
            }
            // A Region that is not enabled does not know the caller: "Enable or disable AWS Regions",
            // AWS Account Management Reference Guide.
            "InvalidClientTokenId"
            | "OptInRequired"
            | "SubscriptionRequiredException"
            | "UnrecognizedClientException" => Self::NotEnabled,
            "UnsupportedFeatureException" => Self::UnknownOperation,
            _ if code.contains("UnknownOperation") => Self::UnknownOperation,
            _ if code.contains("Throttl") || code.starts_with("TooManyRequests") => Self::Throttled,
            // A service that gives no code is known by its status.
            "ServiceUnavailable" | "ServiceUnavailableException" => Self::ServerError,
            _ if code.contains("Server") || code.contains("Internal") => Self::ServerError,
            _ if code.starts_with("HTTP 5") => Self::ServerError,
            _ => Self::Service,
        }
    }
}

/// Returns whether an endpoint that is not that of AWS lacks the operation: by its status, or by the
/// page that moto's server makes of it.
///
/// A page from anything else, such as a proxy or a load balancer, says nothing of the operation.
fn is_not_implemented<E>(error: &SdkError<E, Response>) -> bool {
    let Some(response) = error.raw_response() else {
        return false;
    };
    let header = |name| response.headers().get(name).unwrap_or_default();
    match response.status().as_u16() {
        501 => true,
        404 | 500 => {
            header("content-type").starts_with("text/html")
                && header("server").starts_with("Werkzeug")
        }
        _ => false,
    }
}

/// Returns whether a connection failed since the resolver is certain that the host does not exist,
/// as glibc, musl and macOS say it.
///
/// A resolver that cannot tell now says something else. So does a proxy that is not found, which
/// stands behind a `tunnel error`: that says nothing of the host.
fn is_host_not_found(message: &str) -> bool {
    const CERTAIN: [&str; 3] = [
        "Name or service not known",
        "Name does not resolve",
        "nodename nor servname provided, or not known",
    ];
    message.contains("client error (Connect): dns error: ")
        && CERTAIN.iter().any(|words| message.contains(words))
}

/// Renders an error with all its causes, each once.
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

#[cfg(test)]
mod tests {
    use aws_sdk_ecs::operation::list_daemons::ListDaemonsError;
    use aws_smithy_types::{
        body::SdkBody,
        error::{ErrorMetadata, metadata::Builder},
    };

    use super::*;

    #[test]
    fn a_host_that_does_not_exist_is_told_from_one_that_cannot_be_looked_up_now() {
        let connect = "dispatch failure: io error: client error (Connect)";
        let error = |words: &str| {
            format!("{connect}: dns error: failed to lookup address information: {words}")
        };
        for words in ["Name or service not known", "Name does not resolve"] {
            assert!(is_host_not_found(&error(words)), "{words}");
        }
        for words in [
            "Temporary failure in name resolution",
            "Try again",
            "No address associated with hostname",
        ] {
            assert!(!is_host_not_found(&error(words)), "{words}");
        }
        assert!(!is_host_not_found(
            "ServiceException: Name or service not known"
        ));
        let proxy = format!(
            "{connect}: tunnel error: failed to create underlying connection: dns error: failed to lookup address \
             information: Name or service not known"
        );
        assert!(!is_host_not_found(&proxy));
    }

    /// Returns the cause of an error that came with this status and these headers.
    fn cause_of(
        status: u16,
        code: Option<&str>,
        headers: &[(&'static str, &'static str)],
    ) -> Cause {
        let mut response = Response::new(status.try_into().unwrap(), SdkBody::empty());
        for (name, value) in headers {
            response.headers_mut().insert(*name, *value);
        }
        let metadata = code
            .into_iter()
            .fold(ErrorMetadata::builder(), Builder::code);
        let error = ListDaemonsError::generic(metadata.build());
        let error = SdkError::service_error(error, response);
        ApiError::new(Operation::ListDaemons, "", &error).cause
    }

    #[test]
    fn only_what_the_endpoint_itself_says_makes_an_operation_unknown() {
        let html = ("content-type", "text/html; charset=utf-8");
        let moto = ("server", "Werkzeug/3.1.8 Python/3.11.7");
        for (status, code, headers) in [
            (400, Some("UnknownOperationException"), &[][..]),
            (400, Some("UnsupportedFeatureException"), &[]),
            (501, Some("InternalFailure"), &[]),
            (501, None, &[html]),
            (500, None, &[html, moto]),
            (404, None, &[html, moto]),
        ] {
            let cause = cause_of(status, code, headers);
            assert_eq!(cause, Cause::UnknownOperation, "{status} {code:?}");
        }
        for (status, code, headers) in [
            (500, None, &[html][..]),
            (502, None, &[html]),
            (503, None, &[html]),
            (404, None, &[html]),
            (500, Some("InternalFailure"), &[moto]),
            (400, Some("AccessDeniedException"), &[html, moto]),
            (400, Some("ClientException"), &[]),
        ] {
            let cause = cause_of(status, code, headers);
            assert_ne!(cause, Cause::UnknownOperation, "{status} {code:?}");
        }
    }

    #[test]
    fn only_an_explicit_deny_is_read_from_a_message() {
        for (code, message, expected) in [
            ("AccessDenied", "not authorized", Cause::AccessDenied),
            (
                "AccessDeniedException",
                "with an explicit deny in a resource-based policy",
                Cause::ExplicitDeny,
            ),
            ("ValidationException", "explicit deny", Cause::Service),
            ("NotAuthorized", "", Cause::AccessDenied),
            ("ThrottlingException", "", Cause::Throttled),
            ("TooManyRequestsException", "", Cause::Throttled),
            ("InternalServerError", "", Cause::ServerError),
            ("UnknownOperationException", "", Cause::UnknownOperation),
        ] {
            assert_eq!(Cause::of_code(code, message), expected, "{code}");
        }
    }
}
