//! The numbered rules of docs/design/rules.md: each has a test that names it, and no other code is
//! used anywhere.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

const RULES: &str = include_str!("../../docs/design/rules.md");
const ARCHITECTURE: &str = include_str!("../../docs/design/architecture.md");

/// Returns whether a text is the code of a rule, such as `K7`.
fn is_code(text: &str) -> bool {
    let number = text.strip_prefix(['P', 'K', 'U', 'G', 'A']);
    number.is_some_and(|number| {
        (1..=2).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// Returns the codes that a source names: in parentheses, several with commas between them.
fn named(text: &str) -> BTreeSet<&str> {
    let groups = text
        .split('(')
        .skip(1)
        .filter_map(|rest| rest.split_once(')'));
    groups
        .map(|(group, _)| group.split(", "))
        .filter(|codes| codes.clone().all(is_code))
        .flatten()
        .collect()
}

/// Returns the rules that the document defines, each with an anchor of its name.
fn defined() -> BTreeSet<&'static str> {
    let items = RULES
        .lines()
        .filter_map(|line| line.strip_prefix("* <a id=\""));
    items
        .map(|item| {
            let (anchor, rest) = item.split_once("\"></a>**").unwrap();
            let (code, _) = rest.split_once("** ").unwrap();
            assert!(is_code(code), "{item}");
            assert_eq!(anchor, code.to_lowercase(), "{item}");
            code
        })
        .collect()
}

/// Reads all sources below these folders of the repository.
fn sources(folders: &[&str]) -> BTreeMap<PathBuf, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut open: Vec<PathBuf> = folders.iter().map(|folder| root.join(folder)).collect();
    let mut found = BTreeMap::new();
    while let Some(folder) = open.pop() {
        let Ok(entries) = fs::read_dir(&folder) else {
            continue;
        };
        for entry in entries {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.insert(path.strip_prefix(root).unwrap().to_owned(), text);
            }
        }
    }
    found
}

/// Returns the part of a source that is a test, if there is one.
fn tests<'a>(path: &Path, text: &'a str) -> Option<&'a str> {
    let is_test = path
        .components()
        .any(|part| part.as_os_str() == "tests" || part.as_os_str() == "tests.rs");
    if is_test {
        Some(text)
    } else {
        text.split_once("#[cfg(test)]").map(|(_, tests)| tests)
    }
}

#[test]
fn every_rule_has_a_test_that_names_it() {
    let sources = sources(&["tests", "src", "crates"]);
    let tested: BTreeSet<&str> = sources
        .iter()
        .filter_map(|(path, text)| tests(path, text))
        .flat_map(named)
        .collect();
    let untested: Vec<_> = defined()
        .into_iter()
        .filter(|rule| !tested.contains(rule))
        .collect();
    assert!(untested.is_empty(), "no test names {untested:?}");
}

#[test]
fn only_rules_that_are_defined_are_named() {
    let rules = defined();
    assert!(rules.len() > 30, "{rules:?}");
    for (path, text) in sources(&["tests", "src", "crates", "benches"]) {
        let unknown: Vec<_> = named(&text)
            .into_iter()
            .filter(|code| !rules.contains(code))
            .collect();
        assert!(unknown.is_empty(), "{} names {unknown:?}", path.display());
    }
    for (name, text) in [("architecture.md", ARCHITECTURE), ("rules.md", RULES)] {
        let words = text.split(|c: char| !c.is_ascii_alphanumeric());
        let unknown: Vec<_> = words
            .filter(|word| is_code(word) && !rules.contains(word))
            .collect();
        assert!(unknown.is_empty(), "{name} names {unknown:?}");
    }
}
