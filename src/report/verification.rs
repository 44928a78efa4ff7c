//! The result of a verification.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{evidence::SourceStatus, plan::Missing};

/// Whether the images in use can be pulled.
#[derive(Debug, Clone, Serialize)]
pub struct Verification {
    /// The result in a sentence or two.
    pub summary: String,
    /// Whether every repository and source was read, and no image that runs now is missing.
    pub verified: bool,
    /// The id of the run.
    pub run_id: String,
    /// The version of the program.
    pub version: &'static str,
    /// Number of references in use to images of the registries.
    pub references: usize,
    /// Images in use that cannot be pulled.
    pub missing: Vec<Missing>,
    /// Reasons for which repositories could not be listed, by their names, with the host of the
    /// registry if there are several.
    pub not_asked: BTreeMap<String, String>,
    /// The usage sources that were read.
    pub in_use: Vec<SourceStatus>,
    /// Number of entries that `missing` leaves out.
    pub omitted: usize,
}

impl Verification {
    /// Returns the number of missing images that run now.
    #[must_use]
    pub fn live_missing(&self) -> usize {
        self.missing.iter().filter(|missing| missing.live).count()
    }

    /// Returns whether every repository and source was read.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.not_asked.is_empty() && self.in_use.iter().all(SourceStatus::is_complete)
    }
}
