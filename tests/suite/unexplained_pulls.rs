//! Candidates that somebody pulled, though nothing that is read uses them (U13).

use ecr_cleanup::{
    config::Mode,
    plan::{KeepReason, PlannedImage, Verdict},
    report::{Answer, WarningCode},
};
use jiff::SignedDuration;
use simulated_aws::{Push, SimulatedAws, World, days_ago};

use crate::support::{WorldExt, now, plan, program, request, run};

const APP: &str = "team/app";

/// Pushes an old index of two parts with a signature, of which one part was pulled so many days ago,
/// an image that nobody pulled, and one that is in use and was pulled.
fn fill(world: &mut World, days: u64) -> String {
    world.in_use_elsewhere();
    let app = world.home().repository(APP);
    let mut push = |push: Push| app.push(push.pushed_at(days_ago(200)));
    let pulled = push(Push::image().pulled_at(days_ago(days)));
    let parts = [pulled.clone(), push(Push::image())];
    let index = push(Push::index(&parts));
    push(Push::image().tag(format!("{}.sig", index.replace(':', "-"))));
    push(Push::image());
    let used = push(Push::image().tag("used").pulled_at(days_ago(days)));
    let uri = app.uri();
    world.home().ecs.register("app", [format!("{uri}@{used}")]);
    pulled
}

async fn account(days: u64) -> (SimulatedAws, String) {
    let aws = SimulatedAws::start().await;
    let pulled = aws.edit(|world| fill(world, days));
    (aws, pulled)
}

fn config(action: &str) -> String {
    let policies = "[{repositories: ['**'], delete_unmatched: true, keep: [{tags: '^keep$'}]}]";
    format!(
        "{{mode: delete, policies: {policies}, guards: {{unexplained_pulls: {{action: {action}}}}}}}"
    )
}

fn warnings(answer: &Answer) -> usize {
    let warnings = answer.warnings.iter();
    warnings
        .filter(|it| it.code == WarningCode::UnexplainedPulls)
        .count()
}

/// They are counted and listed, and nothing else changes.
#[tokio::test]
async fn a_candidate_that_somebody_pulled_is_warned_of() {
    let (aws, pulled) = account(3).await;
    let answer = run(&aws, &config("warn")).await;
    // The index and its part: neither the other part nor the signature.
    let [pulls] = &answer.unexplained_pulls[..] else {
        panic!("{:?}", answer.unexplained_pulls);
    };
    assert_eq!((pulls.repository.as_str(), pulls.images), (APP, 2));
    let age = pulls.last_pull.age(now());
    assert_eq!(age, SignedDuration::from_hours(72));
    assert_eq!(warnings(&answer), 1, "{:?}", answer.warnings);
    assert_deleted!(answer, Completed, 5);
    assert!(!aws.digests(APP).contains(&pulled));
}

/// They are kept, with all that belongs to them.
#[tokio::test]
async fn a_candidate_that_somebody_pulled_may_be_kept() {
    let (aws, pulled) = account(3).await;
    let program = program(&aws, &config("keep"));
    let planned = program.plan(request(Mode::Plan)).await.unwrap();
    let app = planned.plan().repository(APP).unwrap();
    let is_kept_for_it = |planned: &PlannedImage<'_>| match planned.verdict {
        Verdict::Keep(reasons) => matches!(reasons[..], [KeepReason::UnexplainedPull { .. }]),
        Verdict::Delete(_) => false,
    };
    assert_eq!(app.images().filter(is_kept_for_it).count(), 2);
    let explained = program.reference(&format!("{APP}@{pulled}")).unwrap();
    assert_contains!(planned.explain(&explained), "somebody pulled it");
    let answer = run(&aws, &config("keep")).await;
    assert_eq!(answer.unexplained_pulls[0].images, 2);
    assert_eq!(warnings(&answer), 0);
    assert_deleted!(answer, Completed, 1);
}

#[tokio::test]
async fn an_old_pull_is_none_and_off_is_off() {
    let (aws, _) = account(15).await;
    let answer = plan(&aws, &config("warn")).await;
    assert_eq!(answer.unexplained_pulls, []);
    assert_eq!(warnings(&answer), 0);
    let longer = config("keep, within: 16d");
    assert_eq!(plan(&aws, &longer).await.unexplained_pulls[0].images, 2);
    let off = plan(&aws, &config("off, within: 16d")).await;
    assert_eq!((off.unexplained_pulls.len(), off.counts.candidates), (0, 5));
}

/// The program reads the index in every run.
#[tokio::test]
async fn the_programs_own_reading_is_no_pull() {
    let (aws, _) = account(15).await;
    plan(&aws, &config("warn")).await;
    let answer = plan(&aws, &config("warn")).await;
    assert_eq!(answer.unexplained_pulls, []);
}
