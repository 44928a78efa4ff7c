//! What a policy allows a run in its repositories: mode, percentage, number and time (A1, A2, A7,
//! A12).

use std::time::Duration;

use ecr_cleanup::{config::Mode, report::Answer};
use simulated_aws::{Push, SimulatedAws, days_ago};

use crate::support::{WorldExt, deleted, line, plan, program, request, run, run_as, set_clock};

const MOVE: &str = "ecr:UpdateImageStorageClass";

/// Starts an account with these repositories of so many untagged images each, one of which is used.
async fn account(repositories: &[(&str, u64)]) -> SimulatedAws {
    let aws = SimulatedAws::start().await;
    aws.edit(|world| {
        world.bucket("memory");
        for (name, images) in repositories {
            for image in 0..*images {
                world.untagged(name, 40 + image);
            }
            world
                .home()
                .repository(name)
                .push(Push::image().tag("used"));
        }
        let uri = world.home().repository(repositories[0].0).uri();
        world.home().ecs.register("web", [format!("{uri}:used")]);
    });
    aws
}

/// Returns a document whose first policy, for `a/**`, has these settings.
fn document(mode: &str, settings: &str) -> String {
    format!(
        "mode: {mode}\nstate: 's3://memory/prefix'\npolicies:\n- {{name: first, repositories: ['a/**'], {settings}}}\n- repositories: ['**']"
    )
}

fn counts(answer: &Answer) -> (u64, u64, u64) {
    let counts = answer.counts;
    (counts.candidates, counts.archived, counts.deleted)
}

/// The lowest of the modes of policy, configuration and event holds, and none is refused.
#[tokio::test]
async fn the_lowest_mode_holds() {
    use Mode::{Archive, Delete, Plan};
    for (policy, config, event, expected) in [
        ("plan", "delete", Delete, (2, 0, 1)),
        ("plan", "archive", Archive, (2, 1, 0)),
        ("archive", "delete", Delete, (2, 1, 1)),
        ("archive", "delete", Archive, (2, 2, 0)),
        ("archive", "archive", Archive, (2, 2, 0)),
        ("delete", "archive", Archive, (2, 2, 0)),
        ("delete", "delete", Delete, (2, 0, 2)),
        ("delete", "delete", Plan, (2, 0, 0)),
        ("archive", "plan", Plan, (2, 0, 0)),
    ] {
        let aws = account(&[("a/app", 1), ("b/app", 1)]).await;
        let document = document(config, &format!("mode: {policy}"));
        let answer = run_as(&aws, &document, event).await;
        let case = format!("{policy} {config} {event}");
        assert_eq!(counts(&answer), expected, "{case}");
        assert!(
            answer.refusals.is_empty() && answer.failures.is_empty(),
            "{case}"
        );
        let mutations = aws.mutations().len() as u64;
        assert_eq!(mutations, expected.1 + expected.2, "{case}");
        let first = line(&answer, "a/app");
        assert_eq!(first.policy.as_deref(), Some("first"), "{case}");
        assert_eq!(
            line(&answer, "b/app").policy.as_deref(),
            Some("policy 2"),
            "{case}"
        );
    }
}

/// An image that is only archived can be restored, so what is attached to it elsewhere is not
/// deleted; nor is it if the image is only shown (G2).
#[tokio::test]
async fn what_is_attached_to_an_image_that_is_not_deleted_stays() {
    for mode in ["plan", "archive", "delete"] {
        let aws = account(&[("a/app", 0)]).await;
        let signature = aws.edit(|world| {
            let app = world.home().repository("a/app");
            let image = app.push(Push::image().pushed_at(days_ago(90)));
            let tag = format!("{}.sig", image.replace(':', "-"));
            let signature = Push::image().tag(tag).pushed_at(days_ago(90));
            world.home().repository("signatures").push(signature)
        });
        let answer = run(&aws, &document("delete", &format!("mode: {mode}"))).await;
        assert_eq!(answer.counts.candidates, 2, "{mode}");
        let stays = aws.digests("signatures").contains(&signature);
        assert_eq!(stays, mode != "delete", "{mode}");
    }
}

/// Where a policy archives, what something live needs is restored; where it only plans, nothing is
/// done at all (A7).
#[tokio::test]
async fn a_mode_decides_on_restoring_too() {
    for (policy, config, restored) in [
        ("archive", "delete", 1),
        ("plan", "archive", 0),
        ("delete", "archive", 1),
        ("delete", "delete", 0),
        ("plan", "delete", 0),
    ] {
        let aws = account(&[("a/app", 0)]).await;
        aws.edit(|world| {
            let app = world.home().repository("a/app");
            let used = app.digest("used").unwrap().to_owned();
            let image = app.image_mut(&used).unwrap();
            image.status = "ARCHIVED".into();
            image.archived_at = Some(days_ago(3));
        });
        let answer = run(&aws, &document(config, &format!("mode: {policy}"))).await;
        assert_eq!(answer.counts.restored, restored, "{policy} {config}");
        assert_eq!(aws.count(MOVE) as u64, restored, "{policy} {config}");
    }
}

/// The explanation names the policy, and says that it only shows.
#[tokio::test]
async fn an_explanation_names_the_policy() {
    let aws = account(&[("a/app", 0)]).await;
    aws.edit(|world| {
        let old = Push::image().tag("x-SNAPSHOT").pushed_at(days_ago(90));
        world.home().repository("a/app").push(old);
    });
    let document = document("delete", "mode: plan, keep: [{tags: '^used'}]");
    let program = program(&aws, &document);
    let reference = program.reference("a/app:x-SNAPSHOT").unwrap();
    let planned = program.plan(request(Mode::Plan)).await.unwrap();
    let explanation = planned.explain(&reference).to_string();
    assert_contains!(
        explanation,
        "policy: first",
        "only shown, since its policy has `mode: plan`"
    );
}

/// A policy's percentage stands instead of that of the guards, whichever is larger.
#[tokio::test]
async fn the_percentage_of_a_policy_stands_instead_of_that_of_the_guards() {
    for (own, guards, left_alone) in [
        ("", 100, [false, false]),
        ("max_percent: 60", 100, [true, false]),
        ("max_percent: 70", 10, [false, true]),
    ] {
        let aws = account(&[("a/app", 2), ("b/app", 2)]).await;
        let guards = format!("guards: {{max_percent_per_repository: {guards}}}");
        let answer = run(&aws, &format!("{}\n{guards}", document("delete", own))).await;
        let found = ["a/app", "b/app"].map(|it| line(&answer, it).left_alone.clone());
        assert_eq!(found.each_ref().map(Option::is_some), left_alone, "{own}");
        let says = |why: &Option<String>, setting| {
            why.as_ref()
                .is_none_or(|why: &String| why.contains(setting))
        };
        assert!(
            says(&found[0], "`max_percent` of policy `first` allows 60 %"),
            "{found:?}"
        );
        assert!(
            says(&found[1], "`guards.max_percent_per_repository`"),
            "{found:?}"
        );
    }
}

/// The number of a policy holds for each of its repositories, and the next run continues; 0 is none.
#[tokio::test]
async fn the_number_of_a_policy_holds_for_each_repository() {
    let aws = account(&[("a/one", 5), ("a/two", 1), ("b/app", 4)]).await;
    let limited = |limit: u64| document("delete", &format!("max_deletions: {limit}"));
    let answer = run(&aws, &limited(0)).await;
    assert_deleted!(answer, Truncated, 4);
    for left in [3, 1] {
        let answer = run(&aws, &limited(2)).await;
        assert_status!(answer, Truncated);
        assert_eq!(line(&answer, "a/one").deleted, 2);
        assert_eq!(aws.digests("a/one").len(), left + 1);
    }
    let answer = run(&aws, &limited(2)).await;
    assert_deleted!(answer, Completed, 1);
    assert_eq!(aws.digests("a/two").len(), 1);
}

/// The soaking of a policy stands instead of that of the guards (A2).
#[tokio::test]
async fn the_soaking_of_a_policy_stands_instead_of_that_of_the_guards() {
    const DAY: Duration = Duration::from_hours(24);
    for (settings, guards, expected) in [
        ("soak: 2d", "0d", [("b/app", 0), ("a/app", 2)]),
        ("soak: 0d", "2d", [("a/app", 0), ("b/app", 2)]),
        ("soak: 3d", "1d", [("b/app", 1), ("a/app", 3)]),
    ] {
        let aws = account(&[("a/app", 1), ("b/app", 1)]).await;
        let document = format!(
            "{}\nguards: {{soak: {guards}}}",
            document("delete", settings)
        );
        for day in 0..=3 {
            set_clock(&aws, DAY * day);
            let answer = run(&aws, &document).await;
            for (repository, on) in expected {
                let gone = u64::from(day == on);
                assert_eq!(line(&answer, repository).deleted, gone, "{settings} {day}");
            }
        }
    }
}

/// What a policy only shows is in the plan, and its images soak for nothing.
#[tokio::test]
async fn what_is_only_shown_uses_up_no_limit() {
    let aws = account(&[("a/app", 3), ("b/app", 2)]).await;
    let document = document("delete", "mode: plan") + "\nguards: {max_deletions_per_run: 2}";
    assert_eq!(plan(&aws, &document).await.counts.candidates, 5);
    let answer = run(&aws, &document).await;
    assert_deleted!(answer, Completed, 2);
    assert_eq!(deleted(&aws).len(), 2);
}
