//! A registry of ECR: reading what it stores, and deleting, archiving and restoring images.

mod absences;
mod apply;
mod archive;
mod attempt;
mod delete;
mod images;
mod layers;
mod lifecycle_policy;
mod manifests;
mod outcome;
mod pending;
mod policies;
mod readings;
mod recheck;
mod repositories;
mod restore;
mod restore_needed;

use aws_sdk_ecr::types::ImageIdentifier;

use crate::image::Digest;

pub(crate) use apply::Applier;
pub(crate) use images::{are_active, find, list};
pub(crate) use layers::layers;
pub(crate) use lifecycle_policy::lifecycle_policies;
pub use outcome::Outcome;
pub(crate) use outcome::{CallFailure, Change, RepositoryOutcome, Stop};
pub(crate) use policies::{RepositoryPolicies, registry_policy, replications};
pub(crate) use readings::{Known, Readings, is_excluded};
pub(crate) use repositories::{Scope, read};
pub(crate) use restore::restore;
pub use restore::{RestoreError, Restored};
pub(crate) use restore_needed::{Deadline, Restoring, restore_needed};

/// The largest page of ECR's lists.
const PAGE: i32 = 1000;
/// Number of images that one call may name.
const BATCH: usize = 100;

/// Returns how a call names an image: by digest alone.
fn identifier(digest: &Digest) -> ImageIdentifier {
    ImageIdentifier::builder()
        .image_digest(digest.to_string())
        .build()
}
