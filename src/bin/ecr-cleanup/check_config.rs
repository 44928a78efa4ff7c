//! `ecr-cleanup check-config`

use crate::{arguments::Output, exit::Exit, output, page::Look, session::Session};

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
    if session.output == Output::Table {
        let mut page = session.page();
        for line in access.to_string().lines() {
            // Policies and rules are to be pasted as they are.
            if line.starts_with(char::is_uppercase) {
                page.paragraph((Look::Plain, ""), 2, Look::Plain, line);
            } else {
                page.line(&[(Look::Plain, line)]);
            }
        }
        page.print()?;
    } else {
        output::value(&mut out, session.output, &access)?;
    }
    Ok(if access.is_complete() {
        Exit::Done
    } else {
        Exit::Refused
    })
}
