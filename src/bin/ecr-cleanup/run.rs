//! `ecr-cleanup run`

use std::io::Write;

use ecr_cleanup::{config::Mode, pipeline::Finished, report::count};

use crate::{arguments::Output, exit::Exit, output, plan, session::Session};

/// Does what `mode` in the configuration says, after a confirmation.
pub(crate) async fn execute(yes: bool, session: &Session) -> anyhow::Result<Exit> {
    let mode = session.program.config().mode;
    let prepared = session.plan(mode).await?;
    let mut out = output::stdout();
    let planned = prepared.answer();
    if session.output == Output::Table {
        plan::plan_tables(&mut out, prepared.plan(), &planned, false)?;
        plan::remarks(&mut out, &planned)?;
    }
    let candidates = planned.counts.candidates;
    let acts = mode != Mode::Plan && prepared.refusals().is_empty() && candidates > 0;
    if acts && !yes && !confirmed(candidates, mode)? {
        writeln!(output::stderr(), "Nothing was changed.")?;
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
    let images = count(candidates, "image", "images");
    let question = match mode {
        Mode::Archive => format!(
            "Archive {images}? Those archived longer ago than `archive.delete_after` are deleted instead, which cannot be undone."
        ),
        _ => format!("Delete {images}? This cannot be undone."),
    };
    output::confirmed(&question)
}
