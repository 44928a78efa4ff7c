//! `ecr-cleanup keep-list`

use std::io;

use crate::{exit::Exit, output, session::Invocation};

/// Writes a keep list of the images in use. The list is JSON whatever `--output` says.
pub(crate) async fn execute(invocation: &Invocation) -> anyhow::Result<Exit> {
    let session = invocation.start().await?;
    let reading = session.program.keep_list();
    let (usage, list) = session.progress.show_while(reading).await?;
    match list {
        Ok(list) => {
            output::json(&mut io::stdout().lock(), &list)?;
            Ok(Exit::Done)
        }
        Err(problem) => {
            output::sources(&mut io::stderr(), usage.sources())?;
            anyhow::bail!("cannot write a complete keep list: {problem}")
        }
    }
}
