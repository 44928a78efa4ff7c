//! The emergency stop.

use super::{Program, gather::state_refusal};
use crate::{aws::ApiError, guard::Refusal, state::StopObject};

/// Reason for which deletion could not be stopped or allowed again.
#[derive(Debug, thiserror::Error)]
pub enum StopError {
    /// There is no state.
    #[error("the configuration has no `state`, where a stop would be written")]
    NoState,
    /// A call failed.
    #[error(transparent)]
    Api(#[from] ApiError),
}

impl Program {
    /// Stops every run of the deployments that share the prefix of the state, before its next batch,
    /// and returns the address of the object that does.
    ///
    /// # Errors
    /// Returns an error if there is no state, or the object cannot be written.
    pub async fn stop(&self, reason: Option<&str>) -> Result<String, StopError> {
        let stop = self.stop_object().ok_or(StopError::NoState)?;
        let own = self.clients.identity().await?;
        let reason = reason
            .map(|reason| format!("{reason}, "))
            .unwrap_or_default();
        let text = format!("{reason}written by {} at {}", own.arn, self.now());
        stop.write(text).await?;
        Ok(stop.address())
    }

    /// Removes the object that stops runs, and returns its address and whether it was there.
    ///
    /// # Errors
    /// Returns an error if there is no state, or the object cannot be removed.
    pub async fn allow_again(&self) -> Result<(String, bool), StopError> {
        let stop = self.stop_object().ok_or(StopError::NoState)?;
        let was_there = stop.read().await?.is_some();
        if was_there {
            stop.remove().await?;
        }
        Ok((stop.address(), was_there))
    }

    pub(super) fn stop_object(&self) -> Option<StopObject> {
        let location = self.config.state.as_ref()?;
        Some(StopObject::new(&self.clients, location))
    }

    /// Returns the refusal, if somebody stopped deletion, or it cannot be found out.
    pub(super) async fn stopped(&self) -> Option<Refusal> {
        let stop = self.stop_object()?;
        match stop.read().await {
            Ok(None) => None,
            Ok(Some(text)) => Some(Refusal::stopped(&stop.address(), &text)),
            Err(error) => Some(state_refusal(&error.into())),
        }
    }
}
