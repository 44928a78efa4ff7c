//! The command `ecr-cleanup`: arguments, rendering and exit codes around the same road that the function takes.

mod arguments;
mod progress;
mod render;

use std::{
    io::{self, BufRead, IsTerminal, Write},
    process::ExitCode,
};

use anyhow::Context;
use arguments::{Arguments, Command, Common, Output};
use clap::{CommandFactory, Parser};
use ecr_cleanup::{
    aws::{Clients, Tuning},
    config::{Config, ConfigError, Mode, schema},
    plan::Explanation,
    policy::RepositoryGlobs,
    report::{Answer, Status, image_lines, log},
    run::{Finished, Prepared, Program, Request},
    usage::{Usage, keep_list::KeepList},
    verify::Verification,
};
use indicatif::ProgressBar;
use progress::Progress;

const DONE: u8 = 0;
const INTERNAL: u8 = 1;
const USAGE: u8 = 2;
const FAILURES: u8 = 3;
const REFUSED: u8 = 4;
const MISSING: u8 = 5;
const NOBODY_TO_ASK: &str =
    "nobody can be asked here whether to delete: say `--yes`, or look at `ecr-cleanup plan` first";
/// How often a restore is looked after.
const POLL: std::time::Duration = std::time::Duration::from_secs(15);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let bar = start_logging(&arguments.common);
    let result = execute(arguments, &bar).await;
    bar.finish_and_clear();
    let code = result.unwrap_or_else(|error| {
        // A reader that went away, such as `head`, wants no more.
        if error
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
        {
            return DONE;
        }
        eprintln!("error: {error:#}");
        if error.is::<ConfigError>() || error.is::<UsageError>() {
            USAGE
        } else {
            INTERNAL
        }
    });
    ExitCode::from(code)
}

/// A wrong use of the command.
#[derive(Debug)]
struct UsageError(String);

impl std::fmt::Display for UsageError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for UsageError {}

fn start_logging(common: &Common) -> ProgressBar {
    let level = if common.verbose { "info" } else { "error" };
    if common.verbose || !io::stderr().is_terminal() {
        log::start(log::Format::Text, level, None);
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new_spinner();
    log::start(
        log::Format::Text,
        level,
        Some(Box::new(Progress::new(bar.clone()))),
    );
    bar
}

async fn execute(arguments: Arguments, bar: &ProgressBar) -> anyhow::Result<u8> {
    let Arguments { command, common } = arguments;
    let mut out = io::stdout().lock();
    match &command {
        Command::Schema => {
            render::json(&mut out, &schema())?;
            return Ok(DONE);
        }
        Command::Completions { shell } => {
            clap_complete::generate(*shell, &mut Arguments::command(), "ecr-cleanup", &mut out);
            return Ok(DONE);
        }
        Command::Run { yes: false } if !io::stdin().is_terminal() => {
            return Err(UsageError(NOBODY_TO_ASK.to_owned()).into());
        }
        Command::InUse => {}
        _ if common.output == Output::KeepList => {
            return Err(UsageError(
                "`--output keep-list` is for `ecr-cleanup in-use` alone".to_owned(),
            )
            .into());
        }
        _ => {}
    }
    let only = filter(&common.repository)?;
    let program = program(&common).await?;
    let request = |mode| Request {
        mode,
        only: only.clone(),
        stop_at: None,
    };
    let output = common.output;
    match command {
        Command::Plan {
            all,
            exact_sizes,
            lifecycle,
        } => {
            let prepared = program.prepare(request(Mode::Plan)).await?;
            if lifecycle {
                let threats = prepared.lifecycle();
                bar.finish_and_clear();
                render::threats(&mut out, &threats, output)?;
                return Ok(DONE);
            }
            let mut answer = prepared.answer();
            if exact_sizes {
                answer.exact_bytes = Some(prepared.exact_bytes().await?);
            }
            bar.finish_and_clear();
            print_plan(&mut out, &prepared, &answer, output, all)
        }
        Command::Run { yes } => {
            let prepared = program.prepare(request(program.config().mode)).await?;
            bar.finish_and_clear();
            run(&mut out, prepared, output, yes, program.config().mode).await
        }
        Command::InUse if output == Output::KeepList => {
            let (usage, list) = program.keep_list().await?;
            bar.finish_and_clear();
            print_keep_list(&mut out, &usage, list)
        }
        Command::InUse => {
            let usage = program.in_use().await?;
            bar.finish_and_clear();
            print_usage(&mut out, &usage, output)
        }
        Command::Verify => {
            let (verification, _) = program.verify().await?;
            bar.finish_and_clear();
            print_verification(&mut out, &verification, output)
        }
        Command::Explain { image } => {
            let reference = program.reference(&image).map_err(UsageError)?;
            let prepared = program.prepare(request(Mode::Plan)).await?;
            bar.finish_and_clear();
            let explanation = prepared.explain(&reference);
            print_explanation(&mut out, &explanation, output)
        }
        Command::Restore { images } => {
            let references: Result<Vec<_>, _> = images
                .iter()
                .map(|image| program.reference(image))
                .collect();
            for reference in references.map_err(UsageError)? {
                bar.set_message(format!("restoring {reference}"));
                let restored = program.restore(&reference, POLL).await?;
                match output {
                    Output::Table => writeln!(
                        out,
                        "{reference} can be pulled: {} restored.",
                        restored.digests.len()
                    )?,
                    Output::Json | Output::Jsonl | Output::KeepList => {
                        writeln!(out, "{}", serde_json::to_string(&restored)?)?;
                    }
                }
            }
            bar.finish_and_clear();
            Ok(DONE)
        }
        Command::CheckConfig { access: true } => {
            let access = program.access().await?;
            bar.finish_and_clear();
            match output {
                Output::Table => write!(out, "{access}")?,
                Output::Json | Output::KeepList => render::json(&mut out, &access)?,
                Output::Jsonl => writeln!(out, "{}", serde_json::to_string(&access)?)?,
            }
            Ok(if access.is_complete() { DONE } else { REFUSED })
        }
        Command::CheckConfig { access: false } => {
            render::json(&mut out, program.config())?;
            Ok(DONE)
        }
        Command::Schema | Command::Completions { .. } => Ok(DONE),
    }
}

async fn program(common: &Common) -> anyhow::Result<Program> {
    let clients = Clients::from_environment(Tuning::default()).await;
    // A bare path is what people type.
    let document = common.config.as_deref().map(|text| {
        let has_form = ["file:", "s3:", "ssm:"]
            .iter()
            .any(|form| text.starts_with(form));
        if text.is_empty() || has_form || text.trim_start().starts_with('{') {
            text.to_owned()
        } else {
            format!("file:{text}")
        }
    });
    let config = Config::load(
        document.as_deref(),
        common.config_sha256.as_deref(),
        &clients,
    )
    .await?;
    Ok(Program::new(config, clients))
}

fn filter(globs: &[String]) -> anyhow::Result<Option<RepositoryGlobs>> {
    if globs.is_empty() {
        return Ok(None);
    }
    let globs = RepositoryGlobs::new(globs).map_err(|problems| {
        let problems: Vec<String> = problems
            .into_iter()
            .map(|(position, problem)| format!("`{}`: {problem}", globs[position]))
            .collect();
        UsageError(format!("--repository: {}", problems.join("; ")))
    })?;
    Ok(Some(globs))
}

fn print_keep_list(
    out: &mut impl Write,
    usage: &Usage,
    list: Result<KeepList, String>,
) -> anyhow::Result<u8> {
    match list {
        Ok(list) => {
            render::json(out, &list)?;
            Ok(DONE)
        }
        Err(problem) => {
            render::usage_coverage(&mut io::stderr(), usage)?;
            anyhow::bail!("no keep list, which must not leave anything out: {problem}")
        }
    }
}

fn print_usage(out: &mut impl Write, usage: &Usage, output: Output) -> anyhow::Result<u8> {
    match output {
        Output::Table => render::usage_table(out, usage)?,
        Output::Json | Output::KeepList => {
            let references: Vec<_> = render::usage_values(usage).collect();
            let document =
                serde_json::json!({"in_use": usage.coverage(), "references": references});
            render::json(out, &document)?;
        }
        Output::Jsonl => {
            for line in render::usage_values(usage) {
                writeln!(out, "{line}")?;
            }
        }
    }
    Ok(
        if usage.coverage().iter().all(|coverage| coverage.complete) {
            DONE
        } else {
            INTERNAL
        },
    )
}

fn print_verification(
    out: &mut impl Write,
    verification: &Verification,
    output: Output,
) -> anyhow::Result<u8> {
    match output {
        Output::Table => render::verification(out, verification)?,
        Output::Json | Output::KeepList => render::json(out, verification)?,
        Output::Jsonl => {
            for missing in &verification.missing {
                writeln!(out, "{}", serde_json::to_string(missing)?)?;
            }
        }
    }
    Ok(match verification.live_missing() {
        0 if verification.is_complete() => DONE,
        0 => INTERNAL,
        _ => MISSING,
    })
}

fn print_explanation(
    out: &mut impl Write,
    explanation: &Explanation,
    output: Output,
) -> anyhow::Result<u8> {
    match output {
        Output::Table => render::explanation(out, explanation)?,
        Output::Json | Output::KeepList => render::json(out, explanation)?,
        Output::Jsonl => writeln!(out, "{}", serde_json::to_string(explanation)?)?,
    }
    Ok(DONE)
}

fn print_plan(
    out: &mut impl Write,
    prepared: &Prepared<'_>,
    answer: &Answer,
    output: Output,
    all: bool,
) -> anyhow::Result<u8> {
    match output {
        Output::Table => render::plan_tables(out, &prepared.plan, answer, all)?,
        Output::Json | Output::KeepList => render::json(out, &answer.clone().to_json())?,
        Output::Jsonl => image_lines(out, &prepared.plan)?,
    }
    Ok(code(answer))
}

async fn run(
    out: &mut impl Write,
    prepared: Prepared<'_>,
    output: Output,
    yes: bool,
    mode: Mode,
) -> anyhow::Result<u8> {
    let planned = prepared.answer();
    if output == Output::Table {
        render::plan_tables(out, &prepared.plan, &planned, false)?;
    }
    let acts = mode != Mode::Plan && prepared.refusals.is_empty() && planned.counts.candidates > 0;
    if acts && !yes && !confirmed(planned.counts.candidates, mode)? {
        writeln!(io::stderr(), "Nothing was changed.")?;
        return Ok(DONE);
    }
    let Finished { answer, .. } = prepared.finish().await;
    match output {
        Output::Table if mode == Mode::Plan => {
            writeln!(
                out,
                "The configuration says `mode: plan`, so nothing was deleted; `mode: delete` deletes."
            )?;
        }
        Output::Table => render::remarks(out, &answer)?,
        Output::Json | Output::KeepList => render::json(out, &answer.clone().to_json())?,
        Output::Jsonl => writeln!(out, "{}", answer.clone().to_json())?,
    }
    Ok(code(&answer))
}

fn confirmed(images: u64, mode: Mode) -> anyhow::Result<bool> {
    let mut err = io::stderr();
    let question = if mode == Mode::Archive {
        format!("Archive {images} images, and delete those that were archived long enough ago?")
    } else {
        format!("Delete {images} images? This cannot be undone.")
    };
    write!(err, "{question} Type `yes` to go on: ")?;
    err.flush()?;
    let mut answer = String::new();
    io::stdin()
        .lock()
        .read_line(&mut answer)
        .context("reading the answer")?;
    Ok(answer.trim() == "yes")
}

fn code(answer: &Answer) -> u8 {
    match answer.status {
        Status::Planned | Status::Completed | Status::Truncated => DONE,
        Status::CompletedWithFailures => FAILURES,
        Status::Refused => REFUSED,
    }
}
