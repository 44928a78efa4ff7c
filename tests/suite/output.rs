//! What the command prints for people, as snapshots.

use simulated_aws::{Fault, Push, SimulatedAws, days_ago};

use crate::{
    support::state::{account, untagged_images},
    trust::command,
};

/// A configuration that deletes; the command asks for no confirmation.
const DELETE: &str = "--config={mode: delete}";

/// Starts the account with more releases and parts of an index than the rules keep.
async fn crowded() -> SimulatedAws {
    let aws = account().await;
    aws.edit(|world| {
        let app = world.home().repository("app");
        for number in 0..12 {
            let age = days_ago(60 - number);
            let tag = format!("1.{number}");
            let image = Push::image().content(&tag).tag(&tag).pushed_at(age);
            let image = app.push(image);
            if number == 0 {
                let hex = image.strip_prefix("sha256:").unwrap();
                let signature = Push::image().content("signature");
                app.push(signature.tag(format!("sha256-{hex}.sig")).pushed_at(age));
            }
        }
    });
    aws
}

/// Keeps what does not depend on the clock or on widths: cells apart, without borders, ages or the
/// names of images that are not in the output of every run.
fn normalized(text: &str) -> String {
    let lines = text.lines().filter_map(|line| {
        let Some(row) = line.strip_prefix('│') else {
            return line
                .starts_with(|start: char| start.is_alphanumeric() || start == ' ')
                .then(|| line.to_owned());
        };
        let cells = row.trim_end_matches('│').split('┆').map(|cell| {
            let cell = cell.trim();
            match cell.strip_suffix(" d") {
                Some(days) if days.parse::<u64>().is_ok() => "N d",
                _ => cell,
            }
        });
        Some(cells.collect::<Vec<_>>().join(" | "))
    });
    lines.collect::<Vec<_>>().join("\n")
}

async fn output(aws: &SimulatedAws, arguments: &[&str]) -> String {
    let (text, code) = command(aws, arguments).await;
    format!("{}\nexit code {}", normalized(&text), code.unwrap())
}

#[tokio::test]
async fn a_plan_says_what_would_be_deleted_and_what_is_kept() {
    let aws = crowded().await;
    insta::assert_snapshot!(
        "plan",
        output(&aws, &["plan", "--all", "--exact-sizes"]).await
    );
    assert!(aws.mutations().is_empty());
}

#[tokio::test]
async fn a_refused_plan_says_why_and_what_to_do() {
    let aws = crowded().await;
    aws.fault(Fault::denied("ecs:DescribeServices"));
    insta::assert_snapshot!("refused", output(&aws, &["plan", DELETE]).await);
}

#[tokio::test]
async fn a_run_says_what_was_deleted() {
    let aws = crowded().await;
    insta::assert_snapshot!("run", output(&aws, &["run", "--yes", DELETE]).await);
    aws.edit(|world| {
        untagged_images(world, 1);
    });
    insta::assert_snapshot!("run_plan", output(&aws, &["run", "--yes"]).await);
}

#[tokio::test]
async fn an_explanation_says_what_would_be_done() {
    let aws = crowded().await;
    let mut text = Vec::new();
    for image in ["app:live", "app:1.5", "app:1.0", "app:none", "none:1"] {
        text.push(output(&aws, &["explain", image]).await);
    }
    text.push(output(&aws, &["explain", "app:1.0", "--config={mode: archive}"]).await);
    insta::assert_snapshot!("explain", text.join("\n\n"));
}

#[tokio::test]
async fn use_and_lifecycle_policies_are_tables() {
    let aws = crowded().await;
    insta::assert_snapshot!("in_use", output(&aws, &["in-use"]).await);
    let rule = r#"{"rules": [{"rulePriority": 7, "action": {"type": "expire"}, "selection":
        {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 5}}]}"#;
    aws.edit(|world| world.home().repository("app").lifecycle_policy = Some(rule.to_owned()));
    insta::assert_snapshot!("lifecycle", output(&aws, &["lifecycle"]).await);
}

#[tokio::test]
async fn missing_images_are_a_table() {
    let aws = crowded().await;
    aws.edit(|world| {
        let app = world.home().repository("app");
        let live = app.digest("live").unwrap().to_owned();
        app.remove(&live);
    });
    insta::assert_snapshot!("verify", output(&aws, &["verify"]).await);
}

#[tokio::test]
async fn a_run_needs_a_terminal_or_a_confirmation() {
    let aws = SimulatedAws::start().await;
    insta::assert_snapshot!(output(&aws, &["run", DELETE]).await, @r"

    exit code 2
    ");
}
