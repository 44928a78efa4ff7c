//! What subcommands share: the program, what it is asked for, and the output.

use std::{fmt, fs::File, path::Path};

use anyhow::Context;
use ecr_cleanup::{
    aws::{CallerChoice, ClientOptions, Clients, known_region},
    config::{Config, Mode, nearest_name},
    image::{Registry, TypedImage},
    pipeline::{Planned, Program, Request, Snapshot},
    policy::RepositoryGlobs,
    report::{count, log},
};

use crate::{
    arguments::{Common, Output},
    exit::UsageError,
    interrupt::{self, Interrupted},
    page::{Look, Page},
    progress::Progress,
    terminal::Terminal,
};

/// The program with its configuration, and how its results are shown.
pub(crate) struct Session {
    pub(crate) program: Program,
    pub(crate) output: Output,
    pub(crate) progress: Progress,
    terminal: Terminal,
    repositories: Option<RepositoryGlobs>,
    pub(crate) quiet: bool,
    pub(crate) clients: Clients,
    caller: CallerChoice,
    /// Where the configuration comes from, for people.
    configuration: String,
    /// When the snapshot was taken that is planned from.
    snapshot: Option<String>,
}

/// Who answers the program.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Backend<'a> {
    /// AWS.
    Aws,
    /// A snapshot in a file.
    Snapshot(&'a Path),
    /// Nobody: it asks nothing.
    Nobody,
}

/// The account and Region that the program is in.
pub(crate) struct Home {
    pub(crate) registry: Registry,
    /// The alias of the account, if there is one and the caller may know it.
    pub(crate) alias: Option<String>,
}

/// Displays `111122223333 (prod) eu-west-1`.
impl fmt::Display for Home {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Registry { account, region } = &self.registry;
        match &self.alias {
            Some(alias) => write!(f, "{account} ({alias}) {region}"),
            None => write!(f, "{account} {region}"),
        }
    }
}

impl Session {
    /// Starts logging and progress, and loads the configuration.
    pub(crate) async fn start(common: &Common, backend: Backend<'_>) -> anyhow::Result<Self> {
        let level = if common.verbose { "info" } else { "error" };
        let progress = Progress::new(!common.verbose && !common.quiet);
        progress.set_message("Reading".to_owned());
        interrupt::listen(&progress).context("failed to listen for signals")?;
        log::start(log::Format::Text, level, progress.layer());
        let repositories = match &common.repository[..] {
            [] => None,
            given => Some(globs("--repository", given)?),
        };
        let region = common.region.as_deref().map(known_region).transpose();
        let caller = CallerChoice {
            profile: common.profile.clone(),
            region: region.map_err(UsageError::Region)?,
        };
        let caller = caller.or_environment();
        let location = common.config.as_deref().map(location);
        let in_aws = |location: &String| ["s3:", "ssm:"].iter().any(|it| location.starts_with(it));
        let in_aws = location.as_ref().is_some_and(in_aws);
        let snapshot = match backend {
            Backend::Snapshot(file) => Some(read(file)?),
            Backend::Aws | Backend::Nobody => None,
        };
        let title = snapshot.as_ref().map(Snapshot::taken_at);
        // Whoever asks nobody looks for no credentials and no Region either.
        let clients = match backend {
            Backend::Snapshot(_) | Backend::Nobody if !in_aws => Clients::of_nobody(),
            _ => Clients::chosen(ClientOptions::default(), &caller).await,
        };
        if in_aws {
            clients.check_caller(&caller).await?;
        }
        let sha256 = common.config_sha256.as_deref();
        let config = Config::load(location.as_deref(), sha256, &clients).await?;
        let (program, clients) = match snapshot {
            Some(snapshot) => snapshot.into_program(config),
            None => (Program::new(config, clients.clone()), clients),
        };
        Ok(Self {
            program,
            output: common.output,
            progress,
            terminal: Terminal::of_stdout(),
            repositories,
            quiet: common.quiet,
            clients,
            caller,
            configuration: configuration(location.as_deref()),
            snapshot: title,
        })
    }

    /// Finds out who the caller is, and says it before anything else where people read; `doing` is
    /// what the command does there with the configuration.
    pub(crate) async fn introduce(&self, doing: &str) -> anyhow::Result<Home> {
        let mut text = format!("{doing}, {}", self.configuration);
        let registries = self.program.config().registries.len() as u64;
        if registries > 0 {
            let registries = count(registries, "registry", "registries");
            text += &format!(", cleans {registries}");
        }
        self.introduce_doing(&text).await
    }

    /// Does the same where no configuration is used.
    pub(crate) async fn introduce_doing(&self, doing: &str) -> anyhow::Result<Home> {
        if self.snapshot.is_none() {
            self.clients.check_caller(&self.caller).await?;
        }
        let identified = if self.output == Output::Table {
            self.program.caller().await
        } else {
            let identity = self.clients.identity().await;
            identity.map(|identity| (identity, None))
        };
        let (identity, alias) = match identified {
            Ok(identified) => identified,
            Err(error) => match self.clients.advice(&error, &self.caller).await {
                Some(advice) => return Err(anyhow::anyhow!(advice)),
                None => return Err(error.into()),
            },
        };
        let home = Home {
            registry: identity.registry,
            alias,
        };
        if self.output == Output::Table && !self.quiet {
            let who = match (&self.snapshot, &self.caller.profile) {
                (Some(snapshot), _) => format!("snapshot of {snapshot}"),
                (None, Some(profile)) => format!("profile {profile}"),
                (None, None) => role(&identity.arn),
            };
            let text = format!("{who}, {doing}");
            let mut page = self.page();
            page.paragraph((Look::Strong, &format!("{home}, ")), 2, Look::Plain, &text);
            page.gap();
            page.print()?;
        }
        Ok(home)
    }

    /// Returns an empty page for standard output.
    pub(crate) const fn page(&self) -> Page {
        Page::new(self.terminal)
    }

    /// Returns what to ask the program for in a mode.
    pub(crate) fn request(&self, mode: Mode) -> Request {
        Request {
            mode,
            only: self.repositories.clone(),
            stop_at: interrupt::stop_time(),
            saved: None,
        }
    }

    /// Plans a run in a mode.
    ///
    /// # Errors
    /// Returns an error also if a glob of `--repository` matches nothing.
    pub(crate) async fn plan(&self, mode: Mode) -> anyhow::Result<Planned<'_>> {
        let planned = self.plan_for(self.request(mode)).await?;
        self.check_planned(&planned)?;
        Ok(planned)
    }

    /// Checks that each glob of `--repository` matches something of a plan.
    pub(crate) fn check_planned(&self, planned: &Planned<'_>) -> Result<(), UsageError> {
        let repositories = planned.plan().repositories();
        let names: Vec<&str> = repositories.iter().map(|it| &**it.name()).collect();
        // Where nothing could be listed, the plan says so.
        if names.is_empty() {
            return Ok(());
        }
        self.check_globs(&names, "")
    }

    /// Returns the repositories that `--repository` selects; `None` for all.
    pub(crate) const fn repositories(&self) -> Option<&RepositoryGlobs> {
        self.repositories.as_ref()
    }

    /// Checks that each glob of `--repository` matches one of these names.
    pub(crate) fn check_globs(&self, names: &[&str], of: &'static str) -> Result<(), UsageError> {
        let wanted = self.repositories.as_ref();
        wanted.map_or(Ok(()), |wanted| all_match(wanted, names, of))
    }

    /// Plans what is asked for.
    ///
    /// # Errors
    /// Returns an error also if that was interrupted.
    pub(crate) async fn plan_for(&self, request: Request) -> anyhow::Result<Planned<'_>> {
        let planned = self.plan_as_far(request).await?;
        if interrupt::happened() {
            return Err(Interrupted.into());
        }
        Ok(planned)
    }

    /// Plans what is asked for, as far as nobody interrupts that.
    pub(crate) async fn plan_as_far(&self, request: Request) -> anyhow::Result<Planned<'_>> {
        let planning = async {
            let planned = self.program.plan(request).await?;
            planned.save_facts().await;
            Ok(planned)
        };
        let planning = interrupt::stoppable(planning);
        self.progress.show_while(planning).await
    }

    /// Parses an image that was named as an argument.
    pub(crate) fn image(&self, text: &str) -> Result<TypedImage, UsageError> {
        Ok(self.program.reference(text)?)
    }
}

/// Reads the snapshot of a file.
fn read(file: &Path) -> anyhow::Result<Snapshot> {
    let opened = File::open(file);
    let opened = opened.with_context(|| format!("failed to open `{}`", file.display()))?;
    let snapshot = Snapshot::read(opened).map_err(|why| UsageError::Snapshot {
        file: file.to_owned(),
        why,
    });
    Ok(snapshot?)
}

/// Returns who an ARN is: `role deployer`, `user anna`.
fn role(arn: &str) -> String {
    let mut parts = arn.rsplit(':').next().unwrap_or(arn).split('/');
    match (parts.next(), parts.next(), parts.next_back()) {
        (Some("assumed-role"), Some(role), _) => format!("role {role}"),
        (Some(kind), Some(name), None) | (Some(kind), Some(_), Some(name)) => {
            format!("{kind} {name}")
        }
        _ => "root user".to_owned(),
    }
}

/// Returns where the configuration comes from.
fn configuration(location: Option<&str>) -> String {
    match location {
        None | Some("") => "default configuration".to_owned(),
        Some(location) if location.trim_start().starts_with('{') => {
            "configuration given as text".to_owned()
        }
        Some(location) => {
            let path = location.strip_prefix("file:").unwrap_or(location);
            format!("configuration {path}")
        }
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

/// Checks that each of these globs matches one of these names.
pub(crate) fn all_match(
    globs: &RepositoryGlobs,
    names: &[&str],
    of: &'static str,
) -> Result<(), UsageError> {
    match globs.unmatched(names.iter().copied())[..] {
        [] => Ok(()),
        [glob, ..] => Err(UsageError::NoMatch {
            glob: glob.to_owned(),
            of,
            near: nearest_name(glob, names).map(ToOwned::to_owned),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caller_is_named_as_people_know_it() {
        for (arn, expected) in [
            (
                "arn:aws:sts::111111111111:assumed-role/ci/session",
                "role ci",
            ),
            ("arn:aws:iam::111111111111:user/anna", "user anna"),
            ("arn:aws:iam::111111111111:user/team/anna", "user anna"),
            ("arn:aws:iam::111111111111:root", "root user"),
            (
                "arn:aws:sts::111111111111:federated-user/bob",
                "federated-user bob",
            ),
        ] {
            assert_eq!(role(arn), expected);
        }
    }

    #[test]
    fn the_configuration_is_named_by_where_it_is() {
        for (location, expected) in [
            (None, "default configuration"),
            (Some("file:a/b.yaml"), "configuration a/b.yaml"),
            (Some("s3://bucket/key"), "configuration s3://bucket/key"),
            (Some(" {mode: plan}"), "configuration given as text"),
        ] {
            assert_eq!(configuration(location), expected);
        }
    }

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
