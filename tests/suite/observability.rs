//! The page of logs and metrics lists every event, field and metric of the code, and no other; the
//! runbook every alarm.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use ecr_cleanup::report::METRICS;
use serde_json::Value;

const PAGE: &str = "docs/reference/observability.md";

type Events = BTreeMap<String, BTreeSet<String>>;

fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// Reads every source of the program but for its tests.
fn sources() -> Vec<String> {
    let mut open = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    let mut found = Vec::new();
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = read(path);
                let (code, _) = text.split_once("#[cfg(test)]").unwrap_or((&text, ""));
                found.push(code.to_owned());
            }
        }
    }
    found
}

/// Returns the arguments of a macro, from behind its opening parenthesis.
fn arguments(text: &str) -> Vec<String> {
    let (mut found, mut depth, mut in_text, mut before) = (vec![String::new()], 0, false, ' ');
    for letter in text.chars() {
        match letter {
            '"' if before != '\\' => in_text = !in_text,
            '(' | '[' | '{' if !in_text => depth += 1,
            ')' if !in_text && depth == 0 => break,
            ')' | ']' | '}' if !in_text => depth -= 1,
            _ => {}
        }
        before = letter;
        if letter == ',' && depth == 0 && !in_text {
            found.push(String::new());
        } else if let Some(last) = found.last_mut() {
            last.push(letter);
        }
    }
    found
}

/// Returns the fields of a line of the log, by their names: what stands before its message.
fn fields(arguments: &[String]) -> BTreeMap<String, String> {
    let arguments = arguments.iter().map(|argument| argument.trim());
    let arguments = arguments.take_while(|argument| !argument.starts_with('"'));
    let fields = arguments.map(|argument| {
        let (name, value) = argument.split_once(" = ").unwrap_or((argument, argument));
        let name = name.trim_start_matches(['%', '?']);
        (name.to_owned(), value.to_owned())
    });
    fields.collect()
}

/// Returns what is in quotes or in backticks.
fn within(text: &str, quote: char) -> Vec<String> {
    let parts = text.split(quote).skip(1).step_by(2);
    parts.map(str::to_owned).collect()
}

/// Returns every event that the code logs, with its fields.
fn logged() -> Events {
    let sources = sources();
    let mut events = Events::new();
    for text in &sources {
        for level in ["error", "warn", "info", "debug", "trace"] {
            for call in text.split(&format!("tracing::{level}!(")).skip(1) {
                let mut fields = fields(&arguments(call));
                let event = fields.remove("event");
                let event = event.unwrap_or_else(|| panic!("a line without an event: {call:.80}"));
                let names = if event == "event" {
                    // It is given to the function that logs it.
                    let calls = sources
                        .iter()
                        .flat_map(|text| text.split(".log(\"").skip(1));
                    let named = calls.map(|call| call.split('"').next().unwrap().to_owned());
                    named.collect()
                } else {
                    within(&event, '"')
                };
                assert!(!names.is_empty(), "{event}");
                for name in names {
                    let all = events.entry(name).or_default();
                    all.extend(fields.keys().cloned());
                }
            }
        }
    }
    events
}

/// Returns the cells of the lines of the table under a heading.
fn table(page: &str, heading: &str) -> Vec<Vec<String>> {
    let (_, rest) = page.split_once(&format!("\n## {heading}\n")).unwrap();
    let (section, _) = rest.split_once("\n## ").unwrap_or((rest, ""));
    let lines = section.lines().filter(|line| line.starts_with("| "));
    let cells = |line: &str| {
        line.split('|')
            .skip(1)
            .map(|it| it.trim().to_owned())
            .collect()
    };
    lines.skip(2).map(cells).collect()
}

#[test]
fn every_event_and_field_of_the_log_is_on_the_page_and_no_other() {
    let mut written = Events::new();
    for line in table(&read(PAGE), "Logs") {
        let fields: BTreeSet<String> = within(&line[1], '`').into_iter().collect();
        for event in within(&line[0], '`') {
            assert!(written.insert(event, fields.clone()).is_none(), "{line:?}");
        }
    }
    assert_eq!(written, logged());
}

#[test]
fn every_metric_is_on_the_page_with_its_unit_and_no_other() {
    let mut written = BTreeMap::new();
    for line in table(&read(PAGE), "Metrics") {
        for name in within(&line[0], '`') {
            let unit = line[1].clone();
            assert!(written.insert(name, unit).is_none(), "{line:?}");
        }
    }
    let sent = METRICS.iter();
    let sent = sent.map(|(name, unit)| ((*name).to_owned(), (*unit).to_owned()));
    assert_eq!(written, sent.collect());
}

#[test]
fn every_alarm_is_in_the_runbook_and_no_other() {
    let alarms: Value = serde_json::from_str(&read("infra/shared/alarms.json")).unwrap();
    let made: BTreeSet<String> = alarms.as_object().unwrap().keys().cloned().collect();
    let lines = table(&read("docs/runbook.md"), "Alarms");
    let written = lines.iter().flat_map(|line| within(&line[0], '`'));
    assert_eq!(written.collect::<BTreeSet<String>>(), made);
}
