//! An account whose role cannot be assumed, or whose Regions cannot be listed: what is used there is
//! not known.

use futures::{FutureExt, future::LocalBoxFuture};

use super::{Reading, Source};
use crate::{
    aws::ApiError,
    evidence::{SourceError, SourceStatus, Uses},
    image::Registry,
};

/// Part of AWS that is not known.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whole {
    /// The account, in this Region.
    Account,
    /// The Regions of the account.
    Regions,
}

/// An account and Region that cannot be reached, in place of every source there.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Unreachable {
    pub(crate) what: Whole,
    pub(crate) location: Registry,
    pub(crate) error: ApiError,
}

impl Source for Unreachable {
    fn name(&self) -> &'static str {
        match self.what {
            Whole::Account => SourceStatus::ACCOUNT,
            Whole::Regions => "regions",
        }
    }

    fn location(&self) -> &Registry {
        &self.location
    }

    fn read<'a>(&'a self, _uses: &'a mut Uses) -> LocalBoxFuture<'a, Result<Reading, SourceError>> {
        async {
            Err(match self.what {
                Whole::Account => SourceError::Unreachable(self.error.to_string()),
                Whole::Regions => self.error.clone().into(),
            })
        }
        .boxed_local()
    }
}
