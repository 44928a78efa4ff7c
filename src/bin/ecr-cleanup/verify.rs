//! `ecr-cleanup verify`

use std::io::Write;

use ecr_cleanup::report::Verification;

use crate::{
    arguments::Output,
    exit::Exit,
    in_use, output,
    page::{Look, Page},
    rows::{Rows, literal},
    session::Session,
};

/// Checks that every image in use can be pulled.
pub(crate) async fn execute(session: &Session) -> anyhow::Result<Exit> {
    session.introduce("reads only").await?;
    let run = session.program.begin();
    let verifying = session.program.verify_only(run, session.repositories());
    let (verification, usage, _) = session.progress.show_while(verifying).await?;
    let names = usage
        .references()
        .filter_map(|(it, _)| in_use::repository(it));
    session.check_globs(&names.collect::<Vec<_>>(), " with an image in use")?;
    let mut out = output::stdout();
    match session.output {
        Output::Table => {
            let mut page = session.page();
            remarks(&mut page, &verification);
            page.show()?;
        }
        Output::Json => output::json(&mut out, &verification)?,
        Output::Jsonl => output::json_lines(&mut out, &verification.missing)?,
        Output::Csv => rows(&verification).csv(&mut out)?,
        Output::Markdown => {
            writeln!(out, "**{}**\n", literal(&summary(&verification)))?;
            rows(&verification).markdown(&mut out)?;
        }
    }
    Ok(match verification.live_missing() {
        0 if verification.is_complete() => Exit::Done,
        0 => Exit::Internal,
        _ => Exit::Missing,
    })
}

/// Returns the images that cannot be pulled.
fn rows(verification: &Verification) -> Rows {
    let rows = verification.missing.iter().map(|missing| {
        [
            missing.title(),
            missing.problem.to_string(),
            missing.live.to_string(),
            missing.users.join("; "),
        ]
    });
    Rows::new(["image", "problem", "live", "users"], rows)
}

fn remarks(page: &mut Page, verification: &Verification) {
    for missing in &verification.missing {
        let (look, needed) = if missing.live {
            (Look::Delete, "")
        } else {
            (Look::Dim, "; not needed now")
        };
        page.line(&[(look, &missing.title())]);
        let problem = format!("{}{needed}", missing.problem);
        page.paragraph((Look::Plain, "  "), 4, Look::Plain, &problem);
        for user in &missing.users {
            page.paragraph((Look::Dim, "  used by "), 4, Look::Plain, user);
        }
    }
    page.gap();
    for (repository, why) in &verification.not_asked {
        let text = format!("Could not list `{repository}`: {why}");
        page.paragraph((Look::Plain, ""), 2, Look::Delete, &text);
    }
    let sources = verification.in_use.iter();
    output::sources(page, sources.filter(|source| !source.is_complete()));
    page.paragraph((Look::Plain, ""), 0, Look::Strong, &summary(verification));
}

/// Returns the result without its pointer to the missing images, which stand beside it.
fn summary(verification: &Verification) -> String {
    verification.summary.replace(": see `missing`", "")
}
