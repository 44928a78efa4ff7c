//! The command `ecr-cleanup`: arguments, output and exit codes around the pipeline that the
//! function runs too.

mod arguments;
mod check_config;
mod exit;
mod explain;
mod in_use;
mod keep_list;
mod lifecycle;
mod output;
mod plan;
mod progress;
mod restore;
mod run;
mod session;
mod verify;

use std::{io, process::ExitCode};

use arguments::{Arguments, Command};
use clap::{CommandFactory, Parser};
use ecr_cleanup::config::{self, ConfigError};
use exit::{Exit, UsageError};
use session::Invocation;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let Arguments { command, common } = Arguments::parse();
    let invocation = Invocation::new(common);
    execute(command, &invocation)
        .await
        .unwrap_or_else(|error| report(&error))
        .into()
}

async fn execute(command: Command, invocation: &Invocation) -> anyhow::Result<Exit> {
    match command {
        Command::Plan(arguments) => plan::execute(&arguments, invocation).await,
        Command::Run(arguments) => run::execute(&arguments, invocation).await,
        Command::InUse => in_use::execute(invocation).await,
        Command::KeepList => keep_list::execute(invocation).await,
        Command::Verify => verify::execute(invocation).await,
        Command::Explain(arguments) => explain::execute(&arguments, invocation).await,
        Command::Lifecycle => lifecycle::execute(invocation).await,
        Command::Restore(arguments) => restore::execute(&arguments, invocation).await,
        Command::CheckConfig(arguments) => check_config::execute(&arguments, invocation).await,
        Command::Schema => {
            output::json(&mut io::stdout(), &config::schema())?;
            Ok(Exit::Done)
        }
        Command::Completions { shell } => {
            let mut command = Arguments::command();
            clap_complete::generate(shell, &mut command, "ecr-cleanup", &mut io::stdout());
            Ok(Exit::Done)
        }
    }
}

/// Prints an error and returns its exit code.
fn report(error: &anyhow::Error) -> Exit {
    // The reader of a pipe, such as `head`, may close it early.
    let closed = error
        .downcast_ref::<io::Error>()
        .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe);
    if closed {
        return Exit::Done;
    }
    eprintln!("error: {error:#}");
    if error.is::<ConfigError>() || error.is::<UsageError>() {
        Exit::Usage
    } else {
        Exit::Internal
    }
}
