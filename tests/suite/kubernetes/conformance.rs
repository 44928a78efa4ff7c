//! What Kubernetes itself decides: the same test against the simulated cluster and against a real
//! API server, where one is at hand, so that the one cannot drift from the other.

use super::api_server::ApiServer;
use super::objects::image;
use super::world::{CONFIG, program, push, run};
use serde_json::{Value, json};
use simulated_aws::SimulatedAws;
use simulated_cluster::{Signer, SimulatedCluster};
use std::io::Write;

/// More than a page of them.
const CONFIG_MAPS: usize = 520;

/// Whoever asks the cluster.
#[derive(Clone, Copy)]
enum Caller {
    /// Has the rights that `infra/kubernetes` grants.
    Reader,
    /// Is known and has no rights.
    Nobody,
    /// Is not known.
    Stranger,
}

enum Cluster {
    Simulated(SimulatedCluster),
    Real(ApiServer),
}

impl Cluster {
    fn apply(&self, manifest: Value) {
        match self {
            Self::Simulated(cluster) => cluster.apply(manifest),
            Self::Real(server) => server.apply(&manifest),
        }
    }

    fn define(&self, group: &str, version: &str, plural: &str, kind: &str) {
        match self {
            Self::Simulated(cluster) => cluster.define(group, version, plural, kind),
            Self::Real(server) => server.define(group, version, plural, kind),
        }
    }

    /// The kubeconfig of a caller, with a context `real`.
    fn kubeconfig(&self, caller: Caller) -> String {
        let token = match caller {
            Caller::Reader => "reader-token",
            Caller::Nobody => "nobody-token",
            Caller::Stranger => "stranger-token",
        };
        let cluster = match self {
            Self::Real(server) => return server.kubeconfig(token),
            Self::Simulated(cluster) => cluster,
        };
        cluster.heal();
        cluster.anybody();
        match caller {
            Caller::Reader => {}
            Caller::Nobody => kinds("")
                .into_iter()
                .for_each(|(plural, _)| cluster.deny(plural)),
            Caller::Stranger => cluster.only(Signer::new("eu-west-1", "another secret")),
        }
        cluster.kubeconfig("real", token)
    }
}

/// A manifest of each kind, by its plural, that a real API server accepts, with `image` in it.
fn kinds(image: &str) -> Vec<(&'static str, Value)> {
    let labels = json!({"app": "web"});
    let selector = json!({"matchLabels": labels});
    let spec = json!({"containers": [{"name": "main", "image": image}]});
    let template = json!({"metadata": {"labels": labels}, "spec": spec});
    let once = json!({"metadata": {"labels": labels}, "spec": {"restartPolicy": "Never", "containers": spec["containers"]}});
    let of = |api_version: &str, kind: &str, rest: Value| {
        let mut manifest = rest;
        manifest["apiVersion"] = api_version.into();
        manifest["kind"] = kind.into();
        manifest["metadata"] = json!({"namespace": "shop", "name": "web"});
        manifest
    };
    let workload = |more: Value| {
        let mut spec = json!({"selector": selector, "template": template});
        spec.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        json!({"spec": spec})
    };
    let cron = json!({"spec": {"suspend": true, "schedule": "0 3 * * *", "jobTemplate": {"spec": {"template": once}}}});
    let controller = json!({"spec": {"replicas": 0, "selector": labels, "template": template}});
    let revision = json!({"revision": 1, "data": {"spec": {"template": template}}});
    vec![
        (
            "rollouts",
            of(
                "argoproj.io/v1alpha1",
                "Rollout",
                json!({"spec": {"template": template}}),
            ),
        ),
        (
            "configmaps",
            of(
                "v1",
                "ConfigMap",
                json!({"data": {"values.yaml": format!("image: {image}\n")}}),
            ),
        ),
        (
            "deployments",
            of("apps/v1", "Deployment", workload(json!({}))),
        ),
        (
            "statefulsets",
            of(
                "apps/v1",
                "StatefulSet",
                workload(json!({"serviceName": "web"})),
            ),
        ),
        (
            "daemonsets",
            of("apps/v1", "DaemonSet", workload(json!({}))),
        ),
        (
            "replicasets",
            of("apps/v1", "ReplicaSet", workload(json!({"replicas": 0}))),
        ),
        (
            "controllerrevisions",
            of("apps/v1", "ControllerRevision", revision),
        ),
        (
            "replicationcontrollers",
            of("v1", "ReplicationController", controller),
        ),
        (
            "podtemplates",
            of("v1", "PodTemplate", json!({"template": template})),
        ),
        (
            "jobs",
            of("batch/v1", "Job", json!({"spec": {"template": once}})),
        ),
        ("cronjobs", of("batch/v1", "CronJob", cron)),
        ("pods", of("v1", "Pod", json!({"spec": spec}))),
    ]
}

async fn check(cluster: Cluster, name: &str) {
    let aws = SimulatedAws::start().await;
    cluster.define("argoproj.io", "v1alpha1", "rollouts", "Rollout");
    let mut expected = vec!["newest", "resolved", "second-page"];
    for (plural, _) in kinds("") {
        push(&aws, plural);
        let (_, manifest) = kinds(&image(plural))
            .into_iter()
            .find(|(kind, _)| *kind == plural)
            .unwrap();
        cluster.apply(manifest);
        expected.push(plural);
    }
    expected.sort_unstable();
    let resolved = push(&aws, "resolved");
    let id = format!("{}@{resolved}", image("").trim_end_matches(':'));
    let container = json!({"name": "main", "image": "nginx:1", "imageID": id, "ready": true, "restartCount": 0});
    cluster.apply(json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"namespace": "shop", "name": "resolved"},
        "spec": {"containers": [{"name": "main", "image": "nginx:1"}]},
        "status": {"phase": "Running", "containerStatuses": [container]},
    }));
    let config_map = |number: usize, text: String| {
        json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": "shop", "name": format!("zz-{number:04}")},
            "data": {"text": text},
        })
    };
    let others = (1..CONFIG_MAPS)
        .map(|number| config_map(number, "nothing".to_owned()))
        .collect::<Vec<_>>();
    match &cluster {
        Cluster::Simulated(_) => others
            .into_iter()
            .for_each(|manifest| cluster.apply(manifest)),
        // One call of kubectl for all of them.
        Cluster::Real(server) => {
            server.apply(&json!({"apiVersion": "v1", "kind": "List", "items": others}));
        }
    }
    push(&aws, "second-page");
    cluster.apply(config_map(CONFIG_MAPS, image("second-page")));
    push(&aws, "nobody");

    let file = std::env::temp_dir().join(format!(
        "ecr-cleanup-conformance-{name}-{}.yaml",
        std::process::id()
    ));
    let use_cluster = format!(
        "ecs: false, eks: false, kubernetes: [{{kubeconfig: '{}', context: real}}]",
        file.display()
    );
    let config = CONFIG.replace("ecs: false", &use_cluster);

    for (caller, problem) in [
        (Caller::Nobody, "cannot list resource"),
        (Caller::Stranger, "Unauthorized"),
    ] {
        std::fs::write(&file, cluster.kubeconfig(caller)).unwrap();
        let ran = run(&program(&aws, &config)).await;
        assert!(
            ran.error().starts_with("cluster `real`: `list` of `"),
            "{name}: {}",
            ran.error()
        );
        assert!(ran.error().contains(problem), "{name}: {}", ran.error());
        assert_eq!(aws.mutations().len(), 0, "{name}");
        let access = program(&aws, &config).access().await.unwrap();
        assert!(!access.is_complete(), "{name}: {access}");
    }

    std::fs::write(&file, cluster.kubeconfig(Caller::Reader)).unwrap();
    let access = program(&aws, &config).access().await.unwrap();
    assert!(
        access.missing_rules.is_empty() && access.problems.is_empty(),
        "{name}: {access}"
    );
    let ran = run(&program(&aws, &config)).await;
    assert!(
        ran.coverage("real").is_complete(),
        "{name}: {:?}",
        ran.answer.in_use
    );
    assert_eq!(aws.tags("app"), expected, "{name}");
    std::fs::remove_file(&file).unwrap();
}

#[tokio::test]
async fn the_simulated_cluster_does_as_kubernetes_does() {
    let cluster = Cluster::Simulated(SimulatedCluster::start("simulated").await);
    Box::pin(check(cluster, "simulated")).await;
}

#[tokio::test]
async fn a_real_api_server_does_as_expected() {
    match ApiServer::start().await {
        Some(server) => Box::pin(check(Cluster::Real(server), "real")).await,
        // Past the harness, which would keep it to itself.
        None => writeln!(
            std::io::stderr(),
            "SKIPPED: no real API server was tested. Set KUBEBUILDER_ASSETS to a folder with kube-apiserver, etcd and kubectl."
        )
        .unwrap(),
    }
}
