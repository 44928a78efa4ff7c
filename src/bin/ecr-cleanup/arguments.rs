//! The arguments of the command.

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

/// Deletes from Amazon ECR the images nobody needs, and never one that somebody needs.
///
/// Exit codes: 0 done, 1 internal error, 2 usage or configuration, 3 some deletions failed, 4 refused, 5 images
/// in use are missing.
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
    /// Where the configuration is: a path, `file:PATH`, `s3://BUCKET/KEY`, `ssm:NAME`, or the document itself if it begins
    /// with `{`. Without one the defaults hold, which delete nothing.
    #[arg(
        long,
        global = true,
        env = "ECR_CLEANUP_CONFIG",
        value_name = "WHERE",
        hide_env_values = true
    )]
    pub(crate) config: Option<String>,

    /// The SHA-256 that the configuration must have.
    #[arg(
        long,
        global = true,
        env = "ECR_CLEANUP_CONFIG_SHA256",
        value_name = "HEX"
    )]
    pub(crate) config_sha256: Option<String>,

    /// Look only at repositories that match (`*` does not cross `/`, `**` does). Can be given several times.
    #[arg(long, global = true, value_name = "GLOB")]
    pub(crate) repository: Vec<String>,

    /// How to print the result.
    #[arg(long, global = true, value_enum, default_value_t = Output::Table)]
    pub(crate) output: Output,

    /// Log what is being read and deleted.
    #[arg(long, short, global = true)]
    pub(crate) verbose: bool,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show what would be deleted, and why; change nothing.
    Plan {
        /// List the images that stay as well.
        #[arg(long)]
        all: bool,
        /// Count each layer once: reads the manifests of all images, which AWS counts as pulls of them.
        #[arg(long)]
        exact_sizes: bool,
        /// Show instead which images that stay the repositories' own lifecycle policies may take.
        #[arg(long)]
        lifecycle: bool,
    },
    /// Do what the configuration's `mode` says.
    Run {
        /// Do not ask. Needed where nobody can be asked.
        #[arg(long, short)]
        yes: bool,
    },
    /// Show which images are in use, and by whom.
    InUse,
    /// Ask whether every image in use can still be pulled; exit code 5 if one that is needed now cannot.
    Verify,
    /// Say what would happen to one image, and why.
    Explain {
        /// `REPOSITORY:TAG`, `REPOSITORY@DIGEST`, or a full reference with its host.
        image: String,
    },
    /// Bring images back from the archive, with their parts and signatures, and wait until they can be pulled.
    ///
    /// AWS normally takes up to 20 minutes. It can be interrupted: AWS goes on, and the same command waits again.
    Restore {
        /// `REPOSITORY:TAG`, `REPOSITORY@DIGEST`, or a full reference with its host.
        #[arg(required = true)]
        images: Vec<String>,
    },
    /// Check the configuration and print it with every default written out.
    CheckConfig {
        /// Try every right that it needs, on AWS and in every cluster, and print what is missing instead: exit code 4
        /// if anything is.
        #[arg(long)]
        access: bool,
    },
    /// Print the JSON Schema of the configuration.
    Schema,
    /// Print a completion script.
    Completions {
        /// For which shell.
        shell: Shell,
    },
}

/// A form of output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// Tables, for people.
    Table,
    /// One JSON document.
    Json,
    /// One JSON object a line: an image, or a reference in use.
    Jsonl,
    /// A keep list, for `in_use.keep_lists` of another account; only for `in-use`.
    KeepList,
}
