//! What lasts between runs: caches, the soak ledger, the lock, and reports.

use std::{collections::BTreeMap, time::Duration};

use ecr_cleanup::{
    config::Mode,
    pipeline::{Program, Request},
    policy::RepositoryGlobs,
    report::Status,
};
use serde_json::{Value, json};
use simulated_aws::{Call, Fault, FaultKind, Push, SimulatedAws, days_ago};
use tokio::time::Instant;

use crate::support::{
    HOST, WorldExt, answer,
    assertions::assert_warns,
    plan, program, request, run, run_until, set_clock,
    state::{
        BUCKET, FULL, REPORTS, STATE, account, full_with, guards, gunzip, gzip, object, put_object,
        untagged_images,
    },
};

/// A second run reads no task definition and no manifest again (P6).
#[tokio::test]
async fn what_never_changes_is_read_once_in_a_lifetime() {
    let aws = account().await;
    run(&aws, FULL).await;
    let definitions = aws.count("ecs:DescribeTaskDefinition");
    let manifests = aws.count("ecr:BatchGetImage");
    assert!(definitions > 0 && manifests > 0);
    let functions = aws.count("lambda:GetFunction");
    assert_eq!(functions, 2);
    let writes = aws.count("s3:PutObject");
    let answer = run(&aws, FULL).await;
    assert_eq!(answer.counts.candidates, 0);
    assert_eq!(aws.count("ecs:DescribeTaskDefinition") - definitions, 0);
    assert_eq!(aws.count("ecr:BatchGetImage") - manifests, 0);
    let calls = aws.count("lambda:GetFunction") - functions;
    assert_eq!(calls, 1, "what is not published may change");
    let written = aws.count("s3:PutObject") - writes;
    // The lock twice, the use ledger, the three files of the report, and the history that one of them shows.
    assert_eq!(written, 7);

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
    run(&aws, &full_with("guards: {max_deletions_per_run: 0}")).await;
    let cached = plan(&aws, FULL).await;
    assert_eq!(cached.counts, bare.counts);
    assert_eq!(cached.bytes, bare.bytes);
    assert_eq!(cached.missing, bare.missing);
}

#[tokio::test]
async fn caches_that_cannot_be_used_are_built_anew() {
    for key in ["task-definitions", "functions", "index-manifests"] {
        let object = format!("{STATE}/{key}.json.gz");
        let good = {
            let aws = account().await;
            run(&aws, FULL).await;
            self::object(&aws, BUCKET, &object).unwrap()
        };
        let newer = json!({"schema": format!("ecr-cleanup/{key}"), "number": 2, "content": {}});
        let foreign = json!({"schema": "somebody/else", "number": 1, "content": {}});
        for (content, mended) in [
            (b"damaged".to_vec(), true),
            (good[..good.len() - 9].to_vec(), true),
            (gzip(&newer.to_string()), false),
            (gzip(&foreign.to_string()), false),
        ] {
            let aws = account().await;
            put_object(&aws, BUCKET, &object, content.clone());
            let answer = run(&aws, FULL).await;
            assert_deleted!(answer, Completed, 3);
            assert_warns(&answer, &object);
            let after = self::object(&aws, BUCKET, &object).unwrap();
            // What somebody else or a newer version wrote is not written over.
            assert_eq!(if mended { &good } else { &content }, &after, "{key}");
        }
        let aws = account().await;
        aws.fault(Fault::denied("s3:GetObject").matching(&object));
        assert_eq!(run(&aws, FULL).await.counts.deleted, 3);
    }
}

#[tokio::test]
async fn objects_say_what_they_are() {
    let aws = account().await;
    run(&aws, &full_with("guards: {soak: 1d}")).await;
    let keys = "task-definitions functions index-manifests use-counts soaking use-ledger run-lock";
    for key in keys.split(' ') {
        let object = object(&aws, BUCKET, &format!("{STATE}/{key}.json.gz"));
        let bytes = object.unwrap_or_else(|| panic!("no {key}"));
        let object: Value = serde_json::from_str(&gunzip(&bytes)).unwrap();
        assert_eq!(object["schema"], json!(format!("ecr-cleanup/{key}")));
        assert_eq!(object["number"], 1);
    }
}

const DAY: Duration = Duration::from_hours(24);
const SOAK: &str = "{mode: delete, state: 's3://memory/prefix', guards: {soak: 6d}}";

/// An image is deleted after it was a candidate for that long, and not before (A2).
#[tokio::test]
async fn candidates_soak() {
    let aws = account().await;
    let fresh = aws.edit(|world| world.untagged("app", 40));
    for day in 1..=6 {
        set_clock(&aws, DAY * day);
        let image = format!("{HOST}/app@{fresh}");
        let used = (day == 3).then(|| aws.edit(|it| it.home().ecs.register("batch", [image])));
        let answer = run(&aws, SOAK).await;
        assert_deleted!(answer, Completed, 0, "day {day}");
        assert_warns(&answer, "guards.soak");
        if used.is_some() {
            aws.edit(|world| world.home().ecs.set_status("batch:1", "INACTIVE"));
        }
    }
    assert!(aws.mutations().is_empty());
    set_clock(&aws, DAY * 7);
    let answer = run(&aws, SOAK).await;
    assert_eq!((answer.counts.deleted, answer.counts.candidates), (3, 4));
    // It was used on day 3, and starts again on day 4.
    assert!(aws.digests("app").contains(&fresh));
    set_clock(&aws, DAY * 9);
    assert_eq!(run(&aws, SOAK).await.counts.deleted, 0);
    set_clock(&aws, DAY * 10);
    assert_eq!(run(&aws, SOAK).await.counts.deleted, 1);
    assert!(!aws.digests("app").contains(&fresh));
}

#[tokio::test]
async fn an_index_soaks_with_all_its_parts() {
    let aws = account().await;
    let child = aws.edit(|world| world.untagged("app", 50));
    set_clock(&aws, DAY);
    run(&aws, SOAK).await;
    let index = aws.edit(|world| {
        let index = Push::index([&child]).pushed_at(days_ago(49));
        world.home().repository("app").push(index)
    });
    set_clock(&aws, DAY * 2);
    run(&aws, SOAK).await;
    set_clock(&aws, DAY * 7);
    assert_eq!(run(&aws, SOAK).await.counts.deleted, 3);
    assert!(aws.digests("app").contains(&child) && aws.digests("app").contains(&index));
    set_clock(&aws, DAY * 8);
    assert_eq!(run(&aws, SOAK).await.counts.deleted, 2);
}

/// Two deployments share a prefix: one decides by other rules, one on other repositories (A2).
#[tokio::test]
async fn deployments_with_other_policies_do_not_reset_what_soaks() {
    let others = [
        "policies: [{repositories: ['**'], delete_unmatched: true, keep: [{pushed_within: 900d}]}]",
        "policies: [{repositories: ['team/**']}]",
    ];
    for other in others {
        let aws = account().await;
        let other = SOAK.replace("mode: delete", &format!("mode: delete, {other}"));
        for day in 1..=7 {
            set_clock(&aws, DAY * day);
            let expected = if day == 7 { 3 } else { 0 };
            let answer = run(&aws, SOAK).await;
            assert_deleted!(answer, Completed, expected, "{day} {other}");
            assert_eq!(run(&aws, &other).await.counts.deleted, 0);
        }
    }
}

#[tokio::test]
async fn use_that_is_not_known_starts_no_soaking() {
    let aws = account().await;
    aws.fault(Fault::denied("ecs:DescribeServices").once());
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
        let mut ends = [&a, &b].map(|it| (it.answer.status, guards(&it.answer)));
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
    let fault = Fault::on("s3:PutObject").matching("run-lock").once();
    aws.fault(fault.kind(FaultKind::DropAfter));
    assert_eq!(run(&aws, FULL).await.status, Status::Completed);
}

#[tokio::test]
async fn a_run_that_was_killed_delays_the_next_one_and_never_blocks_it() {
    let aws = account().await;
    // The lock of a run that never came to give it back.
    aws.fault(Fault::denied("s3:PutObject").matching("run-lock").call(2));
    let answer = run(&aws, FULL).await;
    assert_status!(answer, Completed);
    assert_warns(&answer, "ends by itself");
    aws.clear_faults();
    set_clock(&aws, Duration::from_mins(19));
    assert_eq!(guards(&run(&aws, FULL).await), ["locked"]);
    set_clock(&aws, Duration::from_mins(20));
    assert_eq!(run(&aws, FULL).await.status, Status::Completed);
}

fn images_of(aws: &SimulatedAws, run_id: &str) -> Vec<Value> {
    let lines = gunzip(&object(aws, REPORTS, &format!("{run_id}/images.jsonl.gz")).unwrap());
    let lines = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    lines
        .filter(|line: &Value| line["kind"] == "image")
        .collect()
}

#[tokio::test]
async fn the_report_has_a_line_for_each_image() {
    let aws = account().await;
    let answer = run(&aws, FULL).await;
    let images = images_of(&aws, &answer.run_id);
    assert_eq!(images.len() as u64, answer.counts.images);
    let planned = images.iter().filter(|image| image["deletes"] == true);
    assert_eq!(planned.count() as u64, answer.counts.deleted);
    for image in &images {
        assert_starts!(image["digest"].as_str().unwrap(), "sha256:");
        assert!(!image["because"].as_array().unwrap().is_empty(), "{image}");
    }
    let report = object(&aws, REPORTS, &format!("{}/report.json", answer.run_id)).unwrap();
    let report: Value = serde_json::from_slice(&report).unwrap();
    assert_eq!(report["status"], "completed");
    assert_eq!(report["counts"]["deleted"], 3);
    let message = aws.read(|world| world.messages.last().cloned()).unwrap();
    assert_eq!(message.subject, "ecr-cleanup: 3 images deleted");
    assert_contains!(message.text, "Deleted 3 of");
    assert_contains!(message.text, answer.report.as_deref().unwrap());
    run(&aws, FULL).await;
    let messages = aws.read(|world| world.messages.len());
    assert_eq!(messages, 1, "a run with nothing to tell says nothing");
}

/// Returns the page of a run, and the data in it.
fn page_of(aws: &SimulatedAws, run_id: &str) -> (String, Value) {
    let page = object(aws, REPORTS, &format!("{run_id}/report.html")).unwrap();
    let page = String::from_utf8(page).unwrap();
    let (_, data) = page.split_once("id=\"data\">").unwrap();
    let data = data.split_once("</script>").unwrap().0;
    let data = serde_json::from_str(data).unwrap();
    (page, data)
}

#[tokio::test]
async fn the_report_is_a_page_too() {
    let aws = account().await;
    let answer = run(&aws, FULL).await;
    let (page, data) = page_of(&aws, &answer.run_id);
    assert_starts!(page, "<!doctype html>");
    assert_eq!(data[0]["counts"]["deleted"], 3);
    assert_eq!(data[0]["users"]["first"][0]["name"], "web");
    let rows = data[1]["rows"]["first"].as_array().unwrap();
    assert_eq!(rows.len() as u64, answer.counts.images);
    let deleted = rows.iter().filter(|row| row[9] == "deleted");
    assert_eq!(deleted.count(), 3);

    aws.fault(Fault::denied("ecs:DescribeServices").once());
    let answer = run(&aws, FULL).await;
    assert_status!(answer, Refused);
    let (_, data) = page_of(&aws, &answer.run_id);
    let refusals = &data[0]["findings"][0]["entries"]["first"];
    assert_eq!(refusals[0]["title"], "source_incomplete");
    assert_eq!(data[0]["sources"]["first"][0]["complete"], false);
}

/// The history is in the state, since a role may write reports but not read them.
#[tokio::test]
async fn the_page_shows_what_earlier_runs_left_and_deleted() {
    let aws = account().await;
    run(&aws, FULL).await;
    set_clock(&aws, Duration::from_hours(24));
    aws.edit(|world| untagged_images(world, 2));
    run(&aws, &full_with("guards: {max_deletions_per_run: 1}")).await;
    let narrowed = Request {
        only: Some(RepositoryGlobs::new(&["nothing".to_owned()]).unwrap()),
        ..request(Mode::Delete)
    };
    answer(&program(&aws, FULL), narrowed).await.unwrap();
    let answer = run(&aws, FULL).await;
    let (_, data) = page_of(&aws, &answer.run_id);
    let days = data[0]["history"].as_array().unwrap();
    let days = days.iter().map(|day| {
        let of = |name: &str| day[name].as_u64().unwrap();
        (of("images"), of("candidates"), of("deleted"))
    });
    assert_eq!(days.collect::<Vec<_>>(), [(3, 0, 3), (3, 0, 2)]);
    let bare = run(&aws, "{mode: delete, report: 's3://reports'}").await;
    assert_eq!(page_of(&aws, &bare.run_id).1[0]["history"], Value::Null);
}

#[tokio::test]
async fn a_history_that_cannot_be_used_is_a_warning_on_the_page() {
    let aws = account().await;
    put_object(&aws, BUCKET, &format!("{STATE}/history.json.gz"), "x");
    let answer = run(&aws, FULL).await;
    assert_deleted!(answer, Completed, 3);
    let (_, data) = page_of(&aws, &answer.run_id);
    let warnings = data[0]["findings"][4]["entries"]["first"].to_string();
    assert_contains!(warnings, "the history of earlier runs could not be used");
}

#[tokio::test]
async fn the_reasons_are_written_before_anything_is_deleted() {
    let aws = account().await;
    run(&aws, FULL).await;
    let calls = aws.calls();
    let rank = |operation: &str, text: &str| {
        let is_it =
            |call: &Call| call.operation == operation && call.body.to_string().contains(text);
        calls.iter().position(is_it).unwrap()
    };
    let images = rank("s3:PutObject", "images.jsonl.gz");
    let lock = rank("s3:PutObject", "run-lock");
    let deletion = rank("ecr:BatchDeleteImage", "");
    assert!(lock < images && images < deletion);
}

#[tokio::test]
async fn a_report_that_fails_at_the_end_is_a_warning() {
    let aws = account().await;
    for file in ["report.json", "report.html"] {
        aws.fault(Fault::denied("s3:PutObject").matching(file));
    }
    aws.fault(Fault::denied("sns:Publish"));
    let answer = run(&aws, FULL).await;
    assert_deleted!(answer, Completed, 3);
    assert_eq!(answer.report, None);
    for expected in [
        "the report could not be written: ",
        "the report could not be written as a page: ",
        "could not be sent: `sns:Publish`",
    ] {
        assert_warns(&answer, expected);
    }
}

/// A repository about which there is a doubt is not read to its end, and an archived index of it could
/// not be read again.
#[tokio::test]
async fn a_doubt_forgets_no_manifest() {
    let aws = account().await;
    run(&aws, FULL).await;
    let read = aws.count("ecr:BatchGetImage");
    let strange = aws.edit(|world| {
        let app = world.home().repository("app");
        let strange = app.push(Push::image().content("strange").tag("strange"));
        app.image_mut(&strange).unwrap().media_type = Some("application/x-strange".into());
        strange
    });
    run(&aws, FULL).await;
    aws.edit(|world| world.home().repository("app").remove(&strange));
    run(&aws, FULL).await;
    assert_eq!(aws.count("ecr:BatchGetImage"), read);
}

/// What is filed under a digest is believed only if it has that digest.
#[tokio::test]
async fn a_cached_manifest_is_checked_against_its_digest() {
    let aws = account().await;
    let (index, child) = aws.edit(|world| {
        let child = world.untagged("app", 60);
        let index = Push::index([&child]).tag("1.0").pushed_at(days_ago(60));
        (world.home().repository("app").push(index), child)
    });
    let childless = r#"{"schemaVersion": 2, "manifests": []}"#;
    let cache = json!({"schema": "ecr-cleanup/index-manifests", "number": 1, "content": {index: childless}});
    let key = format!("{STATE}/index-manifests.json.gz");
    put_object(&aws, BUCKET, &key, gzip(&cache.to_string()));
    let answer = run(&aws, FULL).await;
    assert_deleted!(answer, Completed, 3);
    assert!(aws.digests("app").contains(&child));
    // What is filed now has that digest.
    let read = aws.count("ecr:BatchGetImage");
    run(&aws, FULL).await;
    assert_eq!(aws.count("ecr:BatchGetImage"), read);
    assert!(aws.digests("app").contains(&child));
}

/// A bucket of somebody else is not taken for one's own.
#[tokio::test]
async fn the_owner_of_a_bucket_is_checked_where_it_is_known() {
    const OTHER: &str = "222222222222";
    let owned = |bucket: &'static str| async move {
        let aws = account().await;
        put_object(&aws, "lists", "a.json", "{");
        aws.edit(|world| {
            world
                .bucket_owners
                .insert(bucket.to_owned(), OTHER.to_owned())
        });
        aws
    };
    // The state has to be one's own, unless it is written whose it is.
    let aws = owned(BUCKET).await;
    let answer = run(&aws, FULL).await;
    assert_status!(answer, Refused);
    assert_eq!(guards(&answer)[0], "state_unreadable");
    assert_contains!(answer.refusals[0].next, "s3://ACCOUNT@BUCKET/PREFIX");
    assert!(aws.mutations().is_empty());
    let config = FULL.replace("s3://memory", &format!("s3://{OTHER}@memory"));
    let answer = run(&aws, &config).await;
    assert_deleted!(answer, Completed, 3);

    // Whose a report is, is not known.
    let aws = owned(REPORTS).await;
    let answer = run(&aws, FULL).await;
    assert_deleted!(answer, Completed, 3);
    let aws = account().await;
    let config = FULL.replace("s3://reports", &format!("s3://{OTHER}@reports"));
    let answer = run(&aws, &config).await;
    assert_eq!(guards(&answer), ["report_unwritable"]);

    for (owner, keys) in [("", "a.json"), ("@", "a.json"), ("@", "*.json")] {
        let aws = account().await;
        put_object(&aws, "lists", "a.json", "{");
        let owner = owner.replace('@', &format!("{OTHER}@"));
        let config = full_with(&format!(
            "in_use: {{keep_lists: ['s3://{owner}lists/{keys}']}}"
        ));
        let answer = run(&aws, &config).await;
        assert_eq!(guards(&answer), ["source_incomplete"]);
        let denied = answer.refusals[0].observed.contains("AccessDenied");
        assert_eq!(denied, !owner.is_empty(), "{}", answer.refusals[0]);
    }
}

/// An account with more task definitions than a run can read is read by several (P9).
#[tokio::test]
async fn every_run_gets_further_until_one_deletes() {
    const DEFINITIONS: usize = 900;
    let aws = account().await;
    aws.edit(|world| {
        let image = format!("{}:live", world.home().repository("app").uri());
        for number in 0..DEFINITIONS {
            let family = format!("family-{number}");
            world.home().ecs.register(&family, [&image]);
        }
    });
    let slow = FaultKind::Delay(Duration::from_millis(100));
    // One call in a hundred is throttled, and the others are slow.
    for throttled in (100..DEFINITIONS as u64).step_by(100) {
        aws.fault(
            Fault::on("ecs:DescribeTaskDefinition")
                .call(throttled)
                .once(),
        );
    }
    aws.fault(Fault::on("ecs:DescribeTaskDefinition").kind(slow));
    let mut read = 0;
    for _ in 0..20 {
        let stop_at = Instant::now() + Duration::from_secs(2);
        let answer = run_until(&aws, FULL, stop_at).await;
        let Some(progress) = answer.progress else {
            // It had read everything, and no time left to act by it.
            if answer.status == Status::Truncated {
                continue;
            }
            assert!(read > 0, "one run was enough, so this test shows nothing");
            assert_deleted!(answer, Completed, 3);
            let described = aws.count("ecs:DescribeTaskDefinition");
            assert!(described < DEFINITIONS * 3 / 2, "{described}");
            return;
        };
        assert_deleted!(answer, Truncated, 0);
        let share = progress.task_definitions;
        assert!(
            share.read > read && share.of == DEFINITIONS + 2,
            "{share:?}"
        );
        read = share.read;
        assert_contains!(
            answer.summary,
            format!("Read {read} of about 902 task definitions")
        );
    }
    panic!("it came no further than {read}");
}

/// A run that cannot list the repositories keeps what it learnt of use (P9).
#[tokio::test]
async fn what_a_failed_run_learnt_is_kept() {
    let aws = account().await;
    aws.fault(Fault::denied("ecr:DescribeRepositories"));
    let failed = answer(&program(&aws, FULL), request(Mode::Delete)).await;
    assert!(failed.is_err());
    assert_eq!(aws.count("ecs:DescribeTaskDefinition"), 2);
    aws.clear_faults();
    let answer = run(&aws, FULL).await;
    assert_deleted!(answer, Completed, 3);
    assert_eq!(aws.count("ecs:DescribeTaskDefinition"), 2);
}

/// Each location has caches of its own, which no other one is read from or written to (P9).
#[tokio::test]
async fn each_location_has_caches_of_its_own() {
    let aws = account().await;
    aws.edit(|world| {
        let image = format!("{}:live", world.home().repository("app").uri());
        let elsewhere = world.region("111111111111", "us-east-1");
        elsewhere.ecs.register("batch", [image]);
    });
    let config = full_with("in_use: {accounts: [{regions: [us-east-1]}]}");
    let answer = run(&aws, &config).await;
    assert_deleted!(answer, Completed, 3);
    let read = |key: &str| gunzip(&object(&aws, BUCKET, key).unwrap());
    let own = read(&format!("{STATE}/task-definitions.json.gz"));
    let other = read(&format!(
        "{STATE}/111111111111/us-east-1/task-definitions.json.gz"
    ));
    assert_contains!(own, "task-definition/web:1");
    assert_contains!(other, "task-definition/batch:1");
    assert!(!own.contains("us-east-1") && !other.contains("task-definition/web"));
    let described = aws.count("ecs:DescribeTaskDefinition");
    run(&aws, &config).await;
    assert_eq!(aws.count("ecs:DescribeTaskDefinition"), described);
}

/// Facts that another run wrote meanwhile are kept (P9).
#[tokio::test]
async fn facts_of_two_runs_are_put_together() {
    let aws = account().await;
    let other = [("arn:other", ["other/image:1"])];
    let other: BTreeMap<_, _> = other.into();
    let object = json!({"schema": "ecr-cleanup/task-definitions", "number": 1, "content": other});
    let object = gzip(&object.to_string());
    aws.before("s3:PutObject", 1, move |world| {
        let object = simulated_aws::Object::new(object);
        let key = format!("{STATE}/task-definitions.json.gz");
        world.bucket(BUCKET).insert(key, object);
    });
    run(&aws, FULL).await;
    let stored = gunzip(&object_of(&aws, "task-definitions"));
    assert_contains!(stored, "arn:other", "task-definition/web:1");
}

fn object_of(aws: &SimulatedAws, name: &str) -> Vec<u8> {
    object(aws, BUCKET, &format!("{STATE}/{name}.json.gz")).unwrap()
}
