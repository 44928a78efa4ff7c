//! A registry of ECR: reading what it stores, and deleting, archiving and restoring images.

mod apply;
mod archive;
mod delete;
mod images;
mod layers;
mod lifecycle_policy;
mod manifests;
mod outcome;
mod policies;
mod recheck;
mod repositories;
mod restore;

pub(crate) use apply::Applier;
pub(crate) use images::list;
pub(crate) use layers::layers;
pub use outcome::Outcome;
pub(crate) use outcome::{Change, RepositoryOutcome, Stop};
pub(crate) use policies::{registry_policy, replications, repository_policy};
pub(crate) use repositories::{Scope, read};
pub(crate) use restore::restore;
pub use restore::{RestoreError, Restored};

/// Number of images that one call may name.
const BATCH: usize = 100;
