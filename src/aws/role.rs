//! The credentials of a role, renewed before they end.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use aws_credential_types::{
    Credentials,
    provider::{self, ProvideCredentials, error::CredentialsError, future},
};

use super::{ApiError, Clients, Operation};
use crate::config::Role;

/// Credentials are renewed this long before they end: a call that was signed with them may be
/// retried for a while.
const MARGIN: Duration = Duration::from_mins(5);

/// The credentials of a role that the program assumes. All clients of the role, and the tokens for
/// its clusters, share them.
pub(super) struct RoleCredentials {
    /// The clients of the caller that assumes the role.
    clients: Clients,
    role: Role,
    session: String,
    current: Mutex<Option<Credentials>>,
}

impl RoleCredentials {
    /// Makes the credentials of a role that the caller of `clients` assumes.
    pub(super) const fn new(clients: Clients, role: Role, session: String) -> Self {
        Self {
            clients,
            role,
            session,
            current: Mutex::new(None),
        }
    }

    /// Returns credentials that hold for a while.
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
        const OPERATION: Operation = Operation::AssumeRole;
        let arn = &self.role.arn.to_string();
        let request = self
            .clients
            .sts
            .assume_role()
            .role_arn(arn)
            .role_session_name(&self.session)
            .set_external_id(self.role.external_id.clone());
        let answer = self.clients.call(OPERATION, arn, request.send()).await?;
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
