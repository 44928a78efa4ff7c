//! The invariants of the architecture, as far as the text of the sources can show them. The compiler keeps the rest.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Modules that decide, from what they are given alone.
const PURE: [&str; 4] = ["image", "policy", "plan", "guard"];
/// Modules, and the composition root, that may name an AWS or Kubernetes crate.
const OUTSIDE: [&str; 8] = [
    "inventory",
    "usage",
    "kubernetes",
    "cleanup",
    "state",
    "report",
    "aws",
    "bin",
];

/// A source file: its path below `src/`, and its lines without comments.
struct Source {
    path: String,
    code: String,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    let sources = files.into_iter().map(|file| {
        let text = fs::read_to_string(&file).unwrap();
        let lines = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"));
        let path = file
            .strip_prefix(&root)
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned();
        Source {
            path,
            code: lines.collect::<Vec<_>>().join("\n"),
        }
    });
    sources.collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

impl Source {
    /// The module a file belongs to: the folder, or the file itself where it has none.
    fn module(&self) -> &str {
        self.path.split('/').next().unwrap().trim_end_matches(".rs")
    }

    fn assert_without(&self, words: &[&str], why: &str) {
        for word in words {
            assert!(
                !self.code.contains(word),
                "src/{}: `{word}`: {why}",
                self.path
            );
        }
    }
}

const CRATES: [&str; 7] = [
    "aws_sdk_",
    "aws_config",
    "aws_smithy_",
    "aws_types",
    "kube::",
    "k8s_openapi",
    "reqwest",
];

/// What decides is pure (P5).
#[test]
fn modules_that_decide_know_no_service_no_clock_no_io_and_do_not_wait() {
    let mut seen = 0;
    for source in sources()
        .iter()
        .filter(|source| PURE.contains(&source.module()))
    {
        seen += 1;
        source.assert_without(&CRATES, "a pure module names no service");
        source.assert_without(
            &[
                "SystemTime",
                "Instant",
                "Timestamp::now",
                "Zoned::now",
                "chrono",
            ],
            "time is given",
        );
        let io = [
            "std::fs",
            "std::io",
            "std::net",
            "std::env",
            "std::process",
            "println!",
            "tracing::",
        ];
        source.assert_without(&io, "a pure module neither reads nor writes");
        source.assert_without(
            &["async ", ".await", "tokio", "futures", "std::thread"],
            "a pure module does not wait",
        );
        let modules = [
            "crate::aws",
            "crate::cleanup",
            "crate::run",
            "crate::function",
            "crate::report",
        ];
        source.assert_without(&modules, "the pipeline has one direction");
    }
    assert!(seen > 15, "only {seen} files");
}

#[test]
fn only_the_modules_at_the_edge_name_a_service() {
    let edge = |source: &&Source| !OUTSIDE.contains(&source.module());
    for source in sources().iter().filter(edge) {
        source.assert_without(&CRATES, "only the modules at the edge name a service");
    }
}

#[test]
fn only_cleanup_deletes() {
    let deleting: Vec<_> = sources()
        .into_iter()
        .filter(|source| source.code.contains("batch_delete_image("))
        .collect();
    assert!(!deleting.is_empty());
    for source in deleting {
        assert_eq!(source.module(), "cleanup", "src/{}", source.path);
    }
}

#[test]
fn only_guards_give_clearance() {
    let giving = |source: &Source| {
        source.code.contains("Clearance {") || source.code.contains("Ok(Clearance")
    };
    let giving: Vec<_> = sources().into_iter().filter(giving).collect();
    assert!(!giving.is_empty());
    for source in &giving {
        assert_eq!(source.module(), "guard", "src/{}", source.path);
    }
    // Nothing but being made gives one: it cannot be copied for another plan, defaulted or read from a file.
    let guard = giving
        .iter()
        .find(|source| source.path == "guard/mod.rs")
        .unwrap();
    assert!(
        guard
            .code
            .contains("#[derive(Debug)]\npub struct Clearance<'a> {\n    plan: &'a Plan,")
    );
}

#[test]
fn every_example_event_is_used() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let used = ["acceptance", "trust"]
        .map(|test| fs::read_to_string(root.join(format!("tests/suite/{test}.rs"))).unwrap());
    let used = used.concat();
    let mut events = 0;
    for entry in fs::read_dir(root.join("events")).unwrap() {
        let name = entry
            .unwrap()
            .path()
            .file_stem()
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned();
        let names = [format!("(\"{name}\", "), format!("events/{name}.json")];
        assert!(
            names.iter().any(|name| used.contains(name)),
            "events/{name}.json is used by no test"
        );
        events += 1;
    }
    assert!(events >= 6);
}
