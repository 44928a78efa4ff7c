//! What the command prints for machines and for reviewers.

use serde_json::{Value, json};
use simulated_aws::{Fault, SimulatedAws};

use crate::{
    support::{WorldExt, state::account},
    trust::{both_outputs, command},
};

const DELETE: &str = "--config={mode: delete}";

fn lines(text: &str) -> Vec<Value> {
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    lines.collect()
}

fn of_kind<'a>(lines: &'a [Value], kind: &str) -> Vec<&'a Value> {
    let lines = lines.iter().filter(|line| line["kind"] == kind);
    lines.collect()
}

/// The limit of 200 KB is that of the function.
#[tokio::test]
async fn json_of_the_command_leaves_nothing_out() {
    let aws = SimulatedAws::start().await;
    aws.edit(|world| {
        world.in_use_elsewhere();
        for number in 0..120 {
            world.untagged(&format!("team/app-{number:03}"), 30);
        }
    });
    for arguments in [
        &["plan", "--output", "json"][..],
        &["run", "--yes", DELETE, "--output", "json"],
    ] {
        let (text, code) = command(&aws, arguments).await;
        let answer: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(code, Some(0), "{text}");
        assert_eq!(answer["repositories"].as_array().unwrap().len(), 121);
        let omitted = answer["omitted"].as_object().unwrap();
        assert!(omitted.values().all(|it| *it == json!(0)), "{omitted:?}");
    }
}

#[tokio::test]
async fn lines_are_of_repositories_images_and_runs() {
    let aws = account().await;
    let (text, _) = command(&aws, &["plan", "--output", "jsonl"]).await;
    let planned = lines(&text);
    let repositories = of_kind(&planned, "repository");
    assert_eq!(repositories.len(), 1);
    assert_eq!(
        (&repositories[0]["name"], &repositories[0]["candidates"]),
        (&json!("app"), &json!(3))
    );
    assert_eq!(of_kind(&planned, "image").len(), 6);
    assert_eq!(planned.len(), 7);
    aws.fault(Fault::denied("ecr:BatchDeleteImage"));
    let run = ["run", "--yes", DELETE, "--output", "jsonl"];
    let (text, code) = command(&aws, &run).await;
    let failed = lines(&text);
    assert_eq!(
        (failed[0]["outcome"].as_str(), code),
        (Some("failed"), Some(3))
    );
    assert!(
        failed[0]["error"]
            .as_str()
            .unwrap()
            .contains("not authorized"),
        "{text}"
    );
    aws.clear_faults();
    let (text, code) = command(&aws, &run).await;
    let done = lines(&text);
    let images = of_kind(&done, "image");
    assert!(
        images
            .iter()
            .all(|it| it["outcome"] == "deleted" && it["repository"] == "app")
    );
    assert_eq!((images.len(), aws.deletions().len(), code), (3, 3, Some(0)));
    let ended = of_kind(&done, "run");
    assert_eq!((ended.len(), &ended[0]["status"]), (1, &json!("completed")));
    assert_eq!(ended[0]["counts"]["deleted"], 3);
}

#[tokio::test]
async fn rows_are_for_spreadsheets_and_comments() {
    let aws = account().await;
    aws.edit(|world| world.define("gone", "app", "gone"));
    let csv = |command: &'static str| [command, "--output", "csv"];
    let (text, _) = command(&aws, &csv("plan")).await;
    assert_eq!(text.lines().count(), 7, "{text}");
    assert_contains!(
        text,
        "repository,digest,tags,pushed_at,pulled_at,bytes,deletes,because\n"
    );
    for (name, rows) in [("in-use", 4), ("verify", 1)] {
        let (text, _) = command(&aws, &csv(name)).await;
        assert!(text.lines().count() > rows, "{name}: {text}");
    }
    let markdown = |command: &'static str| [command, "--output", "markdown"];
    let mut shown = Vec::new();
    for name in ["plan", "verify", "in-use"] {
        shown.push(command(&aws, &markdown(name)).await.0);
    }
    let run = ["run", "--yes", DELETE, "--output", "markdown"];
    shown.push(command(&aws, &run).await.0);
    insta::assert_snapshot!(shown.join("\n\n"));
    let run = ["run", "--yes", DELETE, "--output", "csv"];
    let (text, _) = command(&aws, &run).await;
    assert_eq!(text, "repository,digest,tags,bytes,outcome,error\n");
    let text = both_outputs(&aws, &["explain", "app:live", "--output", "csv"]).await;
    assert_contains!(text, "are for `plan`, `run`", "(exit code 2)");
}
