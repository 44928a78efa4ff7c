//! What the program needs permission for, of `infra/shared/permissions.json`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::file;

fn shared() -> Value {
    serde_json::from_str(&file("infra/shared/permissions.json")).unwrap()
}

fn actions(statement: &Value) -> Vec<&str> {
    let actions = statement["actions"].as_array().unwrap();
    actions
        .iter()
        .map(|action| action.as_str().unwrap())
        .collect()
}

/// Returns a row for each statement of a list.
fn rows(statements: &Value, heading: &str) -> String {
    let statements = statements.as_array().unwrap().iter();
    let row = |statement: &Value| {
        let listed: Vec<_> = actions(statement)
            .iter()
            .map(|one| format!("`{one}`"))
            .collect();
        let condition = match &statement["condition"] {
            Value::Null => String::new(),
            condition => format!(", if `{condition}`"),
        };
        let on = statement["resources"].as_str().unwrap();
        format!(
            "| {heading} | {} | `{on}`{condition} |\n",
            listed.join(", ")
        )
    };
    statements.map(row).collect()
}

/// Returns every statement, with what it is for.
pub(super) fn table() -> String {
    let shared = shared();
    let mut text = "| for | actions | on |\n| --- | --- | --- |\n".to_owned();
    text += &rows(&shared["registry"], "the registry");
    for (name, statements) in shared["sources"].as_object().unwrap() {
        text += &rows(statements, &format!("`in_use.{name}`"));
    }
    for (name, statements) in shared["services"].as_object().unwrap() {
        text += &rows(statements, &format!("`in_use.services`: `{name}`"));
    }
    for (name, statements) in shared["regions"].as_object().unwrap() {
        text += &rows(statements, &format!("`in_use.regions: {name}`"));
    }
    text += &rows(&shared["look"], "`mode: archive` or `delete`");
    for mode in ["archive", "delete"] {
        text += &rows(&shared[mode], &format!("`mode: {mode}`"));
    }
    text += &rows(&shared["configured"], "where it is configured");
    text += &rows(&shared["lambda_itself"], "Lambda itself");
    for (name, phase) in shared["phases"].as_object().unwrap() {
        text += &rows(&phase["own"], &format!("phase `{name}`"));
    }
    text
}

/// Returns the policy of whoever plans; with the services that are left out if they may not be
/// asked, or without.
pub(super) fn policy(with_services: bool) -> String {
    let shared = shared();
    let parts = |name: &str| {
        shared[name]
            .as_object()
            .unwrap()
            .values()
            .collect::<Vec<_>>()
    };
    let mut lists = [
        vec![&shared["registry"], &shared["regions"]["auto"]],
        parts("sources"),
    ]
    .concat();
    if with_services {
        lists.extend(parts("services"));
    }
    let statements = lists.iter().flat_map(|list| list.as_array().unwrap());
    let needed: BTreeSet<&str> = statements.flat_map(actions).collect();
    let mut services: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for action in needed {
        let (service, _) = action.split_once(':').unwrap();
        services
            .entry(service)
            .or_default()
            .push(format!("\"{action}\""));
    }
    let lines: Vec<String> = services
        .values()
        .flat_map(|quoted| wrapped(quoted))
        .collect();
    let lines = lines.join(",\n");
    let begin = r#"{ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Resource": "*", "Action": ["#;
    let policy = format!("{begin}\n{lines}\n] }}] }}\n");
    assert!(serde_json::from_str::<Value>(&policy).is_ok(), "{policy}");
    format!("\n```json\n{policy}```\n\n")
}

/// Returns the words in lines of at most 118 columns.
fn wrapped(words: &[String]) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in words {
        match lines.last_mut() {
            Some(line) if line.len() + word.len() < 116 => *line += &format!(", {word}"),
            _ => lines.push(format!("  {word}")),
        }
    }
    lines
}
