//! Status of a source: where it looked, and whether it read everything.

use std::fmt;

use serde::{Serialize, Serializer, ser::SerializeStruct};

use super::SourceError;
use crate::image::Registry;

/// Completeness of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Coverage {
    /// Everything was read.
    Complete,
    /// Something was not read.
    Incomplete(SourceError),
    /// Nothing was read, since nobody demands it and it could not be asked: it is no source then, and
    /// `unread` says so (P7).
    Unread,
}

/// A source in a location, with its completeness.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceStatus {
    /// Source: `ecs`, `eks`, ...
    pub source: &'static str,
    /// Account and Region.
    pub location: Registry,
    /// Cluster, if the source is one.
    pub cluster: Option<Box<str>>,
    /// Completeness.
    pub coverage: Coverage,
    /// Number of distinct references that it found to images that may be in a registry of an account
    /// that is read. What is used of other registries, such as those of AWS, is not what a drop
    /// is measured by.
    pub references: usize,
    /// Remark, for instance that a cluster is left out by the configuration.
    pub note: Option<String>,
}

impl SourceStatus {
    /// Source that lists the accounts of an organization.
    pub const ORGANIZATION: &str = "organization";
    /// Source in place of all those of an account that cannot be entered.
    pub const ACCOUNT: &str = "account";

    /// Returns whether it reads which accounts there are, and no use.
    #[must_use]
    pub fn is_listing(&self) -> bool {
        self.source == Self::ORGANIZATION
    }

    /// Returns whether everything was read.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        matches!(self.coverage, Coverage::Complete)
    }

    /// Returns why something was not read.
    #[must_use]
    pub const fn error(&self) -> Option<&SourceError> {
        match &self.coverage {
            Coverage::Complete | Coverage::Unread => None,
            Coverage::Incomplete(error) => Some(error),
        }
    }

    /// Returns whether something was not read that may be of any repository.
    #[must_use]
    pub const fn has_gap(&self) -> bool {
        !matches!(self.error(), None | Some(SourceError::InDoubt(_)))
    }

    /// Adds a remark.
    pub fn remark(&mut self, remark: String) {
        self.note = Some(match self.note.take() {
            Some(note) => format!("{note}; {remark}"),
            None => remark,
        });
    }

    /// Returns whether this is about an account and Region.
    #[must_use]
    pub fn is_in(&self, location: &Registry) -> bool {
        self.location == *location
    }
}

/// `ecs in 111111111111 eu-west-1`.
impl fmt::Display for SourceStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}", self.source, self.location)
    }
}

impl Serialize for SourceStatus {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut status = serializer.serialize_struct("SourceStatus", 8)?;
        status.serialize_field("source", self.source)?;
        status.serialize_field("account", &self.location.account)?;
        status.serialize_field("region", &self.location.region)?;
        if let Some(cluster) = &self.cluster {
            status.serialize_field("cluster", cluster)?;
        }
        status.serialize_field("complete", &self.is_complete())?;
        status.serialize_field("references", &self.references)?;
        if let Some(note) = &self.note {
            status.serialize_field("note", note)?;
        }
        if let Some(error) = self.error() {
            status.serialize_field("error", &error.to_string())?;
        }
        status.end()
    }
}
