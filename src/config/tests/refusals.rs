//! Bad documents, with the exact lines that are printed for them.
//!
//! In the tables, a document is followed by its lines, each after `> ` and cut before the keys that
//! would be accepted.

use super::errors;

/// Checks a table of documents; `complete` makes a document of what the table holds.
fn check(table: &str, complete: impl Fn(&str) -> String, cut: &str) {
    for case in table.split("\n\n") {
        let is_document = |line: &&str| !line.starts_with("> ");
        let (document, expected): (Vec<&str>, Vec<&str>) = case.lines().partition(is_document);
        let document = complete(&document.join("\n"));
        let errors = errors(&document);
        let errors = errors
            .iter()
            .map(|line| format!("> {}", line.trim_start_matches(cut)));
        assert_eq!(errors.collect::<Vec<_>>(), expected, "{document}");
    }
}

fn check_documents(table: &str) {
    check(table, ToOwned::to_owned, "");
}

/// Checks a table of keep rules, whose lines leave out the path of the list.
fn check_rules(table: &str) {
    let policy = |rules: &str| format!("policies: [{{ repositories: ['**'], keep: [{rules}] }}]");
    check(table, policy, "policies[0].keep");
}

#[test]
fn settings_of_the_document() {
    check_documents(include_str!("refusals/document.txt"));
}

#[test]
fn git() {
    let policy = |git: &str| format!("policies: [{{ repositories: ['**'], git: {git} }}]");
    check(include_str!("refusals/git.txt"), policy, "");
}

#[test]
fn policies() {
    check_documents(include_str!("refusals/policies.txt"));
}

#[test]
fn sources_of_use_and_what_is_not_supported() {
    check_documents(include_str!("refusals/in_use.txt"));
}

#[test]
fn guards_costs_and_aliases() {
    check_documents(include_str!("refusals/guards.txt"));
}

#[test]
fn syntax_errors_carry_their_place() {
    check_documents(include_str!("refusals/syntax.txt"));
}

#[test]
fn all_problems_of_a_document_are_told_at_once() {
    check_documents(include_str!("refusals/all_at_once.txt"));
}

#[test]
fn values_of_a_rule() {
    check_rules(include_str!("refusals/rule_values.txt"));
}

#[test]
fn what_the_keys_of_a_rule_need_of_each_other() {
    check_rules(include_str!("refusals/rule_keys.txt"));
}

#[test]
fn an_unknown_key_lists_the_accepted_ones() {
    let error = crate::config::Config::parse("in_use: { ecss: {} }")
        .unwrap_err()
        .to_string();
    let expected = "in_use.ecss: unknown key; did you mean `ecs`? accepted: `ecs`, `eks`, `kubernetes`, `lambda`, `services`, `cloudformation`, `regions`, `accounts`, `organization` and `keep_lists`";
    assert_eq!(error, expected);
}

#[test]
fn no_more_than_a_hundred_problems_are_told() {
    let keys: Vec<String> = (0..5000)
        .map(|number| format!("key{number}: 1\n"))
        .collect();
    let blanks = format!("policies: [{}]", "~,".repeat(5000));
    let aliases = format!("registry_aliases: [{}]", "'-',".repeat(5000));
    for text in [keys.concat(), blanks, aliases] {
        let errors = errors(&text);
        assert_eq!(errors.len(), 101);
        assert_eq!(
            errors[0],
            "document: more than 100 problems; these are the first"
        );
    }
}

#[test]
fn depth_is_limited() {
    for text in [
        "[".repeat(100_000),
        "{\"a\":".repeat(100_000),
        "- ".repeat(100_000),
        "{a: ".repeat(100_000),
    ] {
        assert_eq!(errors(&text).len(), 1);
    }
}
