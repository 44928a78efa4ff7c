//! A place that could not be entered: what is used there is not known.

use futures::{FutureExt, future::LocalBoxFuture};

use super::{Collector, Source, SourceError};
use crate::{aws::ApiError, image::Registry};

/// What the answer calls a place that could not be entered.
pub(crate) const ACCOUNT: &str = "account";

/// An account and Region that could not be entered, in place of everything that would be read there.
pub(crate) struct Closed {
    /// The account and Region.
    pub(crate) place: Registry,
    /// Why.
    pub(crate) error: ApiError,
}

impl Source for Closed {
    fn name(&self) -> &'static str {
        ACCOUNT
    }

    fn place(&self) -> &Registry {
        &self.place
    }

    fn read<'a>(
        &'a self,
        _found: &'a mut Collector,
    ) -> LocalBoxFuture<'a, Result<(), SourceError>> {
        async { Err(self.error.clone().into()) }.boxed_local()
    }
}
