//! Principals that may pull though their use is not read, and what would have it read (U16).

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Accounts, PullPrincipal, TrustedPullers, principal::source_of};
use crate::{
    evidence::UsageIndex,
    image::{AccountId, Partition, Region, Registry},
    plan::first_of,
};

/// Number of accounts that a text names.
const NAMED: usize = 5;
/// Sources that `in_use` has a switch for; the others are named in `in_use.services`.
const WITH_A_SWITCH: [&str; 3] = ["ecs", "eks", "lambda"];

/// An organization, with its accounts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Organization {
    /// Id, such as `o-example`.
    pub id: Box<str>,
    /// Accounts that may use something: those that are not closed.
    pub accounts: BTreeSet<AccountId>,
    /// Those of them that the configuration leaves out.
    pub excluded: BTreeSet<AccountId>,
    /// Those of them that are read for no other reason.
    pub found: BTreeSet<AccountId>,
}

/// What is known of those who may pull, besides their use.
#[derive(Clone, Copy, Debug)]
pub struct KnownPullers<'a> {
    /// The caller's own account and Region.
    pub own: &'a Registry,
    /// Organization whose accounts are known.
    pub organization: Option<&'a Organization>,
    /// Pullers of which nothing needs to be read.
    pub trusted: &'a TrustedPullers,
}

impl KnownPullers<'_> {
    /// Returns the accounts for which a principal pulls, if it pulls for an organization that is
    /// known; but for those that are trusted.
    pub(super) fn accounts_of(&self, principal: &PullPrincipal) -> Option<Vec<AccountId>> {
        let (PullPrincipal::Accounts(Accounts::Organization(id))
        | PullPrincipal::Service {
            on_behalf_of: Accounts::Organization(id),
            ..
        }) = principal
        else {
            return None;
        };
        let organization = self.organization.filter(|it| it.id == *id)?;
        let accounts = organization.accounts.iter().copied();
        let is_trusted = |account: &AccountId| self.trusted.names_exactly(account);
        Some(accounts.filter(|account| !is_trusted(account)).collect())
    }
}

/// A principal whose use is not read.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct UnreadPuller {
    /// The principal, with the Region in which its use is not read.
    pub(super) title: String,
    /// What would have it read.
    advice: String,
    /// How `guards.trusted_pullers` names it.
    trust: String,
}

impl UnreadPuller {
    /// Returns the principal, if its use is not read.
    pub(super) fn of(
        principal: &PullPrincipal,
        registry: &Registry,
        usage: &UsageIndex,
        known: &KnownPullers<'_>,
    ) -> Option<Self> {
        let region = &registry.region;
        if let Some(accounts) = known.accounts_of(principal) {
            let mut unread = accounts;
            unread.retain(|account| !is_read_in(principal, &at(*account, region), registry, usage));
            return (!unread.is_empty())
                .then(|| Self::in_organization(principal, &unread, registry, usage, known));
        }
        let location = principal.location(registry);
        let is_read = |location| is_read_in(principal, location, registry, usage);
        if location.as_ref().is_some_and(is_read) {
            return None;
        }
        let title = match &location {
            Some(location) => format!("{principal} in {}", location.region),
            None => principal.to_string(),
        };
        Some(Self {
            title,
            advice: advice(principal, location.as_ref(), registry, usage, known),
            trust: trust(principal),
        })
    }

    /// Creates the principal for an organization of which some accounts are not read.
    fn in_organization(
        principal: &PullPrincipal,
        unread: &[AccountId],
        registry: &Registry,
        usage: &UsageIndex,
        known: &KnownPullers<'_>,
    ) -> Self {
        let region = &registry.region;
        let accounts: Vec<String> = unread.iter().map(ToString::to_string).collect();
        let title = format!("{principal} ({} in {region})", first_of(&accounts, NAMED));
        let mut steps = BTreeSet::new();
        for account in unread {
            let location = at(*account, region);
            steps.extend(location_steps(principal, &location, registry, usage, known));
        }
        let steps: Vec<String> = steps.into_iter().collect();
        let is_excluded = |account| {
            known
                .organization
                .is_some_and(|it| it.excluded.contains(account))
        };
        let trust = match unread {
            [account] if is_excluded(account) => account.to_string(),
            _ => trust(principal),
        };
        Self {
            title,
            advice: first_of(&steps, NAMED),
            trust,
        }
    }

    /// Returns what to do about several.
    pub(super) fn advice(pullers: &BTreeSet<Self>) -> String {
        let steps: BTreeSet<&str> = pullers.iter().map(|it| &*it.advice).collect();
        let steps: Vec<String> = steps.into_iter().map(ToOwned::to_owned).collect();
        let trust: BTreeSet<&str> = pullers.iter().map(|it| &*it.trust).collect();
        let trust: Vec<String> = trust.into_iter().map(|it| format!("\"{it}\"")).collect();
        format!(
            "{}; or, if a keep list names what is used there or nothing of it needs protection, set `guards: {{trusted_pullers: [{}]}}`",
            first_of(&steps, NAMED),
            trust.join(", ")
        )
    }
}

fn at(account: AccountId, region: &Region) -> Registry {
    Registry {
        account,
        region: region.clone(),
    }
}

/// Returns whether what a principal uses in a location is read; the registry's own account is.
fn is_read_in(
    principal: &PullPrincipal,
    location: &Registry,
    registry: &Registry,
    usage: &UsageIndex,
) -> bool {
    let is_account_read = location == registry || usage.is_read_in(location);
    let PullPrincipal::Service { name, .. } = principal else {
        return is_account_read;
    };
    match source_of(name, &location.region) {
        // Lambda puts itself into policies. Where it is switched off, a warning says so.
        Some("lambda") if usage.sources().iter().all(|it| it.source != "lambda") => is_account_read,
        Some(source) => usage.is_source_in(source, location),
        None => false,
    }
}

/// Returns what would have a principal read.
fn advice(
    principal: &PullPrincipal,
    location: Option<&Registry>,
    registry: &Registry,
    usage: &UsageIndex,
    known: &KnownPullers<'_>,
) -> String {
    match principal {
        PullPrincipal::Service { name, .. } if source_of(name, &registry.region).is_none() => {
            format!("no source reads what `{name}` uses")
        }
        PullPrincipal::Service {
            on_behalf_of: Accounts::Any,
            ..
        } => "add `aws:SourceAccount` to the conditions of that policy, so that it says for whom it pulls".to_owned(),
        PullPrincipal::Accounts(Accounts::Any) => {
            "let that policy name accounts, or an organization by `aws:PrincipalOrgID`".to_owned()
        }
        PullPrincipal::Accounts(Accounts::Organization(id))
        | PullPrincipal::Service {
            on_behalf_of: Accounts::Organization(id),
            ..
        } => organization_step(id, &registry.region, known),
        PullPrincipal::Other(_) => "no source reads what it uses".to_owned(),
        PullPrincipal::Accounts(_) | PullPrincipal::Service { .. } => {
            location_steps(principal, location.unwrap_or(registry), registry, usage, known).join(" and ")
        }
    }
}

/// Returns what would have a principal read that uses something in a location.
fn location_steps(
    principal: &PullPrincipal,
    location: &Registry,
    registry: &Registry,
    usage: &UsageIndex,
    known: &KnownPullers<'_>,
) -> Vec<String> {
    let service = service_step(principal, &location.region, usage);
    let is_read = service.is_some() && (location == registry || usage.is_read_in(location));
    let account = (!is_read).then(|| account_step(location, known));
    account.into_iter().chain(service).collect()
}

/// Returns what would have a service read where its account is; `None` if its source is on.
fn service_step(principal: &PullPrincipal, region: &Region, usage: &UsageIndex) -> Option<String> {
    let PullPrincipal::Service { name, .. } = principal else {
        return None;
    };
    let source = source_of(name, region)?;
    let is_on = usage.sources().iter().any(|it| it.source == source);
    (!is_on).then(|| {
        if WITH_A_SWITCH.contains(&source) {
            format!("switch `in_use.{source}` on")
        } else {
            format!("add `{source}` to `in_use.services`")
        }
    })
}

/// Returns what would have an account read in a Region.
fn account_step(location: &Registry, known: &KnownPullers<'_>) -> String {
    let Registry { account, region } = location;
    let organization = known.organization;
    let organization = organization.filter(|it| it.accounts.contains(account));
    if organization.is_some_and(|it| it.excluded.contains(account)) {
        return format!("take `{account}` out of `in_use.organization.exclude`");
    }
    if organization.is_some_and(|it| it.found.contains(account)) {
        return format!(
            "add `{region}` to `in_use.organization.regions` (without that key only {} is read)",
            known.own.region
        );
    }
    if *account == known.own.account {
        return format!("add `{{regions: [{region}]}}` to `in_use.accounts`");
    }
    let partition = Partition::of(region).map_or("aws", |partition| partition.id);
    format!(
        "add `{{role_arn: \"arn:{partition}:iam::{account}:role/ecr-cleanup-reader\", regions: [{region}]}}` to `in_use.accounts`"
    )
}

/// Returns what would have the accounts of an organization read.
fn organization_step(id: &str, region: &Region, known: &KnownPullers<'_>) -> String {
    if let Some(other) = known.organization {
        return format!(
            "the accounts of {id} are not known, since `in_use.organization` reads {}; let that policy name accounts",
            other.id
        );
    }
    let own = &known.own.region;
    let regions = if region == own {
        String::new()
    } else {
        format!(", regions: [{own}, {region}]")
    };
    format!("set `in_use: {{organization: {{role_name: ecr-cleanup-reader{regions}}}}}`")
}

/// Returns how `guards.trusted_pullers` names a principal.
fn trust(principal: &PullPrincipal) -> String {
    match principal {
        PullPrincipal::Accounts(accounts) => match accounts {
            Accounts::One { account, .. } => account.to_string(),
            Accounts::Organization(id) => id.to_string(),
            Accounts::Any => "*".to_owned(),
        },
        PullPrincipal::Service { name, .. } => name.to_ascii_lowercase(),
        PullPrincipal::Other(name) => name.to_string(),
    }
}

#[cfg(test)]
mod tests;
