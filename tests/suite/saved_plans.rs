//! Plans that are saved, and applied later (A11).

use std::{
    fs,
    time::{Duration, SystemTime},
};

use ecr_cleanup::{
    config::Mode,
    function::{FunctionError, handle},
    pipeline::Request,
    report::{Answer, SavedPlan},
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use simulated_aws::{Fault, Push, SimulatedAws, days_ago};
use tempfile::TempDir;

use crate::{
    support::{
        WorldExt, answer, deleted, program, request, run_as, set_clock,
        state::{BUCKET, FULL, account, full_with, guards, gunzip, object, put_object},
    },
    trust::{both_outputs, command},
};

const KEY: &str = "plans/plan.jsonl";
const ADDRESS: &str = "s3://memory/plans/plan.jsonl";

/// Saves a plan.
async fn save(aws: &SimulatedAws, config: &str) -> Vec<u8> {
    let program = program(aws, config);
    let planned = program.plan(request(Mode::Plan)).await.unwrap();
    planned.to_saved().unwrap()
}

/// Runs by a saved plan.
async fn apply(aws: &SimulatedAws, config: &str, saved: &[u8]) -> Answer {
    let program = program(aws, config);
    let saved: SavedPlan = program.saved_plan(saved.to_vec()).await.unwrap();
    let request = Request {
        saved: Some(saved),
        ..request(Mode::Delete)
    };
    answer(&program, request).await.unwrap()
}

/// Invokes the function with a saved plan.
async fn invoke(aws: &SimulatedAws, config: &str) -> Result<Value, FunctionError> {
    let event = include_str!("../../events/manual-saved-plan.json");
    let event: Value = serde_json::from_str(event).unwrap();
    let deadline = SystemTime::now() + Duration::from_mins(15);
    handle(&program(aws, config), &event, deadline, Vec::new()).await
}

#[tokio::test]
async fn only_what_is_in_the_plan_is_deleted() {
    let aws = account().await;
    let saved = save(&aws, FULL).await;
    let planned = gunzipped_digests(&saved);
    assert_eq!(planned.len(), 3);
    let newer = aws.edit(|world| {
        // One is in use now, one is gone, and another could be deleted besides.
        let app = world.home().repository("app");
        app.tag(&planned[0], "hotfix");
        app.remove(&planned[1]);
        world.define("hotfix", "app", "hotfix");
        world.untagged("app", 30)
    });
    let answer = apply(&aws, FULL, &saved).await;
    assert_deleted!(answer, Completed, 1);
    assert_eq!(deleted(&aws), [planned[2].clone()]);
    assert!(aws.digests("app").contains(&newer));
    assert!(aws.digests("app").contains(&planned[0]));
    let applied = answer.saved_plan.unwrap();
    let counts = (applied.images, applied.candidates, applied.kept);
    assert_eq!(counts, (3, 1, 1));
    assert_eq!((applied.absent, applied.other_candidates), (1, 1));
    assert_contains!(
        answer.summary,
        "Of 3 images in the plan of 2026-11-21T12:00:00Z, 1 is still not needed, 1 is kept now, 1 is not there any more. 1 other image is not needed either, but not in the plan, and kept."
    );
    // The next run is not bound by it.
    let saved = save(&aws, FULL).await;
    let rest = apply(&aws, FULL, &saved).await;
    assert_deleted!(rest, Completed, 1);
}

fn gunzipped_digests(saved: &[u8]) -> Vec<String> {
    let (_, images) = SavedPlan::read(saved).unwrap();
    images.iter().map(|it| it.digest.to_string()).collect()
}

/// What belongs to an image that is not in the plan is kept with it.
#[tokio::test]
async fn a_part_of_what_is_not_in_the_plan_is_kept() {
    let aws = account().await;
    let part = aws.edit(|world| world.untagged("app", 40));
    let saved = save(&aws, FULL).await;
    let child = part.clone();
    aws.edit(|world| {
        let index = Push::index([&child]).pushed_at(days_ago(2));
        world.home().repository("app").push(index);
    });
    let answer = apply(&aws, FULL, &saved).await;
    assert_deleted!(answer, Completed, 3);
    assert!(aws.digests("app").contains(&part));
}

/// The guards hold as they do without a plan: it is read before them, and cannot widen anything.
#[tokio::test]
async fn every_guard_holds_for_a_saved_plan() {
    let aws = account().await;
    let saved = save(&aws, FULL).await;
    aws.fault(Fault::denied("ecs:ListClusters"));
    let answer = apply(&aws, FULL, &saved).await;
    assert_refused!(answer, aws);
    assert_eq!(guards(&answer), ["source_incomplete"]);
    aws.clear_faults();
    let limited = full_with("guards: {max_deletions_per_run: 1}");
    let saved = save(&aws, &limited).await;
    let answer = apply(&aws, &limited, &saved).await;
    assert_deleted!(answer, Truncated, 1);
    let percent = full_with("guards: {max_percent_per_repository: 10}");
    let saved = save(&aws, FULL).await;
    let program = program(&aws, &percent);
    let error = program.saved_plan(saved).await.unwrap_err();
    assert_contains!(error, "it was made with another configuration");
}

/// Candidates that are not in the plan go on soaking.
#[tokio::test]
async fn a_saved_plan_resets_no_soaking() {
    let aws = account().await;
    let soaks = full_with("guards: {soak: 1d}");
    let saved = save(&aws, &soaks).await;
    let answer = apply(&aws, &soaks, &saved).await;
    assert_deleted!(answer, Completed, 0);
    aws.edit(|world| world.untagged("app", 30));
    set_clock(&aws, Duration::from_hours(12));
    // It has all but the new one, and none has soaked.
    let answer = apply(&aws, &soaks, &saved).await;
    assert_deleted!(answer, Completed, 0);
    set_clock(&aws, Duration::from_hours(25));
    let nothing = text_of(&saved, |lines| {
        lines.retain(|line| !line.contains("digest"));
    });
    let nothing = with_header(&nothing, |header| {
        header["made_at"] = json!("2026-11-22T12:00:00Z");
    });
    let answer = apply(&aws, &soaks, nothing.as_bytes()).await;
    assert_deleted!(answer, Completed, 0);
    let saved = save(&aws, &soaks).await;
    let answer = apply(&aws, &soaks, &saved).await;
    assert_deleted!(answer, Completed, 3);
}

/// Returns the text of a plan with other lines, and the last line that belongs to them.
fn text_of(saved: &[u8], edit: impl FnOnce(&mut Vec<String>)) -> String {
    let text = std::str::from_utf8(saved).unwrap();
    let mut lines: Vec<String> = text.lines().map(ToOwned::to_owned).collect();
    lines.pop();
    edit(&mut lines);
    let whole = format!("{}\n", lines.join("\n"));
    let sha256 = hex::encode(Sha256::digest(&whole));
    let end = json!({"images": lines.len() - 1, "sha256": sha256});
    format!("{whole}{end}\n")
}

/// Returns the text of a plan with another header, and the last line that belongs to it.
fn with_header(saved: &str, edit: impl FnOnce(&mut Value)) -> String {
    text_of(saved.as_bytes(), |lines| {
        let mut header = serde_json::from_str(&lines[0]).unwrap();
        edit(&mut header);
        lines[0] = header.to_string();
    })
}

#[tokio::test]
async fn a_plan_that_may_not_be_applied_is_refused_in_words() {
    let aws = account().await;
    let saved = String::from_utf8(save(&aws, FULL).await).unwrap();
    let header = |key: &str, value: Value| with_header(&saved, |header| header[key] = value);
    let cut = saved.split_at(saved.len() - 30).0.to_owned();
    let home = |account: &str, region: &str| json!({"account": account, "region": region});
    let files = [
        ("cut", cut),
        ("changed", saved.replacen("untagged", "Untagged", 1)),
        (
            "another version",
            header("schema", json!("ecr-cleanup/plan/2")),
        ),
        (
            "another account",
            header("home", home("222222222222", "eu-west-1")),
        ),
        (
            "another Region",
            header("home", home("111111111111", "eu-central-1")),
        ),
        (
            "another configuration",
            header("configuration", json!("abc")),
        ),
        (
            "yesterday",
            header("made_at", json!("2026-11-20T12:00:00Z")),
        ),
        ("tomorrow", header("made_at", json!("2026-11-22T12:00:00Z"))),
        ("another document", FULL.to_owned()),
    ];
    let mut texts = Vec::new();
    for (name, file) in files {
        put_object(&aws, BUCKET, KEY, file);
        let error = invoke(&aws, FULL).await.unwrap_err();
        assert_eq!(error.name(), "Refused", "{name}: {error}");
        texts.push(format!("{name}: {error}"));
    }
    insta::assert_snapshot!(texts.join("\n"));
    aws.fault(Fault::denied("s3:GetObject").matching(KEY));
    let error = invoke(&aws, FULL).await.unwrap_err();
    assert_eq!(error.name(), "Internal", "{error}");
    assert!(aws.deletions().is_empty());
    assert_eq!(
        aws.count("ecr:DescribeImages"),
        1,
        "nothing was planned again"
    );
}

/// An event deletes by a saved plan only what the configuration allows.
#[tokio::test]
async fn the_function_applies_a_saved_plan() {
    let aws = account().await;
    let saved = save(&aws, FULL).await;
    put_object(&aws, BUCKET, KEY, saved.clone());
    let error = invoke(&aws, "mode: plan").await.unwrap_err();
    assert_eq!(error.name(), "InvalidEvent");
    assert!(aws.mutations().is_empty());
    aws.edit(|world| world.untagged("app", 30));
    let answer = invoke(&aws, FULL).await.unwrap();
    assert_eq!(answer["status"], "completed", "{answer}");
    assert_eq!(answer["counts"]["deleted"], 3);
    assert_eq!(answer["counts"]["untouched"], 1);
    assert_eq!(answer["saved_plan"]["images"], 3);
    assert_eq!(answer["saved_plan"]["other_candidates"], 1);
}

/// Writes a configuration to a folder.
fn config_in(folder: &TempDir, text: &str) -> String {
    let path = folder.path().join("config.yaml");
    fs::write(&path, text).unwrap();
    path.display().to_string()
}

#[tokio::test]
async fn the_command_saves_a_plan_and_applies_it() {
    let aws = account().await;
    let folder = TempDir::new().unwrap();
    let config = config_in(&folder, "mode: delete");
    for name in ["plan.jsonl", "plan.jsonl.gz"] {
        let file = folder.path().join(name).display().to_string();
        let save = ["plan", "--quiet", "--config", &config, "--out", &file];
        assert_eq!(command(&aws, &save).await.1, Some(0));
    }
    let [plain, compressed] = ["plan.jsonl", "plan.jsonl.gz"].map(|it| folder.path().join(it));
    assert_eq!(
        SavedPlan::read(gunzip(&fs::read(&compressed).unwrap()).as_bytes())
            .unwrap()
            .1,
        SavedPlan::read(&fs::read(&plain).unwrap()).unwrap().1
    );
    let in_s3 = ["plan", "--quiet", "--config", &config, "--out", ADDRESS];
    assert_eq!(command(&aws, &in_s3).await.1, Some(0));
    assert!(object(&aws, BUCKET, KEY).is_some());
    let file = compressed.display().to_string();
    let other = [
        "run",
        "--yes",
        "--config",
        "{mode: archive}",
        "--plan",
        &file,
    ];
    let (_, code) = command(&aws, &other).await;
    assert_eq!(code, Some(4), "another configuration");
    let plans = ["run", "--yes", "--plan", &file];
    let (_, code) = command(&aws, &plans).await;
    assert_eq!(code, Some(2), "mode plan");
    assert!(aws.deletions().is_empty());
    aws.edit(|world| {
        let app = world.home().repository("app");
        let oldest = app.push(Push::image().pushed_at(days_ago(35)));
        app.tag(&oldest, "old");
        world.define("old", "app", "old");
    });
    let run = ["run", "--yes", "--config", &config, "--plan", ADDRESS];
    let text = both_outputs(&aws, &run)
        .await
        .replace(&config, "config.yaml");
    insta::assert_snapshot!(text);
    assert_eq!(aws.deletions().len(), 3);
}

/// Reports, plans and configurations are compared in any order, and a plan with itself is the same.
#[tokio::test]
async fn plans_reports_and_configurations_are_compared() {
    let aws = account().await;
    let folder = TempDir::new().unwrap();
    let report = run_as(&aws, FULL, Mode::Plan).await.report.unwrap();
    put_object(&aws, BUCKET, KEY, save(&aws, FULL).await);
    let less = "{policies: [{repositories: ['**'], keep: [{name: all, tags: '.'}, {name: two, untagged: true, newest: 2}]}]}";
    let less = config_in(&folder, less);
    for same in [
        [&*report, &*report],
        [&*report, ADDRESS],
        [ADDRESS, &*report],
    ] {
        let arguments = ["diff", "--exit-code", same[0], same[1]];
        let (text, code) = command(&aws, &arguments).await;
        assert_contains!(text, "No difference: both delete the same 3 images.");
        assert_eq!(code, Some(0));
    }
    let with_less = ["diff", "--exit-code", "--output", "jsonl", &report, &less];
    let (text, code) = command(&aws, &with_less).await;
    let lines: Vec<Value> = text
        .lines()
        .map(|it| serde_json::from_str(it).unwrap())
        .collect();
    assert_eq!((lines.len(), code), (2, Some(10)), "{text}");
    assert_contains!(lines[0]["because"][0].to_string(), "kept by rule `two`");
    assert_eq!(lines[0]["deletes"], false);
    let back = ["diff", "--output", "json", &less, ADDRESS];
    let (text, code) = command(&aws, &back).await;
    let difference: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&difference["same"], code), (&json!(1), Some(0)));
    assert_eq!(difference["changed"][0]["deletes"], true);
    assert!(aws.deletions().is_empty());
    let wrong = config_in(&folder, "mode: purge");
    let text = both_outputs(&aws, &["diff", ADDRESS, &wrong]).await;
    let text = text.replace("\n  ", " ");
    assert_contains!(text, "as a configuration it is wrong", "exit code 2");
}

/// What is of another account is not compared.
#[tokio::test]
async fn only_plans_of_one_account_are_compared() {
    let aws = account().await;
    let saved = String::from_utf8(save(&aws, FULL).await).unwrap();
    let elsewhere = with_header(&saved, |header| {
        header["home"]["account"] = json!("222222222222");
    });
    put_object(&aws, BUCKET, "one.jsonl", saved);
    put_object(&aws, BUCKET, "other.jsonl", elsewhere);
    let arguments = ["diff", "s3://memory/one.jsonl", "s3://memory/other.jsonl"];
    let text = both_outputs(&aws, &arguments).await;
    assert_contains!(
        text,
        "is of 111111111111 eu-west-1",
        "compare plans of one account"
    );
}
