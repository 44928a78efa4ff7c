//! `ecr-cleanup stop` and `ecr-cleanup go`

use std::io::Write;

use ecr_cleanup::pipeline::StopError;

use crate::{
    exit::{Exit, UsageError},
    output,
    session::Session,
};

/// Stops every run of the deployments that share the state.
pub(crate) async fn stop(reason: Option<&str>, session: &Session) -> anyhow::Result<Exit> {
    session.introduce("stops every run").await?;
    let address = session.program.stop(reason).await.map_err(classified)?;
    writeln!(
        output::stdout(),
        "Stopped by `{address}`: no run deletes or archives anything, and one under way ends before its next batch.\n`ecr-cleanup go` allows it again."
    )?;
    Ok(Exit::Done)
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
    writeln!(output::stdout(), "{text}")?;
    Ok(Exit::Done)
}

fn classified(error: StopError) -> anyhow::Error {
    match error {
        StopError::NoState => UsageError::Stop(error).into(),
        StopError::Api(error) => error.into(),
    }
}
