//! From text to a tree. A document that begins with `{` is JSON, or else YAML in its flow form; all
//! others are YAML.

use std::fmt::{self, Formatter};

use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Number, Value};
use serde_saphyr::{Error as YamlError, MessageFormatter, UserMessageFormatter};

use super::{
    error::{Place, Problem},
    path::Path,
    text::quoted,
};

/// Reads the tree of a document; `Null` if it is empty.
pub(super) fn parse(text: &str) -> Result<Value, Problem> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if !text.trim_start().starts_with('{') {
        return yaml(text);
    }
    match serde_json::from_str::<Tree>(text) {
        Ok(tree) => Ok(tree.0),
        Err(error) if error.is_syntax() && !text.trim_start().starts_with("{\"") => yaml(text),
        Err(error) => Err(json_problem(&error)),
    }
}

fn json_problem(error: &serde_json::Error) -> Problem {
    let (line, column) = (error.line() as u64, error.column() as u64);
    let message = error.to_string();
    let place = format!(" at line {line} column {column}");
    let message = message.strip_suffix(&place).unwrap_or(&message);
    Problem::new(Place::Position(line, column), one_line(message))
}

fn yaml(text: &str) -> Result<Value, Problem> {
    // `no`, `on` and the like are words, as in YAML 1.2: a tag or a repository may be called so.
    let options = serde_saphyr::options! { strict_booleans: true };
    let tree = serde_saphyr::from_str_with_options::<Tree>(text, options);
    tree.map(|tree| tree.0)
        .map_err(|error| yaml_problem(error.without_snippet()))
}

fn yaml_problem(error: &YamlError) -> Problem {
    let message = match error {
        YamlError::DuplicateMappingKey { key: Some(key), .. } => duplicate(key),
        YamlError::MultipleDocuments { .. } => "expected one document, found a second".to_owned(),
        error => one_line(&UserMessageFormatter.format_message(error)),
    };
    let place = match error.location() {
        Some(location) => Place::Position(location.line(), location.column()),
        None => Place::Setting(Path::default()),
    };
    Problem::new(place, message)
}

fn duplicate(key: &str) -> String {
    format!("{} is written twice", quoted(key))
}

/// Returns a parser's message in this program's manner: one line, a lower-case fragment.
fn one_line(message: &str) -> String {
    let message: Vec<&str> = message.split_whitespace().collect();
    message.join(" ").trim_end_matches('.').to_owned()
}

/// A tree in which no mapping has a key twice; `serde_json` alone would take the last.
struct Tree(Value);

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor).map(Tree)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("text, a number, `true`, `false`, a list or a mapping")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        let number = Number::from_f64(value);
        let number = number.ok_or_else(|| E::custom("expected a finite number"))?;
        Ok(Value::Number(number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Tree(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            if map.contains_key(&key) {
                return Err(de::Error::custom(duplicate(&key)));
            }
            let Tree(value) = entries.next_value()?;
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}
