//! `docs/reference/command.md` shows what the command prints. After a change: `UPDATE_COMMAND=1`, and this
//! test.

use std::{env, fs, path::Path};

use demo::team;
use simulated_aws::{Fault, SimulatedAws};

use crate::trust::both_outputs;

const BEGIN: &str = "```console\n$ ecr-cleanup ";
const END: &str = "```\n";
const DENIED: &str = "the role may not call `";

/// Returns the arguments of a line, in which `'` quotes.
fn arguments(line: &str) -> Vec<&str> {
    let parts = line.split('\'').enumerate();
    parts
        .flat_map(|(position, part)| {
            let whole = !position.is_multiple_of(2);
            let words: Vec<&str> = if whole {
                vec![part]
            } else {
                part.split_whitespace().collect()
            };
            words
        })
        .collect()
}

#[tokio::test]
async fn the_page_shows_what_the_command_prints() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference/command.md");
    let document = fs::read_to_string(&path).unwrap();
    let mut blocks = document.split(BEGIN);
    let mut text = blocks.next().unwrap().to_owned();
    let mut shown = 0;
    for block in blocks {
        let before = text.rsplit("## ").next().unwrap();
        let denied = before.split_once(DENIED);
        let denied = denied.map(|(_, rest)| rest.split_once('`').unwrap().0.to_owned());
        let (line, rest) = block.split_once('\n').unwrap();
        let (_, after) = rest.split_once(END).unwrap();
        let aws = SimulatedAws::builder().world(team().world).start().await;
        if let Some(operation) = denied {
            aws.fault(Fault::denied(operation));
        }
        let printed = both_outputs(&aws, &arguments(line)).await;
        let longest = printed.lines().map(|line| line.chars().count()).max();
        assert!(
            longest.is_some_and(|columns| columns <= 80),
            "{line}: {printed}"
        );
        text += &[BEGIN, line, "\n", &printed, END, after].concat();
        shown += 1;
    }
    assert!(shown >= 6);
    if env::var_os("UPDATE_COMMAND").is_some() {
        fs::write(path, text).unwrap();
    } else {
        assert_eq!(
            document, text,
            "write docs/reference/command.md again with UPDATE_COMMAND=1"
        );
    }
}
