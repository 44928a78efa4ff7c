//! What happens between the plan and the deletion, and in the middle of it: what changed is kept,
//! the rest is deleted, and the numbers are right.

use std::time::Duration;

use ecr_cleanup::{config::Mode, guard::Guard, pipeline::RunTimeouts, report::Answer};
use simulated_aws::{Fault, FaultKind, Push, SimulatedAws, World, days_ago};

use crate::support::{DELETE, WorldExt, answer, failures, outcome_counts, program, request, run};

const APP: &str = "team/app";
const OTHER: &str = "team/other";
/// The call to `DescribeImages` that rechecks the images of the first repository: three are listed
/// before.
const RECHECK: u64 = 4;
/// A policy that keeps the newest tagged image only.
const NEWEST: &str = "{mode: delete, policies: [{repositories: ['**'], keep: [{name: newest, tags: '.', newest: 1}]}]}";

/// Starts an account with two repositories with something to delete; the first one's recheck comes
/// first.
async fn account<T>(edit: impl FnOnce(&mut World) -> T) -> (SimulatedAws, T) {
    let aws = SimulatedAws::start().await;
    let edited = aws.edit(|world| {
        world.in_use_elsewhere();
        world.untagged_images(APP, 2);
        world.untagged_images(OTHER, 2);
        edit(world)
    });
    (aws, edited)
}

/// Runs with something that happens right before a call about the first repository.
async fn run_racing(
    aws: &SimulatedAws,
    config: &str,
    race: impl FnOnce(&mut World) + Send + 'static,
) -> Answer {
    aws.before("ecr:DescribeImages", RECHECK, race);
    let answer = run(aws, config).await;
    assert!(aws.count("ecr:DescribeImages") as u64 >= RECHECK);
    assert_eq!(aws.digests(OTHER).len(), 1, "the run goes on");
    answer
}

/// Starts a task on an image, as a person or a scheduler would.
fn start_task(world: &mut World, repository: &str, digest: &str) {
    let image = format!("{}@{digest}", world.home().repository(repository).uri());
    let definition = world.home().ecs.register("sudden", [image]);
    world.run_task("prod", &definition);
}

/// Asserts that what a task was started on after the plan is kept, with all that belongs to it.
async fn assert_started_is_kept(
    (aws, images): (SimulatedAws, Vec<String>),
    started: usize,
    untouched: u64,
) {
    let image = images[started].clone();
    let answer = run_racing(&aws, DELETE, move |world| start_task(world, APP, &image)).await;
    assert!(images.iter().all(|it| aws.digests(APP).contains(it)));
    assert_eq!(
        outcome_counts(&answer),
        (4, 0, untouched),
        "{}",
        answer.summary
    );
}

/// The recheck sees what changed (A3).
#[tokio::test]
async fn an_image_that_was_tagged_after_the_plan_is_kept() {
    let (aws, image) = account(|world| world.untagged(APP, 50)).await;
    let tagged = image.clone();
    let answer = run_racing(&aws, DELETE, move |world| {
        world.home().repository(APP).tag(&tagged, "keep");
    })
    .await;
    assert!(aws.digests(APP).contains(&image));
    assert_outcome!(answer, Completed, (4, 0, 1));
}

#[tokio::test]
async fn an_image_whose_tag_moved_after_the_plan_is_kept() {
    let (aws, image) = account(|world| world.tagged(APP, "0.9", 50)).await;
    let answer = run_racing(&aws, NEWEST, |world| {
        world.tagged(APP, "0.9", 0);
    })
    .await;
    assert!(aws.digests(APP).contains(&image));
    assert_eq!(outcome_counts(&answer), (4, 0, 1), "{}", answer.summary);
}

#[tokio::test]
async fn an_image_that_a_task_was_started_on_after_the_plan_is_kept() {
    let account = account(|world| vec![world.untagged(APP, 50)]).await;
    assert_started_is_kept(account, 0, 1).await;
}

#[tokio::test]
async fn an_index_that_a_task_was_started_on_after_the_plan_is_kept_whole() {
    let account = account(|world| world.multi_arch(APP, 50).to_vec()).await;
    assert_started_is_kept(account, 0, 3).await;
}

#[tokio::test]
async fn an_index_of_which_a_child_was_started_after_the_plan_is_kept_whole() {
    let account = account(|world| world.multi_arch(APP, 50).to_vec()).await;
    assert_started_is_kept(account, 2, 3).await;
}

/// Reading an index for the plan moved its own pull time, so only its children tell that it was
/// pulled: also those that are not to go themselves.
#[tokio::test]
async fn an_index_started_after_the_plan_is_kept_though_its_child_was_kept_anyway() {
    let account = account(|world| {
        let shared = world.untagged(APP, 50);
        let index = Push::index([&shared]).pushed_at(days_ago(50));
        let old = world.home().repository(APP).push(index);
        let newer = Push::index([&shared]).tag("2.0").pushed_at(days_ago(2));
        world.home().repository(APP).push(newer);
        vec![old, shared]
    })
    .await;
    assert_started_is_kept(account, 0, 1).await;
}

#[tokio::test]
async fn an_index_started_after_the_plan_is_kept_though_only_it_fits_the_limit() {
    let aws = SimulatedAws::start().await;
    let images = aws.edit(|world| {
        world.in_use_elsewhere();
        world.tagged(APP, "1.0", 1);
        world.multi_arch(APP, 50)
    });
    let index = images[0].clone();
    aws.before("ecr:DescribeImages", 3, move |world| {
        start_task(world, APP, &index);
    });
    let answer = run(&aws, "{mode: delete, guards: {max_deletions_per_run: 1}}").await;
    let all = images.iter().all(|image| aws.digests(APP).contains(image));
    assert!(all, "{}", answer.summary);
}

/// The tasks were listed before it started, and the repository after that (A3).
#[tokio::test]
async fn an_image_that_a_task_was_started_on_while_use_and_registry_were_read_is_kept() {
    for whole in [false, true] {
        let (aws, images) = account(move |world| {
            if whole {
                world.multi_arch(APP, 50).to_vec()
            } else {
                vec![world.untagged(APP, 50)]
            }
        })
        .await;
        let slow = FaultKind::Delay(Duration::from_millis(300));
        aws.fault(Fault::on("ecr:DescribeRepositories").kind(slow));
        let image = images[0].clone();
        aws.before("ecr:DescribeImages", 1, move |world| {
            start_task(world, APP, &image);
        });
        let answer = run(&aws, DELETE).await;
        assert!(images.iter().all(|it| aws.digests(APP).contains(it)));
        let kept = images.len() as u64;
        assert_outcome!(answer, Completed, (4, 0, kept));
    }
}

/// Reading a manifest counts as a pull, but not as a use (G6).
#[tokio::test]
async fn an_unused_index_is_deleted_with_its_children_in_spite_of_our_own_reading() {
    let (aws, _) = account(|world| world.multi_arch(APP, 50)).await;
    let answer = run(&aws, DELETE).await;
    assert_outcome!(answer, Completed, (7, 0, 0));
    assert_eq!(aws.digests(APP).len(), 1);
}

#[tokio::test]
async fn an_image_that_was_archived_after_the_plan_is_kept() {
    let (aws, image) = account(|world| world.untagged(APP, 50)).await;
    let archived = image.clone();
    let answer = run_racing(&aws, DELETE, move |world| {
        let app = world.home().repository(APP);
        app.image_mut(&archived).unwrap().status = "ARCHIVED".into();
    })
    .await;
    assert!(aws.digests(APP).contains(&image));
    assert_eq!(outcome_counts(&answer), (4, 0, 1), "{}", answer.summary);
}

/// A missing image is no failure (A4).
#[tokio::test]
async fn an_image_that_somebody_else_deleted_is_no_failure_and_not_ours() {
    for (operation, call) in [("ecr:DescribeImages", RECHECK), ("ecr:BatchDeleteImage", 1)] {
        let (aws, image) = account(|world| world.untagged(APP, 50)).await;
        // Both repositories are cleaned at the same time: whichever comes first.
        aws.before(operation, call, move |world| {
            world.home().repository(APP).remove(&image);
        });
        let answer = run(&aws, DELETE).await;
        assert_outcome!(answer, Completed, (4, 0, 1), "{operation}");
        assert_eq!((aws.digests(APP).len(), aws.digests(OTHER).len()), (1, 1));
    }
}

#[tokio::test]
async fn a_repository_that_somebody_deleted_is_no_failure() {
    for (operation, call) in [("ecr:DescribeImages", RECHECK), ("ecr:BatchDeleteImage", 1)] {
        let (aws, ()) = account(|_| {}).await;
        aws.before(operation, call, |world| {
            world.home().ecr.repositories.remove(APP);
        });
        let answer = run(&aws, DELETE).await;
        assert_outcome!(answer, Completed, (2, 0, 2), "{operation}");
        assert_eq!(aws.digests(OTHER).len(), 1);
    }
}

/// ECR refuses inside an answer of 200 (A4).
#[tokio::test]
async fn an_image_that_a_new_index_names_is_refused_and_nothing_else_is_harmed() {
    let (aws, image) = account(|world| world.untagged(APP, 50)).await;
    let child = image.clone();
    aws.before("ecr:BatchDeleteImage", 1, move |world| {
        let app = world.home().repository(APP);
        app.push(Push::index([&child]).tag("3.0"));
    });
    let answer = run(&aws, DELETE).await;
    assert!(aws.digests(APP).contains(&image));
    assert_outcome!(answer, CompletedWithFailures, (4, 1, 0));
    assert_eq!(failures(&answer, "ImageReferencedByManifestList").images, 1);
}

#[tokio::test]
async fn children_that_a_new_index_names_are_kept_while_their_old_index_is_deleted() {
    let (aws, images) = account(|world| world.multi_arch(APP, 50)).await;
    let child = images[1].clone();
    aws.before("ecr:BatchDeleteImage", 1, move |world| {
        let app = world.home().repository(APP);
        app.push(Push::index([&child]).tag("3.0"));
    });
    let answer = run(&aws, DELETE).await;
    assert!(aws.digests(APP).contains(&images[1]));
    assert_eq!(outcome_counts(&answer), (6, 1, 0), "{}", answer.summary);
}

#[tokio::test]
async fn what_was_deleted_counts_though_the_answer_was_lost() {
    for fault in [
        Fault::on("ecr:BatchDeleteImage"),
        Fault::on("ecr:BatchDeleteImage").once(),
    ] {
        for kind in [FaultKind::DropAfter, FaultKind::CutBody, FaultKind::BadJson] {
            let (aws, ()) = account(|_| {}).await;
            aws.fault(fault.clone().matching(APP).kind(kind.clone()));
            let answer = run(&aws, DELETE).await;
            assert_outcome!(answer, Completed, (4, 0, 0), "{kind:?}");
            assert_eq!(aws.deletions().len(), 4);
        }
    }
}

#[tokio::test]
async fn what_an_answer_does_not_mention_is_rechecked_once_more() {
    let (aws, ()) = account(|_| {}).await;
    let fault = Fault::on("ecr:BatchDeleteImage").matching(APP);
    aws.fault(fault.kind(FaultKind::LoseItem));
    let answer = run(&aws, DELETE).await;
    assert_outcome!(answer, Completed, (4, 0, 0));
    let mut rechecks = aws.calls_to("ecr:DescribeImages");
    rechecks.retain(|call| call.body["repositoryName"] == APP);
    let asked = rechecks
        .iter()
        .filter_map(|call| call.body["imageIds"].as_array());
    assert_eq!(asked.map(Vec::len).collect::<Vec<_>>(), [2, 1]);
}

/// The other repositories are cleaned (A5).
#[tokio::test]
async fn a_failure_that_is_not_understood_stops_its_repository_and_no_other() {
    let (aws, _) = account(|world| world.untagged_images(APP, 150)).await;
    let fault = Fault::on("ecr:BatchDeleteImage").matching(APP).once();
    aws.fault(fault.kind(FaultKind::fail_item("SomethingNew")));
    let answer = run(&aws, DELETE).await;
    // Of the first hundred one failed; the rest of the repository was not tried.
    assert_outcome!(answer, CompletedWithFailures, (99 + 2, 1, 52));
    let failure = failures(&answer, "SomethingNew");
    assert_eq!(failure.images, 1);
    assert_eq!(failure.repositories, [APP]);
    assert_eq!(aws.digests(OTHER).len(), 1);
    let mut tried = aws.mutations();
    tried.retain(|call| call.body["repositoryName"] == APP);
    assert_eq!(tried.len(), 1);

    aws.clear_faults();
    let next = run(&aws, DELETE).await;
    assert_deleted!(next, Completed, 53, "the next run goes on");
}

#[tokio::test]
async fn a_call_that_fails_for_good_stops_its_repository_and_no_other() {
    for kind in [
        FaultKind::Throttle,
        FaultKind::ServerError(500),
        FaultKind::AccessDenied,
        FaultKind::Drop,
    ] {
        let (aws, ()) = account(|_| {}).await;
        let fault = Fault::on("ecr:BatchDeleteImage").matching(APP);
        aws.fault(fault.kind(kind.clone()));
        let answer = run(&aws, DELETE).await;
        assert_outcome!(answer, CompletedWithFailures, (2, 2, 0), "{kind:?}");
        assert_eq!(aws.digests(APP).len(), 3, "{kind:?}");
        assert_eq!(aws.digests(OTHER).len(), 1, "{kind:?}");
        assert_eq!(answer.failures[0].repositories, [APP], "{kind:?}");
    }
}

#[tokio::test]
async fn a_repository_whose_deletion_is_denied_explicitly_is_protected_and_no_failure() {
    let denied = |message: &str| {
        let user = "User: x is not authorized to perform: ecr:BatchDeleteImage on resource:";
        FaultKind::error(
            400,
            "AccessDeniedException",
            &format!("{user} {APP} {message}"),
        )
    };
    for (mode, call) in [
        (DELETE, "ecr:BatchDeleteImage"),
        ("mode: archive", "ecr:UpdateImageStorageClass"),
    ] {
        let (aws, ()) = account(|_| {}).await;
        let fault = Fault::on(call).matching(APP);
        aws.fault(fault.kind(denied("with an explicit deny in an identity-based policy")));
        let answer = run(&aws, mode).await;
        assert_status!(answer, Completed, "{mode}");
        assert_eq!(answer.counts.failed, 0, "{mode}");
        assert_eq!(answer.counts.untouched, 2, "{mode}");
        assert!(answer.failures.is_empty(), "{:?}", answer.failures);
        let warning = format!("`{APP}` is protected by an explicit deny, so its images are kept: ");
        let found = answer
            .warnings
            .iter()
            .any(|it| it.message.starts_with(&warning));
        assert!(found, "{:?}", answer.warnings);
        assert_eq!(aws.digests(APP).len(), 3);

        let (aws, ()) = account(|_| {}).await;
        let missing = "because no identity-based policy allows the ecr:BatchDeleteImage action";
        aws.fault(Fault::on(call).matching(APP).kind(denied(missing)));
        let answer = run(&aws, mode).await;
        assert_status!(answer, CompletedWithFailures, "{mode}");
    }
}

#[tokio::test]
async fn without_a_recheck_nothing_of_the_repository_is_deleted() {
    let kinds = [
        FaultKind::Throttle,
        FaultKind::AccessDenied,
        FaultKind::Drop,
        FaultKind::BadJson,
        FaultKind::LoseItem,
        FaultKind::LoseList,
    ];
    for kind in kinds {
        let (aws, ()) = account(|_| {}).await;
        let ids = r#""imageIds""#;
        // Whichever repository is rechecked first.
        let fault = Fault::on("ecr:DescribeImages").matching(ids);
        aws.fault(fault.kind(kind.clone()));
        let answer = run(&aws, DELETE).await;
        assert_outcome!(answer, CompletedWithFailures, (0, 0, 4));
        assert_eq!(aws.mutations().len(), 0, "{kind:?}");
    }
}

/// Runs with all use taken for too old by the time it deletes.
async fn run_with_old_use(aws: &SimulatedAws) -> Answer {
    let timeouts = RunTimeouts {
        usage_fresh_for: Duration::ZERO,
        ..RunTimeouts::default()
    };
    let program = program(aws, DELETE).with_timeouts(timeouts);
    answer(&program, request(Mode::Delete)).await.unwrap()
}

/// Use is read again when it is older than its limit (A3).
#[tokio::test]
async fn use_that_has_grown_old_is_read_again_and_saves_what_it_names_by_now() {
    let (aws, image) = account(|world| world.untagged(APP, 50)).await;
    let named = image.clone();
    aws.before("ecs:ListTaskDefinitions", 2, move |world| {
        let reference = format!("{}@{named}", world.home().repository(APP).uri());
        world.home().ecs.register("later", [reference]);
    });
    let answer = run_with_old_use(&aws).await;
    assert!(aws.digests(APP).contains(&image), "{}", answer.summary);
    assert_outcome!(answer, Completed, (4, 0, 1));
}

#[tokio::test]
async fn use_that_cannot_be_read_again_stops_the_run() {
    let (aws, ()) = account(|_| ()).await;
    aws.fault(Fault::denied("ecs:ListTaskDefinitions").call(2));
    let answer = run_with_old_use(&aws).await;
    assert_refused!(answer, aws);
    assert_contains!(answer.summary, "`ecs:ListTaskDefinitions`");
}

#[tokio::test]
async fn use_that_has_shrunk_when_it_is_read_again_stops_the_run() {
    let (aws, ()) = account(|_| ()).await;
    aws.before("ecs:ListTaskDefinitions", 2, |world| {
        world.home().ecs.task_definitions.clear();
    });
    let answer = run_with_old_use(&aws).await;
    assert_refused!(answer, aws);
    let guard = answer.refusals[0].guard;
    assert_eq!(guard, Guard::NoUsage, "{}", answer.summary);

    let (aws, ()) = account(|world| {
        for _ in 0..3 {
            let image = world.untagged(APP, 50);
            let reference = format!("{}@{image}", world.home().repository(APP).uri());
            world.home().ecs.register("many", [reference]);
        }
    })
    .await;
    aws.before("ecs:ListTaskDefinitions", 2, |world| {
        let definitions = &mut world.home().ecs.task_definitions;
        definitions.retain(|_, definition| definition.family != "many");
    });
    let answer = run_with_old_use(&aws).await;
    assert_refused!(answer, aws);
    let refusal = &answer.refusals[0];
    assert_eq!(refusal.guard, Guard::UsageDrop, "{refusal}");
    let expected = "found 1 references to images, and found 4 when this run began";
    assert_contains!(refusal.observed, expected);
}
