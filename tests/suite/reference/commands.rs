//! The commands with their options, as the command itself prints them.

use std::process::Command;

use regex::Regex;

fn help(arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ecr-cleanup"));
    let ended = command.args(arguments).arg("--help").output().unwrap();
    assert!(ended.status.success(), "{arguments:?}");
    let text = String::from_utf8(ended.stdout).unwrap();
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    lines.join("\n")
}

/// Returns the names in a text's list of commands.
fn names(help: &str) -> Vec<String> {
    let (_, list) = help.split_once("\nCommands:\n").unwrap();
    let (list, _) = list.split_once("\n\n").unwrap();
    let name = Regex::new(r"(?m)^  ([a-z-]+)").unwrap();
    let names = name.captures_iter(list).map(|found| found[1].to_owned());
    names.filter(|name| name != "help").collect()
}

/// Returns a text's blocks, each an option or an argument with what is said of it.
fn blocks(help: &str) -> Vec<&str> {
    help.split("\n\n").collect()
}

fn section(heading: &str, text: &str) -> String {
    format!("{heading}\n\n```text\n{}\n```\n", text.trim_end())
}

/// Returns a section for each command, without the options that all of them take, and one for these.
pub(super) fn sections() -> String {
    let all = help(&[]);
    let (_, common) = all.split_once("\nOptions:\n").unwrap();
    let shared = |block: &str| {
        let option = block.trim_start().lines().next().unwrap_or_default();
        common.lines().any(|line| line.trim() == option)
    };
    let mut text = section(
        "## Options of every command",
        &format!("Options:\n{common}"),
    );
    let of = |arguments: &[&str]| {
        let (own, options) = help(arguments)
            .split_once("\nOptions:\n")
            .map(|(own, options)| (own.to_owned(), options.to_owned()))
            .unwrap();
        // Paragraphs of an option are indented deeper than its name.
        let mut kept = String::new();
        let mut keeps = false;
        for block in blocks(&options) {
            if !block.starts_with("          ") {
                keeps = !shared(block);
            }
            if keeps {
                kept += &format!("\n{block}\n");
            }
        }
        let kept = if kept.is_empty() {
            kept
        } else {
            format!("\nOptions:{kept}")
        };
        section(
            &format!("## `{}`", arguments.join(" ")),
            &format!("{own}{kept}"),
        )
    };
    for name in names(&all) {
        text += &format!("\n{}", of(&[&name]));
        let own = help(&[&name]);
        if own.contains("\nCommands:\n") {
            for below in names(&own) {
                text += &format!("\n{}", of(&[&name, &below]));
            }
        }
    }
    text
}
