//! Keeps documents below the limits of Lambda, SNS and logs.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::{Value, json};

use crate::evidence::SourceStatus;

/// The most bytes of a document, below the limits of Lambda and SNS.
const MAX_BYTES: usize = 200_000;
/// The most entries of a list in a document.
const ENTRIES: usize = 50;
/// The characters of a text for each entry that a list may have, and at the least.
const CHARACTERS: usize = 80;

/// A document with lists that can be cut.
pub(super) trait Document: Clone + Serialize {
    /// Cuts every list to so many entries, and counts what it leaves out.
    fn cut(&mut self, most: usize);
}

/// Returns a document as JSON, with lists and texts cut to fit the size limit.
pub(super) fn fitted(document: &impl Document) -> Value {
    let mut most = ENTRIES;
    loop {
        let mut cut = document.clone();
        cut.cut(most);
        let json = serde_json::to_value(&cut);
        let mut json = json.unwrap_or_else(|error| json!({"summary": error.to_string()}));
        shorten_all(&mut json, CHARACTERS * (most + 1));
        if most == 0 || json.to_string().len() <= MAX_BYTES {
            return json;
        }
        most /= 2;
    }
}

/// Cuts a list, and returns how many entries it leaves out.
pub(super) fn cut<T>(list: &mut Vec<T>, most: usize) -> usize {
    let omitted = list.len().saturating_sub(most);
    list.truncate(most);
    omitted
}

/// Puts the sources that are incomplete first in a list that is cut: they say more than the others.
pub(super) fn put_incomplete_first(sources: &mut [SourceStatus], most: usize) {
    if sources.len() > most {
        sources.sort_by_key(SourceStatus::is_complete);
    }
}

/// Cuts a list of texts, whose last one then says how many are left out.
pub(super) fn cut_texts(list: &mut Vec<String>, most: usize) {
    match cut(list, most) {
        0 => {}
        more => list.push(format!("and {more} more")),
    }
}

/// Shortens every text of a document.
fn shorten_all(json: &mut Value, most: usize) {
    match json {
        Value::String(text) => {
            if let Cow::Owned(shortened) = shortened(text, most) {
                *text = shortened;
            }
        }
        Value::Array(entries) => entries
            .iter_mut()
            .for_each(|entry| shorten_all(entry, most)),
        Value::Object(entries) => entries
            .values_mut()
            .for_each(|entry| shorten_all(entry, most)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Returns a text of so many characters at the most, and how many it leaves out.
pub(crate) fn shortened(text: &str, most: usize) -> Cow<'_, str> {
    match text.char_indices().nth(most) {
        None => text.into(),
        Some((end, _)) => {
            let (text, rest) = text.split_at(end);
            let more = rest.chars().count();
            format!("{text}... ({more} characters more)").into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Serialize)]
    struct Lists {
        texts: Vec<String>,
        omitted: usize,
    }

    impl Document for Lists {
        fn cut(&mut self, most: usize) {
            self.omitted = cut(&mut self.texts, most);
        }
    }

    #[test]
    fn a_document_fits_however_many_and_long_its_texts_are() {
        for (texts, length) in [
            (3, 10),
            (50, 4000),
            (51, 10),
            (600, 700),
            (7, 1 << 20),
            (90_000, 9),
        ] {
            // Each character takes six bytes of JSON.
            let texts = vec!["\u{1}".repeat(length); texts];
            let count = texts.len();
            let json = fitted(&Lists { texts, omitted: 0 });
            assert!(json.to_string().len() <= MAX_BYTES, "{count} {length}");
            let left = json["texts"].as_array().unwrap().len();
            assert_eq!(json["omitted"], count - left, "{count} {length}");
            assert!(left == count || count > 7, "{count} {length}");
        }
    }

    #[test]
    fn a_text_is_shortened_between_characters() {
        assert_eq!(shortened("\u{e4}\u{f6}", 2), "\u{e4}\u{f6}");
        assert_eq!(
            shortened("\u{e4}\u{f6}\u{fc}x", 2),
            "\u{e4}\u{f6}... (2 characters more)"
        );
        let mut users = ["a", "b", "c"].map(str::to_owned).to_vec();
        cut_texts(&mut users, 1);
        assert_eq!(users, ["a", "and 2 more"]);
    }
}
