//! `ecr-cleanup check-config`

use std::io::{self, Write};

use crate::{
    arguments::{self, Output},
    exit::Exit,
    output,
    session::{Invocation, Session},
};

/// Prints the configuration with all defaults, or the permissions that it lacks.
pub(crate) async fn execute(
    arguments: &arguments::CheckConfig,
    invocation: &Invocation,
) -> anyhow::Result<Exit> {
    let session = invocation.start().await?;
    if arguments.access {
        return access(&session).await;
    }
    output::json(&mut io::stdout().lock(), session.program.config())?;
    Ok(Exit::Done)
}

/// Tries every permission that the configuration needs.
async fn access(session: &Session<'_>) -> anyhow::Result<Exit> {
    // In a box, since the future is large.
    let trying = Box::pin(session.program.access());
    let access = session.progress.show_while(trying).await?;
    let mut out = io::stdout().lock();
    match session.output {
        Output::Table => write!(out, "{access}")?,
        Output::Json => output::json(&mut out, &access)?,
        Output::Jsonl => output::json_line(&mut out, &access)?,
    }
    Ok(if access.is_complete() {
        Exit::Done
    } else {
        Exit::Refused
    })
}
