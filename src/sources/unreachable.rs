//! An account whose role cannot be assumed: what is used there is not known.

use futures::{FutureExt, future::LocalBoxFuture};

use super::{Reading, Source};
use crate::{
    aws::ApiError,
    evidence::{SourceError, SourceStatus, Uses},
    image::Registry,
};

/// An account and Region that cannot be reached, in place of every source there.
pub(crate) struct Unreachable {
    pub(crate) location: Registry,
    pub(crate) error: ApiError,
}

impl Source for Unreachable {
    fn name(&self) -> &'static str {
        SourceStatus::ACCOUNT
    }

    fn location(&self) -> &Registry {
        &self.location
    }

    fn read<'a>(&'a self, _uses: &'a mut Uses) -> LocalBoxFuture<'a, Result<Reading, SourceError>> {
        async { Err(SourceError::Unreachable(self.error.to_string())) }.boxed_local()
    }
}
