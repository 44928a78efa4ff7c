//! AWS Organizations: `ListAccounts`, for the management account and delegated administrators.

use crate::error::{Answer, ApiError, json};
use crate::page::Paging;
use crate::world::{Location, World};
use serde_json::{Value, json as object};
use std::collections::BTreeMap;

/// An organization.
#[derive(Clone, Debug)]
pub struct Organization {
    /// For example `o-example`.
    pub id: String,
    /// The management account, which is a member too.
    pub management: String,
    /// Other accounts that may list.
    pub administrators: Vec<String>,
    /// The state of each account.
    pub accounts: BTreeMap<String, String>,
}

impl Organization {
    /// An organization of these accounts, all of them active, of which the first manages it.
    #[must_use]
    pub fn of<'a>(id: &str, accounts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut accounts = accounts.into_iter().map(str::to_owned).peekable();
        Self {
            id: id.to_owned(),
            management: accounts.peek().cloned().unwrap_or_default(),
            administrators: Vec::new(),
            accounts: accounts.map(|it| (it, "ACTIVE".to_owned())).collect(),
        }
    }
}

pub(crate) fn answer(world: &World, location: &Location, operation: &str, body: &Value) -> Answer {
    if operation != "ListAccounts" || location.region != "us-east-1" {
        return Err(ApiError::unknown_operation(operation));
    }
    let Some(organization) = &world.organization else {
        return Err(ApiError::new(
            "AWSOrganizationsNotInUseException",
            "Your account is not a member of an organization.",
        ));
    };
    let Organization {
        id,
        management,
        administrators,
        accounts,
    } = organization;
    if location.account != *management && !administrators.contains(&location.account) {
        return Err(ApiError::new(
            "AccessDeniedException",
            "You don't have permissions to access this resource.",
        ));
    }
    let asked = object!({"maxResults": body["MaxResults"], "nextToken": body["NextToken"]});
    let paging = Paging::read(&asked, "accounts", 20, 20)?;
    let page = paging.take(
        accounts
            .range::<str, _>(paging.bounds())
            .map(|(account, state)| {
                let arn = format!("arn:aws:organizations::{management}:account/{id}/{account}");
                (
                    account,
                    object!({"Id": account, "Arn": arn, "Name": account, "State": state}),
                )
            }),
    );
    json(&object!({"Accounts": page.items, "NextToken": page.next_token}))
}
