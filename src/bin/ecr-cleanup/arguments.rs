//! The arguments of the command.

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

/// Deletes container images that are not in use from Amazon ECR.
///
/// Exit codes: 0 done, 1 internal error, 2 usage or configuration, 3 some deletions failed, 4
/// refused, 5 images in use are missing.
#[derive(Debug, Parser)]
#[command(name = "ecr-cleanup", version, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,

    #[command(flatten)]
    pub(crate) common: Common,
}

/// Options of every command.
#[derive(Debug, Args)]
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

    /// Read only repositories that match (`*` does not cross `/`, `**` does). Can be given several
    /// times.
    #[arg(long, global = true, value_name = "GLOB")]
    pub(crate) repository: Vec<String>,

    /// The format of the output.
    #[arg(long, global = true, value_enum, default_value_t = Output::Table)]
    pub(crate) output: Output,

    /// Log what is read and deleted.
    #[arg(long, short, global = true)]
    pub(crate) verbose: bool,
}

/// A subcommand.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show what would be deleted, and why. Changes nothing.
    Plan {
        /// List the images that are kept as well.
        #[arg(long)]
        all: bool,
        /// Count each layer once. Reads the manifests of all images, which AWS counts as pulls.
        #[arg(long)]
        exact_sizes: bool,
    },
    /// Do what `mode` in the configuration says.
    Run {
        /// Do not ask for confirmation. Required if stdin is not a terminal.
        #[arg(long, short)]
        yes: bool,
    },
    /// Show which images are in use, and by what.
    InUse {
        /// Write it to `publish` too, as a run does.
        #[arg(long)]
        publish: bool,
    },
    /// Write a keep list of the images in use, for `in_use.keep_lists` of another account.
    KeepList,
    /// Check that every image in use can be pulled. Exit code 5 if one that is needed now cannot.
    Verify,
    /// Explain why an image is kept or would be deleted.
    Explain {
        /// `REPOSITORY:TAG`, `REPOSITORY@DIGEST`, or a full reference with its host.
        image: String,
    },
    /// Stop every run of the deployments that share the state, before its next batch.
    Stop {
        /// The reason, which every refused run shows.
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Let runs delete again after `stop`.
    Go,
    /// Accept that a source finds much less than in the last run, which `usage_drop` refuses.
    ///
    /// Reads what is in use, shows what changed, asks, and writes the new counts to the state.
    /// Deletes nothing.
    AcceptUse {
        /// The source, as in `in_use` of the answer: `ecs`, `eks`, `lambda`, ...
        source: String,
        /// Do not ask for confirmation. Required if stdin is not a terminal.
        #[arg(long, short)]
        yes: bool,
    },
    /// Show which kept images the repositories' own lifecycle policies may expire or archive.
    Lifecycle,
    /// Restore archived images, with their children and signatures, and wait until they can be
    /// pulled.
    ///
    /// This normally takes up to 20 minutes. It can be interrupted: AWS continues, and the same
    /// command waits again.
    Restore {
        /// `REPOSITORY:TAG`, `REPOSITORY@DIGEST`, or a full reference with its host.
        #[arg(required = true)]
        images: Vec<String>,
    },
    /// Check the configuration and print it with all defaults.
    CheckConfig {
        /// Try every permission that the configuration needs, on AWS and in every cluster, and
        /// print what is missing instead. Exit code 4 if anything is.
        #[arg(long)]
        access: bool,
    },
    /// Print the JSON Schema of the configuration.
    Schema,
    /// Print a completion script.
    Completions {
        /// The shell to print it for.
        shell: Shell,
    },
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
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn arguments_are_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn help_lists_every_command() {
        let help = Arguments::command().term_width(100).render_long_help();
        insta::assert_snapshot!("help", help);
    }
}
