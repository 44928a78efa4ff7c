//! Requests with JSON or a form, and answers as what is needed of them.

use std::fmt::Display;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{ApiError, Operation};

/// Characters that are encoded in a path or a query: everything but RFC 3986's unreserved
/// characters.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A request without its host.
#[derive(Debug, Clone)]
pub(crate) struct JsonRequest {
    pub(crate) method: String,
    pub(crate) uri: String,
    /// Headers, by name.
    pub(crate) headers: Vec<(&'static str, String)>,
    /// The body; empty if there is none.
    pub(crate) body: String,
}

impl JsonRequest {
    /// Makes a request for what is at a path.
    pub(crate) fn get(uri: String) -> Self {
        Self {
            method: "GET".to_owned(),
            uri,
            headers: Vec::new(),
            body: String::new(),
        }
    }

    /// Makes a request in this version of the protocol that AWS calls JSON. The target is the
    /// operation with its prefix.
    pub(crate) fn json(version: &str, target: String, body: &Value) -> Self {
        let content_type = format!("application/x-amz-json-{version}");
        Self {
            method: "POST".to_owned(),
            uri: "/".to_owned(),
            headers: vec![("content-type", content_type), ("x-amz-target", target)],
            body: body.to_string(),
        }
    }

    /// Makes a request in the protocol that AWS calls query: a form with the operation, answered in
    /// XML.
    pub(crate) fn query(action: &str, version: &str, members: &[(&str, &str)]) -> Self {
        let mut body = format!("Action={action}&Version={version}");
        for (name, value) in members {
            body += &format!("&{name}={}", percent_encoded(value));
        }
        Self {
            method: "POST".to_owned(),
            uri: "/".to_owned(),
            headers: vec![(
                "content-type",
                "application/x-www-form-urlencoded; charset=utf-8".to_owned(),
            )],
            body,
        }
    }
}

/// Returns a text as a part of a path or a value of a query.
pub(crate) fn percent_encoded(text: &str) -> impl Display {
    utf8_percent_encode(text, RESERVED)
}

/// Reads what is needed of an answer, or of a part of one. A field that is not there is `None`,
/// never an error.
///
/// # Errors
/// If a field has another form than documented; the error says which.
pub(crate) fn parsed<T: DeserializeOwned>(
    operation: Operation,
    resource: &str,
    answer: Value,
) -> Result<T, ApiError> {
    serde_path_to_error::deserialize(answer).map_err(|error| {
        let problem = format!("the answer is not as documented: {error}");
        ApiError::answer(operation, resource, problem)
    })
}
