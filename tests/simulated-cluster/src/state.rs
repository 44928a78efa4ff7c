//! What the cluster holds.

use crate::fault::Fault;
use crate::token::Signer;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// A kind that is served.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Resource {
    /// The API group; empty for the core.
    pub group: String,
    /// Its version.
    pub version: String,
    /// Its name in paths.
    pub plural: String,
    /// Its name in manifests.
    pub kind: String,
}

/// The built-in kinds that tests need.
const BUILT_IN: [(&str, &str, &str); 14] = [
    ("", "pods", "Pod"),
    ("", "replicationcontrollers", "ReplicationController"),
    ("", "podtemplates", "PodTemplate"),
    ("", "configmaps", "ConfigMap"),
    ("", "secrets", "Secret"),
    ("", "persistentvolumes", "PersistentVolume"),
    ("", "namespaces", "Namespace"),
    ("apps", "deployments", "Deployment"),
    ("apps", "statefulsets", "StatefulSet"),
    ("apps", "daemonsets", "DaemonSet"),
    ("apps", "controllerrevisions", "ControllerRevision"),
    ("apps", "replicasets", "ReplicaSet"),
    ("batch", "jobs", "Job"),
    ("batch", "cronjobs", "CronJob"),
];

/// Everything behind the server's mutex.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) name: String,
    pub(crate) signer: Option<Signer>,
    pub(crate) resources: BTreeMap<Resource, BTreeMap<String, Value>>,
    pub(crate) denied: Vec<String>,
    pub(crate) stale: Vec<String>,
    /// What lists of a kind are called, by its plural, if not `KINDList`.
    pub(crate) list_kinds: BTreeMap<String, String>,
    pub(crate) faults: Vec<Fault>,
    pub(crate) page_size: usize,
    pub(crate) aggregated: bool,
    pub(crate) latency: Duration,
    /// Paths with their queries, in order.
    pub(crate) requests: Vec<String>,
    pub(crate) tokens: Vec<String>,
}

impl State {
    pub(crate) fn new(name: &str) -> Self {
        let resources = BUILT_IN.map(|(group, plural, kind)| {
            let [group, version, plural, kind] = [group, "v1", plural, kind].map(str::to_owned);
            (
                Resource {
                    group,
                    version,
                    plural,
                    kind,
                },
                BTreeMap::new(),
            )
        });
        Self {
            name: name.to_owned(),
            signer: None,
            resources: resources.into(),
            denied: Vec::new(),
            stale: Vec::new(),
            list_kinds: BTreeMap::new(),
            faults: Vec::new(),
            page_size: usize::MAX,
            aggregated: true,
            latency: Duration::ZERO,
            requests: Vec::new(),
            tokens: Vec::new(),
        }
    }

    /// Stores a manifest under its kind.
    pub(crate) fn apply(&mut self, manifest: Value) {
        let text = |pointer: &str| {
            manifest
                .pointer(pointer)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let (api_version, kind) = (text("/apiVersion"), text("/kind"));
        let (group, version) = api_version.split_once('/').unwrap_or(("", &api_version));
        let resource = self.resources.iter_mut().find(|(known, _)| {
            (&*known.group, &*known.version, &*known.kind) == (group, version, &*kind)
        });
        let Some((_, objects)) = resource else {
            panic!("{api_version} {kind} is not defined")
        };
        objects.insert(
            format!("{}/{}", text("/metadata/namespace"), text("/metadata/name")),
            manifest,
        );
    }
}
