//! Mode `archive`: what is archived, what is deleted from the archive, and what is restored.

use std::time::Duration;

use ecr_cleanup::{config::Mode, plan::MissingReason, registry::RestoreError, report::Answer};
use simulated_aws::{Fault, FaultKind, Push, SimulatedAws, World, days_ago, hours_ago};

use crate::support::{WorldExt, program, repository_builder::SPDX, request, run_as};

const RULES: &str =
    "policies: [{repositories: ['**'], delete_unmatched: true, keep: [{tags: '^keep$'}]}]";
const MOVE: &str = "ecr:UpdateImageStorageClass";

fn document(mode: &str, archive: &str) -> String {
    format!("mode: {mode}\narchive: {archive}\n{RULES}")
}

/// Pushes an image of two platforms with a signature and a bill of materials, and one that is in
/// use.
fn fill(world: &mut World) -> Vec<String> {
    let app = world.home().repository("team/app");
    let mut push = |push: Push| app.push(push.pushed_at(days_ago(200)));
    let parts = [push(Push::image()), push(Push::image())];
    let index = push(Push::index(&parts).tag("old"));
    let signature = push(Push::image().tag(format!("{}.sig", index.replace(':', "-"))));
    let sbom = push(Push::image().subject(&parts[0]).artifact_type(SPDX));
    push(Push::image().tag("used"));
    let used = format!("{}:used", app.uri());
    world.home().ecs.register("app", [used]);
    [index, signature, sbom].into_iter().chain(parts).collect()
}

fn statuses(aws: &SimulatedAws, digests: &[String]) -> Vec<String> {
    aws.read(|world| {
        let app = world.stored("team/app").unwrap();
        let status = |digest: &String| {
            app.image(digest)
                .map_or("missing".to_owned(), |image| image.status.to_string())
        };
        let mut statuses: Vec<String> = digests.iter().map(status).collect();
        statuses.dedup();
        statuses
    })
}

fn outcome_counts(answer: &Answer) -> [u64; 4] {
    let counts = answer.counts;
    [
        counts.candidates,
        counts.archived,
        counts.deleted,
        counts.failed,
    ]
}

/// Mode `archive` moves candidates and deletes none (A7).
#[tokio::test]
async fn candidates_are_archived_indexes_first_and_nothing_is_deleted() {
    let aws = SimulatedAws::start().await;
    let old = aws.edit(fill);
    let document = document("archive", "{}");
    let planned = run_as(&aws, &document, Mode::Plan).await;
    let start = "Would archive 5 of 6 images in 1 repository: ";
    assert_starts!(planned.summary, start);
    assert!(aws.mutations().is_empty());
    let program = program(&aws, &document);
    let planned = program.plan(request(Mode::Plan)).await.unwrap();
    for (image, verdict) in [("old", "would be archived\n"), ("used", "is kept\n")] {
        let reference = program.reference(&format!("team/app:{image}")).unwrap();
        let explanation = planned.explain(&reference);
        assert_contains!(explanation, verdict);
        assert!(!explanation.deletes, "{explanation}");
    }

    let answer = run_as(&aws, &document, Mode::Archive).await;
    assert_status!(answer, Completed);
    assert_eq!(outcome_counts(&answer), [5, 5, 0, 0], "{}", answer.summary);
    assert_starts!(answer.summary, "Archived 5 of 6 images in 1 repository: ");
    assert!(answer.monthly_savings_usd.abs() < f64::EPSILON);
    assert_eq!(statuses(&aws, &old), ["ARCHIVED"]);
    let moved = aws.calls_to(MOVE);
    assert_eq!(moved.len(), 5, "one call each, none refused");
    let first = &moved[0].body["imageId"]["imageDigest"];
    assert_eq!(first, &old[0], "the index before its parts");
    assert_eq!(aws.count("ecr:BatchDeleteImage"), 0);

    aws.clear_record();
    let counts = outcome_counts(&run_as(&aws, &document, Mode::Archive).await);
    assert_eq!(counts, [0; 4]);
    assert!(aws.mutations().is_empty());
}

#[tokio::test]
async fn an_event_may_archive_where_the_configuration_deletes() {
    let aws = SimulatedAws::start().await;
    let old = aws.edit(fill);
    let counts = outcome_counts(&run_as(&aws, &document("delete", "{}"), Mode::Archive).await);
    assert_eq!(counts, [5, 5, 0, 0]);
    assert_eq!(statuses(&aws, &old), ["ARCHIVED"]);
    assert!(aws.deletions().is_empty());
}

#[tokio::test]
async fn what_changed_since_the_plan_is_not_archived() {
    let aws = SimulatedAws::start().await;
    let old = aws.edit(fill);
    let index = old[0].clone();
    aws.after("ecr:BatchGetImage", 1, move |world| {
        world.home().repository("team/app").tag(&index, "promoted");
    });
    let counts = outcome_counts(&run_as(&aws, &document("archive", "{}"), Mode::Archive).await);
    assert_eq!(counts, [5, 0, 0, 0]);
    assert_eq!(statuses(&aws, &old), ["ACTIVE"]);
}

#[tokio::test]
async fn an_interrupted_run_is_completed_by_the_next() {
    let error = FaultKind::error(400, "SomethingNew", "what?");
    for (kind, status) in [
        (FaultKind::Drop, 0),
        (FaultKind::ServerError(500), 0),
        (error, 0),
        (FaultKind::BadJson, 1),
    ] {
        let aws = SimulatedAws::start().await;
        let old = aws.edit(fill);
        aws.fault(Fault::on(MOVE).call(2).kind(kind.clone()));
        let answer = run_as(&aws, &document("archive", "{}"), Mode::Archive).await;
        if status == 0 {
            assert_status!(answer, CompletedWithFailures, "{kind:?}");
            // The index, and after it none of what is archived at once.
            assert_eq!(outcome_counts(&answer), [5, 1, 0, 3], "{kind:?}");
            aws.clear_faults();
            let answer = run_as(&aws, &document("archive", "{}"), Mode::Archive).await;
            assert_eq!(outcome_counts(&answer), [4, 4, 0, 0], "{kind:?}");
        } else {
            // The call was carried out, as a recheck shows.
            assert_status!(answer, Completed, "{kind:?}");
            assert_eq!(outcome_counts(&answer), [5, 5, 0, 0], "{kind:?}");
        }
        assert_eq!(statuses(&aws, &old), ["ARCHIVED"], "{kind:?}");
    }
}

#[tokio::test]
async fn archived_images_are_deleted_after_their_time_and_not_before() {
    let aws = SimulatedAws::start().await;
    let old = aws.edit(fill);
    let archive = |world: &mut World, old: &[String], days| {
        for digest in old {
            let image = world.home().repository("team/app").image_mut(digest);
            let image = image.unwrap();
            (image.status, image.archived_at) = ("ARCHIVED".into(), Some(days_ago(days)));
        }
    };
    aws.edit(|world| archive(world, &old, 90));
    let after_90_days = document("archive", "{delete_after: 90d}");
    for (document, mode) in [
        (&document("delete", "{}"), Mode::Delete),
        (&after_90_days, Mode::Archive),
    ] {
        assert_eq!(outcome_counts(&run_as(&aws, document, mode).await), [0; 4]);
    }
    aws.edit(|world| archive(world, &old, 91));
    let answer = run_as(&aws, &after_90_days, Mode::Archive).await;
    assert_status!(answer, Completed);
    let counts = outcome_counts(&answer);
    assert_eq!(counts, [5, 0, 5, 0], "{:?}", answer.failures);
    assert_starts!(answer.summary, "Deleted 5 of 6 images");
    assert_eq!(aws.count(MOVE), 0);
}

/// What an archived index names is known if an earlier run read it, and must be guessed else (G7).
#[tokio::test]
async fn the_parts_of_an_archived_index_stay_with_it() {
    for (state, expected) in [("state: 's3://memory'\n", 3), ("", 1)] {
        let aws = SimulatedAws::start().await;
        let index = aws.edit(|world| {
            world.bucket("memory");
            world.in_use_elsewhere();
            let app = world.home().repository("team/app");
            let mut push = |push: Push, days| app.push(push.pushed_at(days_ago(days)));
            let shared = push(Push::image(), 200);
            let tagged = push(Push::image().tag("0.9-amd64"), 200);
            push(Push::image().tag("0.8"), 200);
            push(Push::image(), 200);
            let index = push(Push::index([&shared, &tagged]).tag("keep"), 200);
            push(Push::index([&shared]).tag("1.0"), 9);
            index
        });
        let document = format!("{state}{}", document("delete", "{}"));
        run_as(&aws, &document, Mode::Plan).await;
        aws.edit(|world| {
            let image = world.home().repository("team/app").image_mut(&index);
            let image = image.unwrap();
            (image.status, image.archived_at) = ("ARCHIVED".into(), Some(days_ago(5)));
        });
        for expected in [expected, 0] {
            let answer = run_as(&aws, &document, Mode::Delete).await;
            assert_deleted!(answer, Completed, expected, "{state}");
            let warning = "4 images of `team/app` stay only since an archived index may name them";
            let warned = answer.warnings.iter().any(|it| it.starts_with(warning));
            assert_eq!(warned, state.is_empty(), "{:?}", answer.warnings);
        }
    }
}

#[tokio::test]
async fn archived_images_in_use_are_missing_and_restored_ones_count_from_their_restore() {
    let aws = SimulatedAws::start().await;
    aws.edit(fill);
    aws.edit(|world| {
        let app = world.home().repository("team/app");
        let used = app.digest("used").unwrap().to_owned();
        let image = app.image_mut(&used).unwrap();
        (image.status, image.archived_at) = ("ARCHIVED".into(), Some(days_ago(200)));
        let back = app.digest("old").unwrap().to_owned();
        let image = app.image_mut(&back).unwrap();
        (image.archived_at, image.activated_at) = (Some(days_ago(9)), Some(hours_ago(30)));
    });
    let rules = "mode: delete\narchive: {delete_after: 90d}\npolicies: [{repositories: ['**'], keep: [{tags: '.', pushed_within: 2d}]}]";
    let answer = run_as(&aws, rules, Mode::Delete).await;
    assert_eq!(answer.missing.len(), 1);
    assert_eq!(answer.missing[0].problem, MissingReason::Archived);
    assert_eq!(answer.counts.candidates, 0);
}

#[tokio::test]
async fn restoring_brings_back_an_image_with_its_parts_and_attachments_and_waits() {
    let aws = SimulatedAws::start().await;
    let old = aws.edit(fill);
    run_as(&aws, &document("archive", "{}"), Mode::Archive).await;
    aws.clear_record();
    // AWS takes its time: two rechecks in vain, for the image and again for its parts.
    for call in [3, 7] {
        aws.after("ecr:DescribeImages", call, |world| {
            world.home().repository("team/app").finish_restores();
        });
    }
    let program = program(&aws, "{}");
    let reference = program.reference("team/app:old").unwrap();
    let restored = program.restore(&reference, Duration::ZERO).await.unwrap();
    assert_eq!(restored.digests.len(), 5);
    assert_eq!(statuses(&aws, &old), ["ACTIVE"]);
    assert_eq!(aws.count(MOVE), 5, "one call each");
    let again = program.restore(&reference, Duration::ZERO).await.unwrap();
    assert!(again.digests.is_empty(), "nothing to do");

    let nothing = program.reference("team/app:none").unwrap();
    let error = program.restore(&nothing, Duration::ZERO).await.unwrap_err();
    assert_eq!(error, RestoreError::NoImage(nothing));
}
