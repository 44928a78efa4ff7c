//! The safety net: every refusal, each with what it says, and that nothing was changed.

use std::time::Duration;

use ecr_cleanup::{
    config::Mode,
    report::{Answer, Status},
};
use serde_json::{Value, json};
use simulated_aws::{Fault, FaultKind, SimulatedAws};

use crate::support::{
    now, plan, program, request, run, set_clock,
    state::{
        BUCKET, FULL, REPORTS, STATE, account, guards, gzip, keys, object, put_object,
        untagged_images,
    },
};

/// Asserts a refusal: nothing was changed, the answer names the guard, and says everything a person
/// needs.
fn assert_refused(aws: &SimulatedAws, answer: &Answer, guard: &str, observed: &str) {
    assert!(aws.mutations().is_empty(), "{:?}", aws.mutations());
    assert_eq!(answer.status, Status::Refused);
    assert_eq!(guards(answer), [guard]);
    let refusal = &answer.refusals[0];
    assert!(refusal.observed.contains(observed), "{}", refusal.observed);
    assert!(refusal.why.contains("delete"), "{}", refusal.why);
    assert!(
        refusal.next.ends_with('.') && refusal.next.len() > 20,
        "{}",
        refusal.next
    );
    assert!(
        answer.summary.contains("Nothing was deleted") && answer.summary.contains(guard),
        "{}",
        answer.summary
    );
}

/// A plan says the same, and is a success.
async fn assert_plan_warns(aws: &SimulatedAws, config: &str, guard: &str) {
    let answer = plan(aws, config).await;
    assert_eq!(
        (answer.status, guards(&answer)),
        (Status::Planned, vec![guard.to_owned()])
    );
    assert!(
        answer.summary.contains("would be refused"),
        "{}",
        answer.summary
    );
    assert!(aws.mutations().is_empty());
}

#[tokio::test]
async fn without_a_refusal_it_deletes() {
    let aws = account().await;
    let answer = run(&aws, FULL).await;
    assert_eq!(
        (answer.status, answer.counts.deleted, guards(&answer)),
        (Status::Completed, 3, vec![])
    );
}

#[tokio::test]
async fn a_source_that_is_incomplete() {
    let aws = account().await;
    aws.fault(Fault::on("ecs:DescribeServices").kind(FaultKind::AccessDenied));
    let answer = run(&aws, FULL).await;
    assert_refused(&aws, &answer, "source_incomplete", "ecs:DescribeServices");
    assert!(
        answer.refusals[0].next.starts_with("Grant"),
        "{}",
        answer.refusals[0].next
    );
    assert_plan_warns(&aws, FULL, "source_incomplete").await;
}

#[tokio::test]
async fn no_use_at_all() {
    let aws = account().await;
    aws.edit(|world| {
        let mut nothing = simulated_aws::World::default();
        std::mem::swap(&mut world.home().ecs, &mut nothing.home().ecs);
        world.home().functions.clear();
    });
    let answer = run(&aws, FULL).await;
    assert_refused(&aws, &answer, "no_usage", "no image in ECR is in use");
    assert_plan_warns(&aws, FULL, "no_usage").await;
}

#[tokio::test]
async fn another_account() {
    let aws = account().await;
    let config = "{mode: delete, guards: {expected_accounts: ['222222222222']}}";
    let answer = run(&aws, config).await;
    assert_refused(
        &aws,
        &answer,
        "wrong_account",
        "this is account 111111111111; expected 222222222222",
    );
    assert_plan_warns(&aws, config, "wrong_account").await;
}

#[tokio::test]
async fn use_that_shrank() {
    let aws = account().await;
    assert_eq!(plan(&aws, FULL).await.status, Status::Planned);
    aws.edit(|world| {
        untagged_images(world, 1);
        let home = world.home();
        home.ecs.set_status("web:2", "INACTIVE");
    });
    let strict = FULL.replace(
        "mode: delete",
        "mode: delete, guards: {max_usage_drop_percent: 20}",
    );
    for _ in 0..2 {
        // A drop that was refused once is refused again.
        let answer = run(&aws, &strict).await;
        assert_refused(
            &aws,
            &answer,
            "usage_drop",
            "`ecs in 111111111111 eu-west-1` found",
        );
        assert!(
            answer.refusals[0]
                .observed
                .contains("allows a drop of 20 %"),
            "{}",
            answer.refusals[0].observed
        );
        assert_plan_warns(&aws, &strict, "usage_drop").await;
    }
    let answer = run(&aws, &strict.replace("20", "100")).await;
    assert_eq!(answer.status, Status::Completed);
    assert_eq!(
        run(&aws, &strict).await.status,
        Status::Completed,
        "what was accepted is the new measure"
    );
}

#[tokio::test]
async fn a_source_that_is_not_read_any_more() {
    let aws = account().await;
    assert_eq!(plan(&aws, FULL).await.status, Status::Planned);
    let off = FULL.replace(
        "mode: delete",
        "mode: delete, in_use: {ecs: false}, guards: {allow_no_usage: true}",
    );
    let answer = run(&aws, &off).await;
    assert_refused(
        &aws,
        &answer,
        "usage_drop",
        "is not read any more, and found",
    );
}

#[tokio::test]
async fn outside_the_change_window() {
    let aws = account().await;
    // The world's clock shows Saturday, 12:00 UTC.
    let config = |day: &str| {
        format!(
            "{{mode: delete, guards: {{change_window: {{timezone: Europe/Berlin, days: [{day}], from: '08:00', to: '18:00'}}}}}}"
        )
    };
    let answer = run(&aws, &config("mon")).await;
    assert_refused(
        &aws,
        &answer,
        "change_window",
        "it is Sat 13:00 CET, outside the window mon 08:00 to 18:00",
    );
    assert_plan_warns(&aws, &config("mon"), "change_window").await;
    assert_eq!(run(&aws, &config("sat")).await.counts.deleted, 3);
}

#[tokio::test]
async fn a_lock_that_another_run_holds() {
    let aws = account().await;
    let now = now().millis();
    let lock = json!({"run_id": "other", "taken_at": now - 60_000, "ends_at": now + 60_000});
    let lock = json!({"schema": "ecr-cleanup/run-lock", "number": 1, "content": lock});
    put_object(
        &aws,
        BUCKET,
        &format!("{STATE}/run-lock.json.gz"),
        gzip(&lock.to_string()),
    );
    let answer = run(&aws, FULL).await;
    assert_refused(
        &aws,
        &answer,
        "locked",
        "run other holds the lock since 2026-11-21T11:59:00Z",
    );
    assert!(
        answer.refusals[0]
            .next
            .contains("s3://memory/prefix/111111111111/eu-west-1/run-lock.json.gz")
    );
    // A plan needs no lock.
    assert_eq!(
        (plan(&aws, FULL).await.status, aws.mutations().len()),
        (Status::Planned, 0)
    );
    set_clock(&aws, Duration::from_mins(1));
    assert_eq!(
        run(&aws, FULL).await.status,
        Status::Completed,
        "the lock has ended by itself"
    );
}

#[tokio::test]
async fn memory_that_cannot_be_read() {
    for (key, config) in [
        ("usage-counts", FULL.to_owned()),
        (
            "soak-ledger",
            FULL.replace("mode: delete", "mode: delete, guards: {soak: 1d}"),
        ),
        ("run-lock", FULL.to_owned()),
    ] {
        let object = format!("{STATE}/{key}.json.gz");
        let newer = json!({"schema": format!("ecr-cleanup/{key}"), "number": 2, "content": {}});
        let foreign = json!({"schema": "somebody/else", "number": 1, "content": {}});
        let whole = gzip(&newer.to_string());
        for (content, observed) in [
            (b"not even compressed".to_vec(), "it is damaged"),
            (whole[..whole.len() / 2].to_vec(), "it is damaged"),
            (
                whole,
                "it has number 2 of its schema, and this version knows 1",
            ),
            (
                gzip(&foreign.to_string()),
                "it holds `somebody/else`, which is something else",
            ),
        ] {
            let aws = account().await;
            put_object(&aws, BUCKET, &object, content.clone());
            let answer = run(&aws, &config).await;
            assert_refused(&aws, &answer, "state_unreadable", observed);
            assert!(
                answer.refusals[0].observed.contains(&object),
                "{}",
                answer.refusals[0].observed
            );
            assert_eq!(
                self::object(&aws, BUCKET, &object),
                Some(content),
                "it is left as it is"
            );
        }
        for kind in [
            FaultKind::AccessDenied,
            FaultKind::ServerError(503),
            FaultKind::CutBody,
        ] {
            let aws = account().await;
            aws.fault(Fault::on("s3:GetObject").matching(&object).kind(kind));
            let answer = run(&aws, &config).await;
            assert_refused(&aws, &answer, "state_unreadable", &object);
        }
    }
}

#[tokio::test]
async fn memory_that_cannot_be_written() {
    for key in [
        "run-lock",
        "usage-counts",
        "soak-ledger",
        "task-definitions",
        "indexes",
    ] {
        let aws = account().await;
        aws.fault(
            Fault::on("s3:PutObject")
                .matching(format!("{key}.json.gz"))
                .kind(FaultKind::AccessDenied),
        );
        let answer = run(
            &aws,
            &FULL.replace("mode: delete", "mode: delete, guards: {soak: 1d}"),
        )
        .await;
        assert_refused(&aws, &answer, "state_unreadable", key);
        assert!(
            answer.refusals[0].next.starts_with("Grant `s3:GetObject`"),
            "{}",
            answer.refusals[0].next
        );
    }
    let aws = account().await;
    aws.edit(|world| world.buckets.remove(BUCKET));
    let answer = run(&aws, FULL).await;
    assert!(aws.mutations().is_empty());
    assert!(
        guards(&answer)
            .iter()
            .all(|guard| guard == "state_unreadable"),
        "{:?}",
        guards(&answer)
    );
}

#[tokio::test]
async fn a_report_that_cannot_be_written() {
    let aws = account().await;
    aws.fault(
        Fault::on("s3:PutObject")
            .matching("images.jsonl.gz")
            .kind(FaultKind::AccessDenied),
    );
    let answer = run(&aws, FULL).await;
    assert_refused(&aws, &answer, "report_unwritable", "s3://reports/");
    assert_plan_warns(&aws, FULL, "report_unwritable").await;
}

/// Every guard that trips is in `refusals` (A1).
#[tokio::test]
async fn all_of_them_together() {
    let aws = account().await;
    aws.fault(Fault::on("ecs:DescribeServices").kind(FaultKind::AccessDenied));
    aws.fault(
        Fault::on("s3:PutObject")
            .matching("images.jsonl.gz")
            .kind(FaultKind::AccessDenied),
    );
    put_object(&aws, BUCKET, &format!("{STATE}/usage-counts.json.gz"), "x");
    let now = now().millis();
    let lock = json!({"run_id": "other", "taken_at": now, "ends_at": now + 60_000});
    let lock = json!({"schema": "ecr-cleanup/run-lock", "number": 1, "content": lock});
    put_object(
        &aws,
        BUCKET,
        &format!("{STATE}/run-lock.json.gz"),
        gzip(&lock.to_string()),
    );
    let window = "{timezone: UTC, days: [mon], from: '08:00', to: '18:00'}";
    let config = FULL.replace(
        "mode: delete",
        &format!(
            "mode: delete, guards: {{expected_accounts: ['222222222222'], change_window: {window}}}"
        ),
    );
    let answer = run(&aws, &config).await;
    assert!(aws.mutations().is_empty());
    let all = [
        "source_incomplete",
        "wrong_account",
        "change_window",
        "state_unreadable",
        "locked",
        "report_unwritable",
    ];
    assert_eq!(guards(&answer), all);
    assert!(
        answer.summary.contains("5 more under `refusals`"),
        "{}",
        answer.summary
    );
    let answer: Value = answer.to_json();
    for refusal in answer["refusals"].as_array().unwrap() {
        for key in ["guard", "observed", "why", "next"] {
            assert!(
                refusal[key].as_str().is_some_and(|text| !text.is_empty()),
                "{refusal}"
            );
        }
    }
}

/// Zero never means that there is no limit (A1).
#[tokio::test]
async fn a_limit_of_zero_means_zero() {
    let aws = account().await;
    let answer = run(&aws, "{mode: delete, guards: {max_deletions_per_run: 0}}").await;
    assert_eq!(
        (answer.status, answer.counts.untouched),
        (Status::Truncated, 3)
    );
    let answer = run(
        &aws,
        "{mode: delete, guards: {max_percent_per_repository: 0}}",
    )
    .await;
    assert_eq!(
        (answer.status, answer.counts.candidates),
        (Status::Completed, 0)
    );
    assert!(aws.mutations().is_empty());
}

#[tokio::test]
async fn the_lock_is_given_back_whatever_happens() {
    let aws = account().await;
    let config = FULL.replace(
        "mode: delete",
        "mode: delete, guards: {expected_accounts: ['222222222222']}",
    );
    assert_eq!(run(&aws, &config).await.status, Status::Refused);
    assert_eq!(run(&aws, FULL).await.status, Status::Completed);
    assert_eq!(run(&aws, FULL).await.status, Status::Completed);
}

#[tokio::test]
async fn refused_and_failed_runs_are_reported_too() {
    let aws = account().await;
    aws.fault(
        Fault::on("ecs:DescribeServices")
            .once()
            .kind(FaultKind::AccessDenied),
    );
    let answer = run(&aws, FULL).await;
    assert_eq!(answer.status, Status::Refused);
    let report = object(&aws, REPORTS, &format!("{}/report.json", answer.run_id)).unwrap();
    let report: Value = serde_json::from_slice(&report).unwrap();
    assert_eq!(report["refusals"][0]["guard"], "source_incomplete");
    assert_eq!(
        answer.report,
        Some(format!("s3://reports/{}/report.json", answer.run_id))
    );
    let message = aws.read(|world| world.messages.last().cloned()).unwrap();
    assert_eq!(
        (message.region.as_str(), message.subject.as_str()),
        ("us-east-1", "ecr-cleanup: refused")
    );
    assert!(
        message.text.contains("source_incomplete") && message.text.contains(&answer.run_id),
        "{}",
        message.text
    );

    aws.fault(Fault::on("ecr:DescribeRepositories").kind(FaultKind::AccessDenied));
    let before = keys(&aws, REPORTS);
    assert!(
        program(&aws, FULL)
            .plan(request(Mode::Delete))
            .await
            .is_err()
    );
    let after: Vec<String> = keys(&aws, REPORTS)
        .into_iter()
        .filter(|key| !before.contains(key))
        .collect();
    assert_eq!(after.len(), 1, "{after:?}");
    let report: Value = serde_json::from_slice(&object(&aws, REPORTS, &after[0]).unwrap()).unwrap();
    assert_eq!(report["status"], "failed");
    assert!(
        report["summary"]
            .as_str()
            .unwrap()
            .contains("ecr:DescribeRepositories"),
        "{report}"
    );
}
