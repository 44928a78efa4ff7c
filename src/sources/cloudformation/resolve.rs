//! The values of a template: its functions and parameters, as far as they can be known without
//! asking for anything.
//!
//! What is not known becomes a placeholder (`${Name}`), which the finder of images understands. Where
//! one of two values holds, and nothing tells which, both do.

mod conditions;
mod names;

use std::{cell::Cell, collections::BTreeMap};

use serde_json::{Map, Value};

use super::surroundings::Surroundings;

/// Number of texts that one value may stand for; of a part with more, a placeholder is left.
const ALTERNATIVES: usize = 16;
/// Depth to which names and conditions refer to others.
const DEPTH: usize = 16;

/// Knows the values of a template.
pub(super) struct Resolver<'a> {
    pub(super) surroundings: &'a Surroundings,
    /// ID and name of the stack.
    pub(super) stack: (&'a str, &'a str),
    pub(super) parameters: &'a BTreeMap<String, String>,
    pub(super) template: &'a Value,
    depth: Cell<usize>,
}

impl<'a> Resolver<'a> {
    pub(super) const fn new(
        surroundings: &'a Surroundings,
        stack: (&'a str, &'a str),
        parameters: &'a BTreeMap<String, String>,
        template: &'a Value,
    ) -> Self {
        Self {
            surroundings,
            stack,
            parameters,
            template,
            depth: Cell::new(0),
        }
    }

    /// Returns a part of the template with the values in it; several of which one holds are a list.
    pub(super) fn value(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => self.surroundings.hosts.complete(text).into(),
            Value::Array(items) => items.iter().map(|item| self.value(item)).collect(),
            Value::Object(members) => {
                if let Some((name, argument)) = function(members) {
                    return self.call(name, argument);
                }
                let members = members.iter();
                let members = members.map(|(key, value)| (key.clone(), self.value(value)));
                Value::Object(members.collect())
            }
            _ => value.clone(),
        }
    }

    fn call(&self, name: &str, argument: &Value) -> Value {
        let one_of = |values: Vec<&Value>| match values[..] {
            [value] => self.value(value),
            _ => values.into_iter().map(|value| self.value(value)).collect(),
        };
        match name {
            "Fn::If" => one_of(self.branches(argument)),
            "Fn::FindInMap" => one_of(self.found_in_map(argument)),
            "Ref" | "Fn::Sub" | "Fn::Join" | "Fn::Select" | "Fn::GetAtt" | "Fn::ImportValue"
            | "Fn::Base64" => {
                let texts = self.called_texts(name, argument).into_iter();
                let hosts = &self.surroundings.hosts;
                let mut texts = texts.map(|text| Value::String(hosts.complete(&text)));
                match (texts.next(), texts.len()) {
                    (Some(text), 0) => text,
                    (first, _) => first.into_iter().chain(texts).collect(),
                }
            }
            _ => Value::Object(Map::from_iter([(name.to_owned(), self.value(argument))])),
        }
    }

    /// Returns the texts that a value may be.
    fn texts(&self, value: &Value) -> Vec<String> {
        match value {
            Value::String(text) => vec![text.clone()],
            Value::Number(number) => vec![number.to_string()],
            Value::Bool(value) => vec![value.to_string()],
            Value::Object(members) => match function(members) {
                Some((name, argument)) => self.called_texts(name, argument),
                None => vec![placeholder("Object")],
            },
            Value::Array(items) => self.joined(",", items),
            Value::Null => vec![String::new()],
        }
    }

    fn called_texts(&self, name: &str, argument: &Value) -> Vec<String> {
        let all = |values: Vec<&Value>| {
            let texts = values.into_iter().flat_map(|value| self.texts(value));
            texts.collect()
        };
        match name {
            "Ref" => self.reference(argument.as_str().unwrap_or_default()),
            "Fn::Sub" => self.substituted(argument),
            "Fn::Join" => match argument.as_array().map(Vec::as_slice) {
                Some([delimiter, list]) => match self.list(list) {
                    Some(items) => self.joined(delimiter.as_str().unwrap_or_default(), &items),
                    None => vec![placeholder("List")],
                },
                _ => vec![placeholder(name)],
            },
            "Fn::Select" => self.selected(argument),
            "Fn::GetAtt" => self.attribute(argument),
            "Fn::ImportValue" => {
                let imported = |name: String| {
                    let known = self.surroundings.exports.get(&name).cloned();
                    known.unwrap_or_else(|| placeholder(&name))
                };
                self.texts(argument).into_iter().map(imported).collect()
            }
            "Fn::Base64" => self.texts(argument),
            "Fn::If" => all(self.branches(argument)),
            "Fn::FindInMap" => {
                let found = self.found_in_map(argument);
                if found.is_empty() {
                    return vec![placeholder(name)];
                }
                all(found)
            }
            _ => vec![placeholder(name)],
        }
    }

    /// Returns a text with the values of the variables in it.
    fn substituted(&self, argument: &Value) -> Vec<String> {
        let (text, variables) = match argument {
            Value::String(text) => (text.as_str(), None),
            _ => match argument.as_array().map(Vec::as_slice) {
                Some([Value::String(text), variables]) => (text.as_str(), Some(variables)),
                _ => return vec![placeholder("Sub")],
            },
        };
        let mut texts = vec![String::new()];
        let mut parts = text.split("${");
        append(
            &mut texts,
            &[parts.next().unwrap_or_default().to_owned()],
            "",
        );
        for part in parts {
            let Some((name, rest)) = part.split_once('}') else {
                append(&mut texts, &[format!("${{{part}")], "");
                continue;
            };
            let values = if let Some(literal) = name.strip_prefix('!') {
                vec![placeholder(literal)]
            } else {
                self.variable(name.trim(), variables)
            };
            append(&mut texts, &values, name);
            append(&mut texts, &[rest.to_owned()], "");
        }
        texts
    }

    fn variable(&self, name: &str, variables: Option<&Value>) -> Vec<String> {
        if let Some(value) = variables.and_then(|variables| variables.get(name)) {
            return self.texts(value);
        }
        if name.contains('.') {
            return self.attribute(&Value::String(name.to_owned()));
        }
        self.reference(name)
    }

    fn joined(&self, delimiter: &str, items: &[Value]) -> Vec<String> {
        let is_left_out = |item: &&Value| item["Ref"] == "AWS::NoValue";
        let mut texts = vec![String::new()];
        let items = items.iter().filter(|item| !is_left_out(item));
        for (position, item) in items.enumerate() {
            if position > 0 {
                append(&mut texts, &[delimiter.to_owned()], "");
            }
            append(&mut texts, &self.texts(item), "Item");
        }
        texts
    }

    fn selected(&self, argument: &Value) -> Vec<String> {
        let unknown = || vec![placeholder("Selected")];
        let Some([index, list]) = argument.as_array().map(Vec::as_slice) else {
            return unknown();
        };
        let index = self.texts(index);
        let index = index.first().and_then(|index| index.parse::<usize>().ok());
        let item = index.and_then(|index| self.list(list)?.into_iter().nth(index));
        item.map_or_else(unknown, |item| self.texts(&item))
    }

    /// Returns the items of a list, if they are known.
    fn list(&self, value: &Value) -> Option<Vec<Value>> {
        let split = |text: &str, delimiter: &str| {
            let parts = text.split(delimiter);
            parts.map(|part| Value::from(part.trim())).collect()
        };
        let (name, argument) = match value {
            Value::Array(items) => return Some(items.clone()),
            Value::String(text) => return Some(split(text, ",")),
            _ => function(value.as_object()?)?,
        };
        match name {
            "Fn::Split" => {
                let [delimiter, text] = argument.as_array()?.as_slice() else {
                    return None;
                };
                let delimiter = delimiter.as_str().filter(|it| !it.is_empty())?;
                // What the first text tells, since all have the same shape.
                Some(split(self.texts(text).first()?, delimiter))
            }
            "Fn::If" => match self.branches(argument)[..] {
                [branch] => self.list(branch),
                _ => None,
            },
            "Fn::FindInMap" => match self.found_in_map(argument)[..] {
                [found] => self.list(found),
                _ => None,
            },
            "Ref" | "Fn::ImportValue" => match &self.called_texts(name, argument)[..] {
                [text] => Some(split(text, ",")),
                _ => None,
            },
            _ => None,
        }
    }

    /// Returns the value of a mapping, or all that it may be.
    fn found_in_map<'v>(&'v self, argument: &'v Value) -> Vec<&'v Value> {
        let Some([map, first, second, options @ ..]) = argument.as_array().map(Vec::as_slice)
        else {
            return Vec::new();
        };
        let below = |values: Vec<&'v Value>, key: &Value| -> Vec<&'v Value> {
            let keys = self.texts(key);
            let is_known = keys.iter().all(|key| !key.contains("${"));
            let members = values.into_iter().filter_map(Value::as_object);
            members
                .flat_map(|members| {
                    let wanted = members.iter();
                    wanted.filter(|(key, _)| !is_known || keys.contains(key))
                })
                .map(|(_, value)| value)
                .collect()
        };
        let maps = below(vec![&self.template["Mappings"]], map);
        let mut found = below(below(maps, first), second);
        if found.is_empty() {
            found.extend(options.iter().filter_map(|it| it.get("DefaultValue")));
        }
        found
    }

    /// Does what may come back here by a name, unless it did so too often.
    fn deeper<T>(&self, look: impl FnOnce() -> T, too_deep: impl FnOnce() -> T) -> T {
        let depth = self.depth.get();
        if depth >= DEPTH {
            return too_deep();
        }
        self.depth.set(depth + 1);
        let found = look();
        self.depth.set(depth);
        found
    }
}

/// Returns the function that a mapping is, with its argument.
fn function(members: &Map<String, Value>) -> Option<(&str, &Value)> {
    let mut members = members.iter();
    let (name, argument) = members.next().filter(|_| members.len() == 0)?;
    let is_function = name.starts_with("Fn::") || ["Ref", "Condition"].contains(&name.as_str());
    is_function.then_some((name, argument))
}

/// Makes a text of what is not known.
fn placeholder(name: &str) -> String {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    format!("${{{}}}", name.replace(|c| !is_name(c), "_"))
}

/// Appends each of some values to each text.
fn append(texts: &mut Vec<String>, values: &[String], name: &str) {
    let unknown = [placeholder(name)];
    let values = match values {
        [] => &unknown[..],
        [_] => values,
        _ if texts.len() * values.len() > ALTERNATIVES => &unknown[..],
        _ => values,
    };
    *texts = texts
        .iter()
        .flat_map(|text| values.iter().map(move |value| format!("{text}{value}")))
        .collect();
}

#[cfg(test)]
mod tests;
