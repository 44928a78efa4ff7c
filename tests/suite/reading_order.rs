//! What is asked when: policies beside images and again right before deleting, nothing that was not there
//! lately, and after a run only what it may have broken.

use std::time::Duration;

use ecr_cleanup::{config::Mode, plan::MissingReason};
use serde_json::{Value, json};
use simulated_aws::{Call, Fault, SimulatedAws, World};

use crate::support::{
    DELETE, WorldExt, line, plan, run, run_as, set_clock,
    state::{BUCKET, FULL},
};

const APP: &str = "team/app";
const OTHER: &str = "team/other";
const POLICY: &str = "ecr:GetRepositoryPolicy";
const LIFECYCLE: &str = "ecr:GetLifecyclePolicy";
const DAY: Duration = Duration::from_hours(24);

/// Starts an account with a state store and two repositories in which something goes.
async fn account() -> SimulatedAws {
    let aws = SimulatedAws::start().await;
    aws.edit(|world| {
        world.bucket(BUCKET);
        world.bucket("reports");
        world.in_use_elsewhere();
        world.untagged_images(APP, 3);
        world.untagged_images(OTHER, 2);
    });
    aws
}

fn let_pull(account: &'static str) -> impl FnOnce(&mut World) + Send + 'static {
    move |world| {
        let principal = json!({"AWS": format!("arn:aws:iam::{account}:root")});
        let policy =
            json!({"Statement": {"Effect": "Allow", "Principal": principal, "Action": "ecr:*"}});
        world.home().repository(APP).repository_policy = Some(policy.to_string());
    }
}

/// Who may pull is asked again right before anything is deleted (A3, U16).
#[tokio::test]
async fn a_repository_whose_policy_changed_since_the_plan_keeps_its_images() {
    for mode in [Mode::Delete, Mode::Archive] {
        let aws = account().await;
        aws.after("ecr:DescribeRegistry", 1, let_pull("333333333333"));
        let answer = run_as(&aws, DELETE, mode).await;
        assert_status!(answer, Completed, "{mode}");
        let done = answer.counts.deleted + answer.counts.archived;
        assert_eq!((done, answer.counts.untouched), (2, 3), "{mode}");
        assert_eq!(aws.digests(APP).len(), 4, "{mode}");
    }
}

/// It is asked before every attempt, and an answer that does not come is none.
#[tokio::test]
async fn a_policy_that_changes_between_two_attempts_or_is_not_told_keeps_images() {
    let call = "ecr:BatchDeleteImage";
    let aws = SimulatedAws::start().await;
    aws.edit(|world| {
        world.in_use_elsewhere();
        world.untagged_images(APP, 3);
    });
    aws.fault(Fault::on(call).once());
    aws.after(call, 1, let_pull("333333333333"));
    let answer = run(&aws, DELETE).await;
    assert_outcome!(answer, Completed, (0, 0, 3));
    assert_eq!((aws.digests(APP).len(), aws.count(call)), (4, 1));

    let aws = account().await;
    let denied = Fault::denied(POLICY).matching(APP).call(2);
    aws.fault(denied);
    let answer = run(&aws, DELETE).await;
    assert_status!(answer, CompletedWithFailures);
    assert_eq!((aws.digests(APP).len(), answer.counts.deleted), (4, 2));
    assert_contains!(format!("{:?}", answer.failures), POLICY);
}

/// With `warn`, policies decide nothing, and one that cannot be read neither.
#[tokio::test]
async fn a_policy_that_only_warns_is_not_asked_for_again() {
    let aws = account().await;
    let config = "{mode: delete, guards: {unread_pull_accounts: warn}}";
    aws.fault(Fault::denied(POLICY));
    let answer = run(&aws, config).await;
    assert_outcome!(answer, Completed, (5, 0, 0));
    assert_eq!(aws.count(POLICY), 3, "once for each repository");
}

/// Returns how often something asks for each kind of policy.
async fn asks(aws: &SimulatedAws, what: impl AsyncFnOnce(&SimulatedAws)) -> (usize, usize) {
    let before = (aws.count(POLICY), aws.count(LIFECYCLE));
    what(aws).await;
    (
        aws.count(POLICY) - before.0,
        aws.count(LIFECYCLE) - before.1,
    )
}

/// A policy that there is not is not asked for again within a week, but before a deletion, and by a
/// dry run where it decides (P2, P9).
#[tokio::test]
async fn what_was_not_there_lately_is_not_asked_for_again() {
    let aws = account().await;
    let running = async |aws: &SimulatedAws| drop(run(aws, FULL).await);
    let planning = async |aws: &SimulatedAws| drop(plan(aws, FULL).await);
    assert_eq!(asks(&aws, planning).await, (3, 3));
    assert_eq!(asks(&aws, planning).await, (3, 0));
    assert_eq!(asks(&aws, running).await, (2, 0), "each before it deletes");
    assert_eq!(asks(&aws, running).await, (0, 0), "nothing is left");
    set_clock(&aws, DAY * 8);
    assert_eq!(asks(&aws, running).await, (3, 3));
}

/// A policy that is new since it was not there keeps its repository, and from then on it is known.
#[tokio::test]
async fn a_policy_that_was_not_there_lately_is_found_before_a_deletion() {
    let aws = account().await;
    run(&aws, FULL).await;
    for days in [40, 41] {
        aws.edit(|world| world.untagged(APP, days));
    }
    aws.edit(let_pull("333333333333"));
    let answer = run(&aws, FULL).await;
    assert_eq!((answer.counts.candidates, answer.counts.deleted), (2, 0));
    let answer = run(&aws, FULL).await;
    assert_eq!(answer.counts.candidates, 0);
    assert!(line(&answer, APP).left_alone.is_some());
    assert_eq!(aws.digests(APP).len(), 3);
}

/// Returns the images that calls name, a list of digests and tags for each.
fn named(calls: &[Call]) -> Vec<Vec<Value>> {
    let ids = calls
        .iter()
        .filter_map(|call| call.body["imageIds"].as_array());
    ids.cloned().collect()
}

/// Starts an account with an image in use in a repository in which something goes.
async fn with_use() -> SimulatedAws {
    let aws = SimulatedAws::start().await;
    aws.edit(|world| {
        for (repository, images) in [(APP, 3), (OTHER, 0)] {
            for tag in ["1", "2"] {
                world.tagged(repository, tag, 1);
                world.define(&format!("web-{tag}"), repository, tag);
            }
            for day in 0..images {
                world.untagged(repository, 30 + day);
            }
        }
    });
    aws
}

/// After something was deleted, that repository alone is listed once; where it may not be, its images in use
/// are asked for in one call (U10).
#[tokio::test]
async fn the_look_after_a_run_asks_for_images_in_use() {
    for is_denied in [false, true] {
        let aws = with_use().await;
        if is_denied {
            aws.fault(Fault::denied("ecr:ListImages"));
        }
        let answer = run(&aws, DELETE).await;
        assert_deleted!(answer, Completed, 3);
        assert_eq!((answer.missing, answer.warnings), (vec![], vec![]));
        assert_eq!(aws.count("ecr:ListImages"), 1);
        let calls = aws.calls_to("ecr:DescribeImages");
        let asked = named(&calls);
        let looks = [json!({"imageTag": "1"}), json!({"imageTag": "2"})];
        let expected = if is_denied { &looks[..] } else { &[] };
        assert_eq!(asked[1..].concat(), expected);
        assert_eq!(
            calls.len() - asked.len(),
            2,
            "each repository is listed once"
        );
    }
}

/// One that is missing then, or cannot be pulled, is found all the same.
#[tokio::test]
async fn the_look_after_a_run_finds_what_is_missing() {
    for (is_archived, problem) in [
        (false, MissingReason::NoImage),
        (true, MissingReason::Archived),
    ] {
        let aws = with_use().await;
        aws.after("ecr:BatchDeleteImage", 1, move |world| {
            let app = world.home().repository(APP);
            let live = app.digest("1").unwrap().to_owned();
            if is_archived {
                app.image_mut(&live).unwrap().status = "ARCHIVED".into();
            } else {
                app.remove(&live);
            }
        });
        let answer = run(&aws, DELETE).await;
        let missing: Vec<_> = answer.missing.iter().map(|it| it.problem).collect();
        assert_eq!(missing, [problem]);
    }
}

/// A repository of which one page does not show everything is asked by its images in use.
#[tokio::test]
async fn the_look_after_a_run_reads_one_page_of_a_large_repository() {
    let aws = with_use().await;
    aws.edit(|world| {
        for _ in 0..1200 {
            world.untagged(APP, 1);
        }
    });
    let answer = run(&aws, DELETE).await;
    assert_deleted!(answer, Completed, 3);
    assert_eq!(answer.missing, []);
    assert_eq!(aws.count("ecr:ListImages"), 1);
}

/// Few calls carry many images: what has no children is deleted by a hundred (A4).
#[tokio::test]
async fn images_without_children_are_not_mixed_with_indexes() {
    let aws = SimulatedAws::start().await;
    aws.edit(|world| {
        world.in_use_elsewhere();
        for day in 0..100 {
            for _ in 0..3 {
                world.untagged(APP, 30 + day);
            }
            if day % 10 == 0 {
                world.multi_arch(APP, 30 + day);
            }
        }
    });
    let answer = run(&aws, DELETE).await;
    assert_deleted!(answer, Completed, 330);
    let sizes = named(&aws.calls_to("ecr:BatchDeleteImage"));
    let sizes: Vec<usize> = sizes.iter().map(Vec::len).collect();
    assert_eq!(sizes, [100, 100, 100, 10, 20]);
}
