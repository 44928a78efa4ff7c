//! `ecr-cleanup keep-list`

use crate::{exit::Exit, output, session::Session};

/// Writes a keep list of the images in use. The list is JSON whatever `--output` says.
pub(crate) async fn execute(session: &Session) -> anyhow::Result<Exit> {
    let reading = session.program.keep_list();
    let (usage, list) = session.progress.show_while(reading).await?;
    match list {
        Ok(list) => {
            output::json(&mut output::stdout(), &list)?;
            Ok(Exit::Done)
        }
        Err(problem) => {
            let mut page = session.page();
            output::sources(&mut page, usage.sources());
            page.print_to_stderr()?;
            anyhow::bail!("cannot write a complete keep list: {problem}")
        }
    }
}
