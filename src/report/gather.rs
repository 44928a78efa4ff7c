//! The answer, from what was planned and what became of it.

use std::collections::{BTreeMap, HashSet};

use super::{
    Answer, Bytes, Counts, FailureGroup, Hygiene, RepositoryLine, Status, VERSION, answer::Omitted,
};
use crate::{
    cleanup::{Outcome, RepositoryOutcome, Stop},
    config::Mode,
    guard::Refusal,
    image::{Image, MediaType},
    inventory::NotRead,
    plan::{LeftAlone, Plan, RepositoryPlan, missing},
    policy::Policies,
    usage::Usage,
};

/// The most repositories that a failure names.
const NAMED: usize = 10;
/// Bytes of a gigabyte, as storage is priced.
const GIGABYTE: f64 = 1_073_741_824.0;

/// What an answer is made of.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The run's id.
    pub run_id: &'a str,
    /// What it was to do.
    pub mode: Mode,
    /// The plan.
    pub plan: &'a Plan,
    /// What is in use.
    pub usage: &'a Usage,
    /// The policies that the plan was made by.
    pub policies: &'a Policies,
    /// Why it may not act.
    pub refusals: &'a [Refusal],
    /// What became of it, if it acted.
    pub outcome: Option<&'a Outcome>,
    /// Whether time ran out before everything was read.
    pub out_of_time: bool,
    /// The price of storage, in US dollars for a gigabyte and month.
    pub usd_per_gb_month: f64,
}

/// Puts the answer together.
#[must_use]
pub fn gather(facts: Facts<'_>) -> Answer {
    let Facts {
        plan,
        usage,
        outcome,
        ..
    } = facts;
    let mut totals = Totals::default();
    for (position, repository) in plan.repositories.iter().enumerate() {
        let outcome = outcome.and_then(|outcome| {
            outcome
                .repositories
                .iter()
                .find(|of| of.position == position)
        });
        totals.add(plan, repository, outcome);
    }
    totals.lines.sort_by(|a, b| {
        b.candidate_bytes
            .cmp(&a.candidate_bytes)
            .then_with(|| a.name.cmp(&b.name))
    });
    let Totals {
        mut counts,
        bytes,
        to_archive,
        bytes_to_delete,
        bytes_archived,
        lines,
        failures,
        warnings,
    } = totals;
    counts.untouched = counts.candidates - counts.deleted - counts.archived - counts.failed;

    let mut refusals = facts.refusals.to_vec();
    refusals.extend(outcome.and_then(|outcome| outcome.usage_lost.clone()));
    let saved = if outcome.is_some() {
        bytes.deleted
    } else {
        bytes_to_delete
    };
    let mut answer = Answer {
        summary: String::new(),
        status: status(facts, !failures.is_empty()),
        mode: facts.mode,
        run_id: facts.run_id.to_owned(),
        version: VERSION,
        counts,
        bytes,
        exact_bytes: None,
        monthly_savings_usd: savings(saved, facts.usd_per_gb_month),
        in_use: usage.coverage().to_vec(),
        refusals,
        explanation: None,
        repositories: lines,
        missing: missing(plan, usage),
        failures: failures.into_values().collect(),
        warnings,
        hygiene: Hygiene::of(plan, usage, facts.policies),
        report: None,
        omitted: Omitted::default(),
    };
    answer.summary = summary(&answer, facts, to_archive, bytes_archived);
    answer
}

fn status(facts: Facts<'_>, failures: bool) -> Status {
    let left = facts.outcome.is_some_and(|outcome| {
        let out_of_time = |of: &RepositoryOutcome| of.stopped == Some(Stop::OutOfTime);
        outcome.beyond_limit > 0 || outcome.repositories.iter().any(out_of_time)
    });
    if facts.out_of_time || left {
        Status::Truncated
    } else if facts.mode == Mode::Plan {
        Status::Planned
    } else if facts
        .outcome
        .is_none_or(|outcome| outcome.usage_lost.is_some())
    {
        Status::Refused
    } else if failures {
        Status::CompletedWithFailures
    } else {
        Status::Completed
    }
}

/// US dollars a month, to the cent.
#[expect(clippy::cast_precision_loss, reason = "an estimate")]
fn savings(bytes: u64, usd_per_gb_month: f64) -> f64 {
    (bytes as f64 / GIGABYTE * usd_per_gb_month * 100.0).round() / 100.0
}

#[derive(Default)]
struct Totals {
    counts: Counts,
    bytes: Bytes,
    /// The candidates that are to be archived rather than deleted.
    to_archive: u64,
    /// Bytes of the others.
    bytes_to_delete: u64,
    /// Bytes of what was archived.
    bytes_archived: u64,
    lines: Vec<RepositoryLine>,
    failures: BTreeMap<String, FailureGroup>,
    warnings: Vec<String>,
}

impl Totals {
    fn add(
        &mut self,
        plan: &Plan,
        repository: &RepositoryPlan,
        outcome: Option<&RepositoryOutcome>,
    ) {
        if repository.left_alone == Some(LeftAlone::NotRead(NotRead::NotAsked)) {
            return;
        }
        let mut line = RepositoryLine {
            name: repository.title(),
            images: 0,
            kept: 0,
            in_use: 0,
            candidates: 0,
            deleted: 0,
            archived: 0,
            candidate_bytes: 0,
            left_alone: repository.left_alone.as_ref().map(ToString::to_string),
        };
        for (image, verdict) in repository.images() {
            line.images += 1;
            line.in_use += u64::from(verdict.in_use());
            self.bytes.scanned += own_bytes(image);
            if verdict.deletes() {
                line.candidates += 1;
                line.candidate_bytes += own_bytes(image);
                if plan.archives(image) {
                    self.to_archive += 1;
                } else {
                    self.bytes_to_delete += own_bytes(image);
                }
            }
            self.counts.artifacts += u64::from(verdict.is_of_artifact());
        }
        line.kept = line.images - line.candidates;
        if let Some(outcome) = outcome {
            line.deleted = outcome.deleted.len() as u64;
            line.archived = outcome.archived.len() as u64;
            let images = &repository.stored.images;
            let bytes_of = |done: &[u32]| {
                done.iter()
                    .map(|&index| own_bytes(&images[index as usize]))
                    .sum::<u64>()
            };
            self.bytes.deleted += bytes_of(&outcome.deleted);
            self.bytes_archived += bytes_of(&outcome.archived);
            self.add_failures(repository, outcome);
        }
        match &repository.left_alone {
            Some(LeftAlone::Failed { error }) => self.fail(repository, "not_listed", error, 0),
            None | Some(LeftAlone::NotRead(_) | LeftAlone::Vanished) => {}
            Some(why) => self
                .warnings
                .push(format!("`{}` is left alone: {why}", repository.title())),
        }
        let counts = &mut self.counts;
        counts.repositories += u64::from(repository.was_read());
        counts.images += line.images;
        counts.kept += line.kept;
        counts.in_use += line.in_use;
        counts.candidates += line.candidates;
        counts.deleted += line.deleted;
        counts.archived += line.archived;
        self.bytes.candidates += line.candidate_bytes;
        self.lines.push(line);
    }

    fn add_failures(&mut self, repository: &RepositoryPlan, outcome: &RepositoryOutcome) {
        let failed: HashSet<u32> = outcome.failed.iter().map(|failure| failure.index).collect();
        self.counts.failed += failed.len() as u64;
        for failure in &outcome.failed {
            self.fail(repository, &failure.code, &failure.message, 1);
        }
        match &outcome.stopped {
            Some(Stop::Failure { code, message }) if outcome.failed.is_empty() => {
                self.fail(repository, code, message, 0);
            }
            Some(Stop::Protected(message)) => {
                let name = &repository.name;
                self.warnings.push(format!(
                    "`{name}` is protected by a policy, and its images stay: {message}"
                ));
            }
            _ => {}
        }
    }

    fn fail(&mut self, repository: &RepositoryPlan, code: &str, message: &str, images: u64) {
        let group = self
            .failures
            .entry(code.to_owned())
            .or_insert_with(|| FailureGroup {
                code: code.to_owned(),
                message: message.to_owned(),
                images: 0,
                repositories: Vec::new(),
            });
        group.images += images;
        let name = repository.title();
        if group.repositories.len() < NAMED && !group.repositories.contains(&name) {
            group.repositories.push(name);
        }
    }
}

/// What ECR says an index takes is its largest child's size.
fn own_bytes(image: &Image) -> u64 {
    if image.media_type == MediaType::Index {
        0
    } else {
        image.bytes
    }
}

fn summary(answer: &Answer, facts: Facts<'_>, to_archive: u64, bytes_archived: u64) -> String {
    let Counts {
        repositories,
        images,
        candidates,
        deleted,
        archived,
        failed,
        ..
    } = answer.counts;
    let of_all = format!(
        "{} in {}",
        plural(images, "image"),
        plural(repositories, "repository")
    );
    // Archiving is no saving.
    let usd = match (facts.plan.archive.candidates, candidates - to_archive) {
        (true, 0) => String::new(),
        _ => format!(", about ${:.2} a month", answer.monthly_savings_usd),
    };
    let acts = |archive: u64, delete: u64| match (facts.plan.archive.candidates, delete) {
        (true, 0) => format!("archive {archive}"),
        (true, _) if archive > 0 => format!("archive {archive} and delete {delete}"),
        _ => format!("delete {delete}"),
    };
    let planned = acts(to_archive, candidates - to_archive);
    let done = acts(archived, deleted)
        .replace("archive ", "archived ")
        .replace("delete ", "deleted ");
    let done = format!("{}{}", done[..1].to_uppercase(), &done[1..]);
    let left = candidates - deleted - archived - failed;
    let bytes = gigabytes(answer.bytes.deleted + bytes_archived);
    let mut summary = match answer.status {
        Status::Planned => {
            format!("Would {planned} of {of_all}: {}{usd}. Nothing was changed.", gigabytes(answer.bytes.candidates))
        }
        Status::Refused if deleted + archived == 0 => {
            format!("Refused to {planned} of {of_all}. Nothing was deleted.")
        }
        Status::Refused => format!("{done} of {of_all}, then refused to go on; {left} are left."),
        Status::Truncated if facts.out_of_time => {
            "Time ran out before everything was read. Nothing was deleted. Give the function more time: 900 seconds are \
             the most."
                .to_owned()
        }
        Status::Completed | Status::CompletedWithFailures | Status::Truncated => {
            format!("{done} of {of_all}: {bytes}{usd}.")
        }
    };
    if answer.status == Status::Truncated && !facts.out_of_time {
        summary += &format!(" {left} more are left for the next run.");
    }
    if failed > 0 {
        let verb = if facts.plan.archive.candidates {
            "archived or deleted"
        } else {
            "deleted"
        };
        summary += &format!(" {failed} could not be {verb}.");
    }
    if let Some(refusal) = answer.refusals.first() {
        let text = if answer.status == Status::Planned {
            " A run that deletes would be refused: "
        } else {
            " "
        };
        summary += &format!("{text}{refusal}");
        if answer.refusals.len() > 1 {
            summary += &format!(" ({} more under `refusals`)", answer.refusals.len() - 1);
        }
    }
    let live = answer.missing.iter().filter(|missing| missing.live).count() as u64;
    if live > 0 {
        summary += &format!(
            " {} in use cannot be pulled: see `missing`.",
            plural(live, "image")
        );
    }
    summary
}

fn plural(count: u64, noun: &str) -> String {
    match (count, noun.strip_suffix('y')) {
        (1, _) => format!("1 {noun}"),
        (_, Some(stem)) => format!("{count} {stem}ies"),
        (_, None) => format!("{count} {noun}s"),
    }
}

/// Bytes as people write them.
#[expect(clippy::cast_precision_loss, reason = "two digits are shown")]
fn gigabytes(bytes: u64) -> String {
    let bytes = bytes as f64;
    if bytes < GIGABYTE {
        format!("{:.1} MB", bytes / (GIGABYTE / 1024.0))
    } else {
        format!("{:.2} GB", bytes / GIGABYTE)
    }
}
