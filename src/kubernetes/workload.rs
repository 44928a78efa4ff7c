//! The fields of the built-in kinds that name an image: exact, in any registry, with `latest` where
//! no tag is written.
//!
//! One shape serves all kinds: a pod is a specification, and every other kind holds one in a
//! template, or in a template of a template. Fields that are not about images are passed over.
//! Source: the Kubernetes API reference, `PodSpec`, `PodStatus`.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::image::Time;

#[derive(Debug, Default, Deserialize)]
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

/// Name of an object.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Metadata {
    name: Option<String>,
    namespace: Option<String>,
    generate_name: Option<String>,
    creation_timestamp: Option<String>,
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
    /// Returns every text that names an image.
    pub(crate) fn images(&self) -> Vec<String> {
        let mut images = Vec::new();
        let template = self.template.as_ref();
        let template = template.and_then(|template| template.spec.as_deref());
        // Where the data of a revision has another shape, reading the text of the whole object is
        // all there is.
        let revised = self
            .data
            .and_then(|data| serde_json::from_str(data.get()).ok());
        let revised = revised.and_then(|revised: Template| revised.spec);
        for spec in [self.spec.as_ref(), template, revised.as_deref()]
            .into_iter()
            .flatten()
        {
            spec.collect(&mut images);
        }
        for container in self.statuses() {
            images.extend(container.image.iter().chain(&container.image_id).cloned());
            let mounts = container.volume_mounts.iter().flatten();
            let mounted = mounts.filter_map(|mount| {
                let image = mount.volume_status.as_ref()?.image.as_ref()?;
                image.image_ref.clone()
            });
            images.extend(mounted);
        }
        images
    }

    /// Returns what a pod pulls, as it is written, with what it got by that if it says so.
    pub(crate) fn pulls(&self) -> Vec<(&str, Option<&str>)> {
        let containers = self.spec.iter().flat_map(Spec::containers);
        let pulls = containers.filter_map(|container| {
            let name = container.name.as_ref();
            let status = self
                .statuses()
                .find(|status| name.is_some() && status.name.as_ref() == name);
            let reported = status.and_then(|status| status.image_id.as_deref());
            Some((container.image.as_deref()?, reported))
        });
        pulls.collect()
    }

    /// Returns whether it runs or is meant to run now.
    pub(crate) fn is_live(&self) -> bool {
        let phase = self
            .status
            .as_ref()
            .and_then(|status| status.phase.as_deref());
        let spec = self.spec.as_ref();
        let is_wanted = spec.is_some_and(|spec| spec.replicas != Some(0));
        is_wanted && !matches!(phase, Some("Succeeded" | "Failed"))
    }

    fn statuses(&self) -> impl Iterator<Item = &ContainerStatus> {
        let lists = self.status.iter().flat_map(|status| {
            let init = &status.init_container_statuses;
            [
                &status.container_statuses,
                init,
                &status.ephemeral_container_statuses,
            ]
        });
        lists.flatten().flatten()
    }
}

impl Spec {
    fn containers(&self) -> impl Iterator<Item = &Container> {
        let lists = [
            &self.init_containers,
            &self.containers,
            &self.ephemeral_containers,
        ];
        lists.into_iter().flatten().flatten()
    }

    fn collect(&self, images: &mut Vec<String>) {
        images.extend(
            self.containers()
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
    /// Returns namespace and name; `None` if there is no name.
    pub(crate) fn full_name(&self) -> Option<String> {
        let name = self.name.as_ref()?;
        Some(match &self.namespace {
            Some(namespace) => format!("{namespace}/{name}"),
            None => name.clone(),
        })
    }

    /// Returns when it was created.
    pub(crate) fn created_at(&self) -> Option<Time> {
        let text = self.creation_timestamp.as_ref()?;
        text.parse::<Timestamp>().ok().map(Time::from)
    }

    /// Returns namespace and name. Pods of one owner that are all alike share the name they were
    /// made from.
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

    fn workload(text: &str) -> Workload<'_> {
        serde_json::from_str(text).unwrap()
    }

    fn images(object: &Value) -> Vec<String> {
        workload(&object.to_string()).images()
    }

    fn spec(image: &str) -> Value {
        json!({"containers": [{"name": "c", "image": image}]})
    }

    #[test]
    fn images_are_found_in_every_field_of_a_pod() {
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
        let of_spec = ["init", "sidecar", "app", "debug", "data"];
        let of_status = ["status", "id", "mounted", "init-status", ""];
        assert_eq!(images(&pod), [of_spec, of_status].concat());
        let text = pod.to_string();
        let pod = workload(&text);
        assert_eq!(pod.metadata.path(), "shop/web-*");
        assert!(pod.is_live());
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
        let (a, b) = (Some("a@sha256:2"), Some("b@sha256:1"));
        let expected = [("a:1", a), ("b:1", b), ("c:1", None), ("d:1", None)];
        assert_eq!(workload(&pod).pulls(), expected);
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
        let none = images(&json!({"spec": {"template": null}, "data": [1]}));
        assert_eq!(none, [""; 0]);
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
            assert_eq!(workload(&text).is_live(), live, "{object}");
        }
    }
}
