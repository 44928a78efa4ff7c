//! Locations of a run: the registries that it cleans, and the accounts and Regions whose use it
//! reads.
//!
//! A role is assumed once, whatever number of Regions it is for. `sts:GetCallerIdentity` tells its
//! account then, so that no location is read twice, however it was written. A role that cannot be
//! assumed is a source that cannot be read, which stops every deletion.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use futures::future::join_all;

use crate::{
    aws::{ApiError, Clients, Identity, Operation},
    cache::AllCaches,
    config::{Account, Config, Role},
    guard::{self, Refusal},
    image::{AccountId, Region, Registry},
    sources::Unreachable,
};

/// Locations of a run.
pub(super) struct Locations {
    /// The program's own identity.
    pub(super) own: Identity,
    /// Registries to clean.
    pub(super) registries: BTreeMap<Registry, Clients>,
    /// Locations whose use is read, each once: the caller's own, those of the configuration and of
    /// the registries.
    pub(super) read: Vec<(Registry, Clients)>,
    /// A refusal for each account with a registry to clean that is not expected. Nothing is called
    /// there.
    pub(super) unexpected: Vec<Refusal>,
    unreachable: Vec<(Registry, ApiError)>,
}

/// The accounts that the configuration names, with their roles assumed.
struct AccountSet<'a> {
    own: &'a Identity,
    clients: &'a Clients,
    assumed: BTreeMap<&'a Role, Result<Assumed, ApiError>>,
}

/// A role that was assumed.
struct Assumed {
    account: AccountId,
    clients: Clients,
}

/// A location, with its clients or why there are none.
type Location = (Registry, Result<Clients, ApiError>);

impl<'a> AccountSet<'a> {
    /// Assumes every role of the configuration. `session` is the caller's name in other accounts.
    async fn assume(
        clients: &'a Clients,
        own: &'a Identity,
        config: &'a Config,
        session: &str,
    ) -> Self {
        let registries = config.registries.iter().filter_map(|it| it.role.as_ref());
        let accounts = config.in_use.accounts.iter();
        let accounts = accounts.filter_map(|it| it.role.as_ref());
        let roles: BTreeSet<&Role> = registries.chain(accounts).collect();
        let assuming = roles
            .into_iter()
            .map(|role| async move { (role, assume(clients, role, session).await) });
        Self {
            own,
            clients,
            assumed: join_all(assuming).await.into_iter().collect(),
        }
    }

    /// Returns the location of a role, or of the caller's own account, in a Region, or in the
    /// caller's own.
    fn location(&self, role: Option<&Role>, region: Option<&Region>) -> Location {
        let home = &self.own.registry;
        let region = region.unwrap_or(&home.region);
        let (account, clients) = match role.map(|role| (role, &self.assumed[role])) {
            None => (home.account, Ok(self.clients)),
            Some((_, Ok(assumed))) => (assumed.account, Ok(&assumed.clients)),
            Some((role, Err(error))) => (role.account, Err(advised(error, role, self.own))),
        };
        let in_region = |clients: &Clients| {
            // Clients are those of the home Region to begin with.
            if *region == home.region {
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

impl Locations {
    /// Finds the locations of the configuration. `session` is the caller's name in other accounts.
    ///
    /// # Errors
    /// Returns an error if two entries are the same registry.
    pub(super) async fn find(
        clients: &Clients,
        own: Identity,
        config: &Config,
        session: &str,
    ) -> Result<Self, ApiError> {
        let accounts = AccountSet::assume(clients, &own, config, session).await;
        let mut locations = Self::none(own.clone());
        locations.read_in(accounts.location(None, None));
        for Account { role, regions } in &config.in_use.accounts {
            if regions.is_empty() {
                locations.read_in(accounts.location(role.as_ref(), None));
            }
            for region in regions {
                locations.read_in(accounts.location(role.as_ref(), Some(region)));
            }
        }
        if config.registries.is_empty() {
            locations.clean(accounts.location(None, None), config, 0)?;
        }
        for (position, registry) in config.registries.iter().enumerate() {
            let (role, region) = (registry.role.as_ref(), registry.region.as_ref());
            locations.clean(accounts.location(role, region), config, position)?;
        }
        Ok(locations)
    }

    /// Creates no location at all.
    pub(super) const fn none(own: Identity) -> Self {
        Self {
            own,
            registries: BTreeMap::new(),
            read: Vec::new(),
            unexpected: Vec::new(),
            unreachable: Vec::new(),
        }
    }

    /// Adds a registry to clean, whose location is also read.
    fn clean(
        &mut self,
        (registry, clients): Location,
        config: &Config,
        position: usize,
    ) -> Result<(), ApiError> {
        if let Ok(clients) = &clients {
            if registry.account != self.own.registry.account
                && let Some(refusal) = guard::unexpected(registry.account, &config.guards)
            {
                if !self.unexpected.contains(&refusal) {
                    self.unexpected.push(refusal);
                }
                return Ok(());
            }
            let known = self.registries.insert(registry.clone(), clients.clone());
            if known.is_some() {
                let operation = Operation::GetCallerIdentity;
                let entry = format!("registries[{position}]");
                let problem =
                    format!("it is {registry}, as an entry above is; write each registry once");
                return Err(ApiError::answer(operation, &entry, problem));
            }
        }
        self.read_in((registry, clients));
        Ok(())
    }

    /// Adds a location to read, unless it is known already.
    fn read_in(&mut self, (location, clients): Location) {
        match clients {
            Ok(clients) if self.read.iter().all(|(known, _)| *known != location) => {
                self.read.push((location, clients));
            }
            Ok(_) => {}
            Err(error) => {
                let unreachable = (location, error);
                if !self.unreachable.contains(&unreachable) {
                    self.unreachable.push(unreachable);
                }
            }
        }
    }

    /// Returns caches that nothing is known in yet.
    pub(super) fn no_caches(&self) -> AllCaches {
        let read = self.read.iter();
        read.map(|(location, _)| (location.clone(), Arc::default()))
            .collect()
    }

    /// Returns the locations whose roles cannot be assumed, as sources.
    pub(super) fn unreachable(&self) -> impl Iterator<Item = Unreachable> {
        self.unreachable
            .iter()
            .map(|(location, error)| Unreachable {
                location: location.clone(),
                error: error.clone(),
            })
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
