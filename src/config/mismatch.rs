//! How a value differs from what the grammar wants.

use std::fmt::{self, Display, Formatter};

use serde::de::{self, Expected, Unexpected};

use super::{nearest::nearest, text::quoted};

/// Reason for which a value is not what the grammar wants.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Mismatch {
    /// A key the mapping does not have.
    UnknownKey {
        key: String,
        accepted: &'static [&'static str],
    },
    /// Nothing, where a value has to be.
    Blank,
    /// A key that is not there.
    Missing(&'static str),
    /// Anything else, in words.
    Value(String),
}

impl Display for Mismatch {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownKey { key, accepted } => {
                f.write_str("unknown key; ")?;
                if let Some(near) = nearest(key, accepted) {
                    write!(f, "did you mean `{near}`? ")?;
                }
                write!(f, "accepted: {}", any_of(accepted, "and"))
            }
            Self::Blank => f.write_str("expected a value, found nothing"),
            Self::Missing(key) => write!(f, "`{key}` is missing"),
            Self::Value(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for Mismatch {}

impl Mismatch {
    /// Says that something is none of some words.
    pub(super) fn none_of(found: Unexpected<'_>, words: &[&str]) -> Self {
        let (words, found) = (any_of(words, "or"), in_words(found));
        Self::Value(format!("expected {words}, found {found}"))
    }
}

impl de::Error for Mismatch {
    fn custom<T: Display>(message: T) -> Self {
        Self::Value(message.to_string())
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let expected = expected.to_string();
        let (expected, advice) = match expected.as_str() {
            "a boolean" => ("`true` or `false`", ""),
            "a sequence" => ("a list", ""),
            "a string" if is_bare(found) => ("text", "; put it in quotes"),
            "a string" => ("text", ""),
            expected => (expected, ""),
        };
        let found = in_words(found);
        Self::Value(format!("expected {expected}, found {found}{advice}"))
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::Value(format!("expected {expected}, found {}", in_words(found)))
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        let near = nearest(variant, expected).map(|near| format!("; did you mean `{near}`?"));
        let (near, found) = (near.unwrap_or_default(), quoted(variant));
        let expected = any_of(expected, "or");
        Self::Value(format!("expected {expected}, found {found}{near}"))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::Missing(field)
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self::UnknownKey {
            key: field.to_owned(),
            accepted: expected,
        }
    }
}

/// Returns whether YAML reads an unquoted text as something else: an account id, say, or a version.
fn is_bare(found: Unexpected<'_>) -> bool {
    matches!(
        found,
        Unexpected::Unsigned(_)
            | Unexpected::Signed(_)
            | Unexpected::Float(_)
            | Unexpected::Bool(_)
    )
}

fn in_words(found: Unexpected<'_>) -> String {
    match found {
        Unexpected::Bool(value) => format!("`{value}`"),
        Unexpected::Unsigned(value) => format!("the number {value}"),
        Unexpected::Signed(value) => format!("the number {value}"),
        Unexpected::Float(value) => format!("the number {value:?}"),
        Unexpected::Str(text) => quoted(text),
        Unexpected::Unit | Unexpected::Option => "nothing".to_owned(),
        Unexpected::Seq => "a list".to_owned(),
        Unexpected::Map => "a mapping".to_owned(),
        other => other.to_string(),
    }
}

/// Lists names: `` `a`, `b` or `c` ``.
fn any_of(names: &[&str], last: &str) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        Some((end, [])) => end.clone(),
        Some((end, rest)) => format!("{} {last} {end}", rest.join(", ")),
        None => "none".to_owned(),
    }
}
