//! `ecr-cleanup accept-use`

use std::io::Write;

use ecr_cleanup::{pipeline::AcceptUseError, report::count};
use serde_json::{Value, json};

use crate::{
    arguments::Output,
    exit::{Exit, UsageError},
    output,
    session::Session,
};

/// Accepts that a source finds much less than in the last run, after a confirmation.
pub(crate) async fn execute(source: &str, yes: bool, session: &Session) -> anyhow::Result<Exit> {
    if !yes {
        output::check_can_ask()?;
    }
    session.introduce("reads only").await?;
    let reading = session.program.use_change(source);
    let change = session.progress.show_while(reading).await;
    let change = change.map_err(|error| match error {
        AcceptUseError::NoState | AcceptUseError::UnknownSource { .. } => {
            UsageError::AcceptUse(error).into()
        }
        error => anyhow::Error::from(error),
    })?;
    let changes: Vec<_> = change.changes().collect();
    let mut out = output::stdout();
    match session.output {
        Output::Json => output::json(&mut out, &documents(&changes))?,
        Output::Jsonl => output::json_lines(&mut out, documents(&changes))?,
        _ => {
            for &(source, before, now) in &changes {
                let [before, now] = [before, now].map(|it| counted(it, change.counts_references()));
                writeln!(out, "{source}: {now}, and {before} in the last run")?;
            }
        }
    }
    if changes.is_empty() {
        writeln!(
            output::stderr(),
            "`{source}` finds what it found in the last run: there is nothing to accept."
        )?;
        return Ok(Exit::Done);
    }
    let question = format!("Let the next run compare with what `{source}` finds now?");
    if !yes && !output::confirmed(&question)? {
        writeln!(output::stderr(), "Nothing was changed.")?;
        return Ok(Exit::Done);
    }
    change.accept().await?;
    writeln!(
        output::stderr(),
        "Accepted: the next run compares with these counts."
    )?;
    Ok(Exit::Done)
}

fn counted(number: Option<usize>, of_references: bool) -> String {
    match number {
        None => "not read".to_owned(),
        Some(number) if of_references => count(number as u64, "reference", "references"),
        Some(number) => number.to_string(),
    }
}

fn documents(changes: &[(&str, Option<usize>, Option<usize>)]) -> Vec<Value> {
    let document = |&(source, before, now): &(&str, _, _)| json!({"source": source, "before": before, "now": now});
    changes.iter().map(document).collect()
}
