//! Media types of manifests, and types of artifacts.

use serde::Serialize;

use super::Interned;

/// The four manifest types of container images; in `BatchGetImage` all of them have to be accepted,
/// or the answer is converted or fails.
pub const MANIFEST_MEDIA_TYPES: [&str; 4] = [OCI_IMAGE, OCI_INDEX, DOCKER_IMAGE, DOCKER_LIST];

const OCI_IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
const DOCKER_IMAGE: &str = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const HELM_CHART: &str = "application/vnd.cncf.helm.config.v1+json";
const SOCI_V2: &str = "application/vnd.amazon.soci.index.v2+json";
const BUILDKIT_ATTESTATION: &str = "application/vnd.docker.attestation.manifest.v1+json";
const BUILD_CACHE: &str = "application/vnd.buildkit.cacheconfig.v0";
const DOCKER_V1: &str = "application/vnd.docker.distribution.manifest.v1+json";
const OCI_ARTIFACT: &str = "application/vnd.oci.artifact.manifest.v1+json";
const DOCKER_V1_SIGNED: &str = "application/vnd.docker.distribution.manifest.v1+prettyjws";

/// Media type of a manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum MediaType {
    /// A single image in Docker's form or OCI's, or an artifact: nothing that names others.
    Image,
    /// An OCI index or a Docker manifest list, which names other manifests of the same repository.
    Index,
    /// Any other media type, or none: the repository is left alone (P4, G5).
    Unknown,
}

impl MediaType {
    /// Reads the media type that ECR reports of a manifest.
    #[must_use]
    pub fn new(text: Option<&str>) -> Self {
        match text.unwrap_or_default() {
            OCI_IMAGE | OCI_ARTIFACT | DOCKER_IMAGE | DOCKER_V1 | DOCKER_V1_SIGNED => Self::Image,
            OCI_INDEX | DOCKER_LIST => Self::Index,
            _ => Self::Unknown,
        }
    }
}

/// Kind of content, by the artifact type of a manifest or the media type of its configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum ArtifactType {
    /// A container image. Manifests of old images have no artifact type, and count as one.
    #[serde(rename = "container image")]
    ContainerImage,
    /// A Helm chart (K8).
    #[serde(rename = "helm chart")]
    HelmChart,
    /// Any other artifact: a signature, a bill of materials, an unknown one.
    #[serde(untagged)]
    Other(Interned),
}

impl ArtifactType {
    /// Reads the artifact type that ECR reports of a manifest.
    #[must_use]
    pub fn new(text: Option<&str>) -> Self {
        match text.unwrap_or_default() {
            ""
            | OCI_CONFIG
            | "application/vnd.docker.container.image.v1+json"
            | OCI_IMAGE
            | OCI_INDEX
            | DOCKER_IMAGE
            | DOCKER_LIST
            | DOCKER_V1
            | DOCKER_V1_SIGNED => Self::ContainerImage,
            HELM_CHART => Self::HelmChart,
            other => Self::Other(other.into()),
        }
    }

    /// Returns the type as ECR reports it.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::ContainerImage => OCI_CONFIG,
            Self::HelmChart => HELM_CHART,
            Self::Other(text) => text,
        }
    }

    /// Returns the type of a build cache of BuildKit.
    #[must_use]
    pub fn build_cache() -> Self {
        Self::Other(BUILD_CACHE.into())
    }

    /// Returns whether this is a build cache of BuildKit, of which only the tag is of use (K13).
    #[must_use]
    pub fn is_build_cache(&self) -> bool {
        matches!(self, Self::Other(text) if **text == *BUILD_CACHE)
    }

    /// Returns whether this exists only as the child of an index, so that nothing needs it without
    /// one.
    #[must_use]
    pub fn is_child(&self) -> bool {
        matches!(self, Self::Other(text) if **text == *SOCI_V2 || **text == *BUILDKIT_ATTESTATION)
    }
}
