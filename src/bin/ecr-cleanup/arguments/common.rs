//! What every command can be told.

use anstream::ColorChoice;
use clap::{Args, ValueEnum};

use super::Command;

/// Options of every command.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct Common {
    /// The configuration: a path, `file:PATH`, `s3://BUCKET/KEY`, `ssm:NAME`, or the document
    /// itself if it begins with `{`. The default configuration deletes nothing.
    #[arg(
        long,
        global = true,
        env = "ECR_CLEANUP_CONFIG",
        value_name = "LOCATION",
        hide_env_values = true
    )]
    pub(crate) config: Option<String>,

    /// The SHA-256 that the configuration must have.
    #[arg(
        long,
        global = true,
        env = "ECR_CLEANUP_CONFIG_SHA256",
        value_name = "HEX",
        hide_env_values = true
    )]
    pub(crate) config_sha256: Option<String>,

    /// Look only at repositories that match (`*` does not cross `/`, `**` does). Can be given several
    /// times. One that matches nothing is an error.
    #[arg(long, global = true, value_name = "GLOB")]
    pub(crate) repository: Vec<String>,

    /// The profile whose credentials and Region are used, before keys in the environment.
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) profile: Option<String>,

    /// The Region.
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) region: Option<String>,

    /// The format of the output.
    #[arg(long, global = true, value_enum, default_value_t = Output::Table)]
    pub(crate) output: Output,

    /// When to colour the output. `NO_COLOR` and `CLICOLOR_FORCE` are respected.
    #[arg(long = "color", global = true, value_enum, default_value_t = Colour::Auto, value_name = "WHEN")]
    pub(crate) colour: Colour,

    /// Show only what went wrong, and the result.
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,

    /// Log what is read and deleted.
    #[arg(long, short, global = true)]
    pub(crate) verbose: bool,
}

/// A format of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// Tables, for people.
    Table,
    /// One JSON document.
    Json,
    /// JSON Lines: one object for each item.
    Jsonl,
    /// Rows with commas, for spreadsheets: `plan`, `run`, `diff`, `in-use` and `verify`.
    Csv,
    /// Tables in Markdown, for comments: `plan`, `run`, `diff`, `in-use` and `verify`.
    Markdown,
}

impl Output {
    /// Returns whether a command can print it.
    pub(crate) const fn is_of(self, command: &Command) -> bool {
        use Command::{Diff, InUse, Plan, Run, Verify};
        match self {
            Self::Table | Self::Json | Self::Jsonl => true,
            Self::Csv | Self::Markdown => matches!(
                command,
                Plan(_) | Run(_) | Diff { .. } | InUse { .. } | Verify
            ),
        }
    }
}

/// When to colour the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Colour {
    /// On a terminal that shows colours.
    Auto,
    Always,
    Never,
}

impl Colour {
    /// Makes it hold for the whole program.
    pub(crate) fn write_global(self) {
        match self {
            Self::Auto => ColorChoice::Auto,
            Self::Always => ColorChoice::Always,
            Self::Never => ColorChoice::Never,
        }
        .write_global();
    }
}
