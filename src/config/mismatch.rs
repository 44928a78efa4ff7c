//! The difference between what the grammar wants and what was written, in words.

use std::fmt::{self, Display, Formatter};

use serde::de::{self, Expected, Unexpected};

use super::error::quoted;

/// Why a value is not what the grammar wants.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Mismatch {
    /// A key the mapping does not have.
    UnknownKey {
        key: String,
        accepted: &'static [&'static str],
    },
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
            Self::Value(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for Mismatch {}

impl Mismatch {
    /// Something that is none of some words.
    pub(super) fn none_of(found: Unexpected<'_>, words: &[&str]) -> Self {
        Self::Value(format!(
            "expected {}, found {}",
            any_of(words, "or"),
            in_words(found)
        ))
    }
}

impl de::Error for Mismatch {
    fn custom<T: Display>(message: T) -> Self {
        Self::Value(message.to_string())
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let (advice, expected) = match expected.to_string().as_str() {
            "a boolean" => ("", "`true` or `false`".to_owned()),
            "a string" if is_bare(found) => ("; put it in quotes", "text".to_owned()),
            "a string" => ("", "text".to_owned()),
            expected => ("", expected.to_owned()),
        };
        Self::Value(format!(
            "expected {expected}, found {}{advice}",
            in_words(found)
        ))
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::Value(format!("expected {expected}, found {}", in_words(found)))
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        let near = nearest(variant, expected).map(|near| format!("; did you mean `{near}`?"));
        Self::Value(format!(
            "expected {}, found {}{}",
            any_of(expected, "or"),
            quoted(variant),
            near.unwrap_or_default()
        ))
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self::UnknownKey {
            key: field.to_owned(),
            accepted: expected,
        }
    }
}

/// Whether YAML reads an unquoted text as something else: an account id, say, or a version.
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

/// `` `a`, `b` or `c` ``.
fn any_of(names: &[&str], last: &str) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        Some((end, [])) => end.clone(),
        Some((end, rest)) => format!("{} {last} {end}", rest.join(", ")),
        None => "none".to_owned(),
    }
}

/// The name that was probably meant: what is written is its beginning, or differs in at most a third of its letters.
fn nearest<'n>(written: &str, names: &[&'n str]) -> Option<&'n str> {
    const LONGEST: usize = 60;
    if written.len() > LONGEST {
        return None;
    }
    let written = written.to_lowercase().replace('-', "_");
    let distances = names.iter().map(|name| (edits(&written, name), *name));
    let near = distances.filter(|(distance, name)| {
        let begins = written.len() >= 3 && name.starts_with(&written);
        begins || *distance <= name.len().div_ceil(3).min(written.len().div_ceil(2))
    });
    near.min().map(|(_, name)| name)
}

/// How many bytes to change, insert, leave out or swap with their neighbour make `b` of `a`.
fn edits(a: &str, b: &str) -> usize {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut table = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            table[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let changed = table[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                let swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
                let swapped = if swapped {
                    table[i - 2][j - 2] + 1
                } else {
                    usize::MAX
                };
                changed
                    .min(swapped)
                    .min(table[i - 1][j] + 1)
                    .min(table[i][j - 1] + 1)
            };
        }
    }
    table[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_miss_is_recognised() {
        let names = [
            "mode",
            "policies",
            "keep",
            "tags",
            "newest",
            "newest_groups",
            "usd_per_gb_month",
        ];
        for (written, expected) in [
            ("mdoe", Some("mode")),
            ("Mode", Some("mode")),
            ("policy", Some("policies")),
            ("tgas", Some("tags")),
            ("tag", Some("tags")),
            ("newst", Some("newest")),
            ("newest-groups", Some("newest_groups")),
            ("usd", Some("usd_per_gb_month")),
            ("colour", None),
            ("oldest", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(nearest(written, &names), expected, "{written}");
        }
        assert_eq!(nearest(&"m".repeat(1_000_000), &names), None);
    }
}
