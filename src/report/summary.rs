//! The summary of a run, in a few sentences.

use std::fmt;

use super::{Size, count};

/// The summary of a run.
pub(super) struct Summary<'a, R> {
    /// How the run ended.
    pub(super) ending: Ending,
    /// Images that could not be deleted or archived.
    pub(super) failed: Failed,
    /// Why the run may not delete, or why one that deletes may not.
    pub(super) refusals: &'a [R],
    /// Images that run now and cannot be pulled.
    pub(super) missing: u64,
}

/// How a run ended.
pub(super) enum Ending {
    Planned(Planned),
    Refused(Refused),
    Completed(Completed),
    Truncated(Truncated),
    OutOfTime(OutOfTime),
}

/// A run that changed nothing, because it was not asked to.
pub(super) struct Planned {
    pub(super) actions: Actions,
    pub(super) of: Scanned,
    /// Size of the candidates.
    pub(super) size: Size,
    pub(super) savings: Savings,
}

/// A run that a guard refused, before the first deletion or after some.
pub(super) struct Refused {
    pub(super) planned: Actions,
    pub(super) done: Option<Actions>,
    pub(super) of: Scanned,
    /// Candidates that are left.
    pub(super) left: u64,
}

/// A run that tried everything that it planned.
pub(super) struct Completed {
    pub(super) done: Actions,
    pub(super) of: Scanned,
    /// Size of what was deleted or archived.
    pub(super) size: Size,
    pub(super) savings: Savings,
}

/// A run that leaves candidates to the next one.
pub(super) struct Truncated {
    pub(super) completed: Completed,
    /// Candidates that are left.
    pub(super) left: u64,
}

/// A run whose time ran out before everything was read.
pub(super) struct OutOfTime;

/// What was read.
#[derive(Clone, Copy)]
pub(super) struct Scanned {
    pub(super) images: u64,
    pub(super) repositories: u64,
}

/// US dollars a month. `None` if candidates are only archived, which saves nothing.
#[derive(Clone, Copy)]
pub(super) struct Savings(pub(super) Option<f64>);

/// Images by what is done to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Actions {
    Delete(u64),
    Archive(u64),
    Both { archive: u64, delete: u64 },
}

/// Images that could not be deleted or archived.
#[derive(Clone, Copy)]
pub(super) struct Failed {
    pub(super) images: u64,
    /// Whether the run archives.
    pub(super) archives: bool,
}

impl Actions {
    /// Returns what a run does; one that does not archive only deletes.
    pub(super) const fn new(archives: bool, archive: u64, delete: u64) -> Self {
        match (archives, archive, delete) {
            (true, archive, 0) => Self::Archive(archive),
            (true, 1.., delete) => Self::Both { archive, delete },
            _ => Self::Delete(delete),
        }
    }

    const fn infinitive(self) -> Infinitive {
        Infinitive(self)
    }

    const fn past(self) -> Past {
        Past(self)
    }
}

/// Displays what would be done: `archive 2 and delete 3`.
struct Infinitive(Actions);

/// Displays what was done, at the beginning of a sentence: `Archived 2 and deleted 3`.
struct Past(Actions);

impl fmt::Display for Infinitive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Actions::Delete(images) => write!(f, "delete {images}"),
            Actions::Archive(images) => write!(f, "archive {images}"),
            Actions::Both { archive, delete } => write!(f, "archive {archive} and delete {delete}"),
        }
    }
}

impl fmt::Display for Past {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Actions::Delete(images) => write!(f, "Deleted {images}"),
            Actions::Archive(images) => write!(f, "Archived {images}"),
            Actions::Both { archive, delete } => {
                write!(f, "Archived {archive} and deleted {delete}")
            }
        }
    }
}

impl fmt::Display for Scanned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let images = count(self.images, "image", "images");
        let repositories = count(self.repositories, "repository", "repositories");
        write!(f, "{images} in {repositories}")
    }
}

impl fmt::Display for Savings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(usd) => write!(f, ", about ${usd:.2} a month"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Planned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            actions,
            of,
            size,
            savings,
        } = self;
        let actions = actions.infinitive();
        write!(
            f,
            "Would {actions} of {of}: {size}{savings}. Nothing was changed."
        )
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = self.of;
        match self.done {
            None => {
                let planned = self.planned.infinitive();
                write!(f, "Refused to {planned} of {of}. Nothing was deleted.")
            }
            Some(done) => {
                let left = count(self.left, "is left", "are left");
                write!(
                    f,
                    "{} of {of}, then refused to continue. {left}.",
                    done.past()
                )
            }
        }
    }
}

impl fmt::Display for Completed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            done,
            of,
            size,
            savings,
        } = self;
        write!(f, "{} of {of}: {size}{savings}.", done.past())
    }
}

impl fmt::Display for Truncated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let left = count(self.left, "is left", "are left");
        write!(f, "{} {left} for the next run.", self.completed)
    }
}

impl fmt::Display for OutOfTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "Time ran out before everything was read. Nothing was deleted. \
             Increase the timeout of the function; the maximum is 900 seconds.",
        )
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Planned(planned) => planned.fmt(f),
            Self::Refused(refused) => refused.fmt(f),
            Self::Completed(completed) => completed.fmt(f),
            Self::Truncated(truncated) => truncated.fmt(f),
            Self::OutOfTime(out_of_time) => out_of_time.fmt(f),
        }
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let images = self.images;
        if self.archives {
            write!(f, "{images} could not be archived or deleted.")
        } else {
            write!(f, "{images} could not be deleted.")
        }
    }
}

impl<R: fmt::Display> fmt::Display for Summary<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.ending.fmt(f)?;
        if self.failed.images > 0 {
            write!(f, " {}", self.failed)?;
        }
        if let [first, others @ ..] = self.refusals {
            if matches!(self.ending, Ending::Planned(_)) {
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
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OF: Scanned = Scanned {
        images: 89,
        repositories: 5,
    };
    const SIZE: Size = Size(300_000_000);
    const SAVINGS: Savings = Savings(Some(0.028));

    fn completed(done: Actions, savings: Savings) -> Completed {
        Completed {
            done,
            of: OF,
            size: SIZE,
            savings,
        }
    }

    fn summary(ending: Ending, failed: u64, refusals: &[&str], missing: u64) -> String {
        let failed = Failed {
            images: failed,
            archives: false,
        };
        Summary {
            ending,
            failed,
            refusals,
            missing,
        }
        .to_string()
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
            let actions = Actions::new(archives, archive, delete);
            format!("{} / {}", actions.infinitive(), actions.past())
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
        let planned = Planned {
            actions: Actions::Delete(3),
            of: OF,
            size: SIZE,
            savings: SAVINGS,
        };
        let refused = |done| Refused {
            planned: Actions::Delete(3),
            done,
            of: OF,
            left: 1,
        };
        let truncated = Truncated {
            completed: completed(Actions::Delete(2), SAVINGS),
            left: 2,
        };
        let archived = Actions::Archive(3);
        let one = Scanned {
            images: 1,
            repositories: 1,
        };
        let of_one = Completed {
            of: one,
            ..completed(Actions::Delete(1), SAVINGS)
        };
        let endings = [
            Ending::Planned(planned),
            Ending::Refused(refused(None)),
            Ending::Refused(refused(Some(Actions::Delete(2)))),
            Ending::Completed(completed(Actions::Delete(3), SAVINGS)),
            Ending::Completed(completed(archived, Savings(None))),
            Ending::Completed(of_one),
            Ending::Truncated(truncated),
            Ending::OutOfTime(OutOfTime),
        ];
        insta::assert_snapshot!(endings.map(|ending| ending.to_string()).join("\n"), @r"
        Would delete 3 of 89 images in 5 repositories: 286.1 MB, about $0.03 a month. Nothing was changed.
        Refused to delete 3 of 89 images in 5 repositories. Nothing was deleted.
        Deleted 2 of 89 images in 5 repositories, then refused to continue. 1 is left.
        Deleted 3 of 89 images in 5 repositories: 286.1 MB, about $0.03 a month.
        Archived 3 of 89 images in 5 repositories: 286.1 MB.
        Deleted 1 of 1 image in 1 repository: 286.1 MB, about $0.03 a month.
        Deleted 2 of 89 images in 5 repositories: 286.1 MB, about $0.03 a month. 2 are left for the next run.
        Time ran out before everything was read. Nothing was deleted. Increase the timeout of the function; the maximum is 900 seconds.
        ");
    }

    #[test]
    fn failures_refusals_and_missing_images_follow() {
        let planned = Ending::Planned(Planned {
            actions: Actions::Delete(3),
            of: OF,
            size: SIZE,
            savings: SAVINGS,
        });
        let done = || Ending::Completed(completed(Actions::Delete(2), SAVINGS));
        let summaries = [
            summary(planned, 0, &["no_usage: nothing is in use."], 0),
            summary(done(), 1, &["locked: busy.", "no_usage: none."], 1),
            summary(done(), 0, &[], 2),
        ];
        insta::assert_snapshot!(summaries.join("\n"), @r"
        Would delete 3 of 89 images in 5 repositories: 286.1 MB, about $0.03 a month. Nothing was changed. A run that deletes would be refused: no_usage: nothing is in use.
        Deleted 2 of 89 images in 5 repositories: 286.1 MB, about $0.03 a month. 1 could not be deleted. locked: busy. (1 more under `refusals`) 1 image in use cannot be pulled: see `missing`.
        Deleted 2 of 89 images in 5 repositories: 286.1 MB, about $0.03 a month. 2 images in use cannot be pulled: see `missing`.
        ");
    }
}
