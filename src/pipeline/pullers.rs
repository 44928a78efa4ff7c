//! Who may pull from the repositories that have candidates, besides those whose use is read (U16).

use std::{collections::BTreeMap, sync::Arc};

use futures::{StreamExt, stream};

use super::{Locations, Program};
use crate::{
    aws::{ApiError, Clients},
    evidence::UsageIndex,
    guard::{self, PullAccess},
    image::Registry,
    inventory::Replication,
    plan::{Candidates, RepositoryKey, Veto},
    registry,
};

/// Number of repositories that are asked about at once.
const AT_ONCE: usize = 8;

/// Access to all repositories of a registry.
struct RegistryAccess {
    policy: Result<Option<String>, ApiError>,
    replications: Result<Vec<Replication>, ApiError>,
}

impl Program {
    /// Returns a veto for each repository with candidates whose images may be used where use is not
    /// read.
    pub(super) async fn unread_pullers(
        &self,
        candidates: &Candidates<'_>,
        vetoed: &[Veto],
        usage: &UsageIndex,
        locations: &Locations,
    ) -> Vec<Veto> {
        let keys = candidates.counts().map(|(key, ..)| key);
        let open = keys.filter(|key| vetoed.iter().all(|veto| veto.repository != **key));
        let keys: Vec<(&RepositoryKey, &Clients)> = open
            .filter_map(|key| Some((key, locations.registries.get(&*key.0)?)))
            .collect();
        let mut access: BTreeMap<Arc<Registry>, RegistryAccess> = BTreeMap::new();
        for ((registry, _), clients) in &keys {
            if !access.contains_key(registry) {
                access.insert(Arc::clone(registry), RegistryAccess::read(clients).await);
            }
        }
        let access = &access;
        let vetoes = stream::iter(&keys).map(|(key, clients)| async move {
            let policy = registry::repository_policy(clients, &key.1).await;
            let policy = policy.as_ref().map(Option::as_deref);
            guard::unread_pullers(key, policy, &access[&key.0].as_input(), usage)
        });
        let vetoes: Vec<Option<Veto>> = vetoes.buffered(AT_ONCE).collect().await;
        vetoes.into_iter().flatten().collect()
    }
}

impl RegistryAccess {
    async fn read(clients: &Clients) -> Self {
        let (policy, replications) = tokio::join!(
            registry::registry_policy(clients),
            registry::replications(clients)
        );
        Self {
            policy,
            replications,
        }
    }

    fn as_input(&self) -> PullAccess<'_, ApiError> {
        PullAccess {
            registry_policy: self.policy.as_ref().map(Option::as_deref),
            replications: self.replications.as_ref().map(Vec::as_slice),
        }
    }
}
