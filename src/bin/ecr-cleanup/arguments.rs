//! The arguments of the command.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use ecr_cleanup::config::S3Objects;

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
        /// Write the report to this file too, as one HTML page that needs nothing else.
        #[arg(long, value_name = "FILE")]
        html: Option<PathBuf>,
    },
    /// Do what `mode` in the configuration says.
    Run {
        /// Do not ask for confirmation. Required if stdin is not a terminal.
        #[arg(long, short)]
        yes: bool,
    },
    /// Look at the account and write a configuration for it, with what it would delete as comments.
    ///
    /// Changes nothing in the account.
    Init {
        /// The file to write. Default: standard output.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Overwrite the file.
        #[arg(long, requires = "out")]
        force: bool,
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
        /// The source, as in `in_use` of the answer: `ecs`, `eks`, `lambda`, ... Or `git`: documents
        /// that have less than half of what they had.
        source: String,
        /// Do not ask for confirmation. Required if stdin is not a terminal.
        #[arg(long, short)]
        yes: bool,
    },
    /// Show which kept images the repositories' own lifecycle policies may expire or archive.
    Lifecycle,
    /// Print the policy that keeps what a repository's lifecycle policy in ECR keeps.
    ///
    /// Says what cannot be translated: that stays. Changes nothing.
    ImportLifecycle {
        /// Name or glob (`*` does not cross `/`, `**` does).
        #[arg(required = true, value_name = "REPOSITORY")]
        repositories: Vec<String>,
    },
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
    /// Export the history of a Git repository, for `git` in a policy.
    Git {
        #[command(subcommand)]
        command: GitCommand,
    },
    /// Print the JSON Schema of the configuration.
    Schema,
    /// Print a completion script.
    Completions {
        /// The shell to print it for.
        shell: Shell,
    },
}

/// A subcommand of `git`.
#[derive(Debug, Subcommand)]
pub(crate) enum GitCommand {
    /// Write the commits, branches, tags and pull requests of a clone to S3.
    ///
    /// Refuses a clone that is shallow or whose refs differ from those of its remote. Needs the
    /// program `git`, and of AWS only `s3:PutObject` on the object. Reads no configuration.
    Export(Export),
}

/// Arguments of `git export`.
#[derive(Debug, Args)]
pub(crate) struct Export {
    /// The clone, bare or not. It needs all commits but no files: `git clone --bare
    /// --filter=tree:0 URL`.
    #[arg(value_name = "CLONE")]
    pub(crate) clone: PathBuf,
    /// Where to write the document, compressed if the key ends with `.gz`.
    #[arg(long, value_name = "s3://BUCKET/KEY", required_unless_present = "out", value_parser = one_object)]
    pub(crate) to: Option<S3Objects>,
    /// A file to write it to instead.
    #[arg(long, value_name = "FILE", conflicts_with = "to")]
    pub(crate) out: Option<PathBuf>,
    /// The name of the repository, as in `git.repository`. Default: the host and the path of its
    /// remote, such as `github.com/org/app`.
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// The remote that the clone was made from.
    #[arg(long, default_value = "origin")]
    pub(crate) remote: String,
    /// The most commits to write. Of more, only those of the last year and the newest of each ref
    /// are written, and images of all others are kept.
    #[arg(long, value_name = "N", default_value_t = 200_000)]
    pub(crate) max_commits: usize,
}

fn one_object(text: &str) -> anyhow::Result<S3Objects> {
    let object: S3Objects = text.parse()?;
    anyhow::ensure!(object.is_one(), "expected `s3://BUCKET/KEY` of one object");
    Ok(object)
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
