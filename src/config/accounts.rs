//! Accounts and Regions: the registries to clean, and where else to look for use.

use super::{
    Account, Registry, Role,
    path::Path,
    problems::{Problems, Reported},
    raw, registry,
    scalar::List,
};

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
        let in_regions = path.key("regions");
        let regions = match &written.regions {
            Some(texts) if texts.0.is_empty() => {
                let message = "expected a Region; leave `regions` out for the caller's";
                problems.add(&in_regions, message);
                Vec::new()
            }
            Some(texts) => {
                let regions = problems.all_parsed(&in_regions, texts, registry::region);
                problems.distinct(&in_regions, regions)
            }
            None => Vec::new(),
        };
        if written.role_arn.is_none() && written.regions.is_none() {
            let message = "expected `role_arn`, `regions` or both: the caller's own account and Region are read anyway";
            problems.add_unless_known(&path, message);
        }
        Some(Account { role: role.ok()?, regions })
    });
    accounts.collect()
}

fn role(
    arn: Option<&String>,
    external_id: Option<&String>,
    path: &Path,
    problems: &mut Problems,
) -> Result<Option<Role>, Reported> {
    if let Some(id) = external_id {
        let path = path.key("external_id");
        if !is_external_id(id) {
            let message = "expected 2 to 1224 letters, digits and `_ + = , . @ : / -`";
            problems.add(&path, message);
        } else if arn.is_none() {
            problems.add_unless_known(&path, "needs `role_arn`, the role that asks for it");
        }
    }
    let Some(text) = arn else { return Ok(None) };
    let (arn, account) = problems.parsed(&path.key("role_arn"), registry::role_arn(text))?;
    Ok(Some(Role {
        arn,
        account,
        external_id: external_id.cloned(),
    }))
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
