//! The `ClusterRole` of a cluster: what it has to grant, and no more.

use super::world::{CONFIG, one_cluster, program, push, run};
use ecr_cleanup::kubernetes::ClusterRole;
use simulated_aws::SimulatedAws;
use simulated_cluster::SimulatedCluster;
use std::collections::BTreeSet;

/// A cluster with custom kinds, one of which has two versions.
async fn with_custom_kinds() -> (SimulatedAws, SimulatedCluster) {
    let (aws, prod) = one_cluster().await;
    for (group, version, plural, kind) in [
        ("argoproj.io", "v1alpha1", "rollouts", "Rollout"),
        ("argoproj.io", "v1alpha1", "workflows", "Workflow"),
        ("example.com", "v1", "widgets", "Widget"),
        ("example.com", "v2", "widgets", "Widget"),
        ("cilium.io", "v2", "ciliumnodes", "CiliumNode"),
    ] {
        prod.define(group, version, plural, kind);
    }
    (aws, prod)
}

/// Returns `GROUP/PLURAL` of all that a role lets be listed.
fn granted(role: &ClusterRole) -> BTreeSet<String> {
    let text = role.to_string();
    let names = |line: &str| {
        let (_, list) = line.split_once(": ").unwrap();
        serde_json::from_str::<Vec<String>>(list).unwrap()
    };
    let mut granted = BTreeSet::new();
    let lines: Vec<&str> = text.lines().collect();
    for [groups, resources, verbs] in lines.array_windows() {
        if groups.starts_with("  - apiGroups: ") {
            assert_eq!(verbs.trim(), "verbs: [list]");
            let [group] = &names(groups)[..] else {
                panic!("{groups}")
            };
            granted.extend(names(resources).iter().map(|it| format!("{group}/{it}")));
        }
    }
    granted
}

/// Returns `GROUP/PLURAL` of all that a cluster was asked to list.
fn listed(cluster: &SimulatedCluster) -> BTreeSet<String> {
    let requests = cluster.requests();
    let paths = requests.iter().map(|it| it.split('?').next().unwrap());
    let listed = paths.filter_map(|path| {
        match path.trim_start_matches('/').split('/').collect::<Vec<_>>()[..] {
            ["api", _, plural] => Some(format!("/{plural}")),
            ["apis", group, _, plural] => Some(format!("{group}/{plural}")),
            _ => None,
        }
    });
    listed.collect()
}

/// A run lists what the role of the cluster grants, all of it and nothing else, whatever is read and
/// left out (U5, U6).
#[tokio::test]
async fn a_role_grants_exactly_what_a_run_lists() {
    for eks in [
        "{}",
        "{ helm_history: true }",
        "{ custom_resources: { exclude: ['argoproj.io/*', example.com/Widget, core/ConfigMap] } }",
        "{ custom_resources: { exclude: [argoproj.io/Rollout, core/Pod/shop/web] } }",
    ] {
        let (aws, prod) = with_custom_kinds().await;
        push(&aws, "nobody");
        let program = program(
            &aws,
            &CONFIG.replace("ecs: false", &format!("ecs: false, eks: {eks}")),
        );
        let role = program.cluster_role_of_eks("prod").await.unwrap();
        assert_eq!(aws.mutations().len(), 0);
        prod.clear_record();
        let ran = run(&program).await;
        assert!(ran.coverage("prod").is_complete());
        assert_eq!(granted(&role), listed(&prod), "{eks}");
    }
}

#[tokio::test]
async fn the_role_of_a_context_is_yaml_to_apply() {
    let (aws, prod) = with_custom_kinds().await;
    prod.anybody();
    prod.without_aggregated_discovery();
    let name = format!("ecr-cleanup-rbac-{}", std::process::id());
    let file = std::env::temp_dir().join(name);
    std::fs::write(&file, prod.kubeconfig("a \"site\"", "a-token")).unwrap();
    let file = file.display().to_string();
    let config = "in_use: { eks: false, kubernetes: [{ kubeconfig: elsewhere, context: 'a \"site\"', custom_resources: { exclude: ['argoproj.io/*'] } }] }";
    let program = program(&aws, config);
    let role = program.cluster_role_of_context(&file, "a \"site\"").await;
    insta::assert_snapshot!(role.unwrap());
    assert_eq!(aws.calls().len(), 0);

    let error = program.cluster_role_of_context(&file, "b").await;
    assert_contains!(error.unwrap_err().to_string(), "there is no context `b`");
    let error = program.cluster_role_of_eks("prod").await.unwrap_err();
    assert_contains!(error.to_string(), "`in_use.eks` is off");
    std::fs::remove_file(file).unwrap();
}

/// A role that leaves out what is not known would look like one of everything.
#[tokio::test]
async fn there_is_no_role_of_what_is_not_known() {
    let (aws, prod) = with_custom_kinds().await;
    prod.stale("example.com");
    let reading = program(&aws, CONFIG);
    let error = reading.cluster_role_of_eks("prod").await.unwrap_err();
    assert_contains!(
        error.to_string(),
        "`example.com/v1` does not answer",
        "exclude: [\"example.com/*\"]"
    );
    let error = reading.cluster_role_of_eks("other").await.unwrap_err();
    assert_contains!(
        error.to_string(),
        "no cluster `other` in 111111111111 eu-west-1"
    );
    let leaving_out = CONFIG.replace(
        "ecs: false",
        "ecs: false, eks: { clusters: ['**', '!prod'] }",
    );
    let error = program(&aws, &leaving_out)
        .cluster_role_of_eks("prod")
        .await
        .unwrap_err();
    assert_contains!(
        error.to_string(),
        "cluster `prod`: it is not read: `!prod` in `in_use.eks.clusters`"
    );
}
