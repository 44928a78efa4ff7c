//! `ecr-cleanup in-use`

use std::{
    collections::BTreeSet,
    io::{self, Write},
};

use ecr_cleanup::evidence::UsageIndex;
use serde_json::{Value, json};

use crate::{arguments::Output, exit::Exit, output, session::Session};

/// Shows which images are in use, and by what; `publish` writes it down for other accounts too.
pub(crate) async fn execute(publish: bool, session: &Session) -> anyhow::Result<Exit> {
    let usage = if publish {
        let publishing = session.program.publish_evidence(None);
        let published = session.progress.show_while(publishing).await?;
        writeln!(output::stderr(), "{}", published.summary())?;
        published.usage
    } else {
        let reading = session.program.in_use();
        session.progress.show_while(reading).await?
    };
    let mut out = output::stdout();
    match session.output {
        Output::Table => table(&mut out, &usage)?,
        Output::Json => {
            let references: Vec<Value> = references(&usage).collect();
            let unread: Vec<_> = usage.unread().collect();
            let document =
                json!({"in_use": usage.sources(), "unread": unread, "references": references});
            output::json(&mut out, &document)?;
        }
        Output::Jsonl => output::json_lines(&mut out, references(&usage))?,
    }
    Ok(if usage.is_complete() {
        Exit::Done
    } else {
        Exit::Internal
    })
}

fn table(out: &mut impl Write, usage: &UsageIndex) -> io::Result<()> {
    let mut table = output::table(&["Image", "Used by"]);
    for (reference, users) in usage.references() {
        // A user may name an image twice: for now, and for later.
        let users: BTreeSet<String> = users.iter().map(ToString::to_string).collect();
        let users: Vec<String> = users.into_iter().collect();
        table.add_row([reference.short(), users.join("\n")]);
    }
    writeln!(out, "{table}")?;
    output::sources(out, usage.sources())?;
    output::unread(out, usage.unread())
}

fn references(usage: &UsageIndex) -> impl Iterator<Item = Value> {
    usage
        .references()
        .map(|(reference, users)| json!({"image": reference, "users": users}))
}
