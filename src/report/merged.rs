//! The answer of a distributed run, from those of its registries.

use serde_json::{Map, Value, json};

use super::{
    Bytes, Counts, Status, VERSION,
    notify::Message,
    size::{Document, fitted},
};
use crate::{config::Mode, image::Registry};

/// Lists of which each entry is about one registry, with the field that names its repository.
const OF_REGISTRIES: [(&str, &str); 3] = [
    ("repositories", "name"),
    ("held", "repository"),
    ("unexplained_pulls", "repository"),
];
/// Lists of which several registries may have the same entries.
const IN_COMMON: [&str; 6] = [
    "in_use", "unread", "refusals", "missing", "failures", "warnings",
];
/// Sums besides counts.
const SUMS: [&str; 2] = ["monthly_savings_usd", "possible_monthly_savings_usd"];

/// The answer of one registry.
pub(crate) struct RegistryAnswer<'a> {
    pub(crate) registry: &'a Registry,
    /// Answer of its last turn.
    pub(crate) answer: &'a Map<String, Value>,
    /// What all its turns did.
    pub(crate) deleted: u64,
    pub(crate) archived: u64,
    pub(crate) bytes: u64,
}

/// The end of a run.
pub(crate) struct RunEnd {
    pub(crate) run: String,
    pub(crate) mode: Mode,
    /// `None` if it failed.
    pub(crate) status: Option<Status>,
    pub(crate) summary: String,
    /// What became of the locations.
    pub(crate) locations: Value,
    /// What became of the registries.
    pub(crate) registries: Vec<Value>,
    /// Further failures.
    pub(crate) failures: Vec<Value>,
}

/// The answer of a distributed run.
#[derive(Clone)]
pub(crate) struct RunAnswer(Map<String, Value>);

impl RunAnswer {
    /// Merges the answers of registries.
    pub(crate) fn new(end: RunEnd, parts: &[RegistryAnswer<'_>]) -> Self {
        let status = end.status.map_or_else(|| json!("failed"), |it| json!(it));
        let mut answer = Map::new();
        let mut set = |key: &str, value: Value| drop(answer.insert(key.to_owned(), value));
        set("summary", end.summary.into());
        set("status", status);
        set("mode", json!(end.mode));
        set("run_id", end.run.into());
        set("version", VERSION.into());
        set("counts", sums(parts, "counts"));
        set("bytes", sums(parts, "bytes"));
        for key in SUMS {
            let all = parts
                .iter()
                .filter_map(|part| part.answer.get(key)?.as_f64());
            set(key, all.sum::<f64>().into());
        }
        set("locations", end.locations);
        set("registries", end.registries.into());
        for key in IN_COMMON {
            let mut all: Vec<Value> = Vec::new();
            for entry in parts.iter().flat_map(|part| list(part.answer, key)) {
                if !all.contains(entry) {
                    all.push(entry.clone());
                }
            }
            if key == "failures" {
                all.splice(..0, end.failures.iter().cloned());
            }
            set(key, all.into());
        }
        for (key, name) in OF_REGISTRIES {
            let all = parts.iter().flat_map(|part| {
                let entries = list(part.answer, key).iter().cloned();
                entries.map(|entry| with_host(entry, name, part.registry, parts.len() > 1))
            });
            set(key, all.collect());
        }
        set("omitted", sums(parts, "omitted"));
        let mut answer = Self(answer);
        let of_all = |of: fn(&RegistryAnswer<'_>) -> u64| parts.iter().map(of).sum::<u64>();
        answer.replace("counts", "deleted", of_all(|part| part.deleted));
        answer.replace("counts", "archived", of_all(|part| part.archived));
        answer.replace("bytes", "deleted", of_all(|part| part.bytes));
        answer
    }

    fn replace(&mut self, object: &str, key: &str, number: u64) {
        if let Some(Value::Object(object)) = self.0.get_mut(object) {
            object.insert(key.to_owned(), number.into());
        }
    }

    /// Returns the numbers of images.
    pub(crate) fn counts(&self) -> Counts {
        self.read("counts")
    }

    /// Returns the numbers of bytes.
    pub(crate) fn bytes(&self) -> Bytes {
        self.read("bytes")
    }

    fn read<T: serde::de::DeserializeOwned + Default>(&self, key: &str) -> T {
        let value = self.0.get(key).cloned().unwrap_or_default();
        serde_json::from_value(value).unwrap_or_default()
    }

    pub(crate) fn warn(&mut self, warning: &super::Warning) {
        if let Some(Value::Array(warnings)) = self.0.get_mut("warnings") {
            warnings.push(json!(warning));
        }
    }

    /// Returns what people are told of the run.
    pub(crate) fn message(&self, mode: Mode, status: Option<Status>) -> Message {
        let text = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
        let texts =
            |key: &str, of: fn(&Value) -> String| list(&self.0, key).iter().map(of).collect();
        let live = list(&self.0, "missing")
            .iter()
            .filter(|it| it["live"] == true);
        let missing = live.map(|it| {
            let users = it["users"].as_array().into_iter().flatten();
            let users: Vec<&str> = users.filter_map(Value::as_str).collect();
            let host = it["host"].as_str().map(|host| format!("{host}/"));
            let host = host.unwrap_or_default();
            format!(
                "{host}{}, used by {}",
                text(it, "reference"),
                users.join(", ")
            )
        });
        Message {
            status,
            mode,
            counts: self.counts(),
            summary: self.0["summary"].as_str().unwrap_or_default().to_owned(),
            refusals: texts("refusals", |it| {
                let part = |key: &str| it[key].as_str().unwrap_or_default().to_owned();
                let [guard, observed] = [part("guard"), part("observed")];
                format!("{guard}: {observed}. {} {}", part("why"), part("next"))
            }),
            failures: texts("failures", |it| {
                let part = |key: &str| it[key].as_str().unwrap_or_default();
                format!("{}: {}", part("code"), part("message"))
            }),
            missing: missing.collect(),
            report: None,
            run_id: self.0["run_id"].as_str().unwrap_or_default().to_owned(),
        }
    }

    /// Returns the answer as JSON, with lists cut to fit the size limit.
    pub(crate) fn to_json(&self) -> Value {
        fitted(self)
    }
}

impl serde::Serialize for RunAnswer {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl Document for RunAnswer {
    fn cut(&mut self, most: usize) {
        let mut omitted = match self.0.get("omitted") {
            Some(Value::Object(omitted)) => omitted.clone(),
            _ => Map::new(),
        };
        for (key, value) in &mut self.0 {
            let Value::Array(entries) = value else {
                continue;
            };
            let more = super::size::cut(entries, most) as u64;
            let known = omitted.get(key).and_then(Value::as_u64).unwrap_or_default();
            omitted.insert(key.clone(), (known + more).into());
        }
        self.0.insert("omitted".to_owned(), omitted.into());
    }
}

fn list<'a>(answer: &'a Map<String, Value>, key: &str) -> &'a [Value] {
    let entries = answer.get(key).and_then(Value::as_array);
    entries.map_or(&[], Vec::as_slice)
}

/// Adds up the numbers of an object.
fn sums(parts: &[RegistryAnswer<'_>], key: &str) -> Value {
    let mut sums = Map::new();
    for part in parts {
        let numbers = part.answer.get(key).and_then(Value::as_object);
        for (name, number) in numbers.into_iter().flatten() {
            let so_far = sums.get(name).and_then(Value::as_u64).unwrap_or_default();
            let number = number.as_u64().unwrap_or_default();
            sums.insert(name.clone(), (so_far + number).into());
        }
    }
    sums.into()
}

/// Puts the host of its registry before the name of a repository, if there are several.
fn with_host(mut entry: Value, name: &str, registry: &Registry, several: bool) -> Value {
    if let Some(repository) = entry[name].as_str().filter(|_| several) {
        entry[name] = format!("{}/{repository}", registry.host()).into();
    }
    entry
}
