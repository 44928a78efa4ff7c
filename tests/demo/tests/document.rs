//! `docs/guides/demo.md` shows what the demo prints. After a change: `UPDATE_DEMO=1 make test-rust`.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::{env, fs, path::Path, process::Command};

const BEGIN: &str = "```text\n";
const END: &str = "```\n";

#[test]
fn the_document_shows_what_the_demo_prints() {
    let output = Command::new(env!("CARGO_BIN_EXE_demo")).output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{errors}");
    let printed = String::from_utf8(output.stdout).unwrap();
    let printed = format!("{}\n", printed.trim());

    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guides/demo.md");
    let document = fs::read_to_string(&path).unwrap();
    let (before, rest) = document.split_once(BEGIN).unwrap();
    let (shown, after) = rest.split_once(END).unwrap();
    if env::var_os("UPDATE_DEMO").is_some() {
        fs::write(path, [before, BEGIN, &printed, END, after].concat()).unwrap();
    } else {
        assert_eq!(
            shown, printed,
            "write docs/guides/demo.md again with UPDATE_DEMO=1"
        );
    }
}
