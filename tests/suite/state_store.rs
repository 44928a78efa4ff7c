//! What lasts between runs: caches, the soak ledger, the lock, and reports.

use std::time::Duration;

use ecr_cleanup::{config::Mode, pipeline::Program, report::Status};
use serde_json::{Value, json};
use simulated_aws::{Fault, FaultKind, Push, SimulatedAws, days_ago};

use crate::support::{
    plan, program, request, run, set_clock,
    state::{
        BUCKET, FULL, REPORTS, STATE, account, guards, gunzip, gzip, object, put_object,
        untagged_images,
    },
};

/// A second run reads no task definition and no manifest again (P6).
#[tokio::test]
async fn what_never_changes_is_read_once_in_a_lifetime() {
    let aws = account().await;
    run(&aws, FULL).await;
    let (definitions, manifests) = (
        aws.count("ecs:DescribeTaskDefinition"),
        aws.count("ecr:BatchGetImage"),
    );
    assert!(definitions > 0 && manifests > 0);
    let functions = aws.count("lambda:GetFunction");
    assert_eq!(functions, 2);
    let writes = aws.count("s3:PutObject");
    let answer = run(&aws, FULL).await;
    assert_eq!(answer.counts.candidates, 0);
    assert_eq!(aws.count("ecs:DescribeTaskDefinition") - definitions, 0);
    assert_eq!(aws.count("ecr:BatchGetImage") - manifests, 0);
    assert_eq!(
        aws.count("lambda:GetFunction") - functions,
        1,
        "what is not published may change"
    );
    let written = aws.count("s3:PutObject") - writes;
    assert_eq!(
        written, 4,
        "the lock twice, and the two files of the report"
    );

    // What is new is read, and only that.
    aws.edit(|world| {
        let uri = world.home().repository("app").uri();
        world.home().ecs.register("web", [format!("{uri}:3")]);
    });
    run(&aws, FULL).await;
    assert_eq!(aws.count("ecs:DescribeTaskDefinition") - definitions, 1);
}

#[tokio::test]
async fn the_plan_is_the_same_with_caches_and_without() {
    let aws = account().await;
    let bare = plan(&aws, "mode: delete").await;
    run(
        &aws,
        &FULL.replace(
            "mode: delete",
            "mode: delete, guards: {max_deletions_per_run: 0}",
        ),
    )
    .await;
    let cached = plan(&aws, FULL).await;
    assert_eq!(
        (cached.counts, cached.bytes, cached.missing),
        (bare.counts, bare.bytes, bare.missing)
    );
}

#[tokio::test]
async fn caches_that_cannot_be_used_are_built_anew() {
    for key in ["task-definitions", "functions", "indexes"] {
        let object = format!("{STATE}/{key}.json.gz");
        let good = {
            let aws = account().await;
            run(&aws, FULL).await;
            self::object(&aws, BUCKET, &object).unwrap()
        };
        let newer = gzip(
            &json!({"schema": format!("ecr-cleanup/{key}"), "number": 2, "content": {}})
                .to_string(),
        );
        let foreign =
            gzip(&json!({"schema": "somebody/else", "number": 1, "content": {}}).to_string());
        for (content, mended) in [
            (b"damaged".to_vec(), true),
            (good[..good.len() - 9].to_vec(), true),
            (newer, false),
            (foreign, false),
        ] {
            let aws = account().await;
            put_object(&aws, BUCKET, &object, content.clone());
            let answer = run(&aws, FULL).await;
            assert_eq!(
                (answer.status, answer.counts.deleted),
                (Status::Completed, 3),
                "{:?}",
                answer.refusals
            );
            assert!(
                answer
                    .warnings
                    .iter()
                    .any(|warning| warning.contains(&object)),
                "{:?}",
                answer.warnings
            );
            let after = self::object(&aws, BUCKET, &object).unwrap();
            // What somebody else or a newer version wrote is not written over.
            assert_eq!(if mended { &good } else { &content }, &after, "{key}");
        }
        let aws = account().await;
        aws.fault(
            Fault::on("s3:GetObject")
                .matching(&object)
                .kind(FaultKind::AccessDenied),
        );
        assert_eq!(run(&aws, FULL).await.counts.deleted, 3);
    }
}

#[tokio::test]
async fn objects_say_what_they_are() {
    let aws = account().await;
    run(
        &aws,
        &FULL.replace("mode: delete", "mode: delete, guards: {soak: 1d}"),
    )
    .await;
    for key in [
        "task-definitions",
        "functions",
        "indexes",
        "usage-counts",
        "soak-ledger",
        "run-lock",
    ] {
        let bytes = object(&aws, BUCKET, &format!("{STATE}/{key}.json.gz"))
            .unwrap_or_else(|| panic!("no {key}"));
        let object: Value = serde_json::from_str(&gunzip(&bytes)).unwrap();
        assert_eq!(
            (&object["schema"], &object["number"]),
            (&json!(format!("ecr-cleanup/{key}")), &json!(1))
        );
    }
}

const DAY: Duration = Duration::from_hours(24);
const SOAK: &str = "{mode: delete, state: 's3://memory/prefix', guards: {soak: 6d}}";

/// An image is deleted after it was a candidate for that long, and not before (A2).
#[tokio::test]
async fn candidates_soak() {
    let aws = account().await;
    let fresh = aws.edit(|world| {
        world.home().repository("app").push(
            Push::image()
                .content("used on day 3")
                .pushed_at(days_ago(40)),
        )
    });
    for day in 1..=6 {
        set_clock(&aws, DAY * day);
        let used = (day == 3).then(|| {
            aws.edit(|world| {
                let uri = world.home().repository("app").uri();
                world
                    .home()
                    .ecs
                    .register("batch", [format!("{uri}@{fresh}")])
            })
        });
        let answer = run(&aws, SOAK).await;
        assert_eq!(
            (answer.status, answer.counts.deleted),
            (Status::Completed, 0),
            "day {day}"
        );
        assert!(
            answer
                .warnings
                .iter()
                .any(|warning| warning.contains("guards.soak")),
            "{:?}",
            answer.warnings
        );
        if used.is_some() {
            aws.edit(|world| world.home().ecs.set_status("batch:1", "INACTIVE"));
        }
    }
    assert!(aws.mutations().is_empty());
    set_clock(&aws, DAY * 7);
    let answer = run(&aws, SOAK).await;
    assert_eq!((answer.counts.deleted, answer.counts.candidates), (3, 4));
    assert!(
        aws.digests("app").contains(&fresh),
        "it was used on day 3, and starts again on day 4"
    );
    set_clock(&aws, DAY * 9);
    assert_eq!(run(&aws, SOAK).await.counts.deleted, 0);
    set_clock(&aws, DAY * 10);
    assert_eq!(run(&aws, SOAK).await.counts.deleted, 1);
    assert!(!aws.digests("app").contains(&fresh));
}

#[tokio::test]
async fn an_index_soaks_with_all_its_parts() {
    let aws = account().await;
    let child = aws.edit(|world| {
        let app = world.home().repository("app");
        app.push(Push::image().content("early child").pushed_at(days_ago(50)))
    });
    set_clock(&aws, DAY);
    run(&aws, SOAK).await;
    let index = aws.edit(|world| {
        world.home().repository("app").push(
            Push::index([&child])
                .content("late index")
                .pushed_at(days_ago(49)),
        )
    });
    set_clock(&aws, DAY * 2);
    run(&aws, SOAK).await;
    set_clock(&aws, DAY * 7);
    assert_eq!(run(&aws, SOAK).await.counts.deleted, 3);
    assert!(aws.digests("app").contains(&child) && aws.digests("app").contains(&index));
    set_clock(&aws, DAY * 8);
    assert_eq!(run(&aws, SOAK).await.counts.deleted, 2);
}

#[tokio::test]
async fn use_that_is_not_known_starts_no_soaking() {
    let aws = account().await;
    aws.fault(
        Fault::on("ecs:DescribeServices")
            .once()
            .kind(FaultKind::AccessDenied),
    );
    set_clock(&aws, DAY);
    assert_eq!(guards(&run(&aws, SOAK).await), ["source_incomplete"]);
    set_clock(&aws, DAY * 2);
    run(&aws, SOAK).await;
    set_clock(&aws, DAY * 7);
    assert_eq!(run(&aws, SOAK).await.counts.deleted, 0);
    set_clock(&aws, DAY * 8);
    assert_eq!(run(&aws, SOAK).await.counts.deleted, 3);
}

#[tokio::test]
async fn of_two_runs_at_once_one_works() {
    for _ in 0..10 {
        let aws = account().await;
        aws.edit(|world| untagged_images(world, 150));
        let programs: [Program; 2] = [program(&aws, FULL), program(&aws, FULL)];
        let [a, b] = &programs;
        let (a, b) = tokio::join!(a.plan(request(Mode::Delete)), b.plan(request(Mode::Delete)));
        let (a, b) = tokio::join!(a.unwrap().finish(), b.unwrap().finish());
        let mut ends = [
            (a.answer.status, guards(&a.answer)),
            (b.answer.status, guards(&b.answer)),
        ];
        ends.sort_by_key(|(status, _)| *status == Status::Refused);
        assert_eq!(ends[0], (Status::Completed, vec![]));
        assert_eq!(ends[1], (Status::Refused, vec!["locked".to_owned()]));
        assert_eq!(a.answer.counts.deleted + b.answer.counts.deleted, 153);
        let deletions = aws.deletions();
        let mut digests: Vec<_> = deletions.iter().map(|deletion| &deletion.digest).collect();
        digests.sort();
        digests.dedup();
        assert_eq!((digests.len(), deletions.len()), (153, 153));
    }
}

#[tokio::test]
async fn a_lock_whose_answer_was_lost_is_held_all_the_same() {
    let aws = account().await;
    aws.fault(
        Fault::on("s3:PutObject")
            .matching("run-lock")
            .once()
            .kind(FaultKind::DropAfter),
    );
    assert_eq!(run(&aws, FULL).await.status, Status::Completed);
}

#[tokio::test]
async fn a_run_that_was_killed_delays_the_next_one_and_never_blocks_it() {
    let aws = account().await;
    // The lock of a run that never came to give it back.
    aws.fault(
        Fault::on("s3:PutObject")
            .matching("run-lock")
            .call(2)
            .kind(FaultKind::AccessDenied),
    );
    let answer = run(&aws, FULL).await;
    assert_eq!(answer.status, Status::Completed);
    assert!(
        answer
            .warnings
            .iter()
            .any(|warning| warning.contains("ends by itself")),
        "{:?}",
        answer.warnings
    );
    aws.clear_faults();
    set_clock(&aws, Duration::from_mins(19));
    assert_eq!(guards(&run(&aws, FULL).await), ["locked"]);
    set_clock(&aws, Duration::from_mins(20));
    assert_eq!(run(&aws, FULL).await.status, Status::Completed);
}

fn images_of(aws: &SimulatedAws, run_id: &str) -> Vec<Value> {
    let lines = gunzip(&object(aws, REPORTS, &format!("{run_id}/images.jsonl.gz")).unwrap());
    lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[tokio::test]
async fn the_report_has_a_line_for_each_image() {
    let aws = account().await;
    let answer = run(&aws, FULL).await;
    let images = images_of(&aws, &answer.run_id);
    assert_eq!(images.len() as u64, answer.counts.images);
    let planned = images
        .iter()
        .filter(|image| image["deletes"] == true)
        .count() as u64;
    assert_eq!(planned, answer.counts.deleted);
    for image in &images {
        assert!(
            image["digest"].as_str().unwrap().starts_with("sha256:"),
            "{image}"
        );
        assert!(!image["because"].as_array().unwrap().is_empty(), "{image}");
    }
    let report = object(&aws, REPORTS, &format!("{}/report.json", answer.run_id)).unwrap();
    let report: Value = serde_json::from_slice(&report).unwrap();
    assert_eq!(
        (&report["status"], &report["counts"]["deleted"]),
        (&json!("completed"), &json!(3))
    );
    let message = aws.read(|world| world.messages.last().cloned()).unwrap();
    assert_eq!(message.subject, "ecr-cleanup: 3 images deleted");
    assert!(message.text.contains("Deleted 3 of"), "{}", message.text);
    assert!(
        message.text.contains(answer.report.as_deref().unwrap()),
        "{}",
        message.text
    );
    run(&aws, FULL).await;
    assert_eq!(
        aws.read(|world| world.messages.len()),
        1,
        "a run with nothing to tell says nothing"
    );
}

#[tokio::test]
async fn the_reasons_are_written_before_anything_is_deleted() {
    let aws = account().await;
    run(&aws, FULL).await;
    let calls = aws.calls();
    let rank =
        |wanted: &dyn Fn(&simulated_aws::Call) -> bool| calls.iter().position(wanted).unwrap();
    let images = rank(&|call| call.body.to_string().contains("images.jsonl.gz"));
    let lock = rank(&|call| {
        call.operation == "s3:PutObject" && call.body.to_string().contains("run-lock")
    });
    let deletion = rank(&|call| call.operation == "ecr:BatchDeleteImage");
    assert!(lock < images && images < deletion);
}

#[tokio::test]
async fn a_report_that_fails_at_the_end_is_a_warning() {
    let aws = account().await;
    aws.fault(
        Fault::on("s3:PutObject")
            .matching("report.json")
            .kind(FaultKind::AccessDenied),
    );
    aws.fault(Fault::on("sns:Publish").kind(FaultKind::AccessDenied));
    let answer = run(&aws, FULL).await;
    assert_eq!(
        (answer.status, answer.counts.deleted, &answer.report),
        (Status::Completed, 3, &None)
    );
    for expected in ["the report could not be written", "nobody was notified"] {
        assert!(
            answer
                .warnings
                .iter()
                .any(|warning| warning.contains(expected)),
            "{:?}",
            answer.warnings
        );
    }
}
