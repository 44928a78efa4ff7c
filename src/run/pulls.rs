//! Whether all are known who may need the images that would go: accounts that a policy lets pull, and those in which
//! replication repeats deletions. Only repositories with something to delete are asked about.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt, stream};

use super::{Places, Program};
use crate::{
    aws::{ApiError, Clients},
    config::UnreadPulls,
    guard::{self, Puller},
    image::Registry,
    inventory::{self, Replication},
    plan::{LeftAlone, Plan, RepositoryPlan},
    usage::{Coverage, Usage},
};

/// How many repositories are asked about at once.
const AT_ONCE: usize = 8;

/// What holds for all repositories of a registry.
struct Common {
    policy: Result<Option<String>, ApiError>,
    replications: Result<Vec<Replication>, ApiError>,
}

impl Program {
    /// Leaves repositories alone whose images somebody may use unseen, or warns of them.
    pub(super) async fn spare_unread_pulls(
        &self,
        plan: &mut Plan,
        usage: &Usage,
        places: &Places,
    ) -> Vec<String> {
        let candidates = (0..)
            .zip(&plan.repositories)
            .filter(|(_, repository)| repository.has_candidates());
        let candidates: Vec<(usize, &RepositoryPlan, &Clients)> = candidates
            .filter_map(|(position, repository)| {
                Some((
                    position,
                    repository,
                    places.registries.get(&*repository.registry)?,
                ))
            })
            .collect();
        let mut common: BTreeMap<&Registry, Common> = BTreeMap::new();
        for (_, repository, clients) in &candidates {
            if !common.contains_key(&*repository.registry) {
                let (policy, replications) = tokio::join!(
                    inventory::registry_policy(clients),
                    inventory::replications(clients)
                );
                common.insert(
                    &repository.registry,
                    Common {
                        policy,
                        replications,
                    },
                );
            }
        }
        let reasons = stream::iter(&candidates).map(|(position, repository, clients)| {
            let common = &common[&*repository.registry];
            async move {
                let policy = inventory::repository_policy(clients, &repository.name).await;
                let why = unseen(repository, &policy, common, usage);
                (*position, why)
            }
        });
        let reasons: Vec<(usize, Option<LeftAlone>)> = reasons.buffered(AT_ONCE).collect().await;
        let (mut warnings, mut any) = (Vec::new(), false);
        for (position, why) in reasons {
            let Some(why) = why else { continue };
            let repository = &mut plan.repositories[position];
            match self.config.guards.unread_pull_accounts {
                UnreadPulls::Warn => warnings.push(format!(
                    "`{}` is cleaned although {why}",
                    repository.title()
                )),
                UnreadPulls::Refuse => {
                    repository.leave_alone(why);
                    any = true;
                }
            }
        }
        if any {
            plan.judge_again(usage, &self.config.policies);
        }
        warnings
    }
}

/// Who may use images of a repository unseen, if anybody, or why that cannot be told.
fn unseen(
    repository: &RepositoryPlan,
    policy: &Result<Option<String>, ApiError>,
    common: &Common,
    usage: &Usage,
) -> Option<LeftAlone> {
    let unknown = |error: &dyn std::fmt::Display| {
        Some(LeftAlone::PullersUnknown {
            error: error.to_string(),
        })
    };
    let mut unread = BTreeSet::new();
    for policy in [policy, &common.policy] {
        match policy.as_ref().map(|policy| {
            policy
                .as_ref()
                .map(|text| guard::pullers(text, &repository.name))
        }) {
            Ok(None) => {}
            Ok(Some(Ok(pullers))) => {
                unread.extend(
                    pullers
                        .into_iter()
                        .filter(|puller| !is_read(puller, &repository.registry, usage)),
                );
            }
            Ok(Some(Err(problem))) => {
                return unknown(&format!("a policy cannot be understood: {problem}"));
            }
            Err(error) => return unknown(error),
        }
    }
    if !unread.is_empty() {
        return Some(LeftAlone::PulledFrom {
            by: unread.iter().map(ToString::to_string).collect(),
        });
    }
    let replications = match &common.replications {
        Ok(replications) => replications,
        Err(error) => return unknown(error),
    };
    let repeated = replications
        .iter()
        .filter(|rule| rule.is_for(&repository.name))
        .flat_map(|rule| &rule.destinations);
    let unread: BTreeSet<String> = repeated
        .filter(|place| !usage.is_read_in(place))
        .map(ToString::to_string)
        .collect();
    (!unread.is_empty()).then(|| LeftAlone::Repeated {
        places: unread.into_iter().collect(),
    })
}

/// Whether it is known what those use who are let in so.
fn is_read(puller: &Puller, registry: &Registry, usage: &Usage) -> bool {
    match puller {
        Puller::Account(account) => {
            *account == registry.account || usage.accounts().contains(account)
        }
        // Lambda itself adds this to the policy of a repository that a function of its account is made from. Of another
        // account it lets in only those whom the policy names besides ("Amazon ECR cross-account permissions").
        Puller::Service(service) if **service == *"lambda.amazonaws.com" => {
            let read = |it: &Coverage| {
                (it.source, &it.account) == ("lambda", &registry.account)
                    && it.region == registry.region
            };
            usage.coverage().iter().any(read)
        }
        Puller::Organisation(_) | Puller::Service(_) | Puller::Other(_) | Puller::Anybody => false,
    }
}
