//! Requests as they go out, and answers as what is needed of them.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::ApiError;

/// A request without its host.
#[derive(Debug, Clone)]
pub(crate) struct Wire {
    /// `GET` or `POST`.
    pub(crate) method: String,
    /// Path and query.
    pub(crate) uri: String,
    /// Headers, by name.
    pub(crate) headers: Vec<(&'static str, String)>,
    /// The body.
    pub(crate) body: String,
}

impl Wire {
    /// A request for what is at a path.
    pub(crate) fn get(uri: String) -> Self {
        Self {
            method: "GET".to_owned(),
            uri,
            headers: Vec::new(),
            body: String::new(),
        }
    }

    /// A request in the protocol that AWS calls JSON, in this version. The target is the operation with its prefix.
    pub(crate) fn json(version: &str, target: String, body: &Value) -> Self {
        let content_type = format!("application/x-amz-json-{version}");
        Self {
            method: "POST".to_owned(),
            uri: "/".to_owned(),
            headers: vec![("content-type", content_type), ("x-amz-target", target)],
            body: body.to_string(),
        }
    }
}

/// Text as a part of a path or a value of a query.
pub(crate) fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// An answer, or a part of one, as what is needed of it. What it does not say is `None`, never a failure; what it says
/// in another form is one, since what it means is not known.
///
/// # Errors
/// Which field it is, and what is wrong with it.
pub(crate) fn parsed<T: DeserializeOwned>(
    operation: &'static str,
    resource: &str,
    answer: Value,
) -> Result<T, ApiError> {
    serde_path_to_error::deserialize(answer).map_err(|error| {
        ApiError::answer(
            operation,
            resource,
            format!("the answer is not as documented: {error}"),
        )
    })
}
