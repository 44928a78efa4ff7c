//! Parts of a document as YAML that people read: in one line, and quoted only where it has to be.

use serde_json::{Map, Value};

use super::effective;
use crate::{image::escaped, policy::KeepRule};

/// Length up to which the lines of a comment are filled.
const COLUMNS: usize = 116;
/// Words that YAML takes for something else than a text, in any case.
const WORDS: [&str; 9] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];

/// Returns a keep rule as it is written in a document.
#[must_use]
pub fn rule(rule: &KeepRule) -> String {
    let mut written = serde_json::to_value(effective::keep_rule(rule)).unwrap_or_default();
    if let Value::Object(keys) = &mut written {
        keys.retain(|key, value| key != "by" || value != "pushed");
    }
    flow(&written)
}

/// Returns a value in one line.
#[must_use]
pub fn flow(value: &Value) -> String {
    match value {
        Value::String(text) => scalar(text),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(flow).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(keys) => flow_map(keys),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

fn flow_map(keys: &Map<String, Value>) -> String {
    if keys.is_empty() {
        return "{}".to_owned();
    }
    let keys = keys.iter();
    let keys: Vec<String> = keys
        .map(|(key, value)| format!("{}: {}", scalar(key), flow(value)))
        .collect();
    format!("{{ {} }}", keys.join(", "))
}

/// Returns a text as lines of a comment, each behind so many spaces; those of an item of a list are
/// below its text.
#[must_use]
pub fn comment(indent: usize, text: &str) -> String {
    let hang = text.len() - text.trim_start_matches([' ', '-']).len();
    let (mut lines, mut line) = (String::new(), String::new());
    for word in escaped(text).split(' ') {
        if line.len() > hang + 1 && indent + line.len() + word.len() > COLUMNS {
            lines += &format!("{:indent$}#{line}\n", "");
            line = " ".repeat(hang);
        }
        line += &format!(" {word}");
    }
    lines + &format!("{:indent$}#{line}\n", "")
}

/// Returns a text that YAML reads back as it is.
#[must_use]
pub fn scalar(text: &str) -> String {
    let is_duration = text.trim_start_matches(|c: char| c.is_ascii_digit()).len() == 1
        && text.ends_with(['m', 'h', 'd', 'w']);
    let is_word = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.ends_with(|c: char| c.is_ascii_alphanumeric())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || " _-/".contains(c))
        && !WORDS.contains(&text.to_ascii_lowercase().as_str());
    if is_duration || is_word {
        text.to_owned()
    } else if text.chars().any(|c| !(' '..='~').contains(&c)) {
        let escaped = |c: char| match u32::from(c) {
            _ if c == '"' || c == '\\' => format!("\\{c}"),
            0x20..=0x7e => c.to_string(),
            code @ ..=0xffff => format!("\\u{code:04x}"),
            code => format!("\\U{code:08x}"),
        };
        format!("\"{}\"", text.chars().map(escaped).collect::<String>())
    } else {
        format!("'{}'", text.replace('\'', "''"))
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use proptest::prelude::*;

    use super::*;
    use crate::{
        config::Config,
        policy::{Action, Order, Pattern},
    };

    #[test]
    fn a_text_is_quoted_only_where_it_has_to_be() {
        for (text, written) in [
            ("releases", "releases"),
            ("pull requests", "pull requests"),
            ("30d", "30d"),
            ("No", "'No'"),
            ("1.0", "'1.0'"),
            ("^it's", "'^it''s'"),
            ("", "''"),
            ("d", "d"),
            ("a\nb", r#""a\u000ab""#),
            ("shop/**", "'shop/**'"),
        ] {
            assert_eq!(scalar(text), written);
        }
    }

    #[test]
    fn a_comment_is_filled_and_cannot_be_left() {
        let text = format!("a\nb {}", ["word"; 30].join(" "));
        let written = comment(2, &text);
        let lines: Vec<&str> = written.lines().collect();
        assert_eq!(lines.len(), 2);
        assert!(lines[0].starts_with("  # a\\u000ab word"), "{written}");
        assert!(
            lines
                .iter()
                .all(|line| line.starts_with("  # ") && line.len() <= 119)
        );
    }

    proptest! {
        #[test]
        fn a_rule_is_read_back_as_it_was(
            name in "\\PC{1,20}", tags in "\\PC{0,8}", except in ".{0,8}", newest in 1_u32..,
        ) {
            prop_assume!(!name.trim().is_empty());
            let pattern = |text: &str| Pattern::new(&regex::escape(text)).ok();
            let written = KeepRule {
                tags: pattern(&tags),
                except: pattern(&except),
                newest: NonZeroU32::new(newest),
                by: Order::Version,
                ..KeepRule::new(name)
            };
            let document = format!("policies: [{{ repositories: ['**'], keep: [{}] }}]", rule(&written));
            let read = Config::parse(&document).map(|config| config.policies.all);
            let Action::Keep(keep) = &read.unwrap()[0].action else {
                unreachable!()
            };
            prop_assert_eq!(&keep.rules, &[written]);
        }
    }
}
