//! The invariants of the architecture that the text of the sources can show. The compiler keeps the
//! others.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The crate that decides, and the crate around it.
const CORE: &str = "crates/core/src";
const SHELL: &str = "src";
/// The modules, each above all those it may import.
const LAYERS: [&str; 20] = [
    "image",
    "inventory",
    "evidence",
    "policy",
    "plan",
    "guard",
    "config",
    "counted",
    "stop_time",
    "cache",
    "aws",
    "kubernetes",
    "registry",
    "sources",
    "state",
    "report",
    "pipeline",
    "event",
    "function",
    "bin",
];

/// A source file: its path below its root, and its code without comments and tests.
#[derive(Clone)]
struct Source {
    root: &'static str,
    path: String,
    code: String,
}

fn sources(root: &'static str) -> Vec<Source> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(root);
    let mut files = Vec::new();
    collect(&folder, &mut files);
    let sources = files.into_iter().map(|file| {
        let text = fs::read_to_string(&file).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap().lines();
        let code = code.filter(|line| !line.trim_start().starts_with("//"));
        let path = file.strip_prefix(&folder).unwrap().to_str().unwrap();
        Source {
            root,
            path: path.to_owned(),
            code: code.collect::<Vec<_>>().join("\n"),
        }
    });
    let is_test = |source: &Source| source.path.split('/').any(|part| part.starts_with("tests"));
    sources.filter(|source| !is_test(source)).collect()
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
    /// Returns the module a file belongs to: its folder below the root, or itself if it is in none.
    fn module(&self) -> &str {
        self.path.split('/').next().unwrap().trim_end_matches(".rs")
    }

    /// Returns the modules of this project that it names, by `crate::` or by the name of the
    /// library.
    fn imports(&self) -> BTreeSet<&str> {
        let crate_name = match self.module() {
            "bin" => "ecr_cleanup::",
            _ => "crate::",
        };
        let after = self.code.split(crate_name).skip(1);
        after.flat_map(first_names).collect()
    }

    fn assert_without(&self, words: &[&str], why: &str) {
        let found = words.iter().find(|word| self.code.contains(**word));
        assert!(
            found.is_none(),
            "{}/{}: `{}`: {why}",
            self.root,
            self.path,
            found.unwrap()
        );
    }
}

/// Returns the first name of a path, or those of the list in braces that it starts with.
fn first_names(path: &str) -> Vec<&str> {
    let Some(list) = path.strip_prefix('{') else {
        return vec![name(path)];
    };
    let (mut depth, mut names) = (0, vec![name(list)]);
    for (position, letter) in list.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => names.push(name(&list[position + 1..])),
            _ => {}
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

fn name(text: &str) -> &str {
    let text = text.trim_start();
    let end = text.find(|letter: char| letter != '_' && !letter.is_alphanumeric());
    &text[..end.unwrap_or(text.len())]
}

#[test]
fn names_are_found_in_every_form_of_an_import() {
    assert_eq!(first_names("plan::{Plan, plan};"), ["plan"]);
    assert_eq!(
        first_names("{\n    aws,\n    plan::{Plan, plan},\n    guard::select,\n};\nuse std"),
        ["aws", "plan", "guard"]
    );
}

#[test]
fn each_module_imports_only_modules_below_it() {
    let position = |name: &str| LAYERS.iter().position(|layer| *layer == name);
    let sources = [sources(CORE), sources(SHELL)].concat();
    let modules = sources.iter().filter(|source| source.module() != "lib");
    let (mut seen, mut arrows) = (BTreeSet::new(), 0);
    for source in modules {
        let (root, path, module) = (source.root, &source.path, source.module());
        let layer = position(module).unwrap_or_else(|| panic!("{root}/{path} is in no layer"));
        seen.insert(module);
        for import in source.imports().into_iter().filter(|name| *name != module) {
            // Items of the root of a binary are its own.
            let Some(below) = position(import) else {
                panic!("{root}/{path} imports `{import}`, which is no module");
            };
            assert!(
                below < layer,
                "{root}/{path}: `{module}` imports `{import}`, which is above it"
            );
            arrows += 1;
        }
        let depth = path.matches('/').count() + usize::from(!path.ends_with("mod.rs"));
        let escape = "super::".repeat(depth);
        if module != "bin" {
            source.assert_without(&[&escape], "name other modules by `crate::`");
        }
    }
    assert_eq!(seen, LAYERS.into_iter().collect());
    assert!(arrows > 200, "only {arrows} imports");
}

#[test]
fn a_file_fits_four_hundred_lines() {
    for root in [CORE, SHELL] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(root);
        let mut files = Vec::new();
        collect(&folder, &mut files);
        for file in files {
            let lines = fs::read_to_string(&file).unwrap().lines().count();
            assert!(lines <= 400, "{} has {lines} lines", file.display());
        }
    }
}

/// What decides is pure (P5).
#[test]
fn the_core_neither_waits_nor_reads_nor_tells_the_time() {
    let sources = sources(CORE);
    for source in &sources {
        source.assert_without(
            &["SystemTime", "Instant", "::now()"],
            "the core is told the time",
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
        source.assert_without(&io, "the core neither reads nor writes");
        source.assert_without(
            &["async ", ".await", "std::thread"],
            "the core does not wait",
        );
    }
    assert!(sources.len() > 40, "only {} files", sources.len());
}

#[test]
fn the_core_depends_on_nothing_that_waits_or_calls() {
    let tree = Command::new(env!("CARGO"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["tree", "--locked", "--offline", "--prefix=none"])
        .args(["--package=ecr-cleanup-core", "--edges=normal"])
        .output()
        .unwrap();
    let tree = String::from_utf8(tree.stdout).unwrap();
    let crates: BTreeSet<&str> = tree
        .lines()
        .filter_map(|line| line.split(' ').next())
        .collect();
    assert!(
        crates.contains("ecr-cleanup-core") && crates.contains("serde"),
        "{tree}"
    );
    let waits = |name: &&&str| {
        [
            "aws-", "futures", "hyper", "http", "mio", "rustls", "socket", "tokio",
        ]
        .iter()
        .any(|prefix| name.starts_with(prefix))
    };
    assert_eq!(crates.iter().find(waits), None);
}

#[test]
fn only_the_modules_at_the_edge_name_a_crate_of_a_service() {
    let edge = [
        "aws",
        "kubernetes",
        "registry",
        "sources",
        "state",
        "report",
    ];
    let crates = ["aws_sdk_", "aws_config", "aws_smithy_", "aws_types"];
    for source in [sources(CORE), sources(SHELL)].concat() {
        if !edge.contains(&source.module()) {
            source.assert_without(&crates, "only the modules at the edge name a service");
        }
    }
}

#[test]
fn one_file_deletes() {
    let sources = sources(SHELL);
    let deleting = sources
        .iter()
        .filter(|source| source.code.contains("batch_delete_image("));
    let paths: Vec<&str> = deleting.map(|source| source.path.as_str()).collect();
    assert_eq!(paths, ["registry/delete.rs"]);
}

#[test]
fn the_command_prints_where_text_from_outside_is_escaped() {
    let raw = ["io::stdout()", "io::stderr()", "println!", "print!"];
    // A page escapes whatever is added to it; a terminal is only asked what it can show.
    let may = ["output.rs", "page.rs", "terminal.rs"].map(|name| format!("bin/ecr-cleanup/{name}"));
    let mut files = 0;
    for source in sources(SHELL) {
        let is_command = source.path.starts_with("bin/ecr-cleanup/");
        if is_command && !may.contains(&source.path) {
            source.assert_without(&raw, "the command prints by `output::stdout` and `stderr`");
            files += 1;
        }
    }
    assert!(files > 10, "{files}");
}

#[test]
fn only_guards_give_clearance() {
    let gives = |source: &&Source| {
        source.code.contains("Clearance {") || source.code.contains("Ok(Clearance")
    };
    let sources = [sources(CORE), sources(SHELL)].concat();
    let giving: Vec<&Source> = sources.iter().filter(gives).collect();
    let paths: Vec<&str> = giving.iter().map(|source| source.path.as_str()).collect();
    assert_eq!(paths, ["guard/mod.rs"]);
    // Nothing but being made gives one: it cannot be copied for another plan, defaulted or read.
    let clearance = "#[derive(Debug)]\npub struct Clearance<'a> {\n    plan: &'a Plan,";
    assert!(giving[0].code.contains(clearance));
}

#[test]
fn every_example_event_is_used() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let used = ["acceptance", "saved_plans", "trust"]
        .map(|test| fs::read_to_string(root.join(format!("tests/suite/{test}.rs"))).unwrap());
    let used = used.concat();
    let mut events = 0;
    for entry in fs::read_dir(root.join("events")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        let names = [format!("(\"{name}\", "), format!("events/{name}.json")];
        let found = names.iter().any(|name| used.contains(name));
        assert!(found, "events/{name}.json is used by no test");
        events += 1;
    }
    assert!(events >= 6);
}
