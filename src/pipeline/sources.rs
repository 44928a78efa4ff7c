//! The sources that the configuration names, in every location.

use std::sync::Arc;

use tokio::{sync::Semaphore, time::Instant};

use super::{Locations, Program, unread};
use crate::{
    aws::Clients,
    cache::{AllCaches, Caches},
    config::{Service, Services},
    evidence::UsageIndex,
    image::Registry,
    kubernetes::{Context, Settings},
    sources::{
        self, ClusterSource, KeepLists, Source,
        ecs::Ecs,
        eks::{self, Eks},
        lambda::Lambda,
        services::OtherService,
    },
};

impl Program {
    /// Reads what is in use everywhere, until `stop_at`.
    pub(super) async fn read_usage(
        &self,
        locations: &Locations,
        caches: &AllCaches,
        stop_at: Option<Instant>,
    ) -> UsageIndex {
        let sources = self.sources(locations, caches);
        let read = locations.read.iter();
        let accounts = read.map(|(location, _)| location.account).collect();
        let settings = sources::Settings {
            aliases: &self.aliases,
            accounts: &accounts,
            stop_at,
        };
        let mut usage = sources::read(&sources, settings).await;
        let unread = unread::left_out(&self.config.in_use, locations, &usage);
        usage.add_unread(unread);
        usage
    }

    fn sources(&self, locations: &Locations, caches: &AllCaches) -> Vec<Box<dyn Source>> {
        let pages = eks::pages();
        let mut sources: Vec<Box<dyn Source>> = Vec::new();
        for (location, clients) in &locations.read {
            let caches = caches.of(location);
            sources.extend(self.sources_in(location, clients, locations, &caches, &pages));
        }
        sources.extend(
            locations
                .unreachable()
                .map(|unreachable| Box::new(unreachable) as Box<dyn Source>),
        );
        let listing = locations.listing();
        sources.extend(listing.map(|listing| Box::new(listing) as Box<dyn Source>));
        let home = &locations.own.registry;
        if !self.config.in_use.keep_lists.is_empty() {
            sources.push(Box::new(KeepLists {
                clients: self.clients.clone(),
                location: home.clone(),
                objects: self.config.in_use.keep_lists.clone(),
                aliases: Arc::clone(&self.aliases),
            }));
        }
        sources.extend(
            self.contexts(home, &pages)
                .map(|cluster| Box::new(cluster) as Box<dyn Source>),
        );
        sources
    }

    /// Returns the sources of an account and Region.
    fn sources_in(
        &self,
        location: &Registry,
        clients: &Clients,
        locations: &Locations,
        caches: &Arc<Caches>,
        pages: &Arc<Semaphore>,
    ) -> Vec<Box<dyn Source>> {
        let mut sources: Vec<Box<dyn Source>> = Vec::new();
        if let Some(ecs) = &self.config.in_use.ecs {
            sources.push(Box::new(Ecs {
                clients: clients.clone(),
                location: location.clone(),
                task_definitions: ecs.task_definitions,
                caches: Arc::clone(caches),
            }));
        }
        if self.config.in_use.lambda {
            let (clients, location, caches) =
                (clients.clone(), location.clone(), Arc::clone(caches));
            sources.push(Box::new(Lambda {
                clients,
                location,
                caches,
            }));
        }
        sources.extend(
            self.eks_in(location, clients, pages)
                .map(|eks| Box::new(eks) as Box<dyn Source>),
        );
        sources.extend(
            self.services_in(location, clients, locations, caches)
                .map(|service| Box::new(service) as Box<dyn Source>),
        );
        sources
    }

    /// Returns the source for Amazon EKS in an account and Region, if it is read.
    pub(super) fn eks_in(
        &self,
        location: &Registry,
        clients: &Clients,
        pages: &Arc<Semaphore>,
    ) -> Option<Eks> {
        let settings = self.config.in_use.eks.clone()?;
        Some(Eks {
            clients: clients.clone(),
            location: location.clone(),
            settings,
            timeouts: self.cluster_timeouts,
            pages: Arc::clone(pages),
        })
    }

    /// Returns the sources for the other services, in an account and Region. Where nobody demands
    /// either of them, no service of a Region is read.
    pub(super) fn services_in(
        &self,
        location: &Registry,
        clients: &Clients,
        locations: &Locations,
        caches: &Arc<Caches>,
    ) -> impl Iterator<Item = OtherService> {
        let (services, is_demanded) = match &self.config.in_use.services {
            Services::Demanded(services) => (services.as_slice(), true),
            Services::Auto if locations.found.contains(location) => (&[][..], false),
            Services::Auto => (Service::ALL, false),
        };
        services.iter().map(move |&service| OtherService {
            service,
            is_demanded,
            clients: clients.clone(),
            location: location.clone(),
            caches: Arc::clone(caches),
        })
    }

    /// Returns the sources for the clusters that contexts of kubeconfigs name.
    pub(super) fn contexts(
        &self,
        home: &Registry,
        pages: &Arc<Semaphore>,
    ) -> impl Iterator<Item = ClusterSource> {
        let eks = self.config.in_use.eks.as_ref();
        self.config.in_use.kubernetes.iter().map(move |uses| {
            let context = Context {
                file: &uses.kubeconfig,
                name: &uses.context,
            };
            let settings = Settings::of_context(eks, uses);
            ClusterSource::from_context(
                &context,
                home.clone(),
                settings,
                self.cluster_timeouts,
                pages,
            )
        })
    }
}
