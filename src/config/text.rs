//! Texts that a person wrote: how they are shown, and that one is not what was expected.

use std::borrow::Cow;

use thiserror::Error;

/// A text that is not what was expected.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("expected {expected}, found {}{advice}", quoted(.found))]
pub struct TextError {
    expected: Cow<'static, str>,
    found: String,
    advice: &'static str,
}

impl TextError {
    /// Says that `found` is not what was expected.
    pub(super) fn new(expected: impl Into<Cow<'static, str>>, found: &str) -> Self {
        Self {
            expected: expected.into(),
            found: found.to_owned(),
            advice: "",
        }
    }

    /// Adds what to do, as it follows the text.
    pub(super) fn with_advice(self, advice: &'static str) -> Self {
        Self { advice, ..self }
    }
}

/// Returns a text that a person wrote, in backticks, on one line and cut when long.
pub(super) fn quoted(text: &str) -> String {
    const LONGEST: usize = 60;
    let escaped = |c: char| match c {
        ' '..='~' => c.to_string(),
        _ if c.is_alphanumeric() => c.to_string(),
        _ => c.escape_debug().to_string(),
    };
    let shown: String = text.chars().take(LONGEST).map(escaped).collect();
    let rest = if text.chars().nth(LONGEST).is_some() {
        "..."
    } else {
        ""
    };
    format!("`{shown}`{rest}")
}
