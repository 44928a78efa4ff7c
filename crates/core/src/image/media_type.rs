//! Media types of manifests, and types of artifacts.

use serde::{Serialize, Serializer};

/// The four manifest types of container images; in `BatchGetImage` all of them have to be accepted,
/// or the answer is converted or fails.
pub const MANIFEST_MEDIA_TYPES: [&str; 4] = [OCI_IMAGE, OCI_INDEX, DOCKER_IMAGE, DOCKER_LIST];

const OCI_IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
const DOCKER_IMAGE: &str = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
const SOCI_V2: &str = "application/vnd.amazon.soci.index.v2+json";
const BUILDKIT_ATTESTATION: &str = "application/vnd.docker.attestation.manifest.v1+json";
const DOCKER_V1: &str = "application/vnd.docker.distribution.manifest.v1+json";
const DOCKER_V1_SIGNED: &str = "application/vnd.docker.distribution.manifest.v1+prettyjws";

/// Media type of a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MediaType {
    /// A single image, in Docker's form or OCI's.
    Image,
    /// An OCI index or a Docker manifest list, which names other manifests of the same repository.
    Index,
    /// Any other media type, or none: the repository is left alone (P4, G5).
    Unknown(Box<str>),
}

impl MediaType {
    /// Reads the media type that ECR reports of a manifest.
    #[must_use]
    pub fn new(text: Option<&str>) -> Self {
        match text.unwrap_or_default() {
            OCI_IMAGE | DOCKER_IMAGE | DOCKER_V1 | DOCKER_V1_SIGNED => Self::Image,
            OCI_INDEX | DOCKER_LIST => Self::Index,
            other => Self::Unknown(other.into()),
        }
    }
}

impl Serialize for MediaType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(match self {
            Self::Image => "image",
            Self::Index => "index",
            Self::Unknown(text) => text,
        })
    }
}

/// Kind of content, by the artifact type of a manifest or the media type of its configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ArtifactType {
    /// A container image. Manifests of old images have no artifact type, and count as one.
    ContainerImage,
    /// A Helm chart (K8).
    HelmChart,
    /// Any other artifact: a signature, a bill of materials, an unknown one.
    Other(Box<str>),
}

impl ArtifactType {
    /// Reads the artifact type that ECR reports of a manifest.
    #[must_use]
    pub fn new(text: Option<&str>) -> Self {
        match text.unwrap_or_default() {
            ""
            | "application/vnd.oci.image.config.v1+json"
            | "application/vnd.docker.container.image.v1+json"
            | OCI_IMAGE
            | OCI_INDEX
            | DOCKER_IMAGE
            | DOCKER_LIST => Self::ContainerImage,
            "application/vnd.cncf.helm.config.v1+json" => Self::HelmChart,
            other => Self::Other(other.into()),
        }
    }
}

impl ArtifactType {
    /// Returns whether this exists only as the child of an index, so that nothing needs it without
    /// one.
    #[must_use]
    pub fn is_child(&self) -> bool {
        matches!(self, Self::Other(text) if **text == *SOCI_V2 || **text == *BUILDKIT_ATTESTATION)
    }
}

impl Serialize for ArtifactType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(match self {
            Self::ContainerImage => "container image",
            Self::HelmChart => "helm chart",
            Self::Other(text) => text,
        })
    }
}
