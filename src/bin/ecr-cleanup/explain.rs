//! `ecr-cleanup explain`

use ecr_cleanup::config::Mode;

use crate::{exit::Exit, output, session::Session};

/// Explains why an image is kept or would be deleted.
pub(crate) async fn execute(image: &str, session: &Session) -> anyhow::Result<Exit> {
    let image = session.image(image)?;
    let explanation = session.plan(Mode::Plan).await?.explain(&image);
    output::value(&mut output::stdout(), session.output, &explanation)?;
    Ok(Exit::Done)
}
