//! Lists that fit into what a page has room for.

use serde::Serialize;
use serde_json::Value;

use crate::image::escaped;

/// The first entries of a list, and how many there are besides.
#[derive(Debug, Serialize)]
pub(super) struct Listed<T> {
    pub(super) first: Vec<T>,
    pub(super) omitted: usize,
}

/// Bytes that are left for a part of a page.
#[derive(Debug)]
pub(super) struct Room(pub(super) usize);

impl Room {
    /// Takes the bytes of a value and returns whether there was room for it.
    pub(super) fn take(&mut self, value: &impl Serialize) -> bool {
        self.take_bytes(bytes(value))
    }

    pub(super) const fn take_bytes(&mut self, bytes: usize) -> bool {
        match self.0.checked_sub(bytes) {
            Some(left) => {
                self.0 = left;
                true
            }
            None => false,
        }
    }

    /// Returns the first entries that there is room for.
    pub(super) fn list<T: Serialize>(mut self, entries: impl IntoIterator<Item = T>) -> Listed<T> {
        let (mut first, mut omitted) = (Vec::new(), 0);
        for entry in entries {
            if omitted == 0 && self.take(&entry) {
                first.push(entry);
            } else {
                omitted += 1;
            }
        }
        Listed { first, omitted }
    }
}

/// Returns the bytes of a value in a list of a page.
pub(super) fn bytes(value: &impl Serialize) -> usize {
    embedded(value).len() + 1
}

/// Returns a value as JSON that is text of an HTML element, whatever it holds: no control character,
/// none that changes the direction of text, and none that HTML gives a meaning.
pub(super) fn embedded(value: &impl Serialize) -> String {
    let value = serde_json::to_value(value);
    let mut value = value.unwrap_or_else(|error| Value::String(error.to_string()));
    escape_texts(&mut value);
    let json = value.to_string();
    let mut embedded = String::with_capacity(json.len());
    for character in json.chars() {
        match character {
            '<' => embedded += "\\u003c",
            '>' => embedded += "\\u003e",
            '&' => embedded += "\\u0026",
            other => embedded.push(other),
        }
    }
    embedded
}

fn escape_texts(value: &mut Value) {
    match value {
        Value::String(text) => *text = escaped(text).into_owned(),
        Value::Array(entries) => entries.iter_mut().for_each(escape_texts),
        Value::Object(entries) => entries.values_mut().for_each(escape_texts),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
