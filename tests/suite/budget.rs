//! Limits: how many images a run deletes, how much of a repository, and for how long. What is left
//! is the next run's.

use std::time::Duration;

use ecr_cleanup::{
    config::Mode,
    pipeline::Request,
    report::{Status, Trigger},
};
use simulated_aws::{Fault, FaultKind, SimulatedAws, World};
use tokio::time::Instant;

use crate::support::{
    DELETE, WorldExt, deleted, line, outcome_counts, program, request, run, run_until,
};

const APP: &str = "team/app";
const OTHER: &str = "team/other";

fn at_most(images: u64) -> String {
    format!("{{mode: delete, guards: {{max_deletions_per_run: {images}}}}}")
}

async fn account<T>(edit: impl FnOnce(&mut World) -> T) -> (SimulatedAws, T) {
    let aws = SimulatedAws::start().await;
    let edited = aws.edit(|world| {
        world.in_use_elsewhere();
        edit(world)
    });
    (aws, edited)
}

/// What belongs together is not divided by a limit into which all of it fits (A1).
#[tokio::test]
async fn an_index_that_does_not_fit_any_more_waits_for_the_next_run_with_its_children() {
    let (aws, (old, index)) = account(|world| {
        world.tagged(APP, "1.0", 1);
        world.untagged(APP, 80);
        (world.untagged(APP, 100), world.multi_arch(APP, 90))
    })
    .await;
    let first = run(&aws, &at_most(3)).await;
    assert_status!(first, Truncated);
    assert_eq!(
        deleted(&aws),
        [old],
        "neither a part of the index nor what is younger"
    );
    aws.clear_record();
    assert_status!(run(&aws, &at_most(3)).await, Truncated);
    let mut index = index.to_vec();
    index.sort();
    assert_eq!(deleted(&aws), index);
}

#[tokio::test]
async fn the_oldest_of_all_repositories_go_first_and_the_next_runs_finish_the_rest() {
    let (aws, ages) = account(|world| {
        world.tagged(APP, "1.0", 1);
        world.tagged(OTHER, "1.0", 1);
        (0..10)
            .map(|step| world.untagged([APP, OTHER][step % 2], 100 - step as u64))
            .collect::<Vec<_>>()
    })
    .await;
    for (run_number, expected) in [(0, &ages[..4]), (1, &ages[4..8]), (2, &ages[8..])] {
        aws.clear_record();
        let answer = run(&aws, &at_most(4)).await;
        let last = run_number == 2;
        assert_eq!(
            answer.status,
            if last {
                Status::Completed
            } else {
                Status::Truncated
            },
            "{}",
            answer.summary
        );
        let left = 10 - 4 * run_number - expected.len() as u64;
        assert_eq!(outcome_counts(&answer), (expected.len() as u64, 0, left));
        let mut expected = expected.to_vec();
        expected.sort();
        assert_eq!(deleted(&aws), expected);
    }
    aws.clear_record();
    let answer = run(&aws, &at_most(4)).await;
    assert_status!(answer, Completed);
    assert_eq!(answer.counts.candidates, 0);
    assert_eq!(aws.mutations().len(), 0);
}

/// A repository of which nothing can be deleted does not keep the others from being cleaned (A12).
#[tokio::test]
async fn what_cannot_be_deleted_uses_up_nothing_of_the_limit() {
    let denied = "User: x is not authorized with an explicit deny in a service control policy";
    let kinds = [
        (FaultKind::error(400, "AccessDeniedException", denied), 4),
        (FaultKind::AccessDenied, 4),
        (
            FaultKind::error(400, "KmsException", "the key is disabled"),
            4,
        ),
        (FaultKind::fail_item("KmsError"), 4),
        // Whether it was carried out is not known for sure.
        (FaultKind::Drop, 1),
        (FaultKind::DropAfter, 4),
    ];
    for (kind, expected) in kinds {
        let (aws, (old, young)) = account(|world| {
            let old: Vec<String> = (0..3).map(|it| world.untagged(OTHER, 90 + it)).collect();
            world.tagged(OTHER, "1.0", 1);
            (old, world.untagged_images(APP, 6))
        })
        .await;
        let fault = Fault::on("ecr:BatchDeleteImage").matching(OTHER);
        aws.fault(fault.kind(kind.clone()));
        let answer = run(&aws, &at_most(4)).await;
        assert_status!(answer, Truncated, "{kind:?}");
        assert_eq!(
            answer.counts.deleted, expected,
            "{kind:?}: {}",
            answer.summary
        );
        let gone = old
            .iter()
            .chain(&young)
            .filter(|it| !aws.digests(OTHER).contains(it) && !aws.digests(APP).contains(it));
        assert_eq!(gone.count() as u64, expected, "{kind:?}");
    }
}

#[tokio::test]
async fn a_limit_of_nothing_deletes_nothing() {
    let (aws, _) = account(|world| world.untagged_images(APP, 3)).await;
    let answer = run(&aws, &at_most(0)).await;
    assert_outcome!(answer, Truncated, (0, 0, 3));
    assert_eq!(aws.mutations().len(), 0);
}

#[tokio::test]
async fn a_limit_that_is_just_enough_or_more_is_no_limit() {
    for limit in [3, 4] {
        let (aws, _) = account(|world| world.untagged_images(APP, 3)).await;
        let answer = run(&aws, &at_most(limit)).await;
        assert_outcome!(answer, Completed, (3, 0, 0));
    }
}

#[tokio::test]
async fn a_limit_within_a_multi_arch_image_takes_its_index_first_and_the_rest_next_time() {
    for limit in [1, 2] {
        let (aws, [index, ..]) = account(|world| {
            world.tagged(APP, "1.0", 1);
            world.multi_arch(APP, 50)
        })
        .await;
        let answer = run(&aws, &at_most(limit)).await;
        assert_outcome!(answer, Truncated, (limit, 0, 3 - limit));
        assert_eq!(aws.deletions()[0].digest, index);
        while run(&aws, &at_most(limit)).await.status == Status::Truncated {}
        assert_eq!(aws.tags(APP), ["1.0"]);
        assert_eq!((aws.deletions().len(), aws.digests(APP).len()), (3, 1));
    }
}

#[tokio::test]
async fn a_repository_of_which_too_much_would_go_is_left_alone_and_no_other() {
    for (limit, left) in [(0, 4), (74, 4), (75, 1), (100, 1)] {
        let (aws, ()) = account(|world| {
            world.untagged_images(APP, 3);
            world.untagged_images(OTHER, 0);
            world.home().repository(OTHER);
        })
        .await;
        let config = format!("{{mode: delete, guards: {{max_percent_per_repository: {limit}}}}}");
        let answer = run(&aws, &config).await;
        assert_status!(answer, Completed, "{limit}");
        assert_eq!(aws.digests(APP).len(), left, "{limit}");
        assert_eq!(
            line(&answer, APP).left_alone.is_some(),
            left == 4,
            "{limit}"
        );
        assert_eq!(
            answer
                .warnings
                .iter()
                .any(|warning| warning.message.contains(APP)),
            left == 4,
            "{limit}"
        );
    }
}

/// What was read in part is no evidence (A6).
#[tokio::test]
async fn a_run_without_time_to_read_deletes_nothing_and_says_so() {
    let (aws, _) = account(|world| world.untagged_images(APP, 3)).await;
    let answer = run_until(&aws, DELETE, Instant::now()).await;
    assert_deleted!(answer, Truncated, 0);
    assert_contains!(answer.summary, "Time ran out");
    assert_eq!(aws.mutations().len(), 0);
}

/// Each source that has not answered is named, and nothing is measured that was not read (A9).
#[tokio::test]
async fn a_run_that_is_out_of_time_while_reading_names_what_has_not_answered() {
    for (operation, unanswered) in [
        ("ecs:ListTaskDefinitions", vec!["ecs"]),
        ("lambda:*", vec!["lambda"]),
        ("ecr:DescribeImages", vec![]),
    ] {
        let (aws, _) = account(|world| world.untagged_images(APP, 3)).await;
        aws.fault(Fault::on(operation).kind(FaultKind::Hang));
        let program = program(&aws, DELETE);
        let stop_at = (Instant::now() + Duration::from_secs(1)).into();
        let request = Request {
            stop_at,
            ..request(Mode::Delete)
        };
        let finished = program.plan(request).await.unwrap().finish().await;
        let answer = finished.answer;
        assert_deleted!(answer, Truncated, 0);
        let incomplete = answer.in_use.iter().filter(|it| !it.is_complete());
        let incomplete: Vec<&str> = incomplete.map(|it| it.source).collect();
        assert_eq!(incomplete, unanswered, "{operation}");
        assert!(answer.in_use.len() > 2, "{operation}");
        for source in unanswered {
            let named = format!("{source} in 111111111111 eu-west-1 had not answered");
            assert_contains!(answer.summary, named);
        }
        let line = finished.metrics.line("ecr-cleanup", Trigger::Manual, "", 0);
        assert_contains!(line, r#""RunsCompleted":0.0"#);
        assert_contains!(line, r#""RunsTruncated":1.0"#);
        for unmeasured in ["ImagesScanned", "ImagesInUse", "MissingImages"] {
            assert!(!line.contains(unmeasured), "{line}");
        }
    }
}

/// A location that does not answer takes no time from the others (A9).
#[tokio::test]
async fn a_slow_location_holds_up_no_other() {
    let regions: Vec<String> = (1..=30).map(|n| format!("eu-west-{n}")).collect();
    let config = format!(
        "{{mode: delete, in_use: {{accounts: [{{regions: [{}]}}]}}}}",
        regions.join(", ")
    );
    let (aws, _) = account(|world| world.untagged_images(APP, 3)).await;
    let fault = Fault::on("lambda:*").region("eu-west-2");
    aws.fault(fault.kind(FaultKind::Hang));
    let answer = run_until(&aws, &config, Instant::now() + Duration::from_secs(5)).await;
    let incomplete = answer.in_use.iter().filter(|it| !it.is_complete());
    let incomplete: Vec<String> = incomplete.map(ToString::to_string).collect();
    assert_eq!(incomplete, ["lambda in 111111111111 eu-west-2"]);
    assert_eq!(answer.in_use.len(), 30 * 3);
}

/// Running out of time is no failure (A6).
#[tokio::test]
async fn a_run_that_runs_out_of_time_ends_by_itself_and_the_next_one_finishes() {
    let (aws, _) = account(|world| world.untagged_images(APP, 250)).await;
    let time = Duration::from_secs(3);
    let fault = Fault::on("ecr:BatchDeleteImage").once();
    aws.fault(fault.kind(FaultKind::Delay(time)));
    let answer = run_until(&aws, DELETE, Instant::now() + time).await;
    assert_outcome!(answer, Truncated, (100, 0, 150));
    assert_eq!(aws.mutations().len(), 1);
    let next = run(&aws, DELETE).await;
    assert_outcome!(next, Completed, (150, 0, 0));
    assert_eq!(aws.digests(APP).len(), 1);
}
