//! The summary of a run, in a few sentences.

use std::{collections::BTreeMap, fmt};

use super::{
    Counts, Size, Status,
    answer::{Progress, Share},
    count, thousands,
};
use crate::evidence::{SourceStatus, Unread, UnreadKind};

/// Displays the result of a run in a few sentences.
pub(super) struct Summary<'a, R> {
    pub(super) status: Status,
    /// Whether time ran out before everything was read.
    pub(super) out_of_time: bool,
    /// Whether somebody interrupted the run.
    pub(super) is_interrupted: bool,
    /// Sources that had not answered by then.
    pub(super) unanswered: Vec<&'a SourceStatus>,
    /// How far reading came by then.
    pub(super) progress: Option<Progress>,
    /// What was not read.
    pub(super) unread: &'a [Unread],
    pub(super) counts: Counts,
    /// Whether candidates are archived first.
    pub(super) archives: bool,
    /// Candidates that are to be archived.
    pub(super) to_archive: u64,
    /// Archived images that are in use, and that mode `archive` restores.
    pub(super) to_restore: u64,
    /// Size of what was deleted or archived, or, in a dry run, of the candidates.
    pub(super) size: Size,
    /// US dollars a month.
    pub(super) savings: f64,
    /// Refusals of the run, or those that one which deletes would meet.
    pub(super) refusals: &'a [R],
    /// Images that run now and cannot be pulled.
    pub(super) missing: u64,
}

/// Number of sources that are named.
const SHOWN: usize = 3;

/// The words for archiving, for deleting, and for deleting after archiving.
type Verbs = [&'static str; 3];

const INFINITIVE: Verbs = ["archive", "delete", "delete"];
const PAST: Verbs = ["Archived", "Deleted", "deleted"];

impl<R> Summary<'_, R> {
    /// Returns what is done to how many images: `archive 2 and delete 3`.
    fn actions(&self, verbs: Verbs, archived: u64, deleted: u64) -> String {
        let [archive, delete, and_delete] = verbs;
        let [some, others] = [archived, deleted].map(thousands);
        match (self.archives, archived, deleted) {
            (true, _, 0) => format!("{archive} {some}"),
            (true, 1.., _) => format!("{archive} {some} and {and_delete} {others}"),
            _ => format!("{delete} {others}"),
        }
    }

    /// Returns the sources that had not answered: `: ecs in 111111111111 eu-west-1 had not answered`.
    fn unanswered(&self) -> String {
        let (first, others) = self.unanswered.split_at(self.unanswered.len().min(SHOWN));
        if first.is_empty() {
            return String::new();
        }
        let first: Vec<String> = first.iter().map(ToString::to_string).collect();
        let others = match others.len() {
            0 => String::new(),
            others => format!(" and {others} more"),
        };
        format!(": {}{others} had not answered", first.join(", "))
    }

    fn progress(&self) -> String {
        let Some(Progress { task_definitions }) = self.progress else {
            return String::new();
        };
        let Share { read, of } = task_definitions;
        let [read, of] = [read, of].map(thousands);
        format!(" Read {read} of about {of} task definitions; the next run continues.")
    }

    /// Returns what was done, without refusals, missing images and what was not read.
    pub(super) fn result(&self) -> String {
        let mut result = self.ending();
        if self.counts.failed > 0 {
            let or = if self.archives { "archived or " } else { "" };
            let failed = thousands(self.counts.failed);
            result += &format!(" {failed} could not be {or}deleted.");
        }
        let restored = match self.status {
            Status::Planned => ("Would restore", self.to_restore),
            _ => ("Restored", self.counts.restored),
        };
        if let (verb, images @ 1..) = restored {
            let images = count(images, "archived image", "archived images");
            result += &format!(" {verb} {images} in use.");
        }
        result
    }

    /// Returns how much storage is freed: `at most 1.6 GB, about $0.15 a month`. Images share layers.
    pub(super) fn freed(&self) -> String {
        let at_most = if self.size.0 > 0 { "at most " } else { "" };
        // Archiving alone saves nothing.
        let savings = if self.archives && self.counts.candidates == self.to_archive {
            String::new()
        } else {
            format!(", about ${:.2} a month", self.savings)
        };
        format!("{at_most}{}{savings}", self.size)
    }

    fn ending(&self) -> String {
        let (counts, freed) = (&self.counts, self.freed());
        let to_delete = counts.candidates - self.to_archive;
        let planned = self.actions(INFINITIVE, self.to_archive, to_delete);
        let done = self.actions(PAST, counts.archived, counts.deleted);
        let images = count(counts.images, "image", "images");
        let repositories = count(counts.repositories, "repository", "repositories");
        let of = format!("{images} in {repositories}");
        let left = count(counts.untouched, "is left", "are left");
        match self.status {
            Status::Planned => {
                format!("Would {planned} of {of}: {freed}. Nothing was changed.")
            }
            Status::Refused if counts.deleted + counts.archived == 0 => {
                format!("Refused to {planned} of {of}. Nothing was deleted.")
            }
            Status::Refused => format!("{done} of {of}, then refused to continue. {left}."),
            Status::Truncated if self.out_of_time && self.is_interrupted => {
                format!("Interrupted. Nothing was deleted.{}", self.progress())
            }
            Status::Truncated if self.out_of_time => {
                format!(
                    "Time ran out before everything was read{}. Nothing was deleted.{} \
                     Increase the timeout of the function; the maximum is 900 seconds.",
                    self.unanswered(),
                    self.progress()
                )
            }
            Status::Truncated => {
                let why = if self.is_interrupted {
                    "Interrupted. "
                } else {
                    ""
                };
                format!("{why}{done} of {of}: {freed}. {left} for the next run.")
            }
            Status::Completed | Status::CompletedWithFailures => {
                format!("{done} of {of}: {freed}.")
            }
        }
    }
}

impl<R: fmt::Display> fmt::Display for Summary<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.result())?;
        if let [first, others @ ..] = self.refusals {
            if self.status == Status::Planned {
                f.write_str(" A run that deletes would be refused:")?;
            }
            write!(f, " {first}")?;
            if !others.is_empty() {
                write!(f, " ({} more under `refusals`)", others.len())?;
            }
        }
        if self.missing > 0 {
            let images = count(self.missing, "image", "images");
            write!(f, " {images} in use cannot be pulled: see `missing`.")?;
        }
        if !self.unread.is_empty() {
            write!(f, " Not read: {}; see `unread`.", by_kind(self.unread))?;
        }
        Ok(())
    }
}

/// Returns how many of each kind there are: `2 Regions, 1 service`.
fn by_kind(unread: &[Unread]) -> String {
    let mut numbers: BTreeMap<UnreadKind, u64> = BTreeMap::new();
    for it in unread {
        *numbers.entry(it.kind).or_default() += 1;
    }
    let kinds = numbers.into_iter().map(|(kind, number)| {
        let (one, many) = kind.words();
        count(number, one, many)
    });
    kinds.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the summary of a run with 89 images, of which 3 are candidates.
    fn summary(status: Status, deleted: u64, untouched: u64) -> Summary<'static, &'static str> {
        let counts = Counts {
            repositories: 5,
            images: 89,
            candidates: 3,
            deleted,
            untouched,
            ..Counts::default()
        };
        Summary {
            status,
            out_of_time: false,
            is_interrupted: false,
            unanswered: Vec::new(),
            progress: None,
            unread: &[],
            counts,
            archives: false,
            to_archive: 0,
            to_restore: 0,
            size: Size(300_000_000),
            savings: 0.028,
            refusals: &[],
            missing: 0,
        }
    }

    #[test]
    fn what_is_done_depends_on_the_mode() {
        let cases = [
            (false, 0, 3),
            (true, 2, 0),
            (true, 0, 0),
            (true, 0, 3),
            (true, 2, 3),
        ];
        let phrases = cases.map(|(archives, archive, delete)| {
            let mut summary = summary(Status::Planned, 0, 0);
            summary.archives = archives;
            let actions = |verbs| summary.actions(verbs, archive, delete);
            format!("{} / {}", actions(INFINITIVE), actions(PAST))
        });
        insta::assert_snapshot!(phrases.join("\n"), @r"
        delete 3 / Deleted 3
        archive 2 / Archived 2
        archive 0 / Archived 0
        delete 3 / Deleted 3
        archive 2 and delete 3 / Archived 2 and deleted 3
        ");
    }

    #[test]
    fn every_ending_has_its_sentence() {
        let mut archived = summary(Status::Completed, 0, 0);
        (archived.archives, archived.to_archive) = (true, 3);
        archived.counts.archived = 3;
        let mut one = summary(Status::Completed, 1, 0);
        (one.counts.images, one.counts.repositories) = (1, 1);
        let mut out_of_time = summary(Status::Truncated, 0, 0);
        out_of_time.out_of_time = true;
        let mut interrupted = summary(Status::Truncated, 2, 2);
        interrupted.is_interrupted = true;
        let mut nothing_done = summary(Status::Truncated, 0, 0);
        (nothing_done.out_of_time, nothing_done.is_interrupted) = (true, true);
        let endings = [
            summary(Status::Planned, 0, 3),
            summary(Status::Refused, 0, 3),
            summary(Status::Refused, 2, 1),
            summary(Status::Completed, 3, 0),
            archived,
            one,
            summary(Status::Truncated, 2, 2),
            out_of_time,
            interrupted,
            nothing_done,
        ];
        insta::assert_snapshot!(endings.map(|ending| ending.to_string()).join("\n"), @r"
        Would delete 3 of 89 images in 5 repositories: at most 300.0 MB, about $0.03 a month. Nothing was changed.
        Refused to delete 3 of 89 images in 5 repositories. Nothing was deleted.
        Deleted 2 of 89 images in 5 repositories, then refused to continue. 1 is left.
        Deleted 3 of 89 images in 5 repositories: at most 300.0 MB, about $0.03 a month.
        Archived 3 of 89 images in 5 repositories: at most 300.0 MB.
        Deleted 1 of 1 image in 1 repository: at most 300.0 MB, about $0.03 a month.
        Deleted 2 of 89 images in 5 repositories: at most 300.0 MB, about $0.03 a month. 2 are left for the next run.
        Time ran out before everything was read. Nothing was deleted. Increase the timeout of the function; the maximum is 900 seconds.
        Interrupted. Deleted 2 of 89 images in 5 repositories: at most 300.0 MB, about $0.03 a month. 2 are left for the next run.
        Interrupted. Nothing was deleted.
        ");
    }

    #[test]
    fn failures_refusals_and_missing_images_follow() {
        let mut planned = summary(Status::Planned, 0, 3);
        planned.refusals = &["no_usage: nothing is in use."];
        let mut failed = summary(Status::CompletedWithFailures, 2, 0);
        failed.counts.failed = 1;
        failed.refusals = &["locked: busy.", "no_usage: none."];
        failed.missing = 1;
        let mut missing = summary(Status::Completed, 2, 0);
        missing.missing = 2;
        let mut unread = summary(Status::Completed, 3, 0);
        let service = |name| Unread::new(UnreadKind::Service, name, None, "denied", "grant it");
        let all = [
            service("batch"),
            service("pipes"),
            Unread {
                kind: UnreadKind::Region,
                ..service("eu-west-3")
            },
        ];
        unread.unread = &all;
        let mut restoring = summary(Status::Planned, 0, 3);
        restoring.to_restore = 1;
        let mut restored = summary(Status::Completed, 2, 0);
        restored.to_restore = 3;
        restored.counts.restored = 2;
        let summaries = [planned, failed, missing, unread, restoring, restored];
        let summaries = summaries.map(|summary| summary.to_string());
        insta::assert_snapshot!(summaries.join("\n"), @r"
        Would delete 3 of 89 images in 5 repositories: at most 300.0 MB, about $0.03 a month. Nothing was changed. A run that deletes would be refused: no_usage: nothing is in use.
        Deleted 2 of 89 images in 5 repositories: at most 300.0 MB, about $0.03 a month. 1 could not be deleted. locked: busy. (1 more under `refusals`) 1 image in use cannot be pulled: see `missing`.
        Deleted 2 of 89 images in 5 repositories: at most 300.0 MB, about $0.03 a month. 2 images in use cannot be pulled: see `missing`.
        Deleted 3 of 89 images in 5 repositories: at most 300.0 MB, about $0.03 a month. Not read: 1 Region, 2 services; see `unread`.
        Would delete 3 of 89 images in 5 repositories: at most 300.0 MB, about $0.03 a month. Nothing was changed. Would restore 1 archived image in use.
        Deleted 2 of 89 images in 5 repositories: at most 300.0 MB, about $0.03 a month. Restored 2 archived images in use.
        ");
    }
}
