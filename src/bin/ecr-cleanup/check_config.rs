//! `ecr-cleanup check-config`

use crate::{exit::Exit, output, session::Session};

/// Prints the configuration with all defaults, or the permissions that it lacks.
pub(crate) async fn execute(access: bool, session: &Session) -> anyhow::Result<Exit> {
    let mut out = output::stdout();
    if !access {
        output::json(&mut out, session.program.config())?;
        return Ok(Exit::Done);
    }
    session.introduce("reads only").await?;
    // In a box, since the future is large.
    let trying = Box::pin(session.program.access());
    let access = session.progress.show_while(trying).await?;
    output::value(&mut out, session.output, &access)?;
    Ok(if access.is_complete() {
        Exit::Done
    } else {
        Exit::Refused
    })
}
