//! `ecr-cleanup snapshot`

use std::{fs::File, io::BufWriter, path::Path};

use anyhow::Context;
use ecr_cleanup::{config::Mode, report::count};

use crate::{arguments::Output, exit::Exit, output, page::Look, session::Session};

/// Writes all that plans are made from to a file.
pub(crate) async fn execute(file: &Path, session: &Session) -> anyhow::Result<Exit> {
    session.introduce("reads only").await?;
    let request = session.request(Mode::Plan);
    // In a box, since the future is large.
    let taking = Box::pin(session.program.snapshot(&request));
    let taken = session.progress.show_while(taking).await?;
    let names: Vec<&str> = taken.repositories.iter().map(|name| &**name).collect();
    if !names.is_empty() {
        session.check_globs(&names, "")?;
    }
    let failed = || format!("failed to write `{}`", file.display());
    let opened = File::create(file).with_context(failed)?;
    let written = taken.snapshot.write(BufWriter::new(opened));
    written.with_context(failed)?;
    if session.output == Output::Table {
        let mut page = session.page();
        output::sources(&mut page, &taken.sources);
        output::unread(&mut page, &taken.unread);
        page.gap();
        let text = format!(
            "Wrote {} with {} to `{}`.",
            count(names.len() as u64, "repository", "repositories"),
            count(taken.images, "image", "images"),
            file.display()
        );
        page.paragraph((Look::Plain, ""), 2, Look::Plain, &text);
        page.print()?;
    }
    Ok(Exit::Done)
}
