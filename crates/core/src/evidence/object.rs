//! What an object mentions: repositories without a tag, and names in parts.
//!
//! The object is JSON, within which texts may be JSON, YAML, lists of variables or arguments. What
//! stands side by side in one map, in one list of variables or in neighbouring lines belongs
//! together; nothing else narrows a mention (U12).

use std::{collections::BTreeMap, sync::Arc};

use regex::bytes::Captures;
use serde_json::{Map, Value};

use super::{
    Narrowing, Parts, TextScanner, Words,
    beside::{Beside, names_image},
    lines::blocks,
    path::last_part,
    push::is_push,
    template::{Template, begins_placeholder, behind},
};
use crate::image::RepositoryName;

/// Keys below which a version is that of something else.
const OTHERS: [&str; 7] = [
    "metadata",
    "labels",
    "annotations",
    "matchLabels",
    "nodeSelector",
    "selector",
    "chart",
];
/// Annotations that name repositories to watch.
const WATCHES: &str = "argocd-image-updater.argoproj.io/";

/// Mentions of an object.
#[derive(Debug, Default)]
pub struct Mentions {
    /// Repositories that are named without a tag, with what is told of each.
    pub repositories: BTreeMap<RepositoryName, Narrowing>,
    /// Parts of names.
    pub parts: Parts,
}

impl TextScanner {
    /// Returns what an object mentions, or another text. `is_exact` tells of a text whether it is a
    /// field in which no tag means `latest`.
    #[must_use]
    pub fn mentions(&self, object: &str, is_exact: impl Fn(&str) -> bool) -> Mentions {
        let mut finder = Finder {
            scanner: self,
            is_exact: &is_exact,
            mentions: Mentions::default(),
        };
        finder.text("", object, "", &Beside::default());
        finder.finish()
    }
}

/// Returns whether a text or key is of a map below which nothing narrows.
pub(super) fn is_of_others(key: &str) -> bool {
    OTHERS.contains(&key)
}

struct Finder<'s> {
    scanner: &'s TextScanner,
    is_exact: &'s dyn Fn(&str) -> bool,
    mentions: Mentions,
}

impl Finder<'_> {
    fn value(&mut self, key: &str, value: &Value, beside: &Beside, other: bool) {
        match value {
            Value::String(text) => self.text(key, text, "", beside),
            Value::Array(items) => self.list(key, items, beside, other),
            Value::Object(members) => self.map(members, None, other),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn list(&mut self, key: &str, items: &[Value], beside: &Beside, other: bool) {
        let mut own = Beside::default();
        for item in items.iter().filter(|_| !other) {
            match item {
                Value::String(text) => own.extend(self.pairs(text)),
                Value::Object(members) => {
                    if let Some((name, value)) = variable(members) {
                        own.add(name, value);
                    }
                }
                _ => {}
            }
        }
        let beside = if own.is_empty() { beside } else { &own };
        let mut before = "";
        for item in items {
            match item {
                Value::String(text) => {
                    self.text(key, text, before, beside);
                    before = text;
                }
                Value::Object(members) => self.map(members, Some(beside), other),
                _ => self.value(key, item, beside, other),
            }
        }
    }

    /// Reads a map; `variables` is what stands beside it if it is a variable in a list.
    fn map(&mut self, members: &Map<String, Value>, variables: Option<&Beside>, other: bool) {
        let mut beside = Beside::default();
        if !other {
            beside.extend(told(members));
            if let Some((name, value)) = variable(members) {
                beside.add(name, value);
            }
        }
        let name = variable(members).map(|(name, _)| name);
        for (key, value) in members {
            if key == "managedFields" || key.starts_with(WATCHES) {
                continue;
            }
            self.key(key, value, other);
            let other = other || is_of_others(key);
            match name.filter(|_| key == "value") {
                Some(name) => self.value(name, value, variables.unwrap_or(&beside), other),
                None => self.value(key, value, &beside, other),
            }
        }
    }

    /// Reads a key of a map, which may be the name of an image. What is below it tells which.
    fn key(&mut self, key: &str, value: &Value, other: bool) {
        let mut below = Beside::default();
        if self.scanner.names_host(key) {
            match value {
                Value::String(tag) => below.add("tag", tag),
                _ => collect_below(value, &mut below),
            }
            return self.line("", key, "", &below);
        }
        match value {
            Value::String(tag) if !other => below.add("tag", tag),
            Value::Object(members) => below = told(members),
            Value::Array(_) => {}
            // A label, a count or a switch.
            Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => return,
        }
        self.names("", key, &below);
    }

    /// Reads a text; `before` is the one before it in a list.
    fn text(&mut self, key: &str, text: &str, before: &str, beside: &Beside) {
        if text.trim_start().starts_with(['{', '['])
            && let Ok(inner) = serde_json::from_str::<Value>(text)
        {
            // An object of its own, with metadata of its own.
            return self.value(key, &inner, &Beside::default(), false);
        }
        if text.contains('\n') {
            for (line, before, beside) in blocks(text, |line| self.pairs(line)) {
                self.line("", line, before, &beside);
            }
        } else {
            let own = self.pairs(text);
            let beside = if own.is_empty() { beside } else { &own };
            self.line(key, text, before, beside);
        }
    }

    /// Returns what the pairs of keys and values in a line tell.
    fn pairs(&self, line: &str) -> Beside {
        let mut beside = Beside::default();
        if !self.scanner.keys.is_match(line) {
            return beside;
        }
        if line
            .replace("{{", "")
            .replace("${", "")
            .matches('{')
            .count()
            > 1
        {
            // Maps within a map: which of them a tag belongs to is not known.
            beside.add_number("tag");
            return beside;
        }
        for found in self.scanner.pairs.captures_iter(line) {
            let (_, [key, separator, quote, value]) = found.extract();
            if separator == ":" && quote.is_empty() && value.parse::<f64>().is_ok() {
                beside.add_number(key);
            } else {
                beside.add(key, value);
            }
        }
        beside
    }

    /// Reads a line, and what could be names around the registries in it.
    fn line(&mut self, key: &str, line: &str, before: &str, beside: &Beside) {
        if is_watch(line) {
            return;
        }
        if !self.scanner.names_host(line) {
            return self.names(key, line, beside);
        }
        let mut names = line.as_bytes().to_vec();
        for found in self.scanner.images.captures_iter(line.as_bytes()) {
            if let (Some(whole), Some(_)) = (found.get(0), found.name("host")) {
                names[whole.range()].fill(b' ');
                let (above, rest) = (&line[..whole.start()], &line[whole.end()..]);
                if !is_push(before, above) {
                    let key = key_before(above).unwrap_or(key);
                    let is_exact = (self.is_exact)(line);
                    self.host(&found, rest, is_exact, &beside.words(key));
                }
            }
        }
        // Only what stood for nothing else was replaced, so it is text still.
        if let Ok(names) = std::str::from_utf8(&names) {
            self.names(key, names, beside);
        }
    }

    /// Reads a registry with what follows it.
    fn host(&mut self, found: &Captures<'_>, rest: &str, is_exact: bool, words: &Words) {
        let text = |name| {
            found
                .name(name)
                .map(|it| String::from_utf8_lossy(it.as_bytes()))
        };
        let (Some(host), path) = (text("host"), text("path").unwrap_or_default()) else {
            return;
        };
        let path = path.replace('\\', "");
        let path = path.trim_start_matches('/');
        let parts = &mut self.mentions.parts;
        if is_exact || text("digest").is_some() {
            in_full(parts, path);
            return;
        }
        let mut words = Arc::clone(words);
        if let Some(tag) = text("tag") {
            if !begins_placeholder(rest) {
                in_full(parts, path);
                return;
            }
            words = Arc::new([format!("{tag}*").into()].into());
        } else if let Some((name, behind)) = Template::read(path, rest) {
            parts.hosts.insert(host.as_ref().into());
            let words = behind.unwrap_or(words);
            match name {
                Template::Beginning(beginning) => drop(parts.beginnings.insert(beginning)),
                Template::Around(around) => {
                    parts.templates.entry(around).or_default().insert(words);
                }
            }
            return;
        } else if rest.starts_with("/*") {
            // A rule on images, which uses none.
            return;
        }
        parts.hosts.insert(host.as_ref().into());
        let beginning = if path.is_empty() {
            String::new()
        } else {
            format!("{path}/")
        };
        parts.beginnings.insert(beginning.into());
        if let Ok(name) = RepositoryName::new(path) {
            let narrowing = self.mentions.repositories.entry(name).or_default();
            narrowing.insert(words);
        }
    }

    /// Reads the words of a line that could be names of repositories.
    fn names(&mut self, key: &str, line: &str, beside: &Beside) {
        let is_name = |c: char| c.is_ascii_alphanumeric() || "._/-".contains(c);
        let mut end = 0;
        while let Some(found) = line[end..].find(is_name) {
            let start = end + found;
            let length = line[start..].find(|c| !is_name(c));
            end = length.map_or(line.len(), |length| start + length);
            let mut word = &line[start..end];
            if line[..start].ends_with('$') {
                // A variable of a script, and what it makes up a name with.
                word = word.split_once('/').map_or("", |(_, rest)| rest);
            }
            let word = word.trim_matches(['.', '_', '/', '-']);
            let is_upper = word.bytes().any(|byte| byte.is_ascii_uppercase());
            if is_upper || RepositoryName::new(word).is_err() {
                continue;
            }
            let key = key_before(&line[..start]).unwrap_or(key);
            let words = behind(&line[end..]).unwrap_or_else(|| beside.words(key));
            let parts = &mut self.mentions.parts;
            if words.is_empty() && !names_image(key) {
                if !parts.words.contains(word) {
                    parts.words.insert(word.into());
                }
            } else {
                parts.named.entry(word.into()).or_default().insert(words);
            }
        }
    }

    fn finish(self) -> Mentions {
        let mut mentions = self.mentions;
        let parts = &mut mentions.parts;
        if parts.beginnings.is_empty() {
            parts.named.clear();
            parts.words.clear();
        }
        let (named, full) = (&parts.named, std::mem::take(&mut parts.in_full));
        // Drops a label or a name that repeats what is named in full: it is no part of a name.
        parts.in_full = full.intersection(&parts.words).cloned().collect();
        let in_full = &parts.in_full;
        parts
            .words
            .retain(|word| !named.contains_key(word) && !in_full.contains(word));
        mentions
    }
}

/// Notes that an object names a repository with its tag.
fn in_full(parts: &mut Parts, path: &str) {
    parts.in_full.extend([path.into(), last_part(path).into()]);
}

/// Returns whether a line of YAML is an annotation that names repositories to watch.
fn is_watch(line: &str) -> bool {
    let key = line.trim_start_matches([' ', '\t', '"', '\'']);
    key.starts_with(WATCHES)
}

/// Returns the name and the value of a variable or parameter.
fn variable(members: &Map<String, Value>) -> Option<(&str, &str)> {
    let text = |key| members.get(key).and_then(Value::as_str);
    Some((text("name")?, text("value")?))
}

/// Returns what the members of a map tell.
fn told(members: &Map<String, Value>) -> Beside {
    let mut beside = Beside::default();
    for (key, value) in members {
        match value {
            Value::String(text) => beside.add(key, text),
            Value::Number(_) => beside.add_number(key),
            Value::Array(items) => {
                for item in items {
                    match item {
                        Value::String(text) => beside.add(key, text),
                        _ => beside.add_number(key),
                    }
                }
            }
            Value::Object(reference) if key == "ref" => beside.extend(told(reference)),
            Value::Null | Value::Bool(_) | Value::Object(_) => beside.add_key(key),
        }
    }
    beside
}

/// Adds what is told anywhere in a value.
fn collect_below(value: &Value, beside: &mut Beside) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect_below(item, beside)),
        Value::Object(members) => members.iter().for_each(|(key, value)| match value {
            Value::String(text) => beside.add(key, text),
            Value::Number(_) => beside.add_number(key),
            _ => collect_below(value, beside),
        }),
        _ => {}
    }
}

/// Returns the key that a text ends with, if what follows is its value.
fn key_before(text: &str) -> Option<&str> {
    let bare = text.strip_suffix("://").map_or(text, |text| {
        text.trim_end_matches(|c: char| c.is_ascii_lowercase())
    });
    let is_quote = |c: char| " \"'\\".contains(c);
    let text = bare.trim_end_matches(is_quote);
    let text = text.strip_suffix([':', '='])?.trim_end_matches(is_quote);
    let is_key = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let key = &text[text.trim_end_matches(is_key).len()..];
    (!key.is_empty()).then_some(key)
}

#[cfg(test)]
mod tests;
