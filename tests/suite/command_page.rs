//! `docs/reference/command.md` shows what the command prints. After a change: `UPDATE_COMMAND=1`, and this
//! test.

use std::{env, fs, path::Path};

use demo::team;
use simulated_aws::{Fault, SimulatedAws};
use tempfile::TempDir;

use crate::{support::WorldExt, trust::both_outputs_in};

const BEGIN: &str = "```console\n$ ecr-cleanup ";
const END: &str = "```\n";
const DENIED: &str = "the role may not call `";
const DEPLOYED: &str = "a task definition names `";
/// A file that the commands after it read, by the name in its first line.
const FILE: &str = "```yaml\n# ";

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
    let folder = TempDir::new().unwrap();
    for block in blocks {
        let before = text.rsplit("## ").next().unwrap();
        let denied = before.split_once(DENIED);
        let denied = denied.map(|(_, rest)| rest.split_once('`').unwrap().0.to_owned());
        let deployed = before.rsplit_once(DEPLOYED);
        let deployed = deployed.map(|(_, rest)| rest.split_once('`').unwrap().0.to_owned());
        for file in before.split(FILE).skip(1) {
            let (name, text) = file.split_once(END).unwrap().0.split_once('\n').unwrap();
            fs::write(folder.path().join(name), text).unwrap();
        }
        let (line, rest) = block.split_once('\n').unwrap();
        let (_, after) = rest.split_once(END).unwrap();
        let aws = SimulatedAws::builder().world(team().world).start().await;
        if let Some(operation) = denied {
            aws.fault(Fault::denied(operation));
        }
        if let Some((repository, tag)) = deployed.as_deref().and_then(|it| it.split_once(':')) {
            aws.edit(|world| world.define("meanwhile", repository, tag));
        }
        let printed = both_outputs_in(&aws, &arguments(line), folder.path()).await;
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
