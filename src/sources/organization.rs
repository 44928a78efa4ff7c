//! The accounts of an organization: which there are, and not what they use.

use futures::{FutureExt, future::LocalBoxFuture};

use super::{Reading, Source};
use crate::{
    aws::ApiError,
    evidence::{SourceError, SourceStatus, Uses},
    image::Registry,
};

/// The list of an organization's accounts, which are sources of their own, or why there is none.
pub(crate) struct OrganizationListing {
    /// Account and Region of the caller.
    pub(crate) location: Registry,
    /// A remark on the accounts.
    pub(crate) outcome: Result<String, ApiError>,
}

impl Source for OrganizationListing {
    fn name(&self) -> &'static str {
        SourceStatus::ORGANIZATION
    }

    fn location(&self) -> &Registry {
        &self.location
    }

    fn read<'a>(&'a self, _uses: &'a mut Uses) -> LocalBoxFuture<'a, Result<Reading, SourceError>> {
        let reading = self.outcome.clone().map(|note| Reading {
            note: Some(note),
            ..Reading::default()
        });
        async { Ok(reading?) }.boxed_local()
    }
}
