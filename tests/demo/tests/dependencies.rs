//! Programs and tests share what they are built from: `make demo` and then `make test` build no
//! dependency twice.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::{collections::BTreeSet, process::Command};

/// Returns every package with its version and features, as `cargo tree` selects them.
fn packages(edges: &str) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--workspace",
            "--locked",
            "--offline",
            "--no-dedupe",
        ])
        .args([
            "--prefix",
            "none",
            "--format",
            "{p} [{f}]",
            "--edges",
            edges,
        ])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn tests_ask_for_no_other_features_of_what_programs_are_built_from() {
    let (programs, all) = (packages("normal,build"), packages("normal,build,dev"));
    assert!(programs.len() > 100);
    let differences: Vec<_> = programs.difference(&all).collect();
    assert!(
        differences.is_empty(),
        "with the tests, these get more features, and whatever uses them is built twice; name the features \
         in tests/lambda-runtime-api/Cargo.toml: {differences:#?}"
    );
}
