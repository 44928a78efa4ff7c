//! What can go wrong with a call to AWS, and a run while it does.

use std::time::Duration;

use ecr_cleanup::{
    aws::ApiError,
    config::{Config, Mode},
    pipeline::Program,
    report::{Answer, Status},
};
use futures::{StreamExt, stream};
use simulated_aws::{FaultKind, SimulatedAws};

use super::{LONG_TIMEOUT, answer, clients_with_timeout, request};

/// What can go wrong with every call.
pub(crate) const ANY_CALL: [FaultKind; 8] = [
    FaultKind::Throttle,
    FaultKind::ServerError(500),
    FaultKind::ServerError(503),
    FaultKind::AccessDenied,
    FaultKind::Hang,
    FaultKind::Drop,
    FaultKind::CutBody,
    FaultKind::BadJson,
];

/// What can go wrong with a list in pages besides.
pub(crate) const PAGES: [FaultKind; 3] = [
    FaultKind::RepeatToken,
    FaultKind::EmptyToken,
    FaultKind::LoseList,
];

/// Returns what can go wrong with a list in pages.
pub(crate) fn any_list() -> impl Iterator<Item = FaultKind> {
    ANY_CALL.into_iter().chain(PAGES)
}

/// Runs in mode `delete`, with a short timeout for a call that hangs. Nothing else may run out of
/// time, however busy the machine is.
pub(crate) async fn try_to_run(
    aws: &SimulatedAws,
    config: &str,
    kind: &FaultKind,
) -> Result<Answer, ApiError> {
    let attempt = if matches!(kind, FaultKind::Hang) {
        Duration::from_millis(1500)
    } else {
        LONG_TIMEOUT
    };
    let program = Program::new(
        Config::parse(config).unwrap(),
        clients_with_timeout(aws, attempt),
    );
    answer(&program, request(Mode::Delete)).await
}

/// Says what is wrong with a run that is to be refused for one incomplete source, with these
/// words.
pub(crate) fn refused_for(
    aws: &SimulatedAws,
    answer: &Answer,
    words: &[&str],
) -> Result<(), String> {
    let refusals: Vec<String> = answer.refusals.iter().map(ToString::to_string).collect();
    let good = answer.status == Status::Refused
        && aws.mutations().is_empty()
        && refusals.len() == 1
        && refusals[0].starts_with("source_incomplete: ")
        && words.iter().all(|word| refusals[0].contains(word));
    good.then_some(())
        .ok_or_else(|| format!("{words:?}: {refusals:?}"))
}

/// Tries many cases, some at a time, and panics with what is wrong with any of them.
pub(crate) async fn try_all<Case>(
    cases: Vec<Case>,
    outcome: impl AsyncFn(Case) -> Result<(), String>,
) {
    let outcomes = stream::iter(cases)
        .map(|case| outcome(case))
        .buffer_unordered(12);
    let wrong: Vec<String> = outcomes
        .filter_map(async |outcome| outcome.err())
        .collect()
        .await;
    assert!(
        wrong.is_empty(),
        "{} cases:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}
