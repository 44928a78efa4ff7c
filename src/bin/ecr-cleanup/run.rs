//! `ecr-cleanup run`

mod rows;
mod since;

use std::{collections::BTreeSet, fmt, io::Write};

use anyhow::Context;
use ecr_cleanup::{
    config::Mode,
    pipeline::{Finished, Planned, Request},
    plan::Plan,
    report::{Answer, SavedPlan, Size, count, own_bytes, thousands},
};
use serde::Serialize;

use crate::{
    arguments::{Output, RunOptions},
    exit::{Exit, UsageError},
    file::File,
    interrupt, output,
    plan::{self, Remarks, Stored},
    session::{Home, Session},
};

/// Does what `mode` in the configuration says, after a confirmation.
pub(crate) async fn execute(options: &RunOptions, session: &Session) -> anyhow::Result<Exit> {
    let mode = session.program.config().mode;
    if mode != Mode::Plan && !options.yes {
        output::check_can_ask()?;
    }
    let home = session.introduce(&format!("mode {mode}")).await?;
    let saved = match &options.plan {
        Some(_) if mode == Mode::Plan => return Err(UsageError::PlanMode.into()),
        Some(file) => Some(read(file, session).await?),
        None => None,
    };
    let request = Request {
        saved: saved.clone(),
        ..session.request(mode)
    };
    let prepared = session.plan_as_far(request).await?;
    let is_cut_short = interrupt::happened();
    if !is_cut_short {
        session.check_planned(&prepared)?;
    }
    let planned = prepared.answer();
    let work = Work::of(&prepared, &planned, saved.as_ref());
    let may_act = mode != Mode::Plan && prepared.refusals().is_empty();
    let acts = may_act && work.images > 0 && !is_cut_short;
    let mut remarks = Remarks::new(session.quiet, mode);
    if session.output == Output::Table && !is_cut_short {
        let mut page = session.page();
        match &saved {
            Some(saved) => {
                let since = prepared.plan().since(&saved.images);
                since::add(&mut page, saved, &since, prepared.plan().now());
            }
            None if session.quiet => {}
            None => plan::repositories(&mut page, prepared.plan(), Stored::from(&planned), false),
        }
        remarks.add(&mut page, prepared.plan(), &planned, mode == Mode::Plan);
        page.gap();
        page.print()?;
    }
    let of = planned.counts.images;
    let question = Question::new((work, of), mode, &home, prepared.plan(), session);
    if acts && !options.yes && !output::typed(&question.to_string(), &question.accounts)? {
        writeln!(output::stderr(), "Nothing was changed.")?;
        return Ok(Exit::Done);
    }
    let plan = (session.output == Output::Table).then(|| prepared.plan().clone());
    session.progress.set_message(doing(mode).to_owned());
    let finishing = interrupt::stoppable(prepared.finish());
    let finished = session.progress.show_while(finishing).await;
    let may_have_acted = mode != Mode::Plan || is_cut_short;
    print(
        session,
        may_have_acted,
        &finished,
        plan.as_ref(),
        &mut remarks,
    )?;
    Ok(finished.answer.status.into())
}

/// Prints what a run did; `plan` is what people were shown before.
fn print(
    session: &Session,
    may_have_acted: bool,
    finished: &Finished,
    plan: Option<&Plan>,
    remarks: &mut Remarks,
) -> anyhow::Result<()> {
    let Finished { answer, images, .. } = finished;
    let mut out = output::stdout();
    match (session.output, plan) {
        (Output::Table, Some(plan)) if may_have_acted => {
            let mut page = session.page();
            remarks.add(&mut page, plan, answer, true);
            page.print()?;
        }
        (Output::Table, _) => writeln!(
            out,
            "The configuration says `mode: plan`. Set `mode: delete` to delete images."
        )?,
        (Output::Json, _) => output::json(&mut out, answer)?,
        (Output::Jsonl, _) => {
            output::json_lines(&mut out, images)?;
            let kind = "run";
            output::json_line(&mut out, &AnswerLine { kind, answer })?;
        }
        (Output::Csv, _) => rows::images(images).csv(&mut out)?,
        (Output::Markdown, _) => output::markdown(&mut out, answer, &rows::outcomes(images))?,
    }
    Ok(())
}

/// The last line of a run, after a line for each image.
#[derive(Serialize)]
struct AnswerLine<'a> {
    kind: &'static str,
    #[serde(flatten)]
    answer: &'a Answer,
}

/// Reads a saved plan.
async fn read(file: &File, session: &Session) -> anyhow::Result<SavedPlan> {
    let bytes = file.read(&session.clients).await?;
    let saved = session.program.saved_plan(bytes).await;
    saved.with_context(|| format!("`{file}` is not applied, and nothing was deleted"))
}

/// What there is to delete or archive.
#[derive(Debug, Clone, Copy)]
struct Work {
    images: u64,
    bytes: u64,
    repositories: u64,
}

impl Work {
    fn of(planned: &Planned<'_>, answer: &Answer, saved: Option<&SavedPlan>) -> Self {
        let Some(saved) = saved else {
            let lines = answer.repositories.iter();
            return Self {
                images: answer.counts.candidates,
                bytes: answer.bytes.candidates,
                repositories: lines.filter(|line| line.candidates > 0).count() as u64,
            };
        };
        let both = planned.plan().since(&saved.images).both;
        let repositories: BTreeSet<_> = both.iter().map(|(it, _)| it.key()).collect();
        Self {
            images: both.len() as u64,
            bytes: both.iter().map(|(_, it)| own_bytes(it.image)).sum(),
            repositories: repositories.len() as u64,
        }
    }
}

/// Returns what the end of a run does.
const fn doing(mode: Mode) -> &'static str {
    match mode {
        Mode::Plan => "Finishing",
        Mode::Archive => "Archiving",
        Mode::Delete => "Deleting",
    }
}

/// What a person is asked before anything is deleted or archived.
struct Question {
    mode: Mode,
    images: u64,
    candidates: u64,
    of: u64,
    size: Size,
    repositories: u64,
    /// The registries that are cleaned.
    place: String,
    /// Their accounts, which have to be typed.
    accounts: Vec<String>,
}

impl Question {
    fn new(
        (work, of): (Work, u64),
        mode: Mode,
        home: &Home,
        plan: &Plan,
        session: &Session,
    ) -> Self {
        let registries = plan.registries().iter();
        let place = registries.clone().map(|registry| {
            if **registry == home.registry {
                home.to_string()
            } else {
                registry.to_string()
            }
        });
        let place: Vec<String> = place.collect();
        let accounts: BTreeSet<String> = registries.map(|it| it.account.to_string()).collect();
        let candidates = work.images;
        let most = session.program.config().guards.max_deletions_per_run;
        Self {
            mode,
            images: candidates.min(most),
            candidates,
            of,
            size: Size(work.bytes),
            repositories: work.repositories,
            place: place.join(" and "),
            accounts: accounts.into_iter().collect(),
        }
    }
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = if self.mode == Mode::Archive {
            "Archive"
        } else {
            "Delete"
        };
        write!(f, "{verb} {}", thousands(self.images))?;
        if self.images < self.candidates {
            write!(
                f,
                ", the oldest of {} that are not needed,",
                thousands(self.candidates)
            )?;
        }
        let repositories = count(self.repositories, "repository", "repositories");
        write!(f, " of {}", count(self.of, "image", "images"))?;
        if self.images == self.candidates {
            write!(f, " (at most {})", self.size)?;
        }
        write!(f, " in {repositories} of {}?", self.place)?;
        if self.mode == Mode::Archive {
            f.write_str(" Those archived longer ago than `archive.delete_after` are deleted.")?;
        } else {
            f.write_str(" This cannot be undone.")?;
        }
        let ids = if self.accounts.len() == 1 {
            "id"
        } else {
            "ids"
        };
        write!(f, " Type the account {ids}:")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_question_names_what_is_done_and_where() {
        let question = |mode, images, candidates, accounts: &[&str]| Question {
            mode,
            images,
            candidates,
            of: 17_243,
            size: Size(1_300_000_000_000),
            repositories: 60,
            place: "111122223333 (prod) eu-west-1".to_owned(),
            accounts: accounts.iter().map(ToString::to_string).collect(),
        };
        let one = ["111122223333"];
        let questions = [
            question(Mode::Delete, 10_000, 10_000, &one),
            question(Mode::Delete, 10_000, 12_000, &one),
            question(Mode::Archive, 1, 1, &["111122223333", "444455556666"]),
        ];
        insta::assert_snapshot!(questions.map(|it| it.to_string()).join("\n"));
    }
}
