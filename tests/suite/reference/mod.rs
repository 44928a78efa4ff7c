//! The parts of documents that are generated: what stands between `<!-- KIND ARGUMENTS -->` and
//! `<!-- end -->`. After a change: `UPDATE_REFERENCE=1 make test-rust`.

mod commands;
mod permissions;
mod records;
mod settings;

use std::{env, fs, path::Path};

use regex::{Captures, Regex};

use crate::links::documents;

fn file(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// Returns a text as the cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

fn generated(kind: &str, arguments: &[&str], before: &str) -> String {
    match (kind, arguments) {
        ("settings", []) => settings::sections(),
        ("commands", []) => commands::sections(),
        ("permissions", []) => permissions::table(),
        ("policy", [sources]) => permissions::policy(*sources == "all"),
        ("fields", [path, name]) => records::fields(&file(path), name, before),
        ("variants", [path, name]) => records::variants(&file(path), name),
        other => panic!("nothing generates {other:?}"),
    }
}

#[test]
fn what_is_generated_is_up_to_date() {
    let part = Regex::new(r"(?ms)^<!-- (\w+)((?: \S+)*) -->\n(.*?)^<!-- end -->$").unwrap();
    let mut parts = 0;
    for document in documents() {
        let path = document.to_str().unwrap();
        let text = file(path);
        let renewed = part.replace_all(&text, |found: &Captures<'_>| {
            parts += 1;
            let arguments: Vec<&str> = found[2].split_whitespace().collect();
            let content = generated(&found[1], &arguments, &found[3]);
            format!("<!-- {}{} -->\n{content}<!-- end -->", &found[1], &found[2])
        });
        if env::var_os("UPDATE_REFERENCE").is_some() {
            fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join(path), &*renewed).unwrap();
        } else {
            assert_eq!(text, renewed, "write {path} again with UPDATE_REFERENCE=1");
        }
    }
    assert!(parts >= 10, "{parts}");
}
