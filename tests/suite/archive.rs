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
            let warning = "4 images of `team/app` kept only since an archived index may name them";
            let warned = answer
                .warnings
                .iter()
                .any(|it| it.message.starts_with(warning));
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

/// Fills an account in which a service runs an archived image, and returns the image and what belongs
/// to it.
fn fill_with_archived_use(world: &mut World) -> Vec<String> {
    let old = fill(world);
    world.bucket("memory");
    let image = format!("{}:old", world.home().repository("team/app").uri());
    world.home().ecs.register("web", [image]);
    world.deploy("prod", "web", "web:1");
    old
}

fn archive_all(world: &mut World, images: &[String]) {
    for digest in images {
        let image = world.home().repository("team/app").image_mut(digest);
        let image = image.unwrap();
        (image.status, image.archived_at) = ("ARCHIVED".into(), Some(days_ago(9)));
    }
}

/// What something live needs comes back with all that belongs to it, which without a memory of the
/// index is known only after that is back (A7).
#[tokio::test]
async fn archived_images_that_live_use_needs_are_restored() {
    for (state, at_first, then) in [("state: 's3://memory'\n", 5, 0), ("", 2, 3)] {
        let aws = SimulatedAws::start().await;
        let old = aws.edit(fill_with_archived_use);
        let document = format!("{state}{}", document("archive", "{}"));
        run_as(&aws, &document, Mode::Plan).await;
        aws.edit(|world| archive_all(world, &old));
        aws.clear_record();
        let planned = run_as(&aws, &document, Mode::Plan).await;
        let would = format!("Would restore {at_first} archived images in use.");
        assert_contains!(planned.summary, would);
        assert!(aws.mutations().is_empty(), "{state}");
        for (expected, is_missing) in [(at_first, true), (then, false), (0, false)] {
            aws.clear_record();
            let answer = run_as(&aws, &document, Mode::Archive).await;
            assert_status!(answer, Completed, "{state}");
            assert_eq!(
                answer.counts.restored, expected,
                "{state} {}",
                answer.summary
            );
            assert_eq!(answer.counts.archived, 0, "{state}");
            assert_eq!(aws.count(MOVE) as u64, expected, "one call each");
            let missing = &answer.missing;
            assert_eq!(!missing.is_empty(), is_missing, "{state} {missing:?}");
            aws.edit(|world| world.home().repository("team/app").finish_restores());
        }
        assert_eq!(statuses(&aws, &old), ["ACTIVE"]);
    }
}

#[tokio::test]
async fn only_mode_archive_restores_and_only_what_is_live() {
    let archive = |settings: &str| document("archive", settings);
    for (document, mode, again, expected) in [
        (archive("{}"), Mode::Archive, false, 2),
        (archive("{}"), Mode::Archive, true, 0),
        (archive("{restore_in_use: false}"), Mode::Archive, false, 0),
        (archive("{}"), Mode::Plan, false, 0),
        (document("delete", "{}"), Mode::Delete, false, 0),
        (document("delete", "{}"), Mode::Archive, false, 2),
    ] {
        let aws = SimulatedAws::start().await;
        aws.edit(|world| {
            let old = fill(world);
            archive_all(world, &old);
            let uri = world.home().repository("team/app").uri();
            world.home().ecs.register("web", [format!("{uri}:old")]);
            // Nothing runs the revision before the newest one.
            if again {
                world.home().ecs.register("web", [format!("{uri}:used")]);
            }
        });
        let answer = run_as(&aws, &document, mode).await;
        assert_eq!(answer.counts.restored, expected, "{document} {mode}");
        assert_eq!(aws.count(MOVE) as u64, expected, "{document} {mode}");
    }
}

/// A guard that stops deletion does not stop what takes away nothing; one that says that nothing at
/// all is to be done here does (A7).
#[tokio::test]
async fn what_is_restored_though_deletion_is_refused() {
    let config = |settings: &str| {
        format!(
            "state: 's3://memory/prefix'\n{settings}\n{}",
            document("archive", "{}")
        )
    };
    let closed =
        "guards: {change_window: {timezone: UTC, days: [mon], from: '00:00', to: '00:01'}}";
    let elsewhere = "guards: {expected_accounts: ['222222222222']}";
    for (settings, denied, stopped, expected) in [
        ("", Some("lambda:ListFunctions"), false, 2),
        (closed, None, false, 2),
        (elsewhere, None, false, 0),
        ("", None, true, 0),
        ("", Some("s3:PutObject"), false, 0),
    ] {
        let aws = SimulatedAws::start().await;
        aws.edit(|world| {
            let old = fill_with_archived_use(world);
            archive_all(world, &old);
            if stopped {
                let object = simulated_aws::Object::new("");
                world
                    .bucket("memory")
                    .insert("prefix/stop".to_owned(), object);
            }
        });
        if let Some(operation) = denied {
            aws.fault(Fault::denied(operation));
        }
        let answer = run_as(&aws, &config(settings), Mode::Archive).await;
        assert_status!(answer, Refused, "{settings} {denied:?}");
        assert_eq!(
            answer.counts.restored, expected,
            "{settings} {denied:?} {:?}",
            answer.refusals
        );
    }
}

#[tokio::test]
async fn a_restore_that_fails_is_a_failure_and_stops_its_repository() {
    let aws = SimulatedAws::start().await;
    let old = aws.edit(fill_with_archived_use);
    aws.edit(|world| archive_all(world, &old));
    aws.fault(Fault::denied(MOVE));
    let answer = run_as(&aws, &document("archive", "{}"), Mode::Archive).await;
    assert_status!(answer, CompletedWithFailures);
    let failure = &answer.failures[0];
    assert_eq!(
        (&*failure.code, failure.images),
        ("AccessDeniedException", 1)
    );
    assert_contains!(
        failure.message,
        "an archived image in use could not be restored"
    );
    assert_eq!(
        (answer.counts.failed, answer.counts.repositories_failed),
        (0, 1)
    );
    assert_eq!(aws.count(MOVE), 1);
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
    assert_eq!(error, RestoreError::NoImage(nothing.to_string()));
}
