//! The principals that a policy lets pull from a repository. They may use its images, so their use
//! has to be read (U16).
//!
//! In doubt a policy allows more: a `Deny` is ignored, and a condition counts only if it tells
//! which accounts it lets in.
//!
//! Source: "IAM JSON policy element reference" and "AWS global condition context keys".

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{
    TrustedPullers,
    principal::{Accounts, PullPrincipal},
};
use crate::{image::RepositoryName, policy::wildcard::matches_with_question_marks as matches};

/// Actions that an image is pulled with.
const PULLING: [&str; 2] = ["ecr:batchgetimage", "ecr:getdownloadurlforlayer"];
/// Condition keys that tell who pulls, the most exact first.
const PRINCIPAL_KEYS: [&str; 4] = [
    "aws:principalaccount",
    "aws:principalarn",
    "aws:principalorgid",
    "aws:principalorgpaths",
];
/// Condition keys that tell on whose behalf a service pulls, the most exact first.
const SOURCE_KEYS: [&str; 4] = [
    "aws:sourcearn",
    "aws:sourceaccount",
    "aws:sourceorgid",
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
/// repository, but for those that are trusted.
pub fn pull_principals(
    policy: &str,
    repository: &RepositoryName,
    trusted: &TrustedPullers,
) -> Result<BTreeSet<PullPrincipal>, PolicyError> {
    let policy: Policy = serde_json::from_str(policy)?;
    let pulls = |it: &&Statement| it.lets_pull() && it.is_about(repository);
    let mut principals = BTreeSet::new();
    for statement in policy.statement.iter().filter(pulls) {
        statement.add_principals(&mut principals, trusted)?;
    }
    principals.retain(|principal| !trusted.covers(principal));
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

    fn add_principals(
        &self,
        principals: &mut BTreeSet<PullPrincipal>,
        trusted: &TrustedPullers,
    ) -> Result<(), PolicyError> {
        match (&self.principal, &self.not_principal) {
            (None, None) => return Err(PolicyError::NoPrincipal),
            (None, Some(_)) => principals.extend(self.anybody(trusted)),
            (Some(Principal::Everybody(who)), _) => {
                let kind = if who == "*" { "AWS" } else { "" };
                principals.extend(self.named(kind, who, trusted));
            }
            (Some(Principal::ByKind(kinds)), _) => {
                for (kind, names) in kinds {
                    let named = names.iter().map(|name| self.named(kind, name, trusted));
                    principals.extend(named.flatten());
                }
            }
        }
        Ok(())
    }

    fn named(&self, kind: &str, name: &str, trusted: &TrustedPullers) -> Vec<PullPrincipal> {
        match kind {
            "AWS" if name == "*" => self.anybody(trusted),
            // AWS shows the id of a role or user that was deleted so, and lets nobody in by it.
            "AWS" if is_unique_id(name) || trusted.names_exactly(name) => Vec::new(),
            "AWS" => vec![account(name).map_or_else(
                || PullPrincipal::Other(name.into()),
                PullPrincipal::Accounts,
            )],
            "Service" => {
                let accounts = self.narrowed(&SOURCE_KEYS, trusted).into_iter();
                let service = |on_behalf_of| PullPrincipal::Service {
                    name: name.into(),
                    on_behalf_of,
                };
                accounts.map(service).collect()
            }
            _ => vec![PullPrincipal::Other(name.into())],
        }
    }

    /// Returns whom a statement for everybody lets in. That includes every service, so on whose
    /// behalf one pulls says nothing.
    fn anybody(&self, trusted: &TrustedPullers) -> Vec<PullPrincipal> {
        let accounts = self.narrowed(&PRINCIPAL_KEYS, trusted).into_iter();
        accounts.map(PullPrincipal::Accounts).collect()
    }

    /// Returns the accounts that the conditions name by the first of these keys that tells them.
    fn narrowed(&self, keys: &[&str], trusted: &TrustedPullers) -> Vec<Accounts> {
        let named = keys.iter().find_map(|key| self.named_by(key, trusted));
        named.unwrap_or_else(|| vec![Accounts::Any])
    }

    /// Returns the accounts that a condition names by a key; `None` if no condition tells all of
    /// them.
    fn named_by(&self, key: &str, trusted: &TrustedPullers) -> Option<Vec<Accounts>> {
        self.condition.iter().find_map(|(operator, keys)| {
            let operator = operator.to_ascii_lowercase();
            let operator = operator.strip_prefix("foranyvalue:").unwrap_or(&operator);
            let keys = keys.as_object().filter(|_| NAMING.contains(&operator))?;
            let (_, values) = keys
                .iter()
                .find(|(name, _)| name.eq_ignore_ascii_case(key))?;
            accounts(key, values, trusted)
        })
    }
}

/// Returns the accounts that the values of a condition key name, but for values that are trusted;
/// `None` if that cannot be told of all of them.
fn accounts(key: &str, values: &Value, trusted: &TrustedPullers) -> Option<Vec<Accounts>> {
    let values = match values {
        Value::Array(values) => values.as_slice(),
        value => std::slice::from_ref(value),
    };
    let named = |value: &Value| {
        let value = value.as_str()?;
        if key.contains("org") {
            organization(value)
        } else {
            account(value)
        }
    };
    let is_trusted = |value: &&Value| value.as_str().is_some_and(|it| trusted.names_exactly(it));
    let untrusted = values.iter().filter(|value| !is_trusted(value));
    let named: Vec<Accounts> = untrusted.map(named).collect::<Option<_>>()?;
    (!values.is_empty()).then_some(named)
}

/// Returns the organization that an id, or a path that begins with one, names.
fn organization(text: &str) -> Option<Accounts> {
    let id = text.split('/').next()?;
    let names_one = id.starts_with("o-") && !id.contains(['*', '?']);
    names_one.then(|| Accounts::Organization(id.into()))
}

/// Returns the account that an id, an ARN or a pattern of ARNs names.
fn account(text: &str) -> Option<Accounts> {
    let (region, account) = match text.strip_prefix("arn:") {
        Some(arn) => {
            let mut parts = arn.split(':').skip(2);
            (parts.next()?, parts.next()?)
        }
        None => ("", text),
    };
    let region = match region {
        "" | "*" => None,
        region => Some(region.parse().ok()?),
    };
    let account = account.parse().ok()?;
    Some(Accounts::One { account, region })
}

fn is_unique_id(text: &str) -> bool {
    (text.starts_with("AROA") || text.starts_with("AIDA"))
        && text.bytes().all(|b| b.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests;
