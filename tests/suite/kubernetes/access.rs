//! Trying every right: what is missing, as the statement to add.

use super::world::{CONFIG, one_cluster, program};
use serde_json::json;
use simulated_aws::{Fault, FaultKind};
use simulated_cluster::{Fault as ClusterFault, FaultKind as ClusterFaultKind};

#[tokio::test]
async fn nothing_is_missing_where_everything_is_granted() {
    let (aws, prod) = one_cluster().await;
    prod.define("argoproj.io", "v1alpha1", "rollouts", "Rollout");
    let access = program(&aws, "").access().await.unwrap();
    assert!(access.is_complete(), "{access}");
    assert_eq!((access.actions, access.clusters), (28, 1));
    assert!(
        access.to_string().ends_with("Nothing is missing.\n"),
        "{access}"
    );
    assert_eq!(aws.mutations().len(), 0);

    let unknown = FaultKind::error(400, "UnknownOperationException", "");
    aws.fault(Fault::on("ecs:ListDaemons").kind(unknown));
    let access = program(&aws, "").access().await.unwrap();
    assert!(access.is_complete(), "there is nothing to grant: {access}");
}

#[tokio::test]
async fn what_is_missing_is_printed_as_what_to_add() {
    let (aws, prod) = one_cluster().await;
    prod.define("argoproj.io", "v1alpha1", "rollouts", "Rollout");
    prod.define("argoproj.io", "v1alpha1", "workflows", "Workflow");
    for plural in ["rollouts", "workflows", "pods", "configmaps", "secrets"] {
        prod.deny(plural);
    }
    aws.fault(Fault::denied("ecr:BatchGetImage"));
    let config = CONFIG.replace("ecs: false", "ecs: false, eks: { helm_history: true }");
    let access = program(&aws, &config).access().await.unwrap();
    assert!(!access.is_complete());
    let statement = json!({"Effect": "Allow", "Action": ["ecr:BatchGetImage"], "Resource": "*"});
    assert_eq!(access.statement, Some(statement));
    assert_eq!(
        access.missing_rules["prod"],
        [
            "- { apiGroups: [\"\"], resources: [pods, configmaps, secrets], verbs: [list] }",
            "- { apiGroups: [\"argoproj.io\"], resources: [rollouts, workflows], verbs: [list] }",
        ]
    );
    assert_eq!(access.untried, ["ecr:BatchDeleteImage"]);

    aws.clear_faults();
    aws.fault(Fault::denied("eks:ListClusters"));
    let access = program(&aws, CONFIG).access().await.unwrap();
    assert_eq!(access.denied_actions, ["eks:ListClusters"]);
    assert!(access.problems.is_empty());
}

/// One kind that is broken does not hide the next one.
#[tokio::test]
async fn every_kind_that_cannot_be_listed_is_named() {
    let (aws, prod) = one_cluster().await;
    for (group, plural, kind) in [
        ("a.example.com", "apples", "Apple"),
        ("b.example.com", "berries", "Berry"),
        ("c.example.com", "cherries", "Cherry"),
        ("d.example.com", "dates", "Date"),
    ] {
        for version in ["v1", "v2"] {
            prod.define(group, version, plural, kind);
        }
    }
    prod.fault(ClusterFault::first("jobs", ClusterFaultKind::Status(500)));
    prod.fault(ClusterFault::first("apples", ClusterFaultKind::Conversion));
    prod.fault(ClusterFault::first(
        "v1/berries",
        ClusterFaultKind::Conversion,
    ));
    prod.stale("c.example.com");
    prod.deny("dates");
    for _ in ["aggregated", "older"] {
        let access = program(&aws, CONFIG).access().await.unwrap();
        let problems = access.problems.join("\n");
        assert_eq!(access.problems.len(), 4, "{problems}");
        assert_contains!(
            problems,
            "`list` of `jobs.batch` failed",
            "exclude: [\"a.example.com/Apple\"]",
            "exclude: [\"c.example.com/*\"]"
        );
        assert_eq!(access.missing_rules["prod"].len(), 1);
        prod.without_aggregated_discovery();
    }
    prod.fault(ClusterFault::first("pods", ClusterFaultKind::Drop));
    let access = program(&aws, CONFIG).access().await.unwrap();
    assert!(
        access.problems.len() < 6,
        "who does not answer is asked no more: {access}"
    );
}

/// The rules in the file are those that the program needs: without a custom resource it can read a
/// cluster with these.
#[test]
fn the_cluster_role_grants_what_is_read_and_no_more() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/infra/kubernetes/clusterrole.yaml"
    );
    let text = std::fs::read_to_string(path).unwrap();
    let granted: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .collect();
    let granted = granted.join("\n");
    for (plural, _) in super::objects::of_every_kind("") {
        assert_contains!(granted, plural);
    }
    assert!(!granted.contains("secrets"));
    assert!(!granted.contains("apiGroups: [\"*\"]"));
    for verbs in granted.lines().filter(|line| line.contains("verbs:")) {
        assert_contains!(verbs, "verbs: [list]");
    }
}
