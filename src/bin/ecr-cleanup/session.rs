//! What subcommands share: the program, what it is asked for, and the output.

use ecr_cleanup::{
    aws::{ClientOptions, Clients},
    config::{Config, Mode},
    image::ImageReference,
    pipeline::{Planned, Program, Request},
    policy::RepositoryGlobs,
    report::log,
};

use crate::{
    arguments::{Common, Output},
    exit::UsageError,
    progress::Progress,
};

/// The program with its configuration, and how its results are shown.
pub(crate) struct Session {
    pub(crate) program: Program,
    pub(crate) output: Output,
    pub(crate) progress: Progress,
    repositories: Option<RepositoryGlobs>,
}

impl Session {
    /// Starts logging and progress, and loads the configuration.
    pub(crate) async fn start(common: &Common) -> anyhow::Result<Self> {
        let level = if common.verbose { "info" } else { "error" };
        let progress = Progress::new(!common.verbose);
        log::start(log::Format::Text, level, progress.layer());
        let repositories = &common.repository;
        let repositories = (!repositories.is_empty()).then(|| globs("--repository", repositories));
        let repositories = repositories.transpose()?;
        let clients = Clients::from_environment(ClientOptions::default()).await;
        let location = common.config.as_deref().map(location);
        let sha256 = common.config_sha256.as_deref();
        let config = Config::load(location.as_deref(), sha256, &clients).await?;
        Ok(Self {
            program: Program::new(config, clients),
            output: common.output,
            progress,
            repositories,
        })
    }

    /// Returns what to ask the program for in a mode.
    pub(crate) fn request(&self, mode: Mode) -> Request {
        Request {
            mode,
            only: self.repositories.clone(),
            stop_at: None,
        }
    }

    /// Plans a run in a mode.
    pub(crate) async fn plan(&self, mode: Mode) -> anyhow::Result<Planned<'_>> {
        let planning = self.program.plan(self.request(mode));
        let planned = self.progress.show_while(planning).await?;
        planned.save_facts().await;
        Ok(planned)
    }

    /// Parses an image that was named as an argument.
    pub(crate) fn image(&self, text: &str) -> Result<ImageReference, UsageError> {
        Ok(self.program.reference(text)?)
    }
}

/// Returns the location of the configuration; a bare path is a file.
fn location(text: &str) -> String {
    let mut schemes = ["file:", "s3:", "ssm:"].into_iter();
    let is_location = schemes.any(|scheme| text.starts_with(scheme));
    if text.is_empty() || is_location || text.trim_start().starts_with('{') {
        text.to_owned()
    } else {
        format!("file:{text}")
    }
}

/// Compiles the globs of an argument.
pub(crate) fn globs(argument: &str, globs: &[String]) -> Result<RepositoryGlobs, UsageError> {
    RepositoryGlobs::new(globs).map_err(|problems| {
        let problems = problems.into_iter();
        let problems = problems.map(|(index, problem)| format!("`{}`: {problem}", globs[index]));
        let problems = problems.collect::<Vec<_>>().join("; ");
        UsageError::Glob(format!("{argument}: {problems}"))
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
