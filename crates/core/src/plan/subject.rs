//! A repository as the decision on it needs it.

use std::collections::HashMap;

use super::LeftAlone;
use crate::{
    image::{Digest, Image, Registry, RepositoryName},
    inventory::{Child, OwnReadings, Revisions},
};

/// A repository to decide on.
pub(super) struct Subject<'a> {
    pub(super) name: &'a RepositoryName,
    pub(super) registry: &'a Registry,
    pub(super) left_alone: Option<&'a LeftAlone>,
    /// In the order of their digests.
    pub(super) images: &'a [Image],
    pub(super) children: &'a HashMap<Digest, Vec<Child>>,
    pub(super) own_readings: &'a OwnReadings,
    pub(super) revisions: &'a HashMap<Digest, Revisions>,
    pub(super) policy: Option<usize>,
    /// Whether all its images are known.
    pub(super) known: bool,
}
