//! `ecr-cleanup stop` and `ecr-cleanup go`

use ecr_cleanup::pipeline::StopError;

use crate::{
    exit::{Exit, UsageError},
    page::Look,
    session::Session,
};

/// Stops every run of the deployments that share the state.
pub(crate) async fn stop(reason: Option<&str>, session: &Session) -> anyhow::Result<Exit> {
    session.introduce("stops every run").await?;
    let address = session.program.stop(reason).await.map_err(classified)?;
    let text = format!(
        "Stopped by `{address}`: no run deletes or archives anything, and one under way ends before its next batch. `ecr-cleanup go` with the same configuration allows it again."
    );
    say(session, &text)
}

/// Allows deletion again.
pub(crate) async fn go(session: &Session) -> anyhow::Result<Exit> {
    session.introduce("lets runs delete").await?;
    let (address, was_there) = session.program.allow_again().await.map_err(classified)?;
    let text = if was_there {
        format!("Removed `{address}`: the next run may delete again.")
    } else {
        format!("Nothing was stopped: there is no `{address}`.")
    };
    say(session, &text)
}

fn say(session: &Session, text: &str) -> anyhow::Result<Exit> {
    let mut page = session.page();
    page.paragraph((Look::Plain, ""), 0, Look::Plain, text);
    page.print()?;
    Ok(Exit::Done)
}

fn classified(error: StopError) -> anyhow::Error {
    match error {
        StopError::NoState => UsageError::Stop(error).into(),
        StopError::Api(error) => error.into(),
    }
}
