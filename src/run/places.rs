//! Where a run goes: the registries that it cleans, and the accounts and Regions in which it looks for use.
//!
//! A role is entered once, whatever number of Regions it is for. After that, `sts:GetCallerIdentity` says which account
//! it is of, so that no place is looked at twice, however it was written. What cannot be entered is a source of use that
//! cannot be read, and stops every deletion.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;

use crate::{
    aws::{ApiError, Clients, Identity},
    config::{Account, Config, Role},
    guard::{self, Refusal},
    image::{AccountId, Region, Registry},
    usage::Closed,
};

/// Where a run goes.
pub(super) struct Places {
    /// Who the program is by itself.
    pub(super) own: Identity,
    /// The registries to clean.
    pub(super) registries: BTreeMap<Registry, Clients>,
    /// Where use is looked for: the caller's own account and Region, those that the configuration adds, and those of the
    /// registries; each once.
    pub(super) open: Vec<(Registry, Clients)>,
    /// A refusal for each other account whose registry was to be cleaned and that was not expected: nothing is called
    /// there.
    pub(super) unexpected: Vec<Refusal>,
    /// What could not be entered.
    closed: Vec<(Registry, ApiError)>,
}

impl Places {
    /// Enters every place of the configuration. `session` is what other accounts call the caller.
    ///
    /// # Errors
    /// Where two entries turn out to be the same registry.
    pub(super) async fn enter(
        clients: &Clients,
        own: Identity,
        config: &Config,
        session: &str,
    ) -> Result<Self, ApiError> {
        let home = &own.registry;
        let accounts = &config.in_use.accounts;
        let of_registries = config
            .registries
            .iter()
            .filter_map(|registry| registry.role.as_ref());
        let roles: BTreeSet<&Role> = of_registries
            .chain(accounts.iter().filter_map(|account| account.role.as_ref()))
            .collect();
        let entering = roles
            .into_iter()
            .map(|role| async move { (role, enter(clients, role, session).await) });
        let entered: BTreeMap<&Role, Result<Entered, ApiError>> =
            join_all(entering).await.into_iter().collect();

        let mut places = Self::nowhere(own.clone());
        let here = Entered {
            account: home.account,
            clients: clients.clone(),
        };
        let of = |role: &Option<Role>, region: Option<&Region>| {
            let region = region.unwrap_or(&home.region);
            let (account, clients) = match role.as_ref().map(|role| (role, &entered[role])) {
                None => (here.account, Ok(here.in_region(region, home))),
                Some((_, Ok(entered))) => (entered.account, Ok(entered.in_region(region, home))),
                Some((role, Err(error))) => (role.account, Err(advised(error, role, &own))),
            };
            (
                Registry {
                    account,
                    region: region.clone(),
                },
                clients,
            )
        };
        places.look_in(of(&None, None));
        for Account { role, regions } in accounts {
            if regions.is_empty() {
                places.look_in(of(role, None));
            }
            for region in regions {
                places.look_in(of(role, Some(region)));
            }
        }
        let default = [crate::config::Registry {
            region: None,
            role: None,
        }];
        let registries = if config.registries.is_empty() {
            &default
        } else {
            config.registries.as_slice()
        };
        for (position, registry) in registries.iter().enumerate() {
            let (registry, clients) = of(&registry.role, registry.region.as_ref());
            if clients.is_ok()
                && registry.account != home.account
                && let Some(refusal) = guard::unexpected(registry.account, &config.guards)
            {
                places
                    .unexpected
                    .extend((!places.unexpected.contains(&refusal)).then_some(refusal));
                continue;
            }
            if let Ok(clients) = &clients
                && places
                    .registries
                    .insert(registry.clone(), clients.clone())
                    .is_some()
            {
                let entry = format!("registries[{position}]");
                let problem =
                    format!("it is {registry}, as an entry above is; write each registry once");
                return Err(ApiError::answer("sts:GetCallerIdentity", &entry, problem));
            }
            places.look_in((registry, clients));
        }
        Ok(places)
    }

    /// No place at all.
    pub(super) const fn nowhere(own: Identity) -> Self {
        Self {
            own,
            registries: BTreeMap::new(),
            open: Vec::new(),
            unexpected: Vec::new(),
            closed: Vec::new(),
        }
    }

    /// Adds a place for use, unless it is known already.
    fn look_in(&mut self, (place, clients): (Registry, Result<Clients, ApiError>)) {
        match clients {
            Ok(clients) if self.open.iter().all(|(known, _)| *known != place) => {
                self.open.push((place, clients));
            }
            Err(error)
                if self
                    .closed
                    .iter()
                    .all(|known| *known != (place.clone(), error.clone())) =>
            {
                self.closed.push((place, error));
            }
            Ok(_) | Err(_) => {}
        }
    }

    /// What could not be entered, as sources that cannot be read.
    pub(super) fn closed(&self) -> impl Iterator<Item = Closed> {
        self.closed.iter().map(|(place, error)| Closed {
            place: place.clone(),
            error: error.clone(),
        })
    }
}

/// An account that was entered.
struct Entered {
    account: AccountId,
    clients: Clients,
}

impl Entered {
    /// Its clients in a Region; they are for that of `home` to begin with.
    fn in_region(&self, region: &Region, home: &Registry) -> Clients {
        if *region == home.region {
            self.clients.clone()
        } else {
            self.clients.in_region(region)
        }
    }
}

async fn enter(clients: &Clients, role: &Role, session: &str) -> Result<Entered, ApiError> {
    let clients = clients.as_role(role, session).await?;
    let account = clients.identity().await?.registry.account;
    Ok(Entered { account, clients })
}

/// The error, with what to do where the role does not let the caller in.
fn advised(error: &ApiError, role: &Role, own: &Identity) -> ApiError {
    let mut error = error.clone();
    if error
        .code
        .as_deref()
        .is_some_and(|code| code.contains("AccessDenied"))
    {
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
