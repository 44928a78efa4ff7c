//! The arguments of the command.

mod common;

use std::{path::PathBuf, sync::LazyLock};

use clap::{ArgGroup, Args, Parser, Subcommand};
use clap_complete::Shell;
pub(crate) use common::{Common, Output};
use ecr_cleanup::config::S3Objects;

use crate::file::File;

/// What `--version` prints.
static VERSION: LazyLock<String> = LazyLock::new(|| version(option_env!("ECR_CLEANUP_COMMIT")));

/// Returns the version, with the beginning of the commit if the build was told which it is.
fn version(commit: Option<&str>) -> String {
    let number = env!("CARGO_PKG_VERSION");
    match commit.filter(|commit| !commit.is_empty()) {
        Some(commit) => format!("{number} ({})", commit.get(..12).unwrap_or(commit)),
        None => number.to_owned(),
    }
}

/// Deletes container images that are not in use from Amazon ECR.
///
/// Exit codes: 0 done, 1 an error or no such image, 2 usage or configuration, 3 some deletions or
/// tests failed, 4 refused, 5 images in use are missing, 10 something to delete
/// (`plan --exit-code`), 130 interrupted.
#[derive(Debug, Parser)]
#[command(name = "ecr-cleanup", version = VERSION.as_str(), max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,

    #[command(flatten)]
    pub(crate) common: Common,
}

/// A subcommand.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show what would be deleted, and why. Changes nothing.
    Plan(PlanOptions),
    /// Do what `mode` in the configuration says.
    Run(RunOptions),
    /// Show what the second deletes that the first does not, and the other way round.
    ///
    /// Each is a saved plan, the images of a report (`images.jsonl.gz`, or `report.json` beside it),
    /// or a configuration, with which a plan is made now. Changes nothing.
    Diff {
        /// A file, or `s3://BUCKET/KEY`.
        old: File,
        /// A file, or `s3://BUCKET/KEY`.
        new: File,
        /// End with exit code 10 if there is any difference.
        #[arg(long)]
        exit_code: bool,
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
    /// Write all that plans are made from to a file, for `plan --snapshot`.
    ///
    /// Reads every repository, whatever the policies say. The file has no credentials and no
    /// environment variables, but the names of images and of what uses them. Changes nothing.
    Snapshot {
        /// The file to write.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Test the policies of the configuration: images, what uses them, and what is kept of them.
    ///
    /// Needs no AWS. Exit code 3 if an expectation does not hold.
    Test {
        /// The tests, in YAML.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Write a keep list of the images in use, for `in_use.keep_lists` of another account.
    KeepList,
    /// Check that every image in use can be pulled. Exit code 5 if one that is needed now cannot.
    Verify,
    /// Explain why an image is kept or would be deleted.
    Explain {
        /// `REPOSITORY:TAG`, `REPOSITORY@DIGEST` with the whole digest or its beginning, or a full
        /// reference with its host.
        image: String,
        /// Name every user of the image.
        #[arg(long)]
        users: bool,
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
    /// Print the `ClusterRole` that lets a Kubernetes cluster be read, and nothing else.
    ///
    /// Changes nothing: apply it with `kubectl apply -f`. What `custom_resources.exclude` in the
    /// configuration leaves out is not in it.
    #[command(group(ArgGroup::new("read").required(true).args(["context", "cluster"])))]
    Rbac {
        /// A context of the kubeconfig. It needs a token or a certificate: nothing is run for one.
        #[arg(long, value_name = "NAME")]
        context: Option<String>,
        /// The kubeconfig; of several, the first that exists.
        #[arg(
            long,
            env = "KUBECONFIG",
            value_name = "FILE",
            hide_env_values = true,
            default_value = "~/.kube/config"
        )]
        kubeconfig: String,
        /// A cluster of Amazon EKS in the account and Region of the credentials instead.
        #[arg(long, value_name = "NAME")]
        cluster: Option<String>,
    },
    /// Export the history of a Git repository, for `git` in a policy.
    Git {
        #[command(subcommand)]
        command: GitCommand,
    },
    /// Print the JSON Schema of the configuration.
    Schema,
    /// Print the manual page of the command, or of a subcommand.
    Man {
        /// The subcommand.
        subcommand: Option<String>,
    },
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
#[command(group(ArgGroup::new("written").required(true).args(["to", "out"])))]
pub(crate) struct Export {
    /// The clone, bare or not. It needs all commits but no files: `git clone --bare
    /// --filter=tree:0 URL`.
    #[arg(value_name = "CLONE")]
    pub(crate) clone: PathBuf,
    /// Where to write the document, compressed if the key ends with `.gz`.
    #[arg(long, value_name = "s3://BUCKET/KEY", value_parser = S3Objects::one)]
    pub(crate) to: Option<S3Objects>,
    /// A file to write it to instead.
    #[arg(long, value_name = "FILE")]
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

/// Options of `run`.
#[derive(Debug, Args)]
pub(crate) struct RunOptions {
    /// Do not ask for confirmation. Required if stdin is not a terminal.
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// Delete what this saved plan deletes and a plan of now does too, and nothing else. Refused
    /// after 24 hours, in another account or Region, and with another configuration.
    #[arg(long, value_name = "FILE|s3://BUCKET/KEY")]
    pub(crate) plan: Option<File>,
}

/// Options of `plan`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option by itself")]
pub(crate) struct PlanOptions {
    /// List every image of every repository, the kept ones too.
    #[arg(long)]
    pub(crate) all: bool,
    /// Count each layer once. Reads the manifests of all images, which AWS counts as pulls.
    #[arg(long)]
    pub(crate) exact_sizes: bool,
    /// Show tags, bytes and dollars a month of each repository instead of reasons.
    #[arg(long, conflicts_with = "all")]
    pub(crate) sizes: bool,
    /// Save the plan, for `run --plan` within 24 hours. Compressed if the name ends with `.gz`.
    #[arg(long, value_name = "FILE|s3://BUCKET/KEY")]
    pub(crate) out: Option<File>,
    /// Write the report to this file too, as one HTML page that needs nothing else.
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// Plan from a file that `snapshot` wrote, at its time and without AWS.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["exact_sizes", "profile", "region"])]
    pub(crate) snapshot: Option<PathBuf>,
    /// End with exit code 10 if there is anything to delete.
    #[arg(long)]
    pub(crate) exit_code: bool,
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
    fn the_version_names_the_commit_where_it_is_known() {
        let number = env!("CARGO_PKG_VERSION");
        let sha = "0123456789abcdef0123456789abcdef01234567";
        for (commit, expected) in [
            (None, number.to_owned()),
            (Some(""), number.to_owned()),
            (Some("abc1234"), format!("{number} (abc1234)")),
            (Some(sha), format!("{number} (0123456789ab)")),
        ] {
            assert_eq!(version(commit), expected, "{commit:?}");
        }
    }

    #[test]
    fn help_lists_every_command() {
        let help = Arguments::command().term_width(100).render_long_help();
        insta::assert_snapshot!("help", help);
    }
}
