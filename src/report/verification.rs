//! The result of a verification.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::size::{Document, cut, cut_texts, fitted, put_incomplete_first};
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
    /// Number of entries that `not_asked` leaves out.
    pub omitted_not_asked: usize,
    /// Number of entries that `in_use` leaves out. Those that are incomplete are left out last.
    pub omitted_in_use: usize,
}

impl Verification {
    /// Returns the verification as JSON, with lists cut to fit the size limit.
    #[must_use]
    pub fn to_json(&self) -> Value {
        fitted(self)
    }

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

impl Document for Verification {
    fn cut(&mut self, most: usize) {
        self.omitted += cut(&mut self.missing, most);
        for missing in &mut self.missing {
            cut_texts(&mut missing.users, most);
        }
        let asked = std::mem::take(&mut self.not_asked);
        self.omitted_not_asked = asked.len().saturating_sub(most);
        self.not_asked = asked.into_iter().take(most).collect();
        put_incomplete_first(&mut self.in_use, most);
        self.omitted_in_use = cut(&mut self.in_use, most);
    }
}
