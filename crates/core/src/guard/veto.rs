//! Vetoes against any deletion in single repositories.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use super::{
    KnownPullers, Organization, PullPrincipal, TrustedPullers, pull_principals,
    unread_puller::UnreadPuller,
};
use crate::{
    evidence::{Reference, SourceStatus, UsageIndex},
    image::{AccountId, Registry, RepositoryName},
    inventory::Replication,
    plan::{Candidates, LeftAlone, RepositoryKey, Veto},
};

/// Returns a veto for each repository of which a larger part of the images are candidates than its
/// policy allows or, if that says nothing, than `limit` percent.
#[must_use]
pub fn too_many_candidates(candidates: &Candidates<'_>, limit: u8) -> Vec<Veto> {
    let vetoes = candidates.counts().filter_map(|of| {
        let own = of.limits.max_percent;
        let limit = own.unwrap_or(limit);
        let percent = u8::try_from((of.candidates * 100).div_ceil(of.images)).unwrap_or(100);
        let policy = of.policy.filter(|_| own.is_some()).map(str::to_owned);
        let why = LeftAlone::TooMuch {
            percent,
            limit,
            policy,
        };
        let repository = of.repository.clone();
        (of.candidates * 100 > u64::from(limit) * of.images).then_some(Veto { repository, why })
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
    /// What is known of those who may pull.
    pub known: KnownPullers<'a>,
}

/// Number of things that could not be read which a veto names.
const NAMED: usize = 10;

/// Repositories that accounts are seen to use of which something else could not be read: how they
/// pull from these may not be written in a policy.
#[derive(Debug, Default)]
pub struct Doubts(BTreeMap<RepositoryName, BTreeSet<AccountId>>);

impl Doubts {
    /// Finds the repositories.
    #[must_use]
    pub fn of(usage: &UsageIndex) -> Self {
        let incomplete = usage.gaps().map(|it| it.location.account);
        let incomplete: BTreeSet<AccountId> = incomplete.collect();
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
    /// Creates the accounts of an organization, of which nothing but policies says that they pull.
    #[must_use]
    pub fn of(organization: Option<&Organization>) -> Self {
        let found = organization.map(|it| it.found.clone());
        Self {
            named: found.unwrap_or_default(),
            any: false,
        }
    }

    /// Adds the accounts that a policy lets pull from a repository.
    pub fn add(
        &mut self,
        policy: &str,
        (registry, repository): &RepositoryKey,
        known: &KnownPullers<'_>,
    ) {
        let principals = pull_principals(policy, repository, &TrustedPullers::default());
        for principal in principals.into_iter().flatten() {
            match (known.accounts_of(&principal), principal.location(registry)) {
                (Some(accounts), _) => self.named.extend(accounts),
                (None, Some(location)) => drop(self.named.insert(location.account)),
                (None, None) => self.any = true,
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
    let known = &access.known;
    let seen = access.doubts.0.get(repository).into_iter().flatten();
    let seen = seen.filter(|account| **account != registry.account);
    let mut findings = Findings {
        unread: BTreeSet::new(),
        doubts: seen.flat_map(|it| doubts_about(*it, usage)).collect(),
    };
    for policy in [policy, access.registry_policy] {
        let principals =
            policy.map(|policy| policy.map(|it| pull_principals(it, repository, known.trusted)));
        match principals {
            Ok(None) => {}
            Ok(Some(Ok(principals))) => {
                for principal in principals {
                    findings.add(&principal, registry, usage, known);
                }
            }
            Ok(Some(Err(error))) => {
                return unknown(format!("a policy cannot be understood: {error}"));
            }
            Err(error) => return unknown(error.to_string()),
        }
    }
    let Findings { unread, mut doubts } = findings;
    if !unread.is_empty() {
        let by = unread.iter().map(|it| it.title.clone()).collect();
        let next = UnreadPuller::advice(&unread);
        return veto(LeftAlone::PulledFrom { by, next });
    }
    let replications = match access.replications {
        Ok(replications) => replications,
        Err(error) => return unknown(error.to_string()),
    };
    let rules = replications.iter();
    let rules = rules.filter(|rule| rule.applies_to(repository));
    let repeated: Vec<&Registry> = rules.flat_map(|rule| &rule.destinations).collect();
    let accounts = repeated.iter().map(|location| location.account);
    let accounts: BTreeSet<AccountId> = accounts.filter(|it| *it != registry.account).collect();
    doubts.extend(accounts.into_iter().flat_map(|it| doubts_about(it, usage)));
    let unread = repeated.into_iter().filter(|it| !usage.is_read_in(it));
    let unread: BTreeSet<String> = unread.map(ToString::to_string).collect();
    if !unread.is_empty() {
        let locations = unread.into_iter().collect();
        return veto(LeftAlone::Repeated { locations });
    }
    if doubts.is_empty() {
        return None;
    }
    veto(LeftAlone::InDoubt { by: first(doubts) })
}

/// What is known of those who may pull from a repository.
struct Findings {
    unread: BTreeSet<UnreadPuller>,
    /// What could not be read of others.
    doubts: BTreeSet<String>,
}

impl Findings {
    /// Adds a principal that may pull.
    fn add(
        &mut self,
        principal: &PullPrincipal,
        registry: &Registry,
        usage: &UsageIndex,
        known: &KnownPullers<'_>,
    ) {
        let doubts = doubts_of(principal, registry, usage, known);
        self.doubts.extend(doubts);
        let puller = UnreadPuller::of(principal, registry, usage, known);
        let unlisted = usage.unlisted();
        match unlisted.filter(|_| principal.may_be_in_an_organization(registry)) {
            Some(status) if puller.is_some() => drop(self.doubts.insert(doubt(status))),
            _ => self.unread.extend(puller),
        }
    }
}

/// Returns the first doubts, and how many more there are: of an organization there may be hundreds.
fn first(doubts: BTreeSet<String>) -> Vec<String> {
    let more = doubts.len().saturating_sub(NAMED);
    let more = (more > 0).then(|| format!("{more} more"));
    doubts.into_iter().take(NAMED).chain(more).collect()
}

/// Returns what could not be read of the accounts of a principal, if they are not that of the
/// registry: what of that is incomplete stops the whole run.
fn doubts_of(
    principal: &PullPrincipal,
    registry: &Registry,
    usage: &UsageIndex,
    known: &KnownPullers<'_>,
) -> Vec<String> {
    if let Some(accounts) = known.accounts_of(principal) {
        let is_one = |account| account != registry.account && accounts.contains(&account);
        let gaps = usage.gaps();
        let of_them = gaps.filter(|status| is_one(status.location.account));
        return of_them.map(doubt).collect();
    }
    let location = principal.location(registry);
    let account = location.map(|location| location.account);
    let account = account.filter(|account| *account != registry.account);
    account.map_or_else(Vec::new, |account| doubts_about(account, usage))
}

fn doubts_about(account: AccountId, usage: &UsageIndex) -> Vec<String> {
    usage.gaps_in(account).map(doubt).collect()
}

fn doubt(status: &SourceStatus) -> String {
    match status.error() {
        Some(error) => format!("{status}: {error}"),
        None => status.to_string(),
    }
}

#[cfg(test)]
mod tests;
