//! A role in another account: its credentials, renewed before they end.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use aws_credential_types::{
    Credentials,
    provider::{self, ProvideCredentials, error::CredentialsError, future},
};

use super::ApiError;
use crate::config::Role;

const OPERATION: &str = "sts:AssumeRole";
/// Credentials are renewed this long before they end: a call that was signed with them may be retried for a while.
const MARGIN: Duration = Duration::from_mins(5);

/// The credentials of a role that the program assumes. All clients of the role, and the tokens for its clusters, share
/// them.
pub(super) struct RoleCredentials {
    sts: aws_sdk_sts::Client,
    role: Role,
    session: String,
    current: Mutex<Option<Credentials>>,
}

impl RoleCredentials {
    /// The role as `sts` lets its caller in.
    pub(super) const fn new(sts: aws_sdk_sts::Client, role: Role, session: String) -> Self {
        Self {
            sts,
            role,
            session,
            current: Mutex::new(None),
        }
    }

    /// Credentials that hold for a while.
    pub(super) async fn credentials(&self) -> Result<Credentials, ApiError> {
        if let Some(current) = &*self.current.lock().unwrap_or_else(PoisonError::into_inner)
            && current
                .expiry()
                .is_some_and(|expiry| expiry > SystemTime::now() + MARGIN)
        {
            return Ok(current.clone());
        }
        let credentials = self.assume().await?;
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Some(credentials.clone());
        Ok(credentials)
    }

    async fn assume(&self) -> Result<Credentials, ApiError> {
        let arn = &self.role.arn.to_string();
        let request = self
            .sts
            .assume_role()
            .role_arn(arn)
            .role_session_name(&self.session);
        let answer = request
            .set_external_id(self.role.external_id.clone())
            .send()
            .await;
        let answer = answer.map_err(|error| ApiError::new(OPERATION, arn, &error))?;
        let incomplete = |what: &str| ApiError::answer(OPERATION, arn, what);
        let given = answer
            .credentials
            .ok_or_else(|| incomplete("the answer holds no credentials"))?;
        let expiry = SystemTime::try_from(given.expiration)
            .map_err(|error| incomplete(&error.to_string()))?;
        let (id, secret) = (given.access_key_id, given.secret_access_key);
        Ok(Credentials::new(
            id,
            secret,
            Some(given.session_token),
            Some(expiry),
            "AssumeRole",
        ))
    }
}

impl ProvideCredentials for RoleCredentials {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            let credentials: provider::Result = self
                .credentials()
                .await
                .map_err(CredentialsError::provider_error);
            credentials
        })
    }
}

impl fmt::Debug for RoleCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RoleCredentials({})", self.role.arn)
    }
}
