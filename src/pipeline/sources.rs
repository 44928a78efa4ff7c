//! The sources that the configuration names, in every location.

use std::{collections::BTreeSet, sync::Arc};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::sync::Semaphore;

use super::{Locations, Program, Run, unread};
use crate::{
    aws::Clients,
    cache::{AllCaches, Caches},
    config::{self, InUse, Service, Services},
    evidence::{self, Coverage, Document, Origin, Piece, PieceKey, Terms, Unreadable, UsageIndex},
    image::Registry,
    kubernetes::{Context, Settings},
    sources::{
        self, ClusterSource, KeepLists, MAX_AGE, Source,
        cloudformation::CloudFormation,
        ecs::Ecs,
        eks::{self, Eks},
        lambda::Lambda,
        services::OtherService,
    },
    stop_time::StopTime,
};

/// Characters that the name of a cluster has and the key of an object does not.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_');

/// What the sources of a run found.
pub(super) struct FoundUse {
    /// What the sources demand.
    pub(super) demanded: Vec<PieceKey>,
    pub(super) pieces: Vec<Piece>,
    /// Evidence that was delivered and cannot be read.
    pub(super) unreadable: Vec<Unreadable>,
    pub(super) terms: Terms,
}

impl FoundUse {
    /// Returns the evidence of every location that the run reads itself, each as a set of documents
    /// with the end of their keys.
    pub(super) fn documents(&self) -> Vec<(String, Document)> {
        // What is unread is no source of its location.
        let is_unread = |piece: &&Piece| piece.evidence.status.coverage == Coverage::Unread;
        let unread = self.pieces.iter().filter(is_unread).map(|piece| &piece.key);
        let unread: BTreeSet<&PieceKey> = unread.collect();
        let demanded = self.demanded.iter().filter(|key| !unread.contains(key));
        let demanded: Vec<PieceKey> = demanded.cloned().collect();
        let mut names = BTreeSet::new();
        let mut documents = Vec::new();
        for piece in self.pieces.iter().filter(|piece| !is_unread(piece)) {
            let location = &piece.key.location;
            let sources = demanded.iter().filter(|key| key.location == *location);
            let sources: Vec<PieceKey> = sources.cloned().collect();
            if !sources.is_empty() {
                let document = Document::of(piece, Some(&sources), Some(MAX_AGE));
                documents.push((object_name(&piece.key, &mut names), document));
            }
        }
        documents
    }

    pub(super) fn into_index(self, in_use: &InUse, locations: &Locations) -> UsageIndex {
        let pieces = self.pieces.into_iter().map(Ok);
        let delivered = pieces.chain(self.unreadable.into_iter().map(Err));
        let evidence = evidence::assemble(&self.demanded, delivered, &self.terms);
        let mut usage = UsageIndex::from(evidence);
        let unread = unread::left_out(in_use, locations, &usage);
        usage.add_unread(unread);
        usage
    }
}

/// Returns the end of the key of a document. Sources may share a name, and get a number then.
pub(super) fn object_name(key: &PieceKey, taken: &mut BTreeSet<String>) -> String {
    let Registry { account, region } = &key.location;
    let cluster = key
        .cluster
        .as_deref()
        .map(|cluster| format!("/{}", utf8_percent_encode(cluster, ESCAPED)));
    let name = format!(
        "{account}/{region}/{}{}",
        key.source,
        cluster.unwrap_or_default()
    );
    let numbered = (2..).map(|number| format!("{name}.{number}"));
    let mut names = std::iter::once(name.clone()).chain(numbered);
    let name = names
        .find(|name| taken.insert(name.clone()))
        .unwrap_or(name);
    format!("{name}.json.gz")
}

impl Program {
    /// Reads what is in use everywhere, until `stop_at`.
    pub(super) async fn read_sources(
        &self,
        locations: &Locations,
        caches: &AllCaches,
        run: &Run,
        stop_at: &StopTime,
    ) -> FoundUse {
        if let Some(delivered) = &self.delivered {
            let reading = Box::pin(delivered.found(self, locations));
            let found = stop_at.in_time(reading).await;
            return found.unwrap_or_else(|| delivered.unread(self));
        }
        let sources = self.sources(locations, caches);
        let read = locations.read.iter();
        let accounts = read.map(|(location, _)| location.account).collect();
        if let Some(kept) = &self.kept {
            return kept.found(&sources, self, &accounts);
        }
        let origin = Origin {
            run: Some(run.id.as_str().into()),
            configuration: Some(self.config.sha256().into()),
        };
        let settings = sources::Settings {
            aliases: &self.aliases,
            accounts: &accounts,
            stop_at,
            origin: &origin,
            began_at: self.clients.now(),
        };
        let mut pieces = sources::read(&sources, settings).await;
        sources::expect_clusters(&sources, &mut pieces);
        let terms = Terms {
            origin,
            now: self.clients.now(),
            max_age: None,
        };
        FoundUse {
            demanded: sources.iter().map(|source| source.key()).collect(),
            pieces,
            unreadable: Vec::new(),
            terms,
        }
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
        let read = sources.iter().map(|source| source.key()).collect();
        sources.extend(self.sources_at_home(&locations.own.registry, read, &pages));
        sources
    }

    /// Returns the sources that the configuration names without an account, besides those that are
    /// `read` anyway.
    pub(super) fn sources_at_home(
        &self,
        home: &Registry,
        read: BTreeSet<PieceKey>,
        pages: &Arc<Semaphore>,
    ) -> Vec<Box<dyn Source>> {
        let mut sources: Vec<Box<dyn Source>> = Vec::new();
        if !self.config.in_use.keep_lists.is_empty() {
            let beside = ["keep_lists", "kubernetes"].map(|it| PieceKey::new(home, it, None));
            sources.push(Box::new(KeepLists {
                clients: self.clients.clone(),
                location: home.clone(),
                objects: self.config.in_use.keep_lists.clone(),
                aliases: Arc::clone(&self.aliases),
                read: read.into_iter().chain(beside).collect(),
            }));
        }
        sources.extend(
            self.contexts(home, pages)
                .map(|cluster| Box::new(cluster) as Box<dyn Source>),
        );
        sources
    }

    /// Returns the sources of an account and Region.
    pub(super) fn sources_in(
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
                recorder: ecs.config_recorder,
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
        sources.extend(
            self.cloudformation_in(location, clients, locations, caches)
                .map(|stacks| Box::new(stacks) as Box<dyn Source>),
        );
        sources
    }

    /// Returns the source for AWS CloudFormation in an account and Region, if it is read there: where
    /// nobody demands it, as other services.
    pub(super) fn cloudformation_in(
        &self,
        location: &Registry,
        clients: &Clients,
        locations: &Locations,
        caches: &Arc<Caches>,
    ) -> Option<CloudFormation> {
        let is_demanded = match self.config.in_use.cloudformation {
            config::CloudFormation::Demanded => true,
            config::CloudFormation::Auto if !locations.found.contains(location) => false,
            config::CloudFormation::Auto | config::CloudFormation::Off => return None,
        };
        Some(CloudFormation {
            is_demanded,
            clients: clients.clone(),
            location: location.clone(),
            caches: Arc::clone(caches),
        })
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Contexts of kubeconfigs may have any name, and several the same one: no document is written
    /// over another.
    #[test]
    fn each_document_has_a_key_of_its_own() {
        let location = Registry {
            account: "111111111111".parse().unwrap(),
            region: "eu-west-1".parse().unwrap(),
        };
        let mut taken = BTreeSet::new();
        for (cluster, expected) in [
            (None, "kubernetes"),
            (Some("on-premises_1.x"), "kubernetes/on-premises_1.x"),
            (Some("default"), "kubernetes/default"),
            (Some("default"), "kubernetes/default.2"),
            (Some("default.2"), "kubernetes/default.2.2"),
            (
                Some("arn:aws:eks/prod"),
                "kubernetes/arn%3Aaws%3Aeks%2Fprod",
            ),
        ] {
            let key = PieceKey::new(&location, "kubernetes", cluster);
            let expected = format!("111111111111/eu-west-1/{expected}.json.gz");
            assert_eq!(object_name(&key, &mut taken), expected);
        }
    }

    #[test]
    fn every_service_has_its_name_in_evidence() {
        let mut services = crate::config::Service::ALL.iter();
        assert!(services.all(|service| PieceKey::is_known(service.name())));
    }
}
