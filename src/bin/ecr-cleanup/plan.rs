//! `ecr-cleanup plan`

mod remarks;
mod rows;
mod sizes;
mod table;

use std::fs;

use anyhow::Context;
use ecr_cleanup::{config::Mode, pipeline::Planned, report::image_lines};

use crate::{
    arguments::{Output, PlanOptions},
    exit::Exit,
    file::File,
    interrupt::{self, Interrupted},
    output,
    page::{Look, Page},
    session::Session,
    terminal::Terminal,
};

pub(crate) use remarks::Remarks;
use sizes::sizes;
pub(crate) use table::{Stored, all_names, repositories};

/// Shows what would be deleted, and why.
pub(crate) async fn execute(options: &PlanOptions, session: &Session) -> anyhow::Result<Exit> {
    session.introduce("mode plan").await?;
    let prepared = session.plan(Mode::Plan).await?;
    let usd = session.program.config().usd_per_gb_month;
    let mut answer = prepared.answer();
    let mut exclusive = None;
    if options.exact_sizes {
        let reading = prepared.exact_sizes();
        session.progress.set_message("Reading layers".to_owned());
        let reading = interrupt::stoppable(reading);
        let sizes = session.progress.show_while(reading).await?;
        let sizes = sizes.ok_or(Interrupted)?;
        answer.set_exact(sizes.total, usd);
        exclusive = Some(sizes.exclusive);
    }
    if let Some(file) = &options.out {
        save(&prepared, file, session).await?;
    }
    if let Some(file) = &options.html {
        let page = prepared.html(&answer, exclusive.as_ref()).await;
        let written = fs::write(file, page);
        written.with_context(|| format!("failed to write `{}`", file.display()))?;
    }
    let mut out = output::stdout();
    match session.output {
        Output::Table => {
            let mut page = session.page();
            if options.sizes {
                let growth = prepared.growth(&answer).await;
                sizes(&mut page, Stored::from(&answer), usd, &growth);
            } else if !session.quiet {
                repositories(
                    &mut page,
                    prepared.plan(),
                    Stored::from(&answer),
                    options.all,
                );
            }
            Remarks::new(session.quiet, Mode::Plan).add(&mut page, prepared.plan(), &answer, true);
            page.show()?;
        }
        Output::Json => output::json(&mut out, &answer)?,
        Output::Jsonl => image_lines(&mut out, prepared.plan())?,
        Output::Csv => rows::images(prepared.plan()).csv(&mut out)?,
        Output::Markdown => {
            output::markdown(&mut out, &answer, &rows::reasons(prepared.plan()))?;
        }
    }
    Ok(match answer.status.into() {
        Exit::Done if options.exit_code && answer.counts.candidates > 0 => Exit::Candidates,
        exit => exit,
    })
}

/// Saves a plan for `run --plan`.
async fn save(planned: &Planned<'_>, file: &File, session: &Session) -> anyhow::Result<()> {
    let saved = planned.to_saved()?;
    file.write(&session.clients, "application/jsonl", saved)
        .await?;
    if session.program.config().mode == Mode::Plan {
        let text = "this plan is of a configuration in `mode: plan`, so `run --plan` refuses it; save it with the configuration that deletes";
        let mut page = Page::new(Terminal::of_stderr());
        page.paragraph((Look::Alone, "warning: "), 2, Look::Plain, text);
        page.print_to_stderr()?;
    }
    Ok(())
}
