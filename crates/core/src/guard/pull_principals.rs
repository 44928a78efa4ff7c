//! The principals that a policy lets pull from a repository. They may use its images, so their use
//! has to be read (U16).
//!
//! In doubt a policy allows more: a `Deny` is ignored, and a condition counts only if it tells
//! which accounts it lets in.
//!
//! Source: "IAM JSON policy element reference" and "AWS global condition context keys".

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{
    image::{AccountId, RepositoryName},
    policy::wildcard::matches_with_question_marks as matches,
};

/// Actions that an image is pulled with.
const PULLING: [&str; 2] = ["ecr:batchgetimage", "ecr:getdownloadurlforlayer"];
/// Condition keys whose values are accounts, or ARNs that name one.
const ACCOUNTS: [&str; 4] = [
    "aws:principalaccount",
    "aws:sourceaccount",
    "aws:principalarn",
    "aws:sourcearn",
];
/// Condition keys whose values name an organization, or begin with its name.
const ORGANIZATIONS: [&str; 4] = [
    "aws:principalorgid",
    "aws:sourceorgid",
    "aws:principalorgpaths",
    "aws:sourceorgpaths",
];
/// Operators that let in only what they name.
const NAMING: [&str; 5] = [
    "stringequals",
    "stringequalsignorecase",
    "stringlike",
    "arnequals",
    "arnlike",
];

/// A principal that a policy lets pull.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum PullPrincipal {
    /// An account.
    Account(AccountId),
    /// Every account of an organization.
    Organization(Box<str>),
    /// A service of AWS, on behalf of any account.
    Service(Box<str>),
    /// A principal that is named in another way.
    Other(Box<str>),
    /// Any account.
    Anybody,
}

impl fmt::Display for PullPrincipal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account(account) => write!(f, "account {account}"),
            Self::Organization(organization) => write!(f, "organization {organization}"),
            Self::Service(service) => write!(f, "`{service}` for any account"),
            Self::Other(principal) => write!(f, "`{principal}`"),
            Self::Anybody => write!(f, "any account"),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Policy {
    statement: OneOrMore<Statement>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Statement {
    effect: Effect,
    principal: Option<Principal>,
    not_principal: Option<Value>,
    action: Option<OneOrMore<String>>,
    not_action: Option<OneOrMore<String>>,
    resource: Option<OneOrMore<String>>,
    #[serde(default)]
    condition: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore<T> {
    One(T),
    More(Vec<T>),
}

impl<T> OneOrMore<T> {
    fn iter(&self) -> std::slice::Iter<'_, T> {
        match self {
            Self::One(one) => std::slice::from_ref(one).iter(),
            Self::More(more) => more.iter(),
        }
    }
}

#[derive(Deserialize, PartialEq, Eq)]
enum Effect {
    Allow,
    Deny,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Principal {
    Everybody(String),
    ByKind(BTreeMap<String, OneOrMore<String>>),
}

/// A policy that cannot be understood.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// It is not the JSON of a policy.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// A statement has no principal.
    #[error("a statement names no principal")]
    NoPrincipal,
}

/// Returns the principals that a policy, of a repository or of its registry, lets pull from a
/// repository.
pub fn pull_principals(
    policy: &str,
    repository: &RepositoryName,
) -> Result<BTreeSet<PullPrincipal>, PolicyError> {
    let policy: Policy = serde_json::from_str(policy)?;
    let pulls = |it: &&Statement| it.lets_pull() && it.is_about(repository);
    let mut principals = BTreeSet::new();
    for statement in policy.statement.iter().filter(pulls) {
        statement.add_principals(&mut principals)?;
    }
    Ok(principals)
}

impl Statement {
    fn lets_pull(&self) -> bool {
        let named = |patterns: &OneOrMore<String>, action: &str| {
            let mut patterns = patterns.iter();
            patterns.any(|pattern| matches(&pattern.to_ascii_lowercase(), action))
        };
        let by_name = |action: &&str| match (&self.action, &self.not_action) {
            (Some(actions), _) => named(actions, action),
            (None, Some(others)) => !named(others, action),
            (None, None) => true,
        };
        self.effect == Effect::Allow && PULLING.iter().any(by_name)
    }

    /// Returns whether it is about a repository: the policy of one names none.
    fn is_about(&self, repository: &RepositoryName) -> bool {
        let matches = |resource: &String| match resource.split_once(":repository/") {
            Some((_, pattern)) => matches(pattern, repository),
            None => true,
        };
        self.resource.iter().all(|it| it.iter().any(matches))
    }

    fn add_principals(&self, principals: &mut BTreeSet<PullPrincipal>) -> Result<(), PolicyError> {
        match (&self.principal, &self.not_principal) {
            (None, None) => return Err(PolicyError::NoPrincipal),
            (None, Some(_)) => principals.extend(self.narrowed(PullPrincipal::Anybody)),
            (Some(Principal::Everybody(who)), _) => {
                let kind = if who == "*" { "AWS" } else { "" };
                principals.extend(self.named(kind, who));
            }
            (Some(Principal::ByKind(kinds)), _) => {
                for (kind, names) in kinds {
                    principals.extend(names.iter().flat_map(|name| self.named(kind, name)));
                }
            }
        }
        Ok(())
    }

    fn named(&self, kind: &str, name: &str) -> BTreeSet<PullPrincipal> {
        let other = || PullPrincipal::Other(name.into());
        match kind {
            "AWS" if name == "*" => self.narrowed(PullPrincipal::Anybody),
            // AWS shows the id of a role or user that was deleted so, and lets nobody in by it.
            "AWS" if is_unique_id(name) => BTreeSet::new(),
            "AWS" => [account_of(name).map_or_else(other, PullPrincipal::Account)].into(),
            "Service" => self.narrowed(PullPrincipal::Service(name.into())),
            _ => [other()].into(),
        }
    }

    /// Returns whom the conditions name; `otherwise` if they name nobody.
    fn narrowed(&self, otherwise: PullPrincipal) -> BTreeSet<PullPrincipal> {
        for (operator, keys) in &self.condition {
            let operator = operator.to_ascii_lowercase();
            let operator = operator.strip_prefix("foranyvalue:").unwrap_or(&operator);
            let keys = keys.as_object().filter(|_| NAMING.contains(&operator));
            let mut keys = keys.into_iter().flatten();
            if let Some(named) = keys.find_map(|(key, values)| named_by(key, values)) {
                return named;
            }
        }
        [otherwise].into()
    }
}

/// Returns whom the values of a condition key name; `None` if that cannot be told of all of them.
fn named_by(key: &str, values: &Value) -> Option<BTreeSet<PullPrincipal>> {
    let key = key.to_ascii_lowercase();
    let values = match values {
        Value::Array(values) => values.as_slice(),
        value => std::slice::from_ref(value),
    };
    let principal = |value: &Value| {
        let value = value.as_str()?;
        if ACCOUNTS.contains(&&*key) {
            return account_of(value).map(PullPrincipal::Account);
        }
        let id = value.split('/').next()?;
        let names_one = ORGANIZATIONS.contains(&&*key) && id.starts_with("o-");
        (names_one && !id.contains(['*', '?'])).then(|| PullPrincipal::Organization(id.into()))
    };
    let named: BTreeSet<PullPrincipal> = values.iter().map(principal).collect::<Option<_>>()?;
    (!named.is_empty()).then_some(named)
}

/// Returns the account that a principal, an ARN or a condition's value names.
fn account_of(text: &str) -> Option<AccountId> {
    match text.strip_prefix("arn:") {
        // The rest may be a pattern, which no ARN is.
        Some(arn) => arn.split(':').nth(3)?.parse().ok(),
        None => text.parse().ok(),
    }
}

fn is_unique_id(text: &str) -> bool {
    (text.starts_with("AROA") || text.starts_with("AIDA"))
        && text.bytes().all(|b| b.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests;
