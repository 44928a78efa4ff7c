//! Manifests.

#![expect(
    clippy::needless_pass_by_value,
    reason = "a manifest reads best where it is used"
)]

use serde_json::{Value, json};

use crate::support::HOST;

pub(crate) fn image(tag: &str) -> String {
    format!("{HOST}/app:{tag}")
}

pub(crate) fn object(
    api_version: &str,
    kind: &str,
    namespace: &str,
    name: &str,
    mut rest: Value,
) -> Value {
    rest["apiVersion"] = api_version.into();
    rest["kind"] = kind.into();
    rest["metadata"] = json!({"namespace": namespace, "name": name});
    rest
}

fn containers(image: &str) -> Value {
    json!({"containers": [{"name": "main", "image": image}]})
}

pub(crate) fn template(image: &str) -> Value {
    json!({"metadata": {"labels": {"app": "x"}}, "spec": containers(image)})
}

pub(crate) fn deployment(namespace: &str, name: &str, image: &str) -> Value {
    let rest = json!({"spec": {"replicas": 1, "template": template(image)}});
    object("apps/v1", "Deployment", namespace, name, rest)
}

pub(crate) fn pod(name: &str, spec: Value, status: Value) -> Value {
    let rest = json!({"spec": spec, "status": status});
    object("v1", "Pod", "shop", name, rest)
}

pub(crate) fn config_map(name: &str, data: Value) -> Value {
    object("v1", "ConfigMap", "shop", name, json!({"data": data}))
}

pub(crate) fn secret(name: &str, release: &str) -> Value {
    let rest = json!({"type": "helm.sh/release.v1", "data": {"release": release}});
    object("v1", "Secret", "shop", name, rest)
}

pub(crate) fn custom(api_version: &str, kind: &str, name: &str, spec: Value) -> Value {
    object(api_version, kind, "shop", name, json!({"spec": spec}))
}

const KINDS: &str = r#"
    configmaps             | v1       | ConfigMap | {"data": {"values.yaml": "image: $IMAGE\n"}}
    persistentvolumes      | v1       | PersistentVolume | {"spec": {"csi": {"volumeHandle": "$IMAGE"}}}
    cronjobs | batch/v1 | CronJob   | {"spec": {"suspend": true, "jobTemplate": $WORKLOAD}}
    deployments            | apps/v1  | Deployment            | $WORKLOAD
    statefulsets           | apps/v1  | StatefulSet           | $WORKLOAD
    daemonsets             | apps/v1  | DaemonSet             | $WORKLOAD
    replicationcontrollers | v1       | ReplicationController | $WORKLOAD
    podtemplates           | v1       | PodTemplate           | {"template": $TEMPLATE}
    controllerrevisions    | apps/v1  | ControllerRevision    | {"revision": 1, "data": $WORKLOAD}
    replicasets | apps/v1 | ReplicaSet | {"spec": {"replicas": 0, "template": $TEMPLATE}}
    jobs                   | batch/v1 | Job                   | $WORKLOAD
    pods        | v1      | Pod        | {"spec": $CONTAINERS, "status": {"phase": "Running"}}
"#;

/// Returns an object of each built-in kind, by plural and manifest, each using `image`.
pub(crate) fn of_every_kind(image: &str) -> Vec<(&'static str, Value)> {
    let (template, containers) = (template(image).to_string(), containers(image).to_string());
    let workload = r#"$WORKLOAD = {"spec": {"template": $TEMPLATE}}"#;
    let parts = format!("{workload}\n$TEMPLATE = {template}\n$CONTAINERS = {containers}");
    objects(KINDS, &parts, image)
}

/// Reads objects, one a line: plural, version, kind, and the rest of the manifest, in which parts
/// are replaced in order, and last the image.
pub(crate) fn objects(kinds: &'static str, parts: &str, image: &str) -> Vec<(&'static str, Value)> {
    let objects = kinds.trim().lines().map(|kind| {
        let mut columns = kind.split('|').map(str::trim);
        let [plural, version, kind, rest] = [(); 4].map(|()| columns.next().unwrap());
        let parts = parts.lines().filter_map(|line| line.split_once(" = "));
        let replace = |rest: String, (part, text): (&str, &str)| rest.replace(part.trim(), text);
        let rest = parts.fold(rest.to_owned(), replace);
        let rest = serde_json::from_str(&rest.replace("$IMAGE", image)).unwrap();
        (plural, object(version, kind, "shop", "web", rest))
    });
    objects.collect()
}
