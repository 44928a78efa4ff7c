//! The accounts of a run, each entered by its role once.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt, stream};

use crate::{
    aws::{ApiError, Clients, Identity},
    config::{Config, Role},
    image::{AccountId, Region, Registry},
};

/// Number of roles that are assumed at once.
const ROLES_AT_ONCE: usize = 24;

/// Accounts, with their roles assumed.
pub(super) struct AccountSet<'a> {
    pub(super) own: &'a Identity,
    pub(super) clients: &'a Clients,
    /// The caller's name in other accounts.
    session: &'a str,
    /// Whether roles are only named, and nothing is called in their accounts.
    pub(super) only_named: bool,
    assumed: BTreeMap<Role, Result<Assumed, ApiError>>,
}

/// A role that was assumed.
struct Assumed {
    account: AccountId,
    clients: Clients,
}

/// A location, with its clients or why there are none.
pub(super) type Location = (Registry, Result<Clients, ApiError>);

impl<'a> AccountSet<'a> {
    /// Creates a set of no account but the caller's own.
    pub(super) const fn new(clients: &'a Clients, own: &'a Identity, session: &'a str) -> Self {
        Self {
            own,
            clients,
            session,
            only_named: false,
            assumed: BTreeMap::new(),
        }
    }

    /// Assumes every role that the configuration names.
    pub(super) async fn of(
        clients: &'a Clients,
        own: &'a Identity,
        config: &Config,
        session: &'a str,
    ) -> Self {
        Self::new(clients, own, session)
            .with_configured(config)
            .await
    }

    /// Names every role that the configuration names, and calls nothing.
    pub(super) async fn named(
        clients: &'a Clients,
        own: &'a Identity,
        config: &Config,
        session: &'a str,
    ) -> Self {
        let named = Self {
            only_named: true,
            ..Self::new(clients, own, session)
        };
        named.with_configured(config).await
    }

    async fn with_configured(mut self, config: &Config) -> Self {
        let registries = config.registries.iter().filter_map(|it| it.role.as_ref());
        let others = config.in_use.accounts.iter();
        let others = others.filter_map(|it| it.role.as_ref());
        self.assume(registries.chain(others).cloned()).await;
        self
    }

    /// Assumes roles, each once.
    pub(super) async fn assume(&mut self, roles: impl IntoIterator<Item = Role>) {
        let roles = roles
            .into_iter()
            .filter(|it| !self.assumed.contains_key(it));
        let roles: BTreeSet<Role> = roles.collect();
        let (clients, session, only_named) = (self.clients, self.session, self.only_named);
        let assuming = stream::iter(roles).map(|role| async move {
            let assumed = if only_named {
                let (account, clients) = (role.account, clients.clone());
                Ok(Assumed { account, clients })
            } else {
                assume(clients, &role, session).await
            };
            (role, assumed)
        });
        let assumed: Vec<_> = assuming.buffer_unordered(ROLES_AT_ONCE).collect().await;
        self.assumed.extend(assumed);
    }

    /// Returns the clients of a role, which is assumed in any case.
    pub(super) async fn enter(&self, role: &Role) -> Result<Clients, ApiError> {
        let assumed = assume(self.clients, role, self.session).await;
        let assumed = assumed.map_err(|error| advised(&error, role, self.own))?;
        Ok(assumed.clients)
    }

    /// Returns the location of a role, or of the caller's own account, in a Region, or in the
    /// caller's own.
    pub(super) fn location(&self, role: Option<&Role>, region: Option<&Region>) -> Location {
        let home = &self.own.registry;
        let region = region.unwrap_or(&home.region);
        let (account, clients) = match role.map(|role| (role, &self.assumed[role])) {
            None => (home.account, Ok(self.clients)),
            Some((_, Ok(assumed))) => (assumed.account, Ok(&assumed.clients)),
            Some((role, Err(error))) => (role.account, Err(advised(error, role, self.own))),
        };
        let in_region = |clients: &Clients| {
            // Clients are those of the home Region to begin with, and those of another one are large.
            if *region == home.region || self.only_named {
                clients.clone()
            } else {
                clients.in_region(region)
            }
        };
        let location = Registry {
            account,
            region: region.clone(),
        };
        (location, clients.map(in_region))
    }
}

async fn assume(clients: &Clients, role: &Role, session: &str) -> Result<Assumed, ApiError> {
    let clients = clients.as_role(role, session).await?;
    let account = clients.identity().await?.registry.account;
    Ok(Assumed { account, clients })
}

/// Returns the error with advice, if the role does not let the caller assume it.
fn advised(error: &ApiError, role: &Role, own: &Identity) -> ApiError {
    let mut error = error.clone();
    if error.cause.is_denied() {
        let id = if role.external_id.is_some() {
            " with the external id of the configuration"
        } else {
            ""
        };
        error.message += &format!(
            "; let `{}` assume it: the trust policy of that role has to allow it{id}, and the policy of the program's own role has to allow `sts:AssumeRole` on it",
            own.arn
        );
    }
    error
}
