//! Locations of a run: the registries that it cleans, and the accounts and Regions whose use it
//! reads.
//!
//! A role is assumed once, whatever number of Regions it is for. `sts:GetCallerIdentity` tells its
//! account then, so that no location is read twice, however it was written. A role that cannot be
//! assumed is a source that cannot be read, which stops every deletion that it could hide (U17).

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use futures::future::join_all;

use super::{
    account_set::{AccountSet, Location},
    unread,
};
use crate::{
    aws::{ApiError, Clients, Identity, Operation},
    cache::AllCaches,
    config::{Account, Config, InUse, Regions},
    evidence::Unread,
    guard::{self, Organization, Refusal},
    image::{Region, Registry},
    sources::{OrganizationListing, Unreachable, Whole},
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
    /// The organization whose accounts are read, if they could be listed.
    pub(super) organization: Option<Organization>,
    /// Result of listing them.
    listing: Option<Result<String, ApiError>>,
    /// Regions that were found to answer: of services that nobody demands, none is read there.
    pub(super) found: BTreeSet<Registry>,
    /// What is not read, though nothing that is demanded failed (P7).
    pub(super) unread: Vec<Unread>,
    unreachable: Vec<Unreachable>,
}

impl Locations {
    /// Finds the locations of the configuration and of the organization. `session` is the caller's
    /// name in other accounts.
    ///
    /// # Errors
    /// Returns an error if two entries are the same registry.
    pub(super) async fn find(
        clients: &Clients,
        own: Identity,
        config: &Config,
        session: &str,
    ) -> Result<Self, ApiError> {
        let mut accounts = AccountSet::of(clients, &own, config, session).await;
        let mut locations = Self::configured(&accounts, config)?;
        locations.read_organization(&mut accounts, config).await;
        Ok(locations)
    }

    /// Finds the same locations, and calls nothing in other accounts but what lists them.
    ///
    /// # Errors
    /// Returns an error if two entries are the same registry.
    pub(super) async fn list(
        clients: &Clients,
        own: Identity,
        config: &Config,
        session: &str,
    ) -> Result<Self, ApiError> {
        let mut accounts = AccountSet::named(clients, &own, config, session).await;
        let mut locations = Self::configured(&accounts, config)?;
        locations.read_organization(&mut accounts, config).await;
        locations.add_regions(clients, &config.in_use).await;
        Ok(locations)
    }

    /// Finds the locations that the configuration names, and not those of the organization.
    ///
    /// # Errors
    /// Returns an error if two entries are the same registry.
    pub(super) async fn find_named(
        clients: &Clients,
        own: Identity,
        config: &Config,
        session: &str,
    ) -> Result<Self, ApiError> {
        let accounts = AccountSet::of(clients, &own, config, session).await;
        Self::configured(&accounts, config)
    }

    fn configured(accounts: &AccountSet<'_>, config: &Config) -> Result<Self, ApiError> {
        let mut locations = Self::none(accounts.own.clone());
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

    /// Adds the accounts of the organization, if there is one.
    async fn read_organization(&mut self, accounts: &mut AccountSet<'_>, config: &Config) {
        let Some(settings) = &config.in_use.organization else {
            return;
        };
        let listed = match accounts.enter_organization(settings, config).await {
            Ok(listed) => listed,
            Err(error) => {
                self.listing = Some(Err(error));
                return;
            }
        };
        let own = std::slice::from_ref(&accounts.own.registry.region);
        let regions = match &settings.regions[..] {
            [] => own,
            regions => regions,
        };
        for role in listed.roles.values() {
            for region in regions {
                self.read_in(accounts.location(role.as_ref(), Some(region)));
            }
        }
        self.organization = Some(listed.organization);
        self.listing = Some(Ok(listed.note));
    }

    /// Adds the Regions of the caller's own account whose use is read.
    pub(super) async fn add_regions(&mut self, clients: &Clients, in_use: &InUse) {
        let home = self.own.registry.clone();
        match &in_use.regions {
            Regions::Own => self.unread.push(unread::other_regions("is `own`")),
            Regions::Named(regions) => {
                self.unread.push(unread::other_regions("names some"));
                self.read_in_regions(clients, regions);
            }
            Regions::All => match clients.enabled_regions(&home.region).await {
                Ok(regions) => self.read_in_regions(clients, &regions),
                Err(error) => self.add_unreachable(Whole::Regions, home, error),
            },
            Regions::Auto => match clients.enabled_regions(&home.region).await {
                Ok(regions) => self.try_regions(clients, &home, regions).await,
                Err(error) if error.cause.leaves_unread() => {
                    self.unread.push(unread::unlisted_regions(&home, &error));
                }
                Err(error) => self.add_unreachable(Whole::Regions, home, error),
            },
        }
    }

    fn read_in_regions(&mut self, clients: &Clients, regions: &[Region]) {
        for region in regions {
            let location = Registry {
                account: self.own.registry.account,
                region: region.clone(),
            };
            self.read_in((location, Ok(clients.in_region(region))));
        }
    }

    /// Adds those of these Regions that answer, all of which are asked at once.
    async fn try_regions(&mut self, clients: &Clients, home: &Registry, regions: Vec<Region>) {
        let locations = regions.into_iter().map(|region| Registry {
            account: home.account,
            region,
        });
        let is_new = |it: &Registry| self.read.iter().all(|(known, _)| known != it);
        let tried = locations.filter(is_new).map(|location| async move {
            let tried = clients.try_region(&location.region).await;
            (location, tried)
        });
        for (location, tried) in join_all(tried).await {
            match tried {
                Err(error) if error.cause.leaves_unread() => {
                    self.unread.push(unread::region(&location, &error));
                }
                // Any other failure is found again, and stops what it could hide.
                Ok(()) | Err(_) => {
                    let clients = clients.in_region(&location.region);
                    self.found.insert(location.clone());
                    self.read.push((location, clients));
                }
            }
        }
    }

    /// Creates no location at all.
    pub(super) const fn none(own: Identity) -> Self {
        Self {
            own,
            registries: BTreeMap::new(),
            read: Vec::new(),
            unexpected: Vec::new(),
            organization: None,
            listing: None,
            found: BTreeSet::new(),
            unread: Vec::new(),
            unreachable: Vec::new(),
        }
    }

    /// Adds a registry to clean, whose location is also read.
    pub(super) fn clean(
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
    pub(super) fn read_in(&mut self, (location, clients): Location) {
        match clients {
            Ok(clients) if self.read.iter().all(|(known, _)| *known != location) => {
                self.read.push((location, clients));
            }
            Ok(_) => {}
            Err(error) => self.add_unreachable(Whole::Account, location, error),
        }
    }

    /// Returns caches that nothing is known in yet.
    pub(super) fn no_caches(&self) -> AllCaches {
        let read = self.read.iter();
        read.map(|(location, _)| (location.clone(), Arc::default()))
            .collect()
    }

    /// Returns the list of the organization's accounts, as a source.
    pub(super) fn listing(&self) -> Option<OrganizationListing> {
        let outcome = self.listing.clone()?;
        Some(OrganizationListing {
            location: self.own.registry.clone(),
            outcome,
        })
    }

    fn add_unreachable(&mut self, what: Whole, location: Registry, error: ApiError) {
        let unreachable = Unreachable {
            what,
            location,
            error,
        };
        if !self.unreachable.contains(&unreachable) {
            self.unreachable.push(unreachable);
        }
    }

    /// Returns the locations whose roles cannot be assumed or whose Regions cannot be listed, as
    /// sources.
    pub(super) fn unreachable(&self) -> impl Iterator<Item = Unreachable> {
        self.unreachable.iter().cloned()
    }
}
