//! What was counted so far, how fast it goes and how long it will take.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use ecr_cleanup::report::{count, thousands};

/// Counts of what is being done.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// What is being done: `Reading`.
    pub(super) doing: String,
    of_each: BTreeMap<String, Count>,
}

/// Count of one kind of thing.
#[derive(Debug, Clone, Copy)]
struct Count {
    done: u64,
    /// Number that is known so far; 0 if nobody knows.
    of: u64,
    since: Instant,
}

impl Count {
    /// Returns how many are done in a second; `None` if that is not known yet.
    fn rate(&self, now: Instant) -> Option<f64> {
        let seconds = now.duration_since(self.since).as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let done = self.done as f64;
        (self.done > 0 && seconds >= 1.0).then(|| done / seconds)
    }

    /// Returns how long the rest will take; `None` if that is not known.
    fn left(&self, now: Instant) -> Option<Duration> {
        let rest = self.of.checked_sub(self.done).filter(|rest| *rest > 0)?;
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let seconds = rest as f64 / self.rate(now)?;
        Duration::try_from_secs_f64(seconds).ok()
    }
}

impl Counts {
    /// Begins to count anew.
    pub(super) fn begin(&mut self) {
        self.of_each.clear();
    }

    pub(super) fn add(&mut self, what: &str, expected: u64, done: u64, now: Instant) {
        let count = self.of_each.entry(what.to_owned()).or_insert(Count {
            done: 0,
            of: 0,
            since: now,
        });
        count.of += expected;
        count.done += done;
    }

    /// Returns how many are done of what takes longest, and their number.
    pub(super) fn share(&self, now: Instant) -> (u64, u64) {
        let slowest = self.slowest(now);
        slowest.map_or((0, 1), |count| (count.done.min(count.of), count.of))
    }

    /// Returns what takes longest, or else the most.
    fn slowest(&self, now: Instant) -> Option<&Count> {
        let counts = self.of_each.values().filter(|count| count.of > 0);
        counts.max_by_key(|count| {
            (
                count.left(now),
                count.of.saturating_sub(count.done),
                count.of,
            )
        })
    }

    /// Returns it in a line: `Reading (12/s, 8 min left): 3 of 9 repositories, 41 images`. What matters
    /// most comes first, since a terminal cuts it.
    pub(super) fn text(&self, now: Instant) -> String {
        let parts: Vec<String> = WORDS
            .iter()
            .filter_map(|&(what, one, many)| Some((self.of_each.get(what)?, one, many)))
            .map(|(it, one, many)| match it.of {
                0 => count(it.done, one, many),
                of => format!("{} of {}", thousands(it.done), count(of, one, many)),
            })
            .collect();
        let mut text = self.doing.clone();
        let slowest = self.slowest(now);
        if let Some((rate, left)) = slowest.and_then(|it| Some((it.rate(now)?, it.left(now)?))) {
            text += &format!(" ({}, {} left)", per_second(rate), rounded(left));
        }
        if !parts.is_empty() {
            text += &format!(": {}", parts.join(", "));
        }
        text
    }
}

/// What is counted, in the order in which it is shown.
const WORDS: [(&str, &str, &str); 6] = [
    ("repositories", "repository", "repositories"),
    ("images", "image", "images"),
    ("sources", "source", "sources"),
    ("task_definitions", "task definition", "task definitions"),
    ("manifests", "manifest", "manifests"),
    ("candidates", "image", "images"),
];

fn per_second(rate: f64) -> String {
    if rate < 10.0 {
        format!("{rate:.1}/s")
    } else {
        format!("{}/s", thousands(format!("{rate:.0}")))
    }
}

/// Returns about how long something takes, rounded up: `40 s`, `3 min`, `1 h 20 min`.
fn rounded(time: Duration) -> String {
    let seconds = time.as_secs() + u64::from(time.subsec_nanos() > 0);
    let minutes = seconds.div_ceil(60);
    match (seconds, minutes) {
        (..100, _) => format!("{seconds} s"),
        (_, ..60) => format!("{minutes} min"),
        _ => format!("{} h {} min", minutes / 60, minutes % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_how_much_is_done_how_fast_and_how_long_it_takes() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut counts = Counts {
            doing: "Reading".to_owned(),
            ..Counts::default()
        };
        let mut lines = vec![counts.text(start)];
        counts.add("repositories", 5000, 0, start);
        counts.add("sources", 14, 0, start);
        lines.push(counts.text(start));
        counts.add("repositories", 0, 1250, after(10));
        counts.add("images", 0, 201_945, after(10));
        counts.add("sources", 0, 13, after(10));
        lines.push(counts.text(after(10)));
        assert_eq!(counts.share(after(10)), (1250, 5000));
        // What takes longest counts.
        counts.add("task_definitions", 19_400, 0, after(10));
        counts.add("task_definitions", 0, 200, after(20));
        lines.push(counts.text(after(20)));
        assert_eq!(counts.share(after(20)), (200, 19_400));
        counts.begin();
        counts.doing = "Deleting".to_owned();
        counts.add("candidates", 1, 0, after(30));
        counts.add("candidates", 0, 1, after(31));
        lines.push(counts.text(after(31)));
        insta::assert_snapshot!(lines.join("\n"), @r"
        Reading
        Reading: 0 of 5,000 repositories, 0 of 14 sources
        Reading (125/s, 30 s left): 1,250 of 5,000 repositories, 201,945 images, 13 of 14 sources
        Reading (20/s, 16 min left): 1,250 of 5,000 repositories, 201,945 images, 13 of 14 sources, 200 of 19,400 task definitions
        Deleting: 1 of 1 image
        ");
    }

    #[test]
    fn times_are_rounded() {
        let seconds = [0.2, 99.0, 100.0, 120.5, 3600.0, 4800.0, 90_000.0];
        let times = seconds.map(|it| rounded(Duration::from_secs_f64(it)));
        insta::assert_snapshot!(times.join(", "), @"1 s, 99 s, 2 min, 3 min, 1 h 0 min, 1 h 20 min, 25 h 0 min");
    }
}
