//! The accounts of an organization, found and entered by a role of the same name in each.

use std::collections::{BTreeMap, BTreeSet};

use super::account_set::AccountSet;
use crate::{
    aws::{self, ApiError, Clients, Identity, ListedAccount, Operation},
    config::{self, Config, Role},
    guard::Organization,
    image::{AccountId, Arn, Partition},
};

/// An organization whose accounts were listed.
pub(super) struct Listed {
    pub(super) organization: Organization,
    /// The role of each account that is read; `None` for the caller's own account.
    pub(super) roles: BTreeMap<AccountId, Option<Role>>,
    /// A remark on the accounts.
    pub(super) note: String,
}

impl AccountSet<'_> {
    /// Lists the accounts of an organization and enters those that are read.
    pub(super) async fn enter_organization(
        &mut self,
        settings: &config::Organization,
        config: &Config,
    ) -> Result<Listed, ApiError> {
        let lister = match &settings.list_role {
            None => self.clients.clone(),
            Some(role) if self.only_named => self.enter(role).await?,
            Some(role) => {
                self.assume([role.clone()]).await;
                self.location(Some(role), None).1?
            }
        };
        let accounts = list(&lister, self.own).await?;
        let listed = self.listed(&accounts, settings, config)?;
        self.assume(listed.roles.values().flatten().cloned()).await;
        Ok(listed)
    }

    /// Returns what the list of accounts means.
    fn listed(
        &self,
        accounts: &[ListedAccount],
        settings: &config::Organization,
        config: &Config,
    ) -> Result<Listed, ApiError> {
        let unusable = |problem: &str| ApiError::answer(Operation::ListAccounts, "", problem);
        let ids: BTreeSet<&str> = accounts.iter().map(|it| &*it.organization).collect();
        let [id] = ids.into_iter().collect::<Vec<_>>()[..] else {
            return Err(unusable("its accounts are not those of one organization"));
        };
        let usable = accounts.iter().filter(|it| it.is_usable);
        let usable: BTreeSet<AccountId> = usable.map(|it| it.account).collect();
        let excluded = settings.exclude.iter().copied();
        let excluded: BTreeSet<AccountId> = excluded.filter(|it| usable.contains(it)).collect();
        let own = self.own.registry.account;
        let partition = Partition::of(&self.own.registry.region);
        let partition = partition.map_or("aws", |partition| partition.id);
        let configured = configured_roles(config);
        let read = usable.difference(&excluded).copied();
        let roles = read.clone().map(|account| {
            let known = configured.get(&account).copied().cloned();
            let role = known.unwrap_or_else(|| role_in(account, partition, settings));
            (account, (account != own).then_some(role))
        });
        let found = read.filter(|it| *it != own && !configured.contains_key(it));
        let (closed, left_out) = (accounts.len() - usable.len(), excluded.len());
        Ok(Listed {
            note: format!(
                "{id} has {} accounts; {closed} of them are not active, {left_out} are left out",
                accounts.len()
            ),
            roles: roles.collect(),
            organization: Organization {
                id: id.into(),
                found: found.collect(),
                accounts: usable,
                excluded,
            },
        })
    }
}

/// Lists the accounts; where that is denied, the error says who may.
async fn list(clients: &Clients, own: &Identity) -> Result<Vec<ListedAccount>, ApiError> {
    let mut listed = aws::list_accounts(clients).await;
    if let Err(error) = &mut listed
        && error.cause.is_denied()
    {
        error.message += &format!(
            "; only the management account and delegated administrators may list accounts: set `in_use.organization.list_role_arn` to a role in one of them that is allowed `organizations:ListAccounts` and that `{}` may assume",
            own.arn
        );
    }
    listed
}

/// Returns the roles by which the configuration enters accounts itself.
fn configured_roles(config: &Config) -> BTreeMap<AccountId, &Role> {
    let accounts = config.in_use.accounts.iter();
    let accounts = accounts.filter_map(|it| it.role.as_ref());
    let registries = config.registries.iter().filter_map(|it| it.role.as_ref());
    let roles = registries.chain(accounts).map(|role| (role.account, role));
    roles.collect()
}

pub(super) fn role_in(
    account: AccountId,
    partition: &str,
    settings: &config::Organization,
) -> Role {
    Role {
        arn: Arn {
            partition: partition.into(),
            service: "iam".into(),
            region: None,
            account: Some(account),
            resource: format!("role/{}", settings.role_name).into(),
        },
        account,
        external_id: settings.external_id.clone(),
    }
}
