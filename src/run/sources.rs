//! The sources of use that the configuration names, in every place.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::{Places, Program};
use crate::{
    aws::Clients,
    image::Registry,
    kubernetes::{Context, Settings},
    state::Caches,
    usage::{
        self, ClusterSource, Source, Usage,
        ecs::Ecs,
        eks::{self, Eks},
        keep_list::KeepLists,
        lambda::Lambda,
        services::OtherService,
    },
};

impl Program {
    /// Reads what is in use everywhere.
    pub(super) async fn read_usage(&self, places: &Places, caches: &Arc<Caches>) -> Usage {
        usage::read(&self.sources(places, caches), &self.aliases).await
    }

    fn sources(&self, places: &Places, caches: &Arc<Caches>) -> Vec<Box<dyn Source>> {
        let pages = eks::pages();
        let mut sources: Vec<Box<dyn Source>> = Vec::new();
        for (place, clients) in &places.open {
            sources.extend(self.sources_in(place, clients, caches, &pages));
        }
        sources.extend(
            places
                .closed()
                .map(|closed| Box::new(closed) as Box<dyn Source>),
        );
        let here = &places.own.registry;
        if !self.config.in_use.keep_lists.is_empty() {
            sources.push(Box::new(KeepLists {
                clients: self.clients.clone(),
                place: here.clone(),
                objects: self.config.in_use.keep_lists.clone(),
                aliases: Arc::clone(&self.aliases),
            }));
        }
        sources.extend(
            self.contexts(here, &pages)
                .map(|cluster| Box::new(cluster) as Box<dyn Source>),
        );
        sources
    }

    /// The sources of one account and Region.
    fn sources_in(
        &self,
        place: &Registry,
        clients: &Clients,
        caches: &Arc<Caches>,
        pages: &Arc<Semaphore>,
    ) -> Vec<Box<dyn Source>> {
        let mut sources: Vec<Box<dyn Source>> = Vec::new();
        if let Some(ecs) = &self.config.in_use.ecs {
            sources.push(Box::new(Ecs {
                clients: clients.clone(),
                place: place.clone(),
                task_definitions: ecs.task_definitions,
                caches: Arc::clone(caches),
            }));
        }
        if self.config.in_use.lambda {
            let (clients, place, caches) = (clients.clone(), place.clone(), Arc::clone(caches));
            sources.push(Box::new(Lambda {
                clients,
                place,
                caches,
            }));
        }
        sources.extend(
            self.eks_in(place, clients, pages)
                .map(|eks| Box::new(eks) as Box<dyn Source>),
        );
        sources.extend(
            self.services_in(place, clients, caches)
                .map(|service| Box::new(service) as Box<dyn Source>),
        );
        sources
    }

    /// Amazon EKS in one account and Region, if it is read.
    pub(super) fn eks_in(
        &self,
        place: &Registry,
        clients: &Clients,
        pages: &Arc<Semaphore>,
    ) -> Option<Eks> {
        let uses = self.config.in_use.eks.clone()?;
        Some(Eks {
            clients: clients.clone(),
            place: place.clone(),
            uses,
            pages: Arc::clone(pages),
        })
    }

    /// The other services that are switched on, in one account and Region.
    pub(super) fn services_in(
        &self,
        place: &Registry,
        clients: &Clients,
        caches: &Arc<Caches>,
    ) -> impl Iterator<Item = OtherService> {
        self.config
            .in_use
            .services
            .iter()
            .map(move |&service| OtherService {
                service,
                clients: clients.clone(),
                place: place.clone(),
                caches: Arc::clone(caches),
            })
    }

    /// The clusters that contexts of kubeconfigs name.
    pub(super) fn contexts(
        &self,
        here: &Registry,
        pages: &Arc<Semaphore>,
    ) -> impl Iterator<Item = ClusterSource> {
        let eks = self.config.in_use.eks.as_ref();
        self.config.in_use.kubernetes.iter().map(move |uses| {
            let context = Context {
                file: &uses.kubeconfig,
                name: &uses.context,
            };
            let settings = Settings::of(eks, &uses.context);
            ClusterSource::from_context(
                &context,
                here.clone(),
                settings,
                self.clients.patience,
                pages,
            )
        })
    }
}
