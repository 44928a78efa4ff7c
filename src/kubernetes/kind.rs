//! Kinds of objects: what they are called, where they are listed, which right that takes.

use std::fmt;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Kind {
    pub(crate) group: String,
    pub(crate) version: String,
    /// Its name in paths and rules, such as `deployments`.
    pub(crate) plural: String,
    /// Its name in manifests, such as `Deployment`.
    pub(crate) name: String,
}

/// Secrets, read for the history of Helm only.
pub(crate) const SECRETS: (&str, &str, &str, &str) = ("", "v1", "secrets", "Secret");
/// Maps of settings: injected sidecars, agents of build systems and job templates are named there.
pub(crate) const CONFIG_MAPS: (&str, &str, &str, &str) = ("", "v1", "configmaps", "ConfigMap");
/// The built-in kinds whose whole text is searched: besides maps of settings, volumes that are
/// images, and what injectors read from the annotations of namespaces.
pub(crate) const TEXTS: [(&str, &str, &str, &str); 3] = [
    CONFIG_MAPS,
    ("", "v1", "persistentvolumes", "PersistentVolume"),
    ("", "v1", "namespaces", "Namespace"),
];
pub(crate) const PODS: (&str, &str, &str, &str) = ("", "v1", "pods", "Pod");
pub(crate) const DEPLOYMENTS: (&str, &str, &str, &str) =
    ("apps", "v1", "deployments", "Deployment");

/// The built-in kinds that hold a pod or its template, in the order in which they are read: parents
/// first. What a parent names when it is listed is seen there; if it changed before, its child
/// existed already and is listed later.
pub(crate) const WORKLOADS: [(&str, &str, &str, &str); 10] = [
    ("batch", "v1", "cronjobs", "CronJob"),
    DEPLOYMENTS,
    ("apps", "v1", "statefulsets", "StatefulSet"),
    ("apps", "v1", "daemonsets", "DaemonSet"),
    ("", "v1", "replicationcontrollers", "ReplicationController"),
    ("", "v1", "podtemplates", "PodTemplate"),
    ("apps", "v1", "controllerrevisions", "ControllerRevision"),
    ("apps", "v1", "replicasets", "ReplicaSet"),
    ("batch", "v1", "jobs", "Job"),
    PODS,
];

impl Kind {
    /// Makes a kind of group, version, plural and name.
    pub(crate) fn new((group, version, plural, name): (&str, &str, &str, &str)) -> Self {
        Self {
            group: group.to_owned(),
            version: version.to_owned(),
            plural: plural.to_owned(),
            name: name.to_owned(),
        }
    }

    /// Returns the path at which all its objects are listed.
    pub(crate) fn path(&self) -> String {
        let (version, plural) = (&self.version, &self.plural);
        match self.group.as_str() {
            "" => format!("/api/{version}/{plural}"),
            group => format!("/apis/{group}/{version}/{plural}"),
        }
    }

    /// Returns its group and plural, which all its versions share.
    pub(crate) fn resource(&self) -> (&str, &str) {
        (&self.group, &self.plural)
    }

    /// Returns whether its objects are read field by field, which is never left out.
    pub(crate) fn is_workload(&self) -> bool {
        let mut workloads = WORKLOADS.iter();
        workloads.any(|&(group, _, plural, _)| self.resource() == (group, plural))
    }

    /// Returns what settings may call it: `GROUP/Kind` and `GROUP/plural`.
    pub(crate) fn names(&self) -> [String; 2] {
        let group = self.group_name();
        [&self.name, &self.plural].map(|name| format!("{group}/{name}"))
    }

    /// Returns its group as rules and settings write it.
    pub(crate) fn group_name(&self) -> &str {
        match self.group.as_str() {
            "" => "core",
            group => group,
        }
    }
}

/// As `kubectl` writes it: `pods`, `deployments.apps`.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.group.as_str() {
            "" => f.write_str(&self.plural),
            group => write!(f, "{}.{group}", self.plural),
        }
    }
}
