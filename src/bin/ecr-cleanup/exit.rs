//! Exit codes, and errors that are the caller's.

use std::{path::PathBuf, process::ExitCode};

use ecr_cleanup::{
    aws::UnknownRegion,
    image::TypedReferenceError,
    pipeline::{AcceptUseError, PolicyTestError, PublishError, SnapshotError, StopError},
    report::Status,
};

/// The exit code of the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Everything was done.
    Done = 0,
    /// An error stopped the command, its result is incomplete, or there is no such image.
    Internal = 1,
    /// The arguments or the configuration are wrong.
    Usage = 2,
    /// Some images could not be deleted or archived, or a policy test failed.
    Failures = 3,
    /// A guard refused the run, or permissions are missing.
    Refused = 4,
    /// Images that run now cannot be pulled.
    Missing = 5,
    /// There is something to delete, which was asked for.
    Candidates = 10,
    /// Ctrl-C or SIGTERM ended the command.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

impl From<Status> for Exit {
    fn from(status: Status) -> Self {
        match status {
            Status::Planned | Status::Completed | Status::Truncated => Self::Done,
            Status::CompletedWithFailures => Self::Failures,
            Status::Refused => Self::Refused,
        }
    }
}

/// The arguments cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UsageError {
    #[error("{0}")]
    Glob(String),
    #[error("`{glob}` matches no repository{of}{}", did_you_mean(near.as_deref()))]
    NoMatch {
        glob: String,
        /// Which repositories were meant: ` with an image in use`, or nothing.
        of: &'static str,
        near: Option<String>,
    },
    #[error("`{}` exists\nhint: pass `--force` to overwrite it", .0.display())]
    FileExists(PathBuf),
    #[error("`{}` is no file in a folder that there is", .0.display())]
    NoFolder(PathBuf),
    #[error("`{}` cannot be planned from: {why}", file.display())]
    Snapshot { file: PathBuf, why: SnapshotError },
    #[error("`{}` is no policy test: {why}", file.display())]
    PolicyTest { file: PathBuf, why: PolicyTestError },
    #[error("there is no subcommand `{0}`")]
    Subcommand(String),
    #[error("--region: {0}")]
    Region(UnknownRegion),
    #[error(
        "the configuration says `mode: plan`, so that nothing is deleted\nhint: set `mode: delete`, save a plan with that (`plan` deletes nothing), and apply it"
    )]
    PlanMode,
    #[error(
        "`--output csv` and `--output markdown` are for `plan`, `run`, `diff`, `in-use` and `verify`\nhint: `--output json` is for every command"
    )]
    Format,
    #[error(transparent)]
    Image(#[from] TypedReferenceError),
    #[error(transparent)]
    AcceptUse(AcceptUseError),
    #[error(transparent)]
    Publish(PublishError),
    #[error(transparent)]
    Stop(StopError),
    #[error(
        "cannot ask for confirmation: stdin is not a terminal\nhint: look at `ecr-cleanup plan` first, then pass `--yes`"
    )]
    NotATerminal,
}

fn did_you_mean(near: Option<&str>) -> String {
    near.map(|near| format!("\nhint: did you mean `{near}`?"))
        .unwrap_or_default()
}
