//! What is left out of Kubernetes clusters: kinds, and single objects.

use super::text::TextError;

/// The built-in kinds that hold pods or their templates. They are always read.
const WORKLOADS: [(&str, &str); 10] = [
    ("apps", "ControllerRevision"),
    ("apps", "DaemonSet"),
    ("apps", "Deployment"),
    ("apps", "ReplicaSet"),
    ("apps", "StatefulSet"),
    ("batch", "CronJob"),
    ("batch", "Job"),
    ("core", "Pod"),
    ("core", "PodTemplate"),
    ("core", "ReplicationController"),
];

/// Reason for which a text leaves nothing out.
#[derive(Debug, thiserror::Error)]
pub(super) enum ExclusionError {
    #[error(
        "names built-in workloads, which are always read; only what cannot be read in one of them is passed over, by its name without a wildcard: `apps/Deployment/NAMESPACE/NAME`"
    )]
    Workload,
    #[error(
        "Secrets are not read unless `helm_history` is true; a stored release is left out by `core/Secret/NAMESPACE/NAME`"
    )]
    Secrets,
    #[error(
        "of the built-in kinds only `core/ConfigMap`, `core/Namespace` and `core/PersistentVolume` can be left out"
    )]
    BuiltIn,
    #[error("expected one group: `*` stands for kinds")]
    Group,
    #[error(transparent)]
    Form(#[from] TextError),
}

/// Checks that a text is a glob on kinds or objects that may be left out.
pub(super) fn check(text: &str) -> Result<(), ExclusionError> {
    let parts: Vec<&str> = text.split('/').collect();
    let is_full = parts.iter().all(|part| !part.is_empty());
    let (group, kind, object) = match parts[..] {
        [group, kind, ref object @ ..] if is_full && object.len() <= 2 => (group, kind, object),
        _ => {
            let expected = "`GROUP/KIND`, `GROUP/*`, `GROUP/KIND/NAMESPACE/NAME` or, for an object in no namespace, `GROUP/KIND/NAME`";
            return Err(TextError::new(expected, text).into());
        }
    };
    let is_workload = WORKLOADS.contains(&(group, kind));
    let is_plain = !text.contains(['*', '?', '[', ']', '{', '}', '\\']);
    let names = match (group, kind) {
        _ if group.starts_with('*') => return Err(ExclusionError::Group),
        _ if is_workload && is_plain && object.len() == 2 => return Ok(()),
        ("apps" | "batch", _) => return Err(ExclusionError::Workload),
        _ if is_workload => return Err(ExclusionError::Workload),
        ("core", "Secret") if object.is_empty() => return Err(ExclusionError::Secrets),
        ("core", "ConfigMap" | "Secret") => "NAMESPACE/NAME",
        ("core", "Namespace" | "PersistentVolume") => "NAME",
        ("core", _) => return Err(ExclusionError::BuiltIn),
        _ => return Ok(()),
    };
    if object.is_empty() || object.len() == names.split('/').count() {
        return Ok(());
    }
    Err(TextError::new(format!("`{group}/{kind}/{names}`"), text).into())
}
