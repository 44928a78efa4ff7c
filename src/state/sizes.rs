//! What each repository stored in the weeks before, for its growth.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::object::StateObject;

/// Days between two that are remembered.
const APART: i64 = 7;
/// Days of a month, after which nothing is remembered.
const MONTH: i64 = 30;

/// Compressed bytes of repositories on a few days, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RepositorySizes(Vec<SizesOn>);

/// Compressed bytes of each repository on a day, in UTC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct SizesOn {
    date: Date,
    bytes: BTreeMap<String, u64>,
}

impl StateObject for RepositorySizes {
    const NAME: &'static str = "repository-sizes";
}

impl RepositorySizes {
    /// Adds a day, if the last one was a week ago, and forgets those of the month before, but for the
    /// last of them.
    pub(crate) fn add(&mut self, date: Date, bytes: BTreeMap<String, u64>) {
        if self
            .0
            .last()
            .is_none_or(|last| days(last.date, date) >= APART)
        {
            self.0.push(SizesOn { date, bytes });
        }
        let is_old = |it: &SizesOn| days(it.date, date) >= MONTH;
        let old = self.0.iter().take_while(|it| is_old(it)).count();
        self.0.drain(..old.saturating_sub(1));
    }

    /// Returns by how much a repository grew in 30 days, from the oldest day that is known of it;
    /// `None` if none was a week ago.
    pub(crate) fn growth(&self, repository: &str, bytes: u64, today: Date) -> Option<i64> {
        let mut known = self.0.iter().filter_map(|on| {
            let days = days(on.date, today);
            (days >= APART).then_some((days, *on.bytes.get(repository)?))
        });
        let (days, before) = known.next()?;
        let grown = i128::from(bytes) - i128::from(before);
        i64::try_from(grown * i128::from(MONTH) / i128::from(days)).ok()
    }
}

fn days(from: Date, to: Date) -> i64 {
    to.duration_since(from).as_hours() / 24
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_is_that_of_a_month_from_the_oldest_day() {
        let first: Date = "2026-10-01".parse().unwrap();
        let on = |day: i64| first.checked_add(jiff::Span::new().days(day)).unwrap();
        let mut sizes = RepositorySizes::default();
        let mut add = |day: i64, bytes: u64| {
            sizes.add(on(day), BTreeMap::from([("app".to_owned(), bytes)]));
            let growth = |bytes| sizes.growth("app", bytes, on(day));
            (sizes.0.len(), growth(bytes))
        };
        assert_eq!(add(0, 1000), (1, None));
        assert_eq!(add(6, 2000), (1, None));
        assert_eq!(add(10, 2000), (2, Some(3000)), "1000 in 10 days");
        assert_eq!(add(20, 500), (3, Some(-750)));
        assert_eq!(add(30, 4000), (4, Some(3000)));
        assert_eq!(add(41, 5000), (4, Some(2903)), "since the 10th day");
        assert_eq!(sizes.growth("other", 1, on(41)), None);
    }
}
