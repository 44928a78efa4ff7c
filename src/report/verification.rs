//! Result of a verification.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{evidence::SourceStatus, plan::Missing};

/// Whether the images in use can be pulled.
#[derive(Debug, Clone, Serialize)]
pub struct Verification {
    /// Everything in a sentence or two.
    pub summary: String,
    /// Whether everything could be asked, and nothing that is live is missing.
    pub verified: bool,
    /// The run's id.
    pub run_id: String,
    /// The version of the program.
    pub version: &'static str,
    /// The references in use that the registries should serve.
    pub references: usize,
    /// Images in use that cannot be pulled.
    pub missing: Vec<Missing>,
    /// The repositories that ECR did not answer for, with the reason; with their hosts where there
    /// are several registries.
    pub not_asked: BTreeMap<String, String>,
    /// Where use was looked for.
    pub in_use: Vec<SourceStatus>,
    /// How many entries `missing` leaves out.
    pub omitted: usize,
}

impl Verification {
    /// How many images that something live uses cannot be pulled.
    #[must_use]
    pub fn live_missing(&self) -> usize {
        self.missing.iter().filter(|missing| missing.live).count()
    }

    /// Whether everything could be asked.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.not_asked.is_empty() && self.in_use.iter().all(SourceStatus::is_complete)
    }
}
