//! `ecr-cleanup init`

use std::{
    fs::OpenOptions,
    io::{self, Write},
    path::Path,
};

use anyhow::Context;
use ecr_cleanup::config::Mode;

use crate::{
    exit::{Exit, UsageError},
    output,
    page::{Look, Page},
    session::Session,
    terminal::Terminal,
};

/// Proposes a configuration for what is there, on stdout or in a file.
pub(crate) async fn execute(
    out: Option<&Path>,
    force: bool,
    session: &Session,
) -> anyhow::Result<Exit> {
    if let Some(path) = out {
        // Known before minutes of reading.
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        if path.file_name().is_none() || folder.is_some_and(|folder| !folder.is_dir()) {
            return Err(UsageError::NoFolder(path.to_owned()).into());
        }
        if path.exists() && !force {
            return Err(UsageError::FileExists(path.to_owned()).into());
        }
    }
    let proposing = session.program.propose(session.request(Mode::Plan));
    let proposal = session.progress.show_while(proposing).await?;
    let Some(path) = out else {
        write!(output::stdout(), "{proposal}")?;
        return Ok(Exit::Done);
    };
    let mut options = OpenOptions::new();
    options
        .write(true)
        .create_new(!force)
        .create(force)
        .truncate(force);
    let written = options
        .open(path)
        .and_then(|mut file| write!(file, "{proposal}"));
    match written {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            Err(UsageError::FileExists(path.to_owned()).into())
        }
        written => {
            let path = path.display();
            written.with_context(|| format!("failed to write `{path}`"))?;
            let text = format!(
                "Wrote `{path}`. {} Next: `ecr-cleanup plan --config {path}`.",
                proposal.result()
            );
            let mut page = Page::new(Terminal::of_stderr());
            page.paragraph((Look::Plain, ""), 0, Look::Plain, &text);
            page.print_to_stderr()?;
            Ok(Exit::Done)
        }
    }
}
