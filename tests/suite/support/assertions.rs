//! What tests assert of a run again and again. A failure shows the summary, the refusals, the
//! warnings or the text, and the case, if one is given as a format string.

use ecr_cleanup::report::{Answer, Status};
use simulated_aws::SimulatedAws;

use super::outcome_counts;

/// The case as a text, from a format string with its arguments; empty if there is none.
macro_rules! case_text {
    () => { "" };
    ($($case:tt)+) => { &format!($($case)+) };
}

/// Asserts how a run ended: `assert_status!(answer, Completed)`.
macro_rules! assert_status {
    ($answer:expr, $status:ident $(, $($case:tt)+)?) => {
        $crate::support::assertions::status(
            &$answer,
            ecr_cleanup::report::Status::$status,
            case_text!($($($case)+)?),
        )
    };
}

/// Asserts how a run ended, and how many images it deleted.
macro_rules! assert_deleted {
    ($answer:expr, $status:ident, $deleted:expr $(, $($case:tt)+)?) => {{
        assert_status!($answer, $status $(, $($case)+)?);
        $crate::support::assertions::deleted(&$answer, $deleted, case_text!($($($case)+)?));
    }};
}

/// Asserts how a run ended, and how many images were deleted, failed and were left untouched.
macro_rules! assert_outcome {
    ($answer:expr, $status:ident, $counts:expr $(, $($case:tt)+)?) => {{
        assert_status!($answer, $status $(, $($case)+)?);
        $crate::support::assertions::counts(&$answer, $counts, case_text!($($($case)+)?));
    }};
}

/// Asserts that a run was refused, and changed nothing.
macro_rules! assert_refused {
    ($answer:expr, $aws:expr $(, $($case:tt)+)?) => {{
        assert_status!($answer, Refused $(, $($case)+)?);
        $crate::support::assertions::untouched(&$aws, case_text!($($($case)+)?));
    }};
}

/// Asserts that a text contains every one of these.
macro_rules! assert_contains {
    ($text:expr, $($part:expr),+) => {
        $crate::support::assertions::contains(&$text.to_string(), &[$(&$part),+])
    };
}

/// Asserts that a text begins with this one.
macro_rules! assert_starts {
    ($text:expr, $start:expr) => {
        $crate::support::assertions::starts(&$text.to_string(), &$start)
    };
}

#[track_caller]
pub(crate) fn status(answer: &Answer, expected: Status, case: &str) {
    let (summary, refusals) = (&answer.summary, &answer.refusals);
    assert_eq!(answer.status, expected, "{case} {summary} {refusals:?}");
}

#[track_caller]
pub(crate) fn deleted(answer: &Answer, expected: u64, case: &str) {
    let summary = &answer.summary;
    assert_eq!(answer.counts.deleted, expected, "{case} {summary}");
}

#[track_caller]
pub(crate) fn counts(answer: &Answer, expected: (u64, u64, u64), case: &str) {
    let summary = &answer.summary;
    assert_eq!(outcome_counts(answer), expected, "{case} {summary}");
}

#[track_caller]
pub(crate) fn untouched(aws: &SimulatedAws, case: &str) {
    let mutations = aws.mutations();
    assert!(mutations.is_empty(), "{case} {mutations:?}");
}

#[track_caller]
pub(crate) fn contains(text: &str, parts: &[&dyn AsRef<str>]) {
    for part in parts {
        let part: &str = part.as_ref();
        assert!(text.contains(part), "`{part}` is not in:\n{text}");
    }
}

#[track_caller]
pub(crate) fn starts(text: &str, start: &dyn AsRef<str>) {
    let start = start.as_ref();
    assert!(text.starts_with(start), "`{start}` does not begin:\n{text}");
}

/// Asserts that a warning contains this text.
#[track_caller]
pub(crate) fn assert_warns(answer: &Answer, text: &str) {
    let warnings = &answer.warnings;
    let warned = warnings
        .iter()
        .any(|warning| warning.message.contains(text));
    assert!(warned, "`{text}` is not in {warnings:?}");
}
