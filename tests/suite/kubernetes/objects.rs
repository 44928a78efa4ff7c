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

fn object(api_version: &str, kind: &str, namespace: &str, name: &str, mut rest: Value) -> Value {
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
    object(
        "apps/v1",
        "Deployment",
        namespace,
        name,
        json!({"spec": {"replicas": 1, "template": template(image)}}),
    )
}

pub(crate) fn pod(name: &str, spec: Value, status: Value) -> Value {
    object(
        "v1",
        "Pod",
        "shop",
        name,
        json!({"spec": spec, "status": status}),
    )
}

pub(crate) fn config_map(name: &str, data: Value) -> Value {
    object("v1", "ConfigMap", "shop", name, json!({"data": data}))
}

pub(crate) fn secret(name: &str, release: &str) -> Value {
    object(
        "v1",
        "Secret",
        "shop",
        name,
        json!({"type": "helm.sh/release.v1", "data": {"release": release}}),
    )
}

pub(crate) fn custom(api_version: &str, kind: &str, name: &str, spec: Value) -> Value {
    object(api_version, kind, "shop", name, json!({"spec": spec}))
}

/// An object of each built-in kind, by plural, group and manifest, each using `image`.
pub(crate) fn of_every_kind(image: &str) -> Vec<(&'static str, Value)> {
    let template = template(image);
    let of = |api_version, kind, rest| object(api_version, kind, "shop", "web", rest);
    let workload = json!({"spec": {"template": template}});
    vec![
        (
            "configmaps",
            of(
                "v1",
                "ConfigMap",
                json!({"data": {"values.yaml": format!("image: {image}\n")}}),
            ),
        ),
        (
            "cronjobs",
            of(
                "batch/v1",
                "CronJob",
                json!({"spec": {"suspend": true, "jobTemplate": workload}}),
            ),
        ),
        ("deployments", of("apps/v1", "Deployment", workload.clone())),
        (
            "statefulsets",
            of("apps/v1", "StatefulSet", workload.clone()),
        ),
        ("daemonsets", of("apps/v1", "DaemonSet", workload.clone())),
        (
            "replicationcontrollers",
            of("v1", "ReplicationController", workload.clone()),
        ),
        (
            "podtemplates",
            of("v1", "PodTemplate", json!({"template": template})),
        ),
        (
            "controllerrevisions",
            of(
                "apps/v1",
                "ControllerRevision",
                json!({"revision": 1, "data": workload}),
            ),
        ),
        (
            "replicasets",
            of(
                "apps/v1",
                "ReplicaSet",
                json!({"spec": {"replicas": 0, "template": template}}),
            ),
        ),
        ("jobs", of("batch/v1", "Job", workload)),
        (
            "pods",
            of(
                "v1",
                "Pod",
                json!({"spec": containers(image), "status": {"phase": "Running"}}),
            ),
        ),
    ]
}
