//! The examples of docs/guides/ci.md: its pipelines, and the policy tests that it shows.

use std::{fs, path::Path, process::Command};

use demo::team;
use serde_json::Value;
use simulated_aws::SimulatedAws;

use crate::trust::command;

const PAGE: &str = include_str!("../../docs/guides/ci.md");

/// Returns the code blocks of a language that begin so.
fn blocks(language: &str, beginning: &str) -> Vec<&'static str> {
    let start = format!("```{language}\n");
    let parts = PAGE.split(start.as_str()).skip(1);
    let blocks = parts.map(|part| part.split("```").next().unwrap());
    blocks
        .filter(|block| block.starts_with(beginning))
        .collect()
}

/// Returns every command of this program in a document.
fn commands(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => {
            let lines = text.lines().map(str::trim);
            let own = lines.filter_map(|line| line.strip_prefix("ecr-cleanup "));
            own.map(ToOwned::to_owned).collect()
        }
        Value::Array(items) => items.iter().flat_map(commands).collect(),
        Value::Object(keys) => keys.values().flat_map(commands).collect(),
        _ => Vec::new(),
    }
}

/// Runs the command in a folder, without AWS, and returns what it prints, with its exit code if that is
/// not 0.
fn run(folder: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ecr-cleanup"));
    command.env_clear().current_dir(folder);
    let output = command.args(arguments).output().unwrap();
    let [mut text, errors] =
        [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    text += &errors;
    match output.status.code() {
        Some(0) => text,
        code => format!("{text}(exit code {})\n", code.unwrap()),
    }
}

/// Writes the configuration and the tests of the page into a folder.
fn example() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["cleanup.yaml", "cleanup.test.yaml"] {
        let [block] = blocks("yaml", &format!("# {name}"))[..] else {
            panic!("{name}");
        };
        fs::write(folder.path().join(name), block).unwrap();
    }
    folder
}

#[test]
fn the_policy_tests_print_what_the_page_shows() {
    const LINE: &str = "$ ecr-cleanup test cleanup.test.yaml --config cleanup.yaml\n";
    let folder = example();
    let shown = blocks("console", LINE);
    assert_eq!(shown.len(), 2);
    let arguments = ["test", "cleanup.test.yaml", "--config", "cleanup.yaml"];
    for (shown, newest) in shown.iter().zip(["newest: 2", "newest: 1"]) {
        let file = folder.path().join("cleanup.yaml");
        let config = fs::read_to_string(&file).unwrap();
        fs::write(&file, config.replace("newest: 2", newest)).unwrap();
        let printed = run(folder.path(), &arguments);
        assert_eq!(shown.strip_prefix(LINE).unwrap(), printed);
    }
}

/// The pipelines are YAML; what they run of this program does what they ask for.
#[tokio::test]
async fn the_pipelines_review_a_configuration() {
    for name in ["# GitHub", "# GitLab"] {
        let [pipeline] = blocks("yaml", name)[..] else {
            panic!("{name}");
        };
        let parsed: Value = serde_saphyr::from_str(pipeline).unwrap();
        let commands = commands(&parsed);
        let folder = example();
        let path = |file: &str| folder.path().join(file);
        // The account of the demo has other repositories.
        let config = fs::read_to_string(path("cleanup.yaml")).unwrap();
        for file in ["cleanup.yaml", "old.yaml"] {
            fs::write(path(file), config.replace("team/**", "**")).unwrap();
        }
        let mut subcommands = Vec::new();
        for line in &commands {
            let (arguments, to) = line.split_once(" > ").unwrap_or((line, ""));
            let arguments: Vec<&str> = arguments.split(' ').collect();
            subcommands.push(arguments[0]);
            if arguments[0] == "snapshot" {
                let aws = SimulatedAws::builder().world(team().world).start().await;
                let out = format!("--out={}", path("account.snapshot").display());
                let config = format!("--config={}", path("cleanup.yaml").display());
                let (text, code) = command(&aws, &["snapshot", &out, &config]).await;
                assert_eq!(code, Some(0), "{text}");
            } else {
                let printed = run(folder.path(), &arguments);
                assert!(!printed.contains("exit code"), "{line}: {printed}");
                if !to.is_empty() {
                    let begin = if arguments[0] == "diff" { "**" } else { "{" };
                    assert!(printed.starts_with(begin), "{line}: {printed}");
                    fs::write(path(to), printed).unwrap();
                }
            }
        }
        assert_eq!(subcommands, ["snapshot", "test", "plan", "plan", "diff"]);
        let images = |file| fs::read_to_string(path(file)).unwrap();
        assert_eq!(images("old.jsonl"), images("new.jsonl"));
    }
}
