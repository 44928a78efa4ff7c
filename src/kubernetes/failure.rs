//! Why a request to an API server has no usable answer.

use std::{
    error::Error,
    io::{self, ErrorKind},
};

use hyper_util::client::legacy;

use super::{client::LARGEST, token::TokenError};
use crate::aws::chain;

/// Reason for which a request has no usable answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// An answer that is none of what was asked for: its status and message.
    #[error("{0}: {1}")]
    Status(u16, String),
    #[error("the answer is larger than {} MiB", LARGEST >> 20)]
    TooLarge,
    /// There is no token to send.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// There is no such request.
    #[error("the request cannot be made: {0}")]
    Request(#[from] hyper::http::Error),
    /// No connection: nothing there answers.
    #[error("{0}")]
    Unreachable(String),
    /// No answer, or not all of it.
    #[error("{0}")]
    Connection(String),
}

impl Failure {
    /// Makes the failure of an answer that was not received in whole.
    pub(super) fn broken_off(error: &dyn Error) -> Self {
        Self::Connection(format!("the answer broke off: {error}"))
    }

    /// Returns whether objects could not be converted to the version that was asked for, since the
    /// webhook that does so is broken.
    pub(super) fn is_conversion(&self) -> bool {
        matches!(self, Self::Status(500, message) if message.contains("conversion webhook"))
    }

    pub(super) const fn may_pass(&self) -> bool {
        match self {
            Self::Status(status, _) => matches!(status, 408 | 429 | 500 | 502 | 503 | 504),
            Self::Token(error) => error.may_pass(),
            Self::TooLarge | Self::Request(_) => false,
            Self::Unreachable(_) | Self::Connection(_) => true,
        }
    }
}

impl From<legacy::Error> for Failure {
    fn from(error: legacy::Error) -> Self {
        let text = chain(&error);
        // A server whose certificate is refused was reached.
        if error.is_connect() && !is_tls(&error) {
            Self::Unreachable(text)
        } else {
            Self::Connection(text)
        }
    }
}

impl From<io::Error> for Failure {
    /// Converts the error of writing to a body that is limited.
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::FileTooLarge => Self::TooLarge,
            _ => Self::broken_off(&error),
        }
    }
}

/// Returns whether a connection failed over a certificate or another matter of TLS.
fn is_tls(error: &(dyn Error + 'static)) -> bool {
    let io = error.downcast_ref::<io::Error>();
    let inner = io.and_then(io::Error::get_ref);
    inner.is_some_and(<dyn Error + Send + Sync>::is::<rustls::Error>)
        || inner.is_some_and(|inner| is_tls(inner))
        || error.source().is_some_and(is_tls)
}
