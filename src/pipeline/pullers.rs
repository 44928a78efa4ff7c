//! Who may pull from the repositories that have candidates, besides those whose use is read (U16).

use std::{collections::BTreeMap, sync::Arc};

use futures::{StreamExt, stream};

use super::{Locations, Program};
use crate::{
    aws::{ApiError, Clients},
    evidence::UsageIndex,
    guard::{self, Doubts, KnownPullers, PullAccess, PullingAccounts},
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
    /// read, and the accounts that the policies of these repositories let pull.
    pub(super) async fn unread_pullers(
        &self,
        candidates: &Candidates<'_>,
        vetoed: &[Veto],
        usage: &UsageIndex,
        locations: &Locations,
    ) -> (Vec<Veto>, PullingAccounts) {
        let keys = candidates.counts().map(|it| it.repository);
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
        let (access, doubts) = (&access, &Doubts::of(usage));
        let known = KnownPullers {
            own: &locations.own.registry,
            organization: locations.organization.as_ref(),
            trusted: &self.config.guards.trusted_pullers,
        };
        let vetoes = stream::iter(&keys).map(|(key, clients)| async move {
            let policy = registry::repository_policy(clients, &key.1).await;
            let of_registry = &access[&key.0];
            let asked = policy.as_ref().map(Option::as_deref);
            let veto =
                guard::unread_pullers(key, asked, &of_registry.as_input(doubts, known), usage);
            (veto, *key, policy)
        });
        let asked: Vec<_> = vetoes.buffered(AT_ONCE).collect().await;
        let (mut vetoes, mut pulling) = (Vec::new(), PullingAccounts::of(known.organization));
        for (veto, key, policy) in asked {
            vetoes.extend(veto);
            let of_registry = access[&key.0].policy.as_ref();
            for policy in [policy.as_ref(), of_registry]
                .into_iter()
                .flatten()
                .flatten()
            {
                pulling.add(policy, key, &known);
            }
        }
        (vetoes, pulling)
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

    fn as_input<'a>(
        &'a self,
        doubts: &'a Doubts,
        known: KnownPullers<'a>,
    ) -> PullAccess<'a, ApiError> {
        PullAccess {
            doubts,
            known,
            registry_policy: self.policy.as_ref().map(Option::as_deref),
            replications: self.replications.as_ref().map(Vec::as_slice),
        }
    }
}
