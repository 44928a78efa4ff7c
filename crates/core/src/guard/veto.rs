//! Vetoes against any deletion in single repositories.

use std::{collections::BTreeSet, fmt};

use super::{PullPrincipal, principal::source_of, pull_principals};
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
        let by = unread.iter().map(|it| title(it, registry)).collect();
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
    let Some(location) = principal.location(registry) else {
        return false;
    };
    let is_account_read = location == *registry || usage.is_read_in(&location);
    let PullPrincipal::Service { name, .. } = principal else {
        return is_account_read;
    };
    match source_of(name, &location.region) {
        // Lambda puts itself into policies. Where it is switched off, a warning says so.
        Some("lambda") if usage.sources().iter().all(|it| it.source != "lambda") => is_account_read,
        Some(source) => usage.is_source_in(source, &location),
        None => false,
    }
}

/// Names a principal with the Region in which its use is not read.
fn title(principal: &PullPrincipal, registry: &Registry) -> String {
    match principal.location(registry) {
        Some(location) => format!("{principal} in {}", location.region),
        None => principal.to_string(),
    }
}

#[cfg(test)]
mod tests;
