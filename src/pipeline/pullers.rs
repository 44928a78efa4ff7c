//! Who may pull from the repositories that have candidates, besides those whose use is read (U16).

use std::{collections::BTreeMap, sync::Arc};

use super::{Program, gather::Gathered};
use crate::{
    aws::{ApiError, Clients, Operation},
    guard::{self, Doubts, KnownPullers, PullAccess, PullingAccounts},
    image::Registry,
    inventory::Replication,
    plan::{Candidates, RepositoryKey, Veto},
    registry,
};

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
        gathered: &Gathered,
    ) -> (Vec<Veto>, PullingAccounts) {
        let (usage, locations) = (&gathered.usage, &gathered.locations);
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
        let (mut vetoes, mut pulling) = (Vec::new(), PullingAccounts::of(known.organization));
        for (key, _) in &keys {
            let policy = gathered.pull_policies.get(*key).cloned();
            let policy = policy.unwrap_or_else(|| Err(not_asked(key)));
            let of_registry = &access[&key.0];
            let asked = policy.as_ref().map(Option::as_deref);
            let input = of_registry.as_input(doubts, known);
            vetoes.extend(guard::unread_pullers(key, asked, &input, usage));
            let policies = [policy.as_ref(), of_registry.policy.as_ref()];
            for policy in policies.into_iter().flatten().flatten() {
                pulling.add(policy, key, &known);
            }
        }
        (vetoes, pulling)
    }
}

fn not_asked((_, name): &RepositoryKey) -> ApiError {
    ApiError::answer(Operation::GetRepositoryPolicy, name, "it was not asked for")
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
