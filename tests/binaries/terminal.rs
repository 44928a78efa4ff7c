//! Names and messages from outside control no terminal.

use demo::acceptance;
use serde_json::{Value, json};
use simulated_aws::{EksCluster, Fault, FaultKind};
use simulated_cluster::SimulatedCluster;

use crate::support::{Account, run};

/// Clears the screen, sets the title, turns the text around, and forges a line.
const EVIL: &str = "x\u{1b}[2J\u{1b}]0;title\u{7}\u{9b}31m\u{202e}\u{7f}\rok\nforged line";

fn pod(name: &str, image: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "default"},
        "spec": {"containers": [{"name": "web", "image": image}]}})
}

/// Starts an account with a cluster in which this pod runs.
async fn account(pod: Value) -> (Account, SimulatedCluster) {
    let account = Account::start(acceptance()).await;
    let cluster = SimulatedCluster::start("prod").await;
    cluster.anybody();
    cluster.apply(pod);
    account.edit(|world| {
        let prod = EksCluster::active(cluster.endpoint(), cluster.authority());
        world.home().eks.insert("prod".to_owned(), prod);
    });
    (account, cluster)
}

/// Runs commands and asserts that what they print has the text, and that it does nothing.
async fn assert_harmless(account: &Account, text: &str, commands: &[&[&str]]) {
    for arguments in commands {
        let mut environment = account.environment();
        environment.insert("RUST_LOG".to_owned(), "ecr_cleanup=trace".to_owned());
        let ended = run(arguments, environment).await;
        for printed in [&ended.output, &ended.errors] {
            let harmful = printed.chars().find(|character| {
                (character.is_control() && *character != '\n') || *character == '\u{202e}'
            });
            assert_eq!(harmful, None, "{arguments:?}: {printed}");
            let forged = printed.lines().find(|line| line.starts_with("forged"));
            assert_eq!(forged, None, "{arguments:?}: {printed}");
        }
        let printed = format!("{}{}", ended.output, ended.errors);
        assert!(printed.contains(text), "{arguments:?}: {printed}");
    }
}

const COMMANDS: [&[&str]; 5] = [
    &["plan"],
    &["plan", "--output", "json"],
    &["in-use"],
    &["in-use", "--output", "jsonl"],
    &["plan", "--verbose"],
];

#[tokio::test]
async fn the_image_of_a_pod_and_its_name_do_nothing_to_a_terminal() {
    let host = "111111111111.dkr.ecr.eu-west-1.amazonaws.com";
    for pod in [
        pod("web", &format!("{host}/team/app:{EVIL}")),
        pod(EVIL, &format!("{host}/team/app:1")),
    ] {
        let (account, _cluster) = account(pod).await;
        assert_harmless(&account, "\\u001b[2J", &COMMANDS).await;
    }
}

#[tokio::test]
async fn messages_of_servers_do_nothing_to_a_terminal() {
    let (account, _cluster) = account(pod("web", "registry.k8s.io/pause:3")).await;
    let denied = FaultKind::error(400, "AccessDeniedException", EVIL);
    account
        .aws
        .fault(Fault::on("ecs:ListTasks").kind(denied.clone()));
    assert_harmless(&account, "\\u001b[2J", &COMMANDS).await;
    for (operation, commands) in [
        (
            "ecr:DescribeRepositories",
            &[&["plan"][..], &["explain", "team/app:1.0"]][..],
        ),
        (
            "ecr:DescribeImages",
            &[&["plan"], &["verify"], &["run", "--yes"]],
        ),
        (
            "ecr:GetRepositoryPolicy",
            &[&["plan"], &["run", "--yes", "--output", "json"]],
        ),
        ("ecr:GetLifecyclePolicy", &[&["lifecycle"]]),
        ("ecr:BatchDeleteImage", &[&["run", "--yes"]]),
    ] {
        account.aws.clear_faults();
        account.aws.fault(Fault::on(operation).kind(denied.clone()));
        assert_harmless(&account, "\\u001b[2J", commands).await;
    }
}
