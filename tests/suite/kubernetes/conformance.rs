//! What Kubernetes itself decides: the same test against the simulated cluster and against a real
//! API server, so that the one cannot drift from the other. `make test` runs the latter where one is
//! at hand; otherwise it counts as ignored.

use super::api_server::ApiServer;
use super::objects::{image, objects};
use super::world::{CONFIG, program, push, run};
use serde_json::{Value, json};
use simulated_aws::SimulatedAws;
use simulated_cluster::{Signer, SimulatedCluster};

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

    /// Returns the kubeconfig of a caller, with a context `real`.
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

const KINDS: &str = r#"
    rollouts               | argoproj.io/v1alpha1 | Rollout | {"spec": {"template": $TEMPLATE}}
    persistentvolumes      | v1       | PersistentVolume | {"spec": $VOLUME}
    configmaps             | v1       | ConfigMap   | {"data": {"values.yaml": "image: $IMAGE\n"}}
    deployments            | apps/v1  | Deployment  | {"spec": {$SELECTED}}
    statefulsets           | apps/v1  | StatefulSet | {"spec": {$SELECTED, "serviceName": "web"}}
    daemonsets             | apps/v1  | DaemonSet   | {"spec": {$SELECTED}}
    replicasets            | apps/v1  | ReplicaSet  | {"spec": {$SELECTED, "replicas": 0}}
    controllerrevisions    | apps/v1  | ControllerRevision    | {"revision": 1, "data": $DATA}
    replicationcontrollers | v1       | ReplicationController | {"spec": $CONTROLLER}
    podtemplates           | v1       | PodTemplate | {"template": $TEMPLATE}
    jobs                   | batch/v1 | Job         | {"spec": {"template": $ONCE}}
    cronjobs               | batch/v1 | CronJob     | {"spec": $CRON}
    pods                   | v1       | Pod         | {"spec": {$CONTAINERS}}
"#;

/// What stands for what in [`KINDS`], and in what stands here before it.
const PARTS: &str = r#"
    $VOLUME     = {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadOnlyMany"], "csi": $CSI}
    $CSI        = {"driver": "image.csi.example.com", "volumeHandle": "$IMAGE"}
    $DATA       = {"spec": {"template": $TEMPLATE}}
    $CRON       = {"suspend": true, "schedule": "0 3 * * *", "jobTemplate": $JOB}
    $JOB        = {"spec": {"template": $ONCE}}
    $CONTROLLER = {"replicas": 0, "selector": {"app": "web"}, "template": $TEMPLATE}
    $SELECTED   = "selector": {"matchLabels": {"app": "web"}}, "template": $TEMPLATE
    $TEMPLATE   = {$LABELED, "spec": {$CONTAINERS}}
    $ONCE       = {$LABELED, "spec": {"restartPolicy": "Never", $CONTAINERS}}
    $LABELED    = "metadata": {"labels": {"app": "web"}}
    $CONTAINERS = "containers": [{"name": "main", "image": "$IMAGE"}]
"#;

/// Returns a manifest of each kind, by its plural, that a real API server accepts, with `image` in
/// it.
fn kinds(image: &str) -> Vec<(&'static str, Value)> {
    objects(KINDS, PARTS, image)
}

fn config_map(number: usize, text: &str) -> Value {
    let name = format!("zz-{number:04}");
    json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": "shop", "name": name},
        "data": {"text": text},
    })
}

/// Applies `ConfigMaps` that name no image, all but the last.
fn apply_other_config_maps(cluster: &Cluster) {
    let others: Vec<Value> = (1..CONFIG_MAPS)
        .map(|number| config_map(number, "nothing"))
        .collect();
    match cluster {
        Cluster::Simulated(_) => others
            .into_iter()
            .for_each(|manifest| cluster.apply(manifest)),
        // One call of kubectl for all of them.
        Cluster::Real(server) => {
            server.apply(&json!({"apiVersion": "v1", "kind": "List", "items": others}));
        }
    }
}

async fn check(cluster: Cluster, name: &str) {
    let aws = SimulatedAws::start().await;
    cluster.define("argoproj.io", "v1alpha1", "rollouts", "Rollout");
    let mut expected = vec!["newest", "resolved", "second-page"];
    for (number, (plural, _)) in kinds("").into_iter().enumerate() {
        push(&aws, plural);
        let (_, manifest) = kinds(&image(plural)).swap_remove(number);
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
    apply_other_config_maps(&cluster);
    push(&aws, "second-page");
    cluster.apply(config_map(CONFIG_MAPS, &image("second-page")));
    push(&aws, "nobody");

    let process = std::process::id();
    let file = format!("ecr-cleanup-conformance-{name}-{process}.yaml");
    let file = std::env::temp_dir().join(file);
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
        assert_starts!(ran.error(), "cluster `real`: `list` of `");
        assert_contains!(ran.error(), problem);
        assert_eq!(aws.mutations().len(), 0, "{name}");
        let access = program(&aws, &config).access().await.unwrap();
        assert!(!access.is_complete(), "{name}: {access}");
    }

    std::fs::write(&file, cluster.kubeconfig(Caller::Reader)).unwrap();
    let access = program(&aws, &config).access().await.unwrap();
    assert!(access.missing_rules.is_empty(), "{name}: {access}");
    assert!(access.problems.is_empty(), "{name}: {access}");
    let ran = run(&program(&aws, &config)).await;
    let in_use = &ran.answer.in_use;
    assert!(ran.coverage("real").is_complete(), "{name}: {in_use:?}");
    assert_eq!(aws.tags("app"), expected, "{name}");
    std::fs::remove_file(&file).unwrap();
}

#[tokio::test]
async fn the_simulated_cluster_does_as_kubernetes_does() {
    let cluster = Cluster::Simulated(SimulatedCluster::start("simulated").await);
    Box::pin(check(cluster, "simulated")).await;
}

#[tokio::test]
#[ignore = "needs KUBEBUILDER_ASSETS: a folder with kube-apiserver, etcd and kubectl"]
async fn a_real_api_server_does_as_expected() {
    let server = ApiServer::start().await;
    Box::pin(check(Cluster::Real(server), "real")).await;
}
