//! What happens between two attempts to delete or archive: each comes right after a recheck (A3).

use ecr_cleanup::config::Mode;
use simulated_aws::{Fault, FaultKind, Push, SimulatedAws, World, days_ago};

use crate::support::{DELETE, WorldExt, failures, outcome_counts, run, run_as};

const APP: &str = "team/app";
const REMOVE: &str = "ecr:BatchDeleteImage";
const MOVE: &str = "ecr:UpdateImageStorageClass";
/// Number of images that one recheck serves where each takes a call of its own.
const ARCHIVED_AT_ONCE: u64 = 10;

async fn account<T>(edit: impl FnOnce(&mut World) -> T) -> (SimulatedAws, T) {
    let aws = SimulatedAws::start().await;
    let edited = aws.edit(|world| {
        world.in_use_elsewhere();
        edit(world)
    });
    (aws, edited)
}

/// Returns which of these images are stored and can be pulled.
fn active(aws: &SimulatedAws, images: &[String]) -> usize {
    aws.read(|world| {
        let app = world.stored(APP).unwrap();
        let images = images.iter().filter_map(|digest| app.image(digest));
        images.filter(|image| image.status == "ACTIVE").count()
    })
}

fn tag_all(images: &[String]) -> impl FnOnce(&mut World) + Send + 'static {
    let images = images.to_vec();
    move |world| {
        let app = world.home().repository(APP);
        for (number, image) in images.iter().enumerate() {
            app.tag(image, &format!("needed-{number}"));
        }
    }
}

/// A call that was throttled or got no answer is not repeated without another recheck.
#[tokio::test]
async fn a_tag_that_is_moved_between_two_attempts_keeps_its_image() {
    let kinds = [
        FaultKind::Throttle,
        FaultKind::ServerError(500),
        FaultKind::ServerError(503),
        FaultKind::Drop,
    ];
    for kind in kinds {
        for (mode, call) in [(Mode::Delete, REMOVE), (Mode::Archive, MOVE)] {
            let (aws, images) = account(|world| world.untagged_images(APP, 1)).await;
            aws.fault(Fault::on(call).once().kind(kind.clone()));
            aws.after(call, 1, tag_all(&images));
            let answer = run_as(&aws, DELETE, mode).await;
            assert_outcome!(answer, Completed, (0, 0, 1), "{mode} {kind:?}");
            assert_eq!(active(&aws, &images), 1, "{mode} {kind:?}");
            assert_eq!(aws.count(call), 1, "{mode} {kind:?}");
        }
    }
}

/// An attempt that fails for a moment is made again if nothing changed, and an image counts once.
#[tokio::test]
async fn what_is_unchanged_after_an_attempt_that_failed_is_tried_again() {
    let kinds = [
        FaultKind::Throttle,
        FaultKind::ServerError(500),
        FaultKind::Drop,
        FaultKind::DropAfter,
        FaultKind::CutBody,
        FaultKind::BadJson,
    ];
    for kind in kinds {
        for (mode, call) in [(Mode::Delete, REMOVE), (Mode::Archive, MOVE)] {
            let (aws, images) = account(|world| world.untagged_images(APP, 15)).await;
            aws.fault(Fault::on(call).once().kind(kind.clone()));
            let answer = run_as(&aws, DELETE, mode).await;
            assert_status!(answer, Completed, "{mode} {kind:?}");
            let done = answer.counts.deleted + answer.counts.archived;
            assert_eq!(done, 15, "{mode} {kind:?}: {}", answer.summary);
            assert_eq!(active(&aws, &images), 0, "{mode} {kind:?}");
        }
    }
}

/// The children of an index are deleted by a call of their own, after a recheck of their own.
#[tokio::test]
async fn a_child_that_is_tagged_after_its_index_was_deleted_is_kept_with_the_others() {
    for (mode, call) in [(Mode::Delete, REMOVE), (Mode::Archive, MOVE)] {
        let (aws, images) = account(|world| {
            world.tagged(APP, "1.0", 1);
            world.multi_arch(APP, 50)
        })
        .await;
        let [_, child, other] = &images;
        aws.after(call, 1, tag_all(std::slice::from_ref(child)));
        let answer = run_as(&aws, DELETE, mode).await;
        assert_status!(answer, Completed, "{mode}");
        let children = [child.clone(), other.clone()];
        assert_eq!(active(&aws, &children), 2, "{mode}");
        assert_eq!(active(&aws, &images), 2, "{mode}");
    }
}

/// Archiving takes a call for each image, and a recheck for every few of them.
#[tokio::test]
async fn images_that_are_tagged_while_others_are_archived_are_kept() {
    let (aws, images) = account(|world| world.untagged_images(APP, 60)).await;
    aws.after(MOVE, 1, tag_all(&images));
    let answer = run_as(&aws, DELETE, Mode::Archive).await;
    assert_status!(answer, Completed);
    let archived = answer.counts.archived;
    assert!(archived <= ARCHIVED_AT_ONCE, "{}", answer.summary);
    assert_eq!(answer.counts.untouched, 60 - archived);
    assert_eq!(active(&aws, &images) as u64, 60 - archived);
}

/// What ECR refuses for a moment is tried once more, after another recheck.
#[tokio::test]
async fn a_refused_image_that_is_tagged_meanwhile_is_kept_without_a_failure() {
    let (aws, image) = account(|world| {
        world.tagged(APP, "1.0", 1);
        world.untagged(APP, 50)
    })
    .await;
    let child = image.clone();
    aws.before(REMOVE, 1, move |world| {
        let app = world.home().repository(APP);
        app.push(Push::index([&child]).tag("3.0").pushed_at(days_ago(0)));
        app.tag(&child, "3.0-amd64");
    });
    let answer = run(&aws, DELETE).await;
    assert!(aws.digests(APP).contains(&image));
    assert_outcome!(answer, Completed, (0, 0, 1));
}

/// Without a recheck there is no further attempt.
#[tokio::test]
async fn an_attempt_whose_recheck_fails_is_not_made() {
    for kind in [
        FaultKind::AccessDenied,
        FaultKind::LoseItem,
        FaultKind::BadJson,
    ] {
        let (aws, images) = account(|world| world.untagged_images(APP, 2)).await;
        aws.fault(Fault::on(REMOVE).once());
        let recheck = Fault::on("ecr:DescribeImages").matching("imageIds");
        aws.fault(recheck.call(2).kind(kind.clone()));
        let answer = run(&aws, DELETE).await;
        assert_status!(answer, CompletedWithFailures, "{kind:?}");
        assert_eq!(aws.count(REMOVE), 1, "{kind:?}");
        assert_eq!(active(&aws, &images), 2, "{kind:?}");
    }
}

/// A failure that stays is one, and says so.
#[tokio::test]
async fn images_that_are_throttled_for_good_are_failures() {
    for (mode, call) in [(Mode::Delete, REMOVE), (Mode::Archive, MOVE)] {
        let (aws, _) = account(|world| world.untagged_images(APP, 3)).await;
        aws.fault(Fault::on(call));
        let answer = run_as(&aws, DELETE, mode).await;
        assert_eq!(outcome_counts(&answer), (0, 3, 0), "{}", answer.summary);
        assert_eq!(failures(&answer, "ThrottlingException").images, 3);
    }
}
