//! Accounts and Regions: the registries to clean, and where else to look for use.

use super::{
    Account, Organization, Registry, Role,
    path::Path,
    problems::{Problems, Reported},
    raw, registry,
    scalar::List,
};
use crate::image::Region;

/// Returns the registries as they are written. To leave them out means the caller's own; an empty
/// list is an error.
pub(super) fn registries(written: &List<raw::Registry>, problems: &mut Problems) -> Vec<Registry> {
    let path = Path::of("registries");
    if written.0.is_empty() {
        problems.add(
            &path,
            "expected a registry; leave it out for that of the caller's own account and Region",
        );
    }
    let mut registries: Vec<Registry> = Vec::new();
    for (index, written) in written.items() {
        let path = path.index(index);
        let region = written.region.as_ref();
        let region =
            region.map(|text| problems.parsed(&path.key("region"), registry::region(text)));
        let (arn, id) = (written.role_arn.as_ref(), written.external_id.as_ref());
        let role = role(arn, id, &path, problems);
        let (Ok(region), Ok(role)) = (region.transpose(), role) else {
            continue;
        };
        let registry = Registry { region, role };
        let arn = |registry: &Registry| Some(registry.role.as_ref()?.arn.clone());
        let mut above = registries.iter();
        if above.any(|other| other.region == registry.region && arn(other) == arn(&registry)) {
            let message = "is written twice: an entry above has the same role and Region";
            problems.add_unless_known(&path, message);
        }
        registries.push(registry);
    }
    registries
}

/// Returns the accounts as they are written.
pub(super) fn accounts(
    written: &List<raw::Account>,
    path: &Path,
    problems: &mut Problems,
) -> Vec<Account> {
    let accounts = written.items().filter_map(|(index, written)| {
        let path = path.index(index);
        let (arn, id) = (written.role_arn.as_ref(), written.external_id.as_ref());
        let role = role(arn, id, &path, problems);
        let regions = regions(written.regions.as_ref(), &path, problems);
        if written.role_arn.is_none() && written.regions.is_none() {
            let message = "expected `role_arn`, `regions` or both: the caller's own account and Region are read anyway";
            problems.add_unless_known(&path, message);
        }
        Some(Account { role: role.ok()?, regions })
    });
    accounts.collect()
}

/// Returns an organization as it is written.
pub(super) fn organization(
    written: &raw::Organization,
    path: &Path,
    problems: &mut Problems,
) -> Option<Organization> {
    let name = problems.required(path, "role_name", written.role_name.as_ref());
    let name = name.map(|text| problems.parsed(&path.key("role_name"), registry::role_name(text)));
    let id = written.external_id.clone();
    check_external_id(id.as_deref(), path, problems);
    let list_role = written.list_role_arn.as_ref().map(|text| {
        let parsed = registry::role_arn(text);
        problems.parsed(&path.key("list_role_arn"), parsed)
    });
    let in_exclude = path.key("exclude");
    let exclude = written.exclude.clone().unwrap_or_default();
    let exclude = problems.all_parsed(&in_exclude, &exclude, registry::account);
    let exclude = problems.distinct(&in_exclude, exclude);
    let regions = regions(written.regions.as_ref(), path, problems);
    let list_role = list_role.transpose().ok()?;
    Some(Organization {
        role_name: name?.ok()?,
        list_role: list_role.map(|(arn, account)| Role {
            arn,
            account,
            external_id: id.clone(),
        }),
        external_id: id,
        regions,
        exclude,
    })
}

/// Returns the Regions as they are written; none for the caller's.
fn regions(written: Option<&List<String>>, path: &Path, problems: &mut Problems) -> Vec<Region> {
    let path = path.key("regions");
    match written {
        Some(texts) if texts.0.is_empty() => {
            let message = "expected a Region; leave `regions` out for the caller's";
            problems.add(&path, message);
            Vec::new()
        }
        Some(texts) => {
            let regions = problems.all_parsed(&path, texts, registry::region);
            problems.distinct(&path, regions)
        }
        None => Vec::new(),
    }
}

fn role(
    arn: Option<&String>,
    external_id: Option<&String>,
    path: &Path,
    problems: &mut Problems,
) -> Result<Option<Role>, Reported> {
    let external_id = external_id.map(String::as_str);
    if check_external_id(external_id, path, problems) && external_id.is_some() && arn.is_none() {
        let message = "needs `role_arn`, the role that asks for it";
        problems.add_unless_known(&path.key("external_id"), message);
    }
    let Some(text) = arn else { return Ok(None) };
    let (arn, account) = problems.parsed(&path.key("role_arn"), registry::role_arn(text))?;
    Ok(Some(Role {
        arn,
        account,
        external_id: external_id.map(ToOwned::to_owned),
    }))
}

/// Returns whether an external id can be one, and records it if it cannot.
fn check_external_id(id: Option<&str>, path: &Path, problems: &mut Problems) -> bool {
    let is_good = id.is_none_or(is_external_id);
    if !is_good {
        let message = "expected 2 to 1224 letters, digits and `_ + = , . @ : / -`";
        problems.add(&path.key("external_id"), message);
    }
    is_good
}

/// Source: "`AssumeRole`", AWS STS API Reference.
fn is_external_id(text: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=,.@:/-".contains(&byte);
    (2..=1224).contains(&text.len()) && text.bytes().all(good)
}

/// Returns a registry as it would be written.
pub(super) fn written_registry(registry: &Registry) -> raw::Registry {
    let role = registry.role.as_ref();
    raw::Registry {
        region: registry.region.as_ref().map(ToString::to_string),
        role_arn: role.map(|role| role.arn.to_string()),
        external_id: role.and_then(|role| role.external_id.clone()),
    }
}

/// Returns an account as it would be written.
pub(super) fn written_account(account: &Account) -> raw::Account {
    let role = account.role.as_ref();
    let regions = account.regions.iter().map(ToString::to_string);
    raw::Account {
        role_arn: role.map(|role| role.arn.to_string()),
        external_id: role.and_then(|role| role.external_id.clone()),
        regions: (!account.regions.is_empty()).then(|| regions.collect()),
    }
}

/// Returns an organization as it would be written.
pub(super) fn written_organization(organization: &Organization) -> raw::Organization {
    let list_role = organization.list_role.as_ref();
    let regions = organization.regions.iter().map(ToString::to_string);
    let exclude = organization.exclude.iter().map(ToString::to_string);
    raw::Organization {
        role_name: Some(organization.role_name.clone()),
        external_id: organization.external_id.clone(),
        list_role_arn: list_role.map(|role| role.arn.to_string()),
        regions: (!organization.regions.is_empty()).then(|| regions.collect()),
        exclude: (!organization.exclude.is_empty()).then(|| exclude.collect()),
    }
}
