//! The fields of the built-in kinds that name an image: exact, in any registry, with `latest` where
//! no tag is written.
//!
//! One shape serves all kinds: a pod is a specification, and every other kind holds one in a
//! template, or in a template of a template. Fields that are not about images are passed over.
//! Source: the Kubernetes API reference, `PodSpec`, `PodStatus`.

use serde::Deserialize;
use serde_json::value::RawValue;

#[derive(Debug, Deserialize)]
pub(crate) struct Workload<'a> {
    #[serde(default)]
    pub(crate) metadata: Metadata,
    spec: Option<Spec>,
    template: Option<Template>,
    status: Option<Status>,
    /// Of a `ControllerRevision`: a part of its owner, whose shape nobody promises.
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

/// What an object is called.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Metadata {
    name: Option<String>,
    namespace: Option<String>,
    generate_name: Option<String>,
}

/// Only what an object is called.
#[derive(Debug, Deserialize)]
pub(crate) struct Header {
    #[serde(default)]
    pub(crate) metadata: Metadata,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    containers: Option<Vec<Container>>,
    init_containers: Option<Vec<Container>>,
    ephemeral_containers: Option<Vec<Container>>,
    volumes: Option<Vec<Volume>>,
    template: Option<Box<Template>>,
    job_template: Option<Box<Template>>,
    replicas: Option<i64>,
}

/// A template of a pod, or of a job.
#[derive(Debug, Deserialize)]
struct Template {
    spec: Option<Box<Spec>>,
}

#[derive(Debug, Deserialize)]
struct Container {
    name: Option<String>,
    image: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Volume {
    image: Option<ImageVolume>,
}

#[derive(Debug, Deserialize)]
struct ImageVolume {
    reference: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    phase: Option<String>,
    container_statuses: Option<Vec<ContainerStatus>>,
    init_container_statuses: Option<Vec<ContainerStatus>>,
    ephemeral_container_statuses: Option<Vec<ContainerStatus>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ContainerStatus {
    name: Option<String>,
    image: Option<String>,
    #[serde(rename = "imageID")]
    image_id: Option<String>,
    volume_mounts: Option<Vec<VolumeMount>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct VolumeMount {
    volume_status: Option<VolumeStatus>,
}

#[derive(Debug, Deserialize)]
struct VolumeStatus {
    image: Option<MountedImage>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct MountedImage {
    image_ref: Option<String>,
}

impl Workload<'_> {
    /// Every text that names an image.
    pub(crate) fn images(&self) -> Vec<String> {
        let mut images = Vec::new();
        let spec = self.spec.iter().chain(
            self.template
                .iter()
                .filter_map(|template| template.spec.as_deref()),
        );
        for spec in spec {
            spec.collect(&mut images);
        }
        // Where the data of a revision has another shape, reading the text of the whole object is
        // all there is.
        if let Some(revised) = self
            .data
            .and_then(|data| serde_json::from_str::<Template>(data.get()).ok())
            && let Some(spec) = revised.spec
        {
            spec.collect(&mut images);
        }
        if let Some(status) = &self.status {
            for container in status.lists().into_iter().flatten().flatten() {
                images.extend(container.image.iter().chain(&container.image_id).cloned());
                let mounts = container.volume_mounts.iter().flatten();
                let mounted = mounts.filter_map(|mount| {
                    mount
                        .volume_status
                        .as_ref()?
                        .image
                        .as_ref()?
                        .image_ref
                        .as_ref()
                });
                images.extend(mounted.cloned());
            }
        }
        images
    }

    /// What a pod pulls, as it is written, with what it got by that where it says so.
    pub(crate) fn pulls(&self) -> Vec<(&str, Option<&str>)> {
        let Some(spec) = &self.spec else {
            return Vec::new();
        };
        let statuses = self.status.as_ref().map_or([None; 3], Status::lists);
        let statuses = || statuses.into_iter().flatten().flatten();
        let containers = spec.lists().into_iter().flatten().flatten();
        let pulls = containers.filter_map(|container| {
            let status =
                statuses().find(|status| status.name.is_some() && status.name == container.name);
            Some((
                container.image.as_deref()?,
                status.and_then(|status| status.image_id.as_deref()),
            ))
        });
        pulls.collect()
    }

    /// Whether it runs or is meant to run now.
    pub(crate) fn is_live(&self) -> bool {
        let scaled_to_zero = self
            .spec
            .as_ref()
            .is_some_and(|spec| spec.replicas == Some(0));
        let phase = self
            .status
            .as_ref()
            .and_then(|status| status.phase.as_deref());
        let is_template = self.spec.is_none();
        !scaled_to_zero && !is_template && !matches!(phase, Some("Succeeded" | "Failed"))
    }
}

impl Status {
    fn lists(&self) -> [Option<&Vec<ContainerStatus>>; 3] {
        [
            &self.container_statuses,
            &self.init_container_statuses,
            &self.ephemeral_container_statuses,
        ]
        .map(Option::as_ref)
    }
}

impl Spec {
    fn lists(&self) -> [Option<&Vec<Container>>; 3] {
        [
            &self.init_containers,
            &self.containers,
            &self.ephemeral_containers,
        ]
        .map(Option::as_ref)
    }

    fn collect(&self, images: &mut Vec<String>) {
        images.extend(
            self.lists()
                .into_iter()
                .flatten()
                .flatten()
                .filter_map(|container| container.image.clone()),
        );
        let volumes = self.volumes.iter().flatten();
        images.extend(volumes.filter_map(|volume| volume.image.as_ref()?.reference.clone()));
        for template in [&self.template, &self.job_template].into_iter().flatten() {
            if let Some(spec) = &template.spec {
                spec.collect(images);
            }
        }
    }
}

impl Metadata {
    /// Namespace and name. Pods of one owner that are all alike share the name they were made from.
    pub(crate) fn path(&self) -> String {
        let name = match (&self.generate_name, &self.name) {
            (Some(prefix), _) if !prefix.is_empty() => format!("{prefix}*"),
            (_, name) => name.clone().unwrap_or_else(|| "?".to_owned()),
        };
        match &self.namespace {
            Some(namespace) => format!("{namespace}/{name}"),
            None => name,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn images(object: &Value) -> Vec<String> {
        let text = object.to_string();
        serde_json::from_str::<Workload<'_>>(&text)
            .unwrap()
            .images()
    }

    fn spec(image: &str) -> Value {
        json!({"containers": [{"name": "c", "image": image}]})
    }

    #[test]
    fn images_are_found_in_every_place_of_a_pod() {
        let pod = json!({
            "metadata": {"name": "web-1", "generateName": "web-", "namespace": "shop"},
            "spec": {
                "initContainers": [{"image": "init"}, {"image": "sidecar", "restartPolicy": "Always"}],
                "containers": [{"image": "app"}, {"name": "without"}],
                "ephemeralContainers": [{"image": "debug"}],
                "volumes": [{"image": {"reference": "data"}}, {"rbd": {"image": "none"}}, {"emptyDir": {}}],
            },
            "status": {
                "phase": "Running",
                "containerStatuses": [{"image": "status", "imageID": "id", "volumeMounts": [{"volumeStatus": {"image": {"imageRef": "mounted"}}}, {}]}],
                "initContainerStatuses": [{"image": "init-status", "imageID": ""}],
                "ephemeralContainerStatuses": null,
            },
        });
        let expected = [
            "init",
            "sidecar",
            "app",
            "debug",
            "data",
            "status",
            "id",
            "mounted",
            "init-status",
            "",
        ];
        assert_eq!(images(&pod), expected);
        let text = pod.to_string();
        let pod: Workload<'_> = serde_json::from_str(&text).unwrap();
        assert_eq!(
            (pod.metadata.path().as_str(), pod.is_live()),
            ("shop/web-*", true)
        );
    }

    #[test]
    fn a_container_pulls_what_is_written_and_got_what_its_status_says() {
        let pod = json!({
            "spec": {
                "initContainers": [{"name": "init", "image": "a:1"}],
                "containers": [{"name": "app", "image": "b:1"}, {"image": "c:1"}, {"name": "new", "image": "d:1"}, {"name": "none"}],
            },
            "status": {
                "containerStatuses": [{"name": "app", "image": "other:1", "imageID": "b@sha256:1"}, {"imageID": "c"}],
                "initContainerStatuses": [{"name": "init", "imageID": "a@sha256:2"}],
            },
        })
        .to_string();
        let pod: Workload<'_> = serde_json::from_str(&pod).unwrap();
        let expected = [
            ("a:1", Some("a@sha256:2")),
            ("b:1", Some("b@sha256:1")),
            ("c:1", None),
            ("d:1", None),
        ];
        assert_eq!(pod.pulls(), expected);
    }

    #[test]
    fn templates_are_found_at_every_level() {
        for object in [
            json!({"spec": {"template": {"spec": spec("a")}}}),
            json!({"spec": {"jobTemplate": {"spec": {"suspend": true, "template": {"spec": spec("a")}}}}}),
            json!({"template": {"spec": spec("a")}}),
            json!({"data": {"spec": {"template": {"$patch": "replace", "spec": spec("a")}}}}),
        ] {
            assert_eq!(images(&object), ["a"], "{object}");
        }
        assert_eq!(
            images(&json!({"spec": {"template": null}, "data": [1]})),
            [""; 0]
        );
    }

    #[test]
    fn what_is_scaled_to_zero_or_has_ended_is_kept_for_later() {
        for (object, live) in [
            (json!({"spec": {"replicas": 1}}), true),
            (json!({"spec": {"replicas": 0}}), false),
            (json!({"spec": {}, "status": {"phase": "Succeeded"}}), false),
            (json!({"spec": {}, "status": {"phase": "Pending"}}), true),
            (json!({"data": {}}), false),
        ] {
            let text = object.to_string();
            assert_eq!(
                serde_json::from_str::<Workload<'_>>(&text)
                    .unwrap()
                    .is_live(),
                live,
                "{object}"
            );
        }
    }
}
