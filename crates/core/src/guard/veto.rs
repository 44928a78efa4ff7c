//! Vetoes against any deletion in single repositories.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use super::{PullPrincipal, principal::source_of, pull_principals};
use crate::{
    evidence::{Reference, UsageIndex},
    image::{AccountId, Registry, RepositoryName},
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
    /// Repositories that accounts use of which something could not be read.
    pub doubts: &'a Doubts,
}

/// Repositories that accounts are seen to use of which something else could not be read: how they
/// pull from these may not be written in a policy.
#[derive(Debug, Default)]
pub struct Doubts(BTreeMap<RepositoryName, BTreeSet<AccountId>>);

impl Doubts {
    /// Finds the repositories.
    #[must_use]
    pub fn of(usage: &UsageIndex) -> Self {
        let incomplete = usage.sources().iter().filter(|it| !it.is_complete());
        let incomplete: BTreeSet<AccountId> = incomplete.map(|it| it.location.account).collect();
        let mut doubts = Self::default();
        if incomplete.is_empty() {
            return doubts;
        }
        for (reference, users) in usage.references() {
            let repository = match reference {
                Reference::Image(image) => &image.repository,
                Reference::Repository(name) => name,
                Reference::Digest(_) => continue,
            };
            let accounts = users.iter().map(|user| user.location.account);
            let accounts = accounts.filter(|account| incomplete.contains(account));
            let doubted = doubts.0.entry(repository.clone()).or_default();
            doubted.extend(accounts);
        }
        doubts
    }
}

/// Accounts that policies let pull.
#[derive(Debug, Default)]
pub struct PullingAccounts {
    named: BTreeSet<AccountId>,
    /// Whether a policy lets in accounts that it does not name.
    any: bool,
}

impl PullingAccounts {
    /// Adds the accounts that a policy lets pull from a repository.
    pub fn add(&mut self, policy: &str, (registry, repository): &RepositoryKey) {
        for principal in pull_principals(policy, repository).into_iter().flatten() {
            match principal.location(registry) {
                Some(location) => drop(self.named.insert(location.account)),
                None => self.any = true,
            }
        }
    }

    /// Returns whether a policy lets this account in.
    #[must_use]
    pub fn contains(&self, account: AccountId) -> bool {
        self.any || self.named.contains(&account)
    }
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
    let seen = access.doubts.0.get(repository).into_iter().flatten();
    let seen = seen.filter(|account| **account != registry.account);
    let mut doubts: BTreeSet<String> = seen.flat_map(|it| doubts_about(*it, usage)).collect();
    for policy in [policy, access.registry_policy] {
        match policy.map(|policy| policy.map(|text| pull_principals(text, repository))) {
            Ok(None) => {}
            Ok(Some(Ok(principals))) => {
                for principal in principals {
                    doubts.extend(doubts_of(&principal, registry, usage));
                    if !is_read(&principal, registry, usage) {
                        unread.insert(principal);
                    }
                }
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
    let repeated: Vec<&Registry> = repeated.collect();
    let accounts = repeated.iter().map(|location| location.account);
    let accounts: BTreeSet<AccountId> = accounts
        .filter(|account| *account != registry.account)
        .collect();
    doubts.extend(accounts.into_iter().flat_map(|it| doubts_about(it, usage)));
    let unread: BTreeSet<String> = repeated
        .into_iter()
        .filter(|location| !usage.is_read_in(location))
        .map(ToString::to_string)
        .collect();
    if !unread.is_empty() {
        let locations = unread.into_iter().collect();
        return veto(LeftAlone::Repeated { locations });
    }
    if doubts.is_empty() {
        return None;
    }
    let by = doubts.into_iter().collect();
    veto(LeftAlone::InDoubt { by })
}

/// Returns what could not be read of the account of a principal, if it is not that of the registry:
/// what of that is incomplete stops the whole run.
fn doubts_of(principal: &PullPrincipal, registry: &Registry, usage: &UsageIndex) -> Vec<String> {
    let location = principal.location(registry);
    let account = location.map(|location| location.account);
    let account = account.filter(|account| *account != registry.account);
    account.map_or_else(Vec::new, |account| doubts_about(account, usage))
}

fn doubts_about(account: AccountId, usage: &UsageIndex) -> Vec<String> {
    let incomplete = usage.incomplete_in(account);
    let doubts = incomplete.map(|status| match status.error() {
        Some(error) => format!("{status}: {error}"),
        None => status.to_string(),
    });
    doubts.collect()
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
