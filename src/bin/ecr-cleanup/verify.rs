//! `ecr-cleanup verify`

use std::io::{self, Write};

use ecr_cleanup::report::Verification;

use crate::{arguments::Output, exit::Exit, output, session::Session};

/// Checks that every image in use can be pulled.
pub(crate) async fn execute(session: &Session) -> anyhow::Result<Exit> {
    let verifying = session.program.verify();
    let (verification, _) = session.progress.show_while(verifying).await?;
    let mut out = output::stdout();
    match session.output {
        Output::Table => table(&mut out, &verification)?,
        Output::Json => output::json(&mut out, &verification)?,
        Output::Jsonl => output::json_lines(&mut out, &verification.missing)?,
    }
    Ok(match verification.live_missing() {
        0 if verification.is_complete() => Exit::Done,
        0 => Exit::Internal,
        _ => Exit::Missing,
    })
}

fn table(out: &mut impl Write, verification: &Verification) -> io::Result<()> {
    let mut table = output::table(&["Image in use", "Problem", "Used by"]);
    for missing in &verification.missing {
        let problem = if missing.live {
            missing.problem.to_string()
        } else {
            format!("{}; not needed now", missing.problem)
        };
        table.add_row([missing.title(), problem, missing.users.join("\n")]);
    }
    if table.row_count() > 0 {
        writeln!(out, "{table}")?;
    }
    for (repository, why) in &verification.not_asked {
        writeln!(out, "Could not list `{repository}`: {why}")?;
    }
    let sources = verification.in_use.iter();
    let incomplete = sources.filter(|source| !source.is_complete());
    output::sources(out, incomplete)?;
    writeln!(out, "{}", verification.summary)
}
