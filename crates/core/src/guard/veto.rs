//! Vetoes against any deletion in single repositories.

use std::{collections::BTreeSet, fmt};

use super::{PullPrincipal, pull_principals};
use crate::{
    evidence::UsageIndex,
    image::Registry,
    inventory::Replication,
    plan::{Candidates, LeftAlone, RepositoryKey, Veto},
};

/// Returns a veto for each repository of which more than `limit` percent of the images are
/// candidates.
#[must_use]
pub fn too_many_candidates(candidates: &Candidates<'_>, limit: u8) -> Vec<Veto> {
    let counts = candidates.counts();
    let too_many = counts.filter(|(_, candidates, all)| candidates * 100 > u64::from(limit) * all);
    let vetoes = too_many.map(|(repository, candidates, all)| {
        let percent = u8::try_from((candidates * 100).div_ceil(all)).unwrap_or(100);
        Veto {
            repository: repository.clone(),
            why: LeftAlone::TooMuch { percent, limit },
        }
    });
    vetoes.collect()
}

/// Access to the repositories of a registry, besides their own policies.
#[derive(Debug)]
pub struct PullAccess<'a, E> {
    /// Policy of the registry; `None` if it has none.
    pub registry_policy: Result<Option<&'a str>, &'a E>,
    /// Replication rules that repeat deletions elsewhere.
    pub replications: Result<&'a [Replication], &'a E>,
}

/// Returns a veto if images of a repository may be used where use is not read, or if that cannot be
/// told (U16).
#[must_use]
pub fn unread_pullers<E: fmt::Display>(
    key: &RepositoryKey,
    policy: Result<Option<&str>, &E>,
    access: &PullAccess<'_, E>,
    usage: &UsageIndex,
) -> Option<Veto> {
    let (registry, repository) = key;
    let veto = |why| {
        let repository = key.clone();
        Some(Veto { repository, why })
    };
    let unknown = |error: String| veto(LeftAlone::PullersUnknown { error });
    let mut unread = BTreeSet::new();
    for policy in [policy, access.registry_policy] {
        match policy.map(|policy| policy.map(|text| pull_principals(text, repository))) {
            Ok(None) => {}
            Ok(Some(Ok(principals))) => {
                let principals = principals.into_iter();
                unread.extend(principals.filter(|it| !is_read(it, registry, usage)));
            }
            Ok(Some(Err(error))) => {
                return unknown(format!("a policy cannot be understood: {error}"));
            }
            Err(error) => return unknown(error.to_string()),
        }
    }
    if !unread.is_empty() {
        let region = &registry.region;
        let text = |principal: &PullPrincipal| match principal {
            PullPrincipal::Account(_) => format!("{principal} in {region}"),
            _ => principal.to_string(),
        };
        let by = unread.iter().map(text).collect();
        return veto(LeftAlone::PulledFrom { by });
    }
    let replications = match access.replications {
        Ok(replications) => replications,
        Err(error) => return unknown(error.to_string()),
    };
    let repeated = replications
        .iter()
        .filter(|rule| rule.applies_to(repository))
        .flat_map(|rule| &rule.destinations);
    let unread: BTreeSet<String> = repeated
        .filter(|location| !usage.is_read_in(location))
        .map(ToString::to_string)
        .collect();
    if unread.is_empty() {
        return None;
    }
    let locations = unread.into_iter().collect();
    veto(LeftAlone::Repeated { locations })
}

/// Returns whether the use of a principal is read.
fn is_read(principal: &PullPrincipal, registry: &Registry, usage: &UsageIndex) -> bool {
    match principal {
        PullPrincipal::Account(account) => {
            let location = Registry {
                account: *account,
                region: registry.region.clone(),
            };
            location == *registry || usage.is_read_in(&location)
        }
        // Lambda itself adds this to the policy of a repository that a function of its account is
        // made from. Of another account it lets in only those whom the policy names besides
        // ("Amazon ECR cross-account permissions").
        PullPrincipal::Service(service) if **service == *"lambda.amazonaws.com" => {
            let mut sources = usage.sources().iter();
            sources.any(|status| status.source == "lambda" && status.is_in(registry))
        }
        PullPrincipal::Organization(_)
        | PullPrincipal::Service(_)
        | PullPrincipal::Other(_)
        | PullPrincipal::Anybody => false,
    }
}

#[cfg(test)]
mod tests;
