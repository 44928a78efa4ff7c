//! The accounts of an organization, as AWS Organizations lists them.
//!
//! Source: "AWS Organizations API Reference", `ListAccounts`, `Account`.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    ApiError, Clients, Endpoint, JsonRequest, Operation, Page, all_pages, json_request::parsed,
};
use crate::image::{AccountId, Arn, Partition};

const ENDPOINT: Endpoint<'static> = Endpoint {
    id: "Organizations",
    prefix: "organizations",
    signing: "organizations",
};
const LIST: Operation = Operation::ListAccounts;
const PAGE: u8 = 20;
/// States of an account in which nobody can use AWS there: one that was never activated, and those
/// that are closed, closing or suspended.
///
/// Source: "Monitor the state of your AWS accounts", AWS Organizations User Guide.
const UNUSABLE: [&str; 4] = [
    "PENDING_ACTIVATION",
    "PENDING_CLOSURE",
    "SUSPENDED",
    "CLOSED",
];

/// An account of an organization.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ListedAccount {
    pub(crate) account: AccountId,
    /// Id of the organization.
    pub(crate) organization: Box<str>,
    /// Whether something may run there.
    pub(crate) is_usable: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    accounts: Option<Vec<Account>>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Account {
    id: Option<String>,
    arn: Option<String>,
    state: Option<String>,
    /// What `State` replaces.
    status: Option<String>,
}

/// Lists the accounts of the organization of the caller, which has to be its management account or
/// a delegated administrator.
pub(crate) async fn list_accounts(clients: &Clients) -> Result<Vec<ListedAccount>, ApiError> {
    let service = clients.in_global_region().json_service(ENDPOINT);
    let service = &service.map_err(|error| ApiError::answer(LIST, "", error.to_string()))?;
    let listed = all_pages(LIST, "", |token| async move {
        page(service.call(LIST, "", request(token.as_deref())).await?)
    });
    listed.await
}

impl Clients {
    /// Returns the same clients in the Region of the services that belong to no Region.
    fn in_global_region(&self) -> Self {
        let partition = self.region().and_then(Partition::of);
        match partition {
            Some(partition) => self.in_region(partition.global_region),
            None => self.clone(),
        }
    }
}

fn request(token: Option<&str>) -> JsonRequest {
    let mut body = json!({"MaxResults": PAGE});
    if let Some(token) = token {
        body["NextToken"] = token.into();
    }
    let target = "AWSOrganizationsV20161128.ListAccounts".to_owned();
    JsonRequest::json("1.1", target, &body)
}

fn page(answer: Value) -> Result<Page<ListedAccount>, ApiError> {
    let page: Listed = parsed(LIST, "", answer)?;
    let accounts = page
        .accounts
        .map(|accounts| accounts.iter().map(account).collect());
    Ok((accounts.transpose()?, page.next_token))
}

/// Reads an account. One of an unknown state counts as usable.
fn account(listed: &Account) -> Result<ListedAccount, ApiError> {
    let unusable = |problem: &str| {
        let id = listed.id.as_deref().unwrap_or_default();
        ApiError::answer(LIST, id, format!("an account came without its {problem}"))
    };
    let id = listed.id.as_ref().and_then(|id| id.parse().ok());
    let account = id.ok_or_else(|| unusable("id"))?;
    let arn: Option<Arn> = listed.arn.as_ref().and_then(|arn| arn.parse().ok());
    let organization = arn.as_ref().and_then(|arn| {
        let (organization, of) = arn.resource.strip_prefix("account/")?.split_once('/')?;
        (organization.starts_with("o-") && Some(of) == listed.id.as_deref()).then_some(organization)
    });
    let state = listed.state.as_deref().or(listed.status.as_deref());
    Ok(ListedAccount {
        account,
        organization: organization.ok_or_else(|| unusable("organization"))?.into(),
        is_usable: state.is_none_or(|state| !UNUSABLE.contains(&state)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_asked_for_as_the_sdks_do() {
        let models: Value =
            serde_json::from_str(include_str!("../../tests/moto/aws_models.json")).unwrap();
        let request = request(Some("a/b+c=="));
        let body: Value = serde_json::from_str(&request.body).unwrap();
        let made = json!({
            "method": request.method, "uri": request.uri, "body": body,
            "content_type": request.headers[0].1, "target": request.headers[1].1,
        });
        assert_eq!(made, models["requests"]["organizations:ListAccounts"]);
    }

    /// State, status, and whether something may run there.
    const STATES: [(Option<&str>, Option<&str>, bool); 9] = [
        (Some("ACTIVE"), Some("ACTIVE"), true),
        (None, Some("ACTIVE"), true),
        (None, None, true),
        (Some("HIBERNATING"), None, true),
        (Some("PENDING_ACTIVATION"), Some("ACTIVE"), false),
        (Some("SUSPENDED"), Some("SUSPENDED"), false),
        (Some("PENDING_CLOSURE"), None, false),
        (Some("CLOSED"), Some("SUSPENDED"), false),
        (None, Some("SUSPENDED"), false),
    ];

    #[test]
    fn nothing_runs_in_an_account_that_is_closed_or_was_never_activated() {
        for (state, status, is_usable) in STATES {
            let arn = "arn:aws:organizations::111111111111:account/o-example/222222222222";
            let account =
                json!({"Id": "222222222222", "Arn": arn, "State": state, "Status": status});
            let listed = page(json!({"Accounts": [account]})).unwrap().0.unwrap();
            let expected = ListedAccount {
                account: "222222222222".parse().unwrap(),
                organization: "o-example".into(),
                is_usable,
            };
            assert_eq!(listed, [expected], "{state:?} {status:?}");
        }
    }

    #[test]
    fn an_account_that_is_not_known_whole_is_an_error() {
        for (id, arn) in [
            (
                Value::Null,
                "arn:aws:organizations::111111111111:account/o-example/222222222222",
            ),
            (
                json!("222"),
                "arn:aws:organizations::111111111111:account/o-example/222",
            ),
            (json!("222222222222"), ""),
            (
                json!("222222222222"),
                "arn:aws:organizations::111111111111:account/222222222222",
            ),
            (
                json!("222222222222"),
                "arn:aws:organizations::111111111111:account/o-example/333333333333",
            ),
            (
                json!("222222222222"),
                "arn:aws:organizations::111111111111:ou/o-example/222222222222",
            ),
        ] {
            let error = page(json!({"Accounts": [{"Id": id, "Arn": arn}]})).unwrap_err();
            assert!(
                error.to_string().contains("an account came without its"),
                "{error}"
            );
        }
        assert_eq!(
            page(json!({"NextToken": "x"})).unwrap(),
            (None, Some("x".to_owned()))
        );
    }
}
