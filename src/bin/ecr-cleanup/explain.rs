//! `ecr-cleanup explain`

use std::io::{self, Write};

use ecr_cleanup::config::Mode;

use crate::{
    arguments::{self, Output},
    exit::Exit,
    output,
    session::Invocation,
};

/// Explains why an image is kept or would be deleted.
pub(crate) async fn execute(
    arguments: &arguments::Explain,
    invocation: &Invocation,
) -> anyhow::Result<Exit> {
    let session = invocation.start().await?;
    let image = session.image(&arguments.image)?;
    let preparing = session.program.plan(session.request(Mode::Plan));
    let prepared = session.progress.show_while(preparing).await?;
    let explanation = prepared.explain(&image);
    let mut out = io::stdout().lock();
    match session.output {
        Output::Table => write!(out, "{explanation}")?,
        Output::Json => output::json(&mut out, &explanation)?,
        Output::Jsonl => output::json_line(&mut out, &explanation)?,
    }
    Ok(Exit::Done)
}
