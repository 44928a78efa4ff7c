//! What subcommands share: the program, what it is asked for, and the output.

use ecr_cleanup::{
    aws::{ClientOptions, Clients},
    config::{Config, Mode},
    image::ImageReference,
    pipeline::{Program, Request},
    policy::RepositoryGlobs,
    report::log,
};

use crate::{
    arguments::{Common, Output},
    exit::UsageError,
    progress::Progress,
};

/// The common arguments, before the configuration is read.
pub(crate) struct Invocation {
    common: Common,
    progress: Progress,
}

/// The program with its configuration.
pub(crate) struct Session<'a> {
    pub(crate) program: Program,
    pub(crate) output: Output,
    pub(crate) progress: &'a Progress,
    repositories: Option<RepositoryGlobs>,
}

impl Invocation {
    /// Starts logging and progress.
    pub(crate) fn new(common: Common) -> Self {
        let level = if common.verbose { "info" } else { "error" };
        let progress = if common.verbose {
            Progress::hidden()
        } else {
            Progress::on_terminal()
        };
        log::start(log::Format::Text, level, progress.layer());
        Self { common, progress }
    }

    /// Loads the configuration.
    pub(crate) async fn start(&self) -> anyhow::Result<Session<'_>> {
        let Common {
            config,
            config_sha256,
            repository,
            output,
            ..
        } = &self.common;
        let repositories = globs(repository)?;
        let clients = Clients::from_environment(ClientOptions::default()).await;
        let location = config.as_deref().map(location);
        let config = Config::load(location.as_deref(), config_sha256.as_deref(), &clients).await?;
        Ok(Session {
            program: Program::new(config, clients),
            output: *output,
            progress: &self.progress,
            repositories,
        })
    }
}

impl Session<'_> {
    /// Returns what to ask the program for in a mode.
    pub(crate) fn request(&self, mode: Mode) -> Request {
        Request {
            mode,
            only: self.repositories.clone(),
            stop_at: None,
        }
    }

    /// Parses an image that was named as an argument.
    pub(crate) fn image(&self, text: &str) -> Result<ImageReference, UsageError> {
        Ok(self.program.reference(text)?)
    }
}

/// Returns the location of the configuration; a bare path is a file.
fn location(text: &str) -> String {
    let is_location = ["file:", "s3:", "ssm:"]
        .iter()
        .any(|scheme| text.starts_with(scheme));
    if text.is_empty() || is_location || text.trim_start().starts_with('{') {
        text.to_owned()
    } else {
        format!("file:{text}")
    }
}

fn globs(globs: &[String]) -> Result<Option<RepositoryGlobs>, UsageError> {
    if globs.is_empty() {
        return Ok(None);
    }
    RepositoryGlobs::new(globs).map(Some).map_err(|problems| {
        let problems: Vec<String> = problems
            .into_iter()
            .map(|(position, problem)| format!("`{}`: {problem}", globs[position]))
            .collect();
        UsageError::Repository(problems.join("; "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_path_is_a_file() {
        for (text, expected) in [
            ("cleanup.yaml", "file:cleanup.yaml"),
            ("file:cleanup.yaml", "file:cleanup.yaml"),
            ("s3://bucket/key", "s3://bucket/key"),
            ("ssm:/cleanup", "ssm:/cleanup"),
            (" {mode: plan}", " {mode: plan}"),
            ("", ""),
        ] {
            assert_eq!(location(text), expected);
        }
    }
}
