//! A Kubernetes cluster: how to reach it, how to list everything in it, and what in it names an
//! image.
//!
//! Evidence from a cluster only ever adds protection, and a cluster is read completely or its
//! source is incomplete (P1). Only `list` is ever asked for, with no resource version, so that
//! every list is consistent. Three readings complement each other:
//!
//! * `workload` takes the exact fields of the built-in kinds, in any registry, with or without a
//!   tag;
//! * a [`TextScanner`](crate::evidence::TextScanner) finds whatever looks like an image of ECR or a
//!   digest in the whole text of an object: annotations, arguments, environment, custom resources
//!   of any shape;
//! * `helm` does the same for the manifests of stored releases.
//!
//! Sources: the Kubernetes API reference, "Kubernetes API Concepts" (lists, pages, 410), "Amazon
//! EKS User Guide".

mod advice;
mod client;
mod cluster;
mod cluster_role;
mod discovery;
mod encoded;
mod error;
mod exclusions;
mod failure;
mod helm;
mod kind;
mod kubeconfig;
mod list;
mod reader;
mod token;
mod workload;

use serde::{Deserialize, Deserializer};

pub(crate) use advice::{EksAccess, Endpoint, Origin};
pub use client::Timeouts;
pub(crate) use client::{Client, Server};
pub(crate) use cluster::{Cluster, Rule, Settings};
pub use cluster_role::ClusterRole;
pub(crate) use error::{ClusterError, Problem};
pub(crate) use kubeconfig::Context;
pub(crate) use token::{Authentication, RoleToken};

/// Reads a field that may be `null`, but not missing.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    Option::deserialize(deserializer)
}
