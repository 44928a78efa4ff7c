//! Durations: a whole number and one of `m` (minutes), `h`, `d` (24 hours), `w`.

use std::{borrow::Cow, fmt};

use jiff::SignedDuration;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::text::TextError;

/// The form of a duration, for errors.
const FORM: &str = "a whole number and a unit, `m` (minutes), `h`, `d` or `w`, such as `14d`";

/// Units and their minutes, the largest one first that is written back.
const UNITS: [(char, i64); 4] = [('d', 24 * 60), ('h', 60), ('m', 1), ('w', 7 * 24 * 60)];

/// Ten years of 365 days.
const MOST_DAYS: i64 = 3650;

/// A length of time as it is written, of at most ten years.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Duration(pub(super) SignedDuration);

/// Reads a length of time, such as `24h`.
pub(crate) fn parse(text: &str) -> Result<SignedDuration, TextError> {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let whole = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let unit = text.strip_prefix(digits).unwrap_or_default();
    let minutes = UNITS.iter().find(|(name, _)| unit.chars().eq([*name]));
    let (Some((_, minutes)), true) = (minutes, whole) else {
        return Err(not_a_duration(text, unit));
    };
    let count = digits.parse::<i64>().ok();
    let total = count.and_then(|count| count.checked_mul(*minutes));
    let total = total.filter(|total| *total <= MOST_DAYS * 24 * 60);
    total
        .map(SignedDuration::from_mins)
        .ok_or_else(|| TextError::new(format!("at most {MOST_DAYS}d"), text))
}

fn not_a_duration(text: &str, unit: &str) -> TextError {
    let names = ["mo", "M", "y", "Y"];
    let calendar = text.starts_with(['P', 'p']) || names.iter().any(|name| unit.starts_with(name));
    let advice = if calendar {
        "; months and years differ in length: write days"
    } else {
        ""
    };
    TextError::new(FORM, text).with_advice(advice)
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let minutes = self.0.as_mins();
        let unit = UNITS.iter().find(|(_, size)| minutes % size == 0);
        let (name, size) = unit.unwrap_or(&('m', 1));
        write!(f, "{}{name}", minutes / size)
    }
}

impl Serialize for Duration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(DurationVisitor)
    }
}

struct DurationVisitor;

impl de::Visitor<'_> for DurationVisitor {
    type Value = Duration;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(FORM)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Duration, E> {
        parse(text).map(Duration).map_err(E::custom)
    }
}

impl JsonSchema for Duration {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^[0-9]+[mhdw]$",
            "description": "A whole number and one of `m` (minutes), `h`, `d` (24 hours), `w`; at most 3650d.",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_number_and_a_unit() {
        for (text, minutes, shown) in [
            ("1m", 1, "1m"),
            ("90m", 90, "90m"),
            ("60m", 60, "1h"),
            ("36h", 36 * 60, "36h"),
            ("1d", 24 * 60, "1d"),
            ("2w", 14 * 24 * 60, "14d"),
            ("007d", 7 * 24 * 60, "7d"),
            ("3650d", 3650 * 24 * 60, "3650d"),
            ("521w", 3647 * 24 * 60, "3647d"),
            ("0d", 0, "0d"),
            ("0m", 0, "0d"),
        ] {
            let duration = parse(text).unwrap();
            assert_eq!(duration, SignedDuration::from_mins(minutes), "{text}");
            assert_eq!(Duration(duration).to_string(), shown, "{text}");
        }
    }

    #[test]
    fn all_else_is_refused() {
        for text in [
            "", "d", "30", "-1d", "+1d", "1.5d", "1 d", " 1d", "1d ", "1D", "1s", "1ms", "1d12h",
            "d1", "1dd", "1m\n", "٣d", "1d1",
        ] {
            assert_eq!(parse(text), Err(TextError::new(FORM, text)));
        }
        for text in ["1mo", "1y", "2months", "1M", "1Y", "P1M", "P30D", "1year"] {
            let error = parse(text).unwrap_err().to_string();
            assert!(
                error.ends_with("; months and years differ in length: write days"),
                "{error}"
            );
        }
        for text in [
            "3651d",
            "999999d",
            "522w",
            "99999999999999999999w",
            "18446744073709551615w",
            "9223372036854775807d",
        ] {
            let expected = format!("expected at most 3650d, found `{text}`");
            assert_eq!(parse(text).unwrap_err().to_string(), expected);
        }
    }
}
