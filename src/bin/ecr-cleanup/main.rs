//! The command `ecr-cleanup`: arguments, output and exit codes around the pipeline that the
//! function runs too.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod accept_use;
mod arguments;
mod check_config;
mod diff;
mod exit;
mod explain;
mod file;
mod git;
mod import_lifecycle;
mod in_use;
mod init;
mod interrupt;
mod keep_list;
mod lifecycle;
mod output;
mod page;
mod plan;
mod progress;
mod rbac;
mod restore;
mod rows;
mod run;
mod session;
mod snapshot;
mod stop;
mod terminal;
mod test_policies;
mod verify;

use std::{error::Error, io, io::Write, process::ExitCode};

use arguments::{Arguments, Command, Common, GitCommand};
use clap::{CommandFactory, Parser};
use ecr_cleanup::{
    aws::ApiError,
    config::{self, ConfigError},
    report::SavedPlanError,
};
use exit::{Exit, UsageError};
use interrupt::Interrupted;
use page::{Look, Page};
use session::{Backend, Session};
use terminal::Terminal;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let Arguments { command, common } = Arguments::parse();
    common.colour.write_global();
    // In a box, since the future is large.
    let executed = Box::pin(execute(command, &common)).await;
    let exit = executed.unwrap_or_else(|error| report(&error));
    if interrupt::happened() {
        return Exit::Interrupted.into();
    }
    exit.into()
}

async fn execute(command: Command, common: &Common) -> anyhow::Result<Exit> {
    if !common.output.is_of(&command) {
        return Err(UsageError::Format.into());
    }
    // Nothing is started before it is awaited.
    let session = Session::start(common, backend(&command));
    match &command {
        Command::Plan(options) => plan::execute(options, &session.await?).await,
        Command::Run(options) => {
            let session = session.await?;
            Box::pin(run::execute(options, &session)).await
        }
        Command::Diff {
            old,
            new,
            exit_code,
        } => diff::execute(old, new, *exit_code, &session.await?).await,
        Command::Init { out, force } => {
            init::execute(out.as_deref(), *force, &session.await?).await
        }
        Command::InUse { publish } => in_use::execute(*publish, &session.await?).await,
        Command::Snapshot { out } => snapshot::execute(out, &session.await?).await,
        Command::Test { files } => test_policies::execute(files, &session.await?),
        Command::KeepList => keep_list::execute(&session.await?).await,
        Command::Verify => verify::execute(&session.await?).await,
        Command::Explain { image, users } => explain::execute(image, *users, &session.await?).await,
        Command::Lifecycle => lifecycle::execute(&session.await?).await,
        Command::ImportLifecycle { repositories } => {
            import_lifecycle::execute(repositories, &session.await?).await
        }
        Command::Stop { reason } => stop::stop(reason.as_deref(), &session.await?).await,
        Command::Go => stop::go(&session.await?).await,
        Command::AcceptUse { source, yes } => {
            accept_use::execute(source, *yes, &session.await?).await
        }
        Command::Restore { images } => restore::execute(images, &session.await?).await,
        Command::CheckConfig { access } => check_config::execute(*access, &session.await?).await,
        Command::Rbac {
            context,
            kubeconfig,
            cluster,
        } => {
            let cluster = rbac::Cluster::new(context.as_deref(), cluster.as_deref(), kubeconfig);
            rbac::execute(&cluster, &session.await?).await
        }
        Command::Git {
            command: GitCommand::Export(export),
        } => git::export(export).await,
        Command::Schema => schema(),
        Command::Man { subcommand } => manual(subcommand.as_deref()),
        Command::Completions { shell } => completions(*shell),
    }
}

/// Returns what a command asks.
fn backend(command: &Command) -> Backend<'_> {
    match command {
        Command::Plan(options) => {
            let snapshot = options.snapshot.as_deref();
            snapshot.map_or(Backend::Aws, Backend::Snapshot)
        }
        Command::Test { .. } => Backend::Nobody,
        _ => Backend::Aws,
    }
}

fn schema() -> anyhow::Result<Exit> {
    output::json(&mut output::stdout(), &config::schema())?;
    Ok(Exit::Done)
}

fn completions(shell: clap_complete::Shell) -> anyhow::Result<Exit> {
    let mut command = Arguments::command();
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, "ecr-cleanup", &mut script);
    output::stdout().write_all(&script)?;
    Ok(Exit::Done)
}

/// Prints the manual page of the command or of a subcommand.
fn manual(subcommand: Option<&str>) -> anyhow::Result<Exit> {
    let mut command = Arguments::command();
    command.build();
    let page = match subcommand {
        None => command,
        Some(name) => {
            let found = command.find_subcommand(name).cloned();
            found.ok_or_else(|| UsageError::Subcommand(name.to_owned()))?
        }
    };
    clap_mangen::Man::new(page).render(&mut output::stdout())?;
    Ok(Exit::Done)
}

fn is_denied(error: &(dyn Error + 'static)) -> bool {
    error
        .downcast_ref()
        .is_some_and(|error: &ApiError| error.is_denied())
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
    let mut page = Page::new(Terminal::of_stderr());
    let label = if error.is::<Interrupted>() {
        (Look::Plain, "")
    } else {
        (Look::Delete, "error: ")
    };
    page.paragraph(label, 2, Look::Plain, &format!("{error:#}"));
    if error.chain().any(is_denied) {
        let hint = "`ecr-cleanup check-config --access` lists every permission that is missing";
        page.paragraph((Look::Plain, "hint: "), 2, Look::Plain, hint);
    }
    // Nothing is left to do if that cannot be written.
    let _ = page.print_to_stderr();
    match error.downcast_ref() {
        Some(SavedPlanError::Unread(_)) => Exit::Internal,
        Some(_) => Exit::Refused,
        None if error.is::<ConfigError>() || error.is::<UsageError>() => Exit::Usage,
        None => Exit::Internal,
    }
}
