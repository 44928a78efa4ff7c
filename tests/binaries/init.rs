//! `init`: a configuration that is proposed for an account.

use std::{collections::BTreeSet, fs};

use demo::{Scenario, team};
use simulated_aws::{Fault, Push, SimulatedAws, World, days_ago};

use crate::support::{Account, delete, environment, run};

/// Returns the number of images that the comments of a configuration say each rule deletes.
fn deletes(document: &str) -> u64 {
    let comments = document.replace("\n      #", "");
    let counts = comments.split("; deletes ").skip(1);
    let numbers = counts.map(|rest| rest.split(' ').next().unwrap());
    numbers
        .filter_map(|number| number.parse::<u64>().ok())
        .sum()
}

#[tokio::test]
async fn it_proposes_a_configuration_that_deletes_nothing_in_use() {
    let mut account = Account::start(team()).await;
    "".clone_into(&mut account.config);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cleanup.yaml");
    let file = path.to_str().unwrap();
    let written = account.command(&["init", "--out", file]).await;
    assert!(written.errors.contains("19 of 111 images"), "{written:?}");
    written.output(0);
    let document = fs::read_to_string(&path).unwrap();
    insta::assert_snapshot!("init", document);
    account.assert_untouched();

    // The same on standard output, and no file is overwritten unasked.
    assert_eq!(account.command(&["init"]).await.output(0), document);
    fs::write(&path, "mine").unwrap();
    let calls = account.aws.total();
    let refused = account.command(&["init", "--out", file]).await;
    assert!(refused.errors.contains("--force"), "{refused:?}");
    refused.output(2);
    account
        .command(&["init", "--out", "none/cleanup.yaml"])
        .await
        .output(2);
    account.command(&["init", "--force"]).await.output(2);
    assert_eq!(account.aws.total(), calls);
    assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
    account
        .command(&["init", "--out", file, "--force"])
        .await
        .output(0);
    assert_eq!(fs::read_to_string(&path).unwrap(), document);

    // What it says is what a plan does, which deletes nothing in use and warns of no rule.
    account
        .command(&["check-config", "--config", file])
        .await
        .output(0);
    let plan = ["plan", "--config", file, "--output", "json"];
    let plan = account.command(&plan).await.json(0);
    assert_eq!(plan["counts"]["candidates"], deletes(&document));
    assert_eq!(plan["warnings"], serde_json::json!([]));
    let deleting = document.replace("mode: plan", "mode: delete");
    fs::write(&path, deleting).unwrap();
    let run = ["run", "--yes", "--config", file, "--output", "json"];
    account.command(&run).await.json(0);
    let left = account.aws.read(Scenario::images);
    assert!(account.expected.in_use.is_subset(&left));
    assert_eq!(account.aws.deletions().len() as u64, deletes(&document));
}

async fn proposed(world: impl FnOnce(&mut World), config: &str, arguments: &[&str]) -> String {
    let aws = SimulatedAws::start().await;
    aws.edit(world);
    let ended = run(&[&["init"], arguments].concat(), environment(&aws, config)).await;
    assert!(aws.mutations().is_empty());
    ended.output(0)
}

#[tokio::test]
async fn an_empty_account_gets_the_default_rules() {
    let document = proposed(|_| {}, "", &[]).await;
    assert!(!document.contains("policies:"), "{document}");
    assert!(
        document.contains("expected_accounts: ['111111111111']"),
        "{document}"
    );
    let aws = SimulatedAws::start().await;
    let checked = run(&["check-config"], environment(&aws, &json(&document))).await;
    checked.output(0);
}

/// Returns a document as the command takes it in its environment.
fn json(document: &str) -> String {
    let config = ecr_cleanup::config::Config::parse(document).unwrap();
    serde_json::to_string(&config).unwrap()
}

#[tokio::test]
async fn what_cannot_be_read_is_said() {
    let aws = SimulatedAws::start().await;
    aws.edit(|world| {
        for name in ["team/app", "team/hidden"] {
            let push = Push::image().tag("1.0").pushed_at(days_ago(3));
            world.home().repository(name).push(push);
        }
        world.home().repository("team/app").lifecycle_policy = Some(r#"{"rules": []}"#.to_owned());
    });
    aws.fault(Fault::denied("ecr:DescribeImages").matching("team/hidden"));
    aws.fault(Fault::denied("ecs:ListClusters"));
    let ended = run(&["init"], environment(&aws, "")).await;
    let document = ended.output(0).replace("\n#   ", " ");
    for expected in [
        "such as `team/hidden`: its images could not be listed",
        "import-lifecycle team/app",
        "A run that deletes would be refused: ",
        "ecs NOT READ COMPLETELY",
    ] {
        assert!(document.contains(expected), "{expected}: {document}");
    }
    aws.fault(Fault::denied("ecr:DescribeRepositories"));
    let ended = run(&["init"], environment(&aws, "")).await;
    assert!(ended.errors.contains("DescribeRepositories"), "{ended:?}");
    assert_eq!(ended.output(1), "");
}

/// What else was configured is written again; runs that only look write nowhere.
#[tokio::test]
async fn settings_that_were_given_are_kept() {
    let given = r#"{"mode": "delete", "state": "s3://bucket/state", "publish": "s3://bucket/evidence",
        "in_use": {"lambda": false}, "guards": {"soak": "7d", "max_usage_drop_percent": 40}}"#;
    let fill = |world: &mut World| {
        let push = Push::image().tag("main-9f31c02").pushed_at(days_ago(3));
        world.home().repository("team/app").push(push);
    };
    let document = proposed(fill, given, &["--repository", "team/*"]).await;
    for expected in [
        "mode: plan",
        "- repositories: ['team/*']",
        "state: 's3://bucket/state'",
        "in_use: { lambda: false }",
        "soak: 7d",
        "expected_accounts: ['111111111111']",
    ] {
        assert!(document.contains(expected), "{expected}: {document}");
    }
    let aws = SimulatedAws::start().await;
    run(&["check-config"], environment(&aws, &json(&document)))
        .await
        .output(0);
    assert_ne!(json(&document), json(&delete()));
}

#[tokio::test]
async fn many_repositories_are_groups() {
    let fill = |world: &mut World| {
        for number in 0..120 {
            for tag in [
                "main-9f31c02",
                "sha-9f31c02",
                "latest",
                "1.0",
                "20241105",
                "pr-7",
            ] {
                let push = Push::image().content(tag).tag(tag).pushed_at(days_ago(3));
                let name = format!("team{}/app{number}", number % 40);
                world.home().repository(&name).push(push);
            }
        }
    };
    let document = proposed(fill, "", &[]).await;
    assert_eq!(document.matches("- repositories:").count(), 1);
    assert!(document.contains("#   and 20 more groups"), "{document}");
    assert!(document.lines().count() < 80, "{document}");
    let names: BTreeSet<&str> = document.split("{ name: ").skip(1).collect();
    assert_eq!(names.len(), 8);
}
