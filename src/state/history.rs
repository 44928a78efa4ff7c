//! What each day's runs found and deleted, for reports to show.

use serde::{Deserialize, Serialize};

use super::object::StateObject;
use crate::image::Time;

/// Days that are remembered.
const DAYS: usize = 366;

/// A day of each of the last runs, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct History(Vec<Day>);

/// What the last run of a day found, and what all runs of it deleted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Day {
    /// `2026-11-28`, in UTC.
    pub(crate) date: String,
    /// Images that were left, and their compressed bytes.
    pub(crate) images: u64,
    pub(crate) bytes: u64,
    /// Candidates that were left, and their bytes.
    pub(crate) candidates: u64,
    pub(crate) candidate_bytes: u64,
    /// Images that were deleted, and their bytes.
    pub(crate) deleted: u64,
    pub(crate) deleted_bytes: u64,
}

impl StateObject for History {
    const NAME: &'static str = "history";
}

impl Day {
    /// Creates the day of a time, without any images.
    pub(crate) fn of(time: Time) -> Self {
        Self {
            date: time.to_string().chars().take(10).collect(),
            ..Self::default()
        }
    }
}

impl History {
    /// Returns the days, oldest first.
    pub(crate) fn days(&self) -> &[Day] {
        &self.0
    }

    /// Adds a run.
    pub(crate) fn add(&mut self, mut run: Day) {
        if let Some(earlier) = self.0.pop_if(|last| last.date == run.date) {
            run.deleted += earlier.deleted;
            run.deleted_bytes += earlier.deleted_bytes;
        }
        self.0.push(run);
        let forgotten = self.0.len().saturating_sub(DAYS);
        self.0.drain(..forgotten);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_what_its_last_run_found_and_all_its_runs_deleted() {
        let run = |date: &str, images, deleted| Day {
            date: date.to_owned(),
            images,
            bytes: images * 10,
            deleted,
            deleted_bytes: deleted * 10,
            ..Day::default()
        };
        let mut history = History::default();
        history.add(run("2026-11-27", 9, 1));
        history.add(run("2026-11-28", 8, 1));
        history.add(run("2026-11-28", 6, 2));
        let expected = [run("2026-11-27", 9, 1), run("2026-11-28", 6, 3)];
        assert_eq!(history.days(), expected);
        for number in 0..DAYS {
            history.add(run(&format!("day {number}"), 1, 0));
        }
        assert_eq!(history.days().len(), DAYS);
        assert_eq!(history.days()[0].date, "day 0");
    }

    #[test]
    fn a_day_is_that_of_utc() {
        let time = Time::from_millis(1_795_305_600_000 - 1).unwrap();
        assert_eq!(Day::of(time).date, "2026-11-21");
    }
}
