//! The settings of the configuration, of its schema.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{cell, file};

/// What is walked through: each object once, under the path where it stands first.
struct Walk {
    schema: Value,
    /// Path of each definition.
    paths: BTreeMap<String, String>,
    /// Sections that are still to be written: a path and its schema.
    next: Vec<(String, Value)>,
}

/// Returns a section for each object of the configuration, with a table of its keys.
pub(super) fn sections() -> String {
    let schema: Value = serde_json::from_str(&file("config.schema.json")).unwrap();
    let mut walk = Walk {
        next: vec![(String::new(), schema.clone())],
        schema,
        paths: BTreeMap::new(),
    };
    let mut text = String::new();
    while !walk.next.is_empty() {
        let (path, object) = walk.next.remove(0);
        text += &walk.section(&path, &object);
    }
    text
}

fn anchor(path: &str) -> String {
    let kept = path
        .chars()
        .filter(|c| c.is_alphanumeric() || "-_".contains(*c));
    kept.collect()
}

impl Walk {
    fn section(&mut self, path: &str, object: &Value) -> String {
        let mut text = match path {
            "" => "## The document\n\n".to_owned(),
            path => format!("\n## `{path}`\n\n"),
        };
        if let (Some(description), false) = (object["description"].as_str(), path.is_empty()) {
            text += &format!("{description}\n\n");
        }
        text += "| key | value | meaning |\n| --- | --- | --- |\n";
        let properties = object["properties"].as_object();
        for (key, value) in properties.into_iter().flatten() {
            let below = if path.is_empty() {
                key.clone()
            } else {
                format!("{path}.{key}")
            };
            let meaning = cell(value["description"].as_str().unwrap_or_default());
            text += &format!(
                "| `{key}` | {} | {meaning} |\n",
                cell(&self.value(&below, value))
            );
        }
        text
    }

    /// Returns what a value is, and has what it refers to written later.
    fn value(&mut self, path: &str, value: &Value) -> String {
        if let Some(name) = value["$ref"].as_str() {
            let name = name.trim_start_matches("#/$defs/").to_owned();
            return self.reference(path, &name);
        }
        for choice in ["oneOf", "anyOf"] {
            if let Some(choices) = value[choice].as_array() {
                let mut values: Vec<String> = Vec::new();
                for one in choices {
                    let one = self.value(path, one);
                    if !values.contains(&one) {
                        values.push(one);
                    }
                }
                return values.join(" or ");
            }
        }
        if let Some(one) = value.get("const") {
            return format!(
                "`{}`",
                one.as_str()
                    .map_or_else(|| one.to_string(), ToOwned::to_owned)
            );
        }
        if let Some(all) = value["enum"].as_array() {
            let all = all
                .iter()
                .map(|one| self.value(path, &serde_json::json!({ "const": one })));
            return all.collect::<Vec<_>>().join(" or ");
        }
        match value["type"].as_str() {
            Some("array") => {
                let items = value["items"].clone();
                format!("list of {}", self.value(&format!("{path}[]"), &items))
            }
            Some("boolean") => "`true` or `false`".to_owned(),
            Some("integer" | "number") => number(value),
            Some("object") if value["additionalProperties"].is_object() => {
                let of = value["additionalProperties"].clone();
                format!("{} by name", self.value(&format!("{path}.NAME"), &of))
            }
            Some("object") if value["properties"].is_object() => {
                self.next.push((path.to_owned(), value.clone()));
                format!("[`{path}`](#{})", anchor(path))
            }
            Some("object") => "`{}`".to_owned(),
            Some("string") if value["format"] == "regex" => "regular expression".to_owned(),
            _ => "text".to_owned(),
        }
    }

    fn reference(&mut self, path: &str, name: &str) -> String {
        let definition = self.schema["$defs"][name].clone();
        if !definition["properties"].is_object() {
            return if name == "Duration" {
                "duration".to_owned()
            } else {
                self.value(path, &definition)
            };
        }
        if !self.paths.contains_key(name) {
            self.paths.insert(name.to_owned(), path.to_owned());
            self.next.push((path.to_owned(), definition));
        }
        let path = &self.paths[name];
        format!("[`{path}`](#{})", anchor(path))
    }
}

fn number(value: &Value) -> String {
    let bound = |name: &str| value[name].as_f64();
    let kind = if value["type"] == "integer" {
        "whole number"
    } else {
        "number"
    };
    let is_one = value["minimum"].is_number() && value["minimum"] == value["maximum"];
    match (bound("minimum"), bound("maximum")) {
        _ if is_one => format!("`{}`", value["minimum"]),
        (Some(least), Some(most)) if most < 4e9 => format!("{kind}, {least} to {most}"),
        (Some(least), _) if least > 0.0 => format!("{kind}, {least} or more"),
        _ => kind.to_owned(),
    }
}
