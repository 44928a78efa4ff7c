//! `ecr-cleanup run`

use std::io::{self, BufRead, IsTerminal, Write};

use anyhow::Context;
use ecr_cleanup::{config::Mode, pipeline::Finished, report::count};

use crate::{
    arguments::{self, Output},
    exit::{Exit, UsageError},
    output, plan,
    session::Invocation,
};

/// Does what `mode` in the configuration says, after a confirmation.
pub(crate) async fn execute(
    arguments: &arguments::Run,
    invocation: &Invocation,
) -> anyhow::Result<Exit> {
    if !arguments.yes && !io::stdin().is_terminal() {
        return Err(UsageError::NotATerminal.into());
    }
    let session = invocation.start().await?;
    let mode = session.program.config().mode;
    let preparing = session.program.plan(session.request(mode));
    let prepared = session.progress.show_while(preparing).await?;
    let mut out = io::stdout().lock();
    let planned = prepared.answer();
    if session.output == Output::Table {
        plan::plan_tables(&mut out, prepared.plan(), &planned, false)?;
        plan::remarks(&mut out, &planned)?;
    }
    let candidates = planned.counts.candidates;
    let acts = mode != Mode::Plan && prepared.refusals().is_empty() && candidates > 0;
    if acts && !arguments.yes && !confirmed(candidates, mode)? {
        writeln!(io::stderr(), "Nothing was changed.")?;
        return Ok(Exit::Done);
    }
    let Finished { answer, .. } = session.progress.show_while(prepared.finish()).await;
    let exit = answer.status.into();
    match session.output {
        Output::Table if mode == Mode::Plan => writeln!(
            out,
            "Nothing was deleted, because the configuration says `mode: plan`. Set `mode: delete` to delete images."
        )?,
        Output::Table => plan::remarks(&mut out, &answer)?,
        Output::Json => output::json(&mut out, &answer.to_json())?,
        Output::Jsonl => output::json_line(&mut out, &answer.to_json())?,
    }
    Ok(exit)
}

/// Asks whether to delete or archive.
fn confirmed(candidates: u64, mode: Mode) -> anyhow::Result<bool> {
    let mut err = io::stderr();
    write!(
        err,
        "{} Type `yes` to continue: ",
        question(candidates, mode)
    )?;
    err.flush()?;
    let mut answer = String::new();
    io::stdin()
        .lock()
        .read_line(&mut answer)
        .context("failed to read the answer")?;
    Ok(answer.trim() == "yes")
}

fn question(candidates: u64, mode: Mode) -> String {
    let images = count(candidates, "image", "images");
    match mode {
        Mode::Archive => format!(
            "Archive {images}? Those archived longer ago than `archive.delete_after` are deleted instead, which cannot be undone."
        ),
        _ => format!("Delete {images}? This cannot be undone."),
    }
}
