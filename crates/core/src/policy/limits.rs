//! What a policy allows a run in its repositories, besides what the configuration allows.

use jiff::SignedDuration;
use serde::Serialize;

/// Limits of a policy; `None` where those of the configuration hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Limits {
    /// The most that is done with candidates. A run that may do less does less.
    pub mode: Option<Ceiling>,
    /// Percentage, 0 to 100, of the images of a repository that one run may delete.
    pub max_percent: Option<u8>,
    /// Number of images of a repository that one run may delete.
    pub max_deletions: Option<u64>,
    /// Time for which an image must have been a candidate in every run before it is deleted.
    pub soak: Option<SignedDuration>,
}

/// A mode below the highest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ceiling {
    /// Candidates are shown, and nothing is done with them.
    Plan,
    /// Candidates are moved to the archive rather than deleted.
    Archive,
}
