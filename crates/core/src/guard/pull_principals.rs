//! The principals that a policy lets pull from a repository. They may use its images, so their use
//! has to be read (U16).
//!
//! In doubt a policy allows more: a `Deny` is ignored, and a condition counts only if it tells
//! which accounts it lets in.
//!
//! Source: "IAM JSON policy element reference" and "AWS global condition context keys".

use std::{collections::BTreeSet, fmt};

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

#[derive(Deserialize, PartialEq, Eq)]
enum Effect {
    Allow,
    Deny,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore<T> {
    One(T),
    More(Vec<T>),
}

impl<T> OneOrMore<T> {
    fn as_slice(&self) -> &[T] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::More(more) => more,
        }
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Principal {
    Everybody(String),
    ByKind(std::collections::BTreeMap<String, OneOrMore<String>>),
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
    let statements = policy.statement.as_slice().iter();
    let pulling =
        statements.filter(|statement| statement.lets_pull() && statement.is_about(repository));
    let mut principals = BTreeSet::new();
    for statement in pulling {
        statement.add_principals(&mut principals)?;
    }
    Ok(principals)
}

impl Statement {
    fn lets_pull(&self) -> bool {
        let named = |patterns: &OneOrMore<String>, action: &str| {
            patterns
                .as_slice()
                .iter()
                .any(|pattern| matches(&pattern.to_ascii_lowercase(), action))
        };
        let by_name = |action: &str| match (&self.action, &self.not_action) {
            (Some(actions), _) => named(actions, action),
            (None, Some(others)) => !named(others, action),
            (None, None) => true,
        };
        self.effect == Effect::Allow && PULLING.iter().any(|action| by_name(action))
    }

    /// Whether it is about a repository: the policy of one names none.
    fn is_about(&self, repository: &RepositoryName) -> bool {
        self.resource.as_ref().is_none_or(|resources| {
            resources
                .as_slice()
                .iter()
                .any(|resource| match resource.split_once(":repository/") {
                    Some((_, pattern)) => matches(pattern, repository),
                    None => true,
                })
        })
    }

    fn add_principals(&self, principals: &mut BTreeSet<PullPrincipal>) -> Result<(), PolicyError> {
        match (&self.principal, &self.not_principal) {
            (None, None) => return Err(PolicyError::NoPrincipal),
            (None, Some(_)) => principals.extend(self.let_in_by_condition(PullPrincipal::Anybody)),
            (Some(Principal::Everybody(who)), _) if who == "*" => {
                principals.extend(self.let_in_by_condition(PullPrincipal::Anybody));
            }
            (Some(Principal::Everybody(who)), _) => {
                principals.insert(PullPrincipal::Other(who.as_str().into()));
            }
            (Some(Principal::ByKind(kinds)), _) => {
                for (kind, names) in kinds {
                    for name in names.as_slice() {
                        self.add_principal(kind, name, principals);
                    }
                }
            }
        }
        Ok(())
    }

    fn add_principal(&self, kind: &str, name: &str, principals: &mut BTreeSet<PullPrincipal>) {
        match kind {
            "AWS" if name == "*" => {
                principals.extend(self.let_in_by_condition(PullPrincipal::Anybody));
            }
            // AWS shows the id of a role or user that was deleted so, and lets nobody in by it.
            "AWS" if is_unique_id(name) => {}
            "AWS" => {
                principals.insert(match account_of(name) {
                    Some(account) => PullPrincipal::Account(account),
                    None => PullPrincipal::Other(name.into()),
                });
            }
            "Service" => {
                principals.extend(self.let_in_by_condition(PullPrincipal::Service(name.into())));
            }
            _ => {
                principals.insert(PullPrincipal::Other(name.into()));
            }
        }
    }

    /// Whom the conditions name; `otherwise` if they name nobody.
    fn let_in_by_condition(&self, otherwise: PullPrincipal) -> BTreeSet<PullPrincipal> {
        for (operator, keys) in &self.condition {
            let operator = operator.to_ascii_lowercase();
            let operator = operator.strip_prefix("foranyvalue:").unwrap_or(&operator);
            let Some(keys) = keys.as_object().filter(|_| NAMING.contains(&operator)) else {
                continue;
            };
            for (key, values) in keys {
                if let Some(named) = named_by(&key.to_ascii_lowercase(), values) {
                    return named;
                }
            }
        }
        [otherwise].into()
    }
}

/// Whom the values of a condition key name; none if that cannot be said of all of them.
fn named_by(key: &str, values: &Value) -> Option<BTreeSet<PullPrincipal>> {
    let values = match values {
        Value::Array(values) => values.as_slice(),
        value => std::slice::from_ref(value),
    };
    let principal = |value: &Value| {
        let value = value.as_str()?;
        if ACCOUNTS.contains(&key) {
            return account_of(value).map(PullPrincipal::Account);
        }
        let organization = value
            .split('/')
            .next()
            .filter(|id| id.starts_with("o-") && !id.contains(['*', '?']))?;
        ORGANIZATIONS
            .contains(&key)
            .then(|| PullPrincipal::Organization(organization.into()))
    };
    let named: BTreeSet<PullPrincipal> = values.iter().map(principal).collect::<Option<_>>()?;
    (!named.is_empty()).then_some(named)
}

/// The account that a principal, an ARN or a condition's value names.
fn account_of(text: &str) -> Option<AccountId> {
    match text.strip_prefix("arn:") {
        // The rest may be a pattern, which no ARN is.
        Some(arn) => arn.split(':').nth(3)?.parse().ok(),
        None => text.parse().ok(),
    }
}

fn is_unique_id(text: &str) -> bool {
    ["AROA", "AIDA"]
        .iter()
        .any(|prefix| text.starts_with(prefix))
        && text.bytes().all(|b| b.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn allowed(statement: &Value) -> String {
        let policy = json!({"Version": "2012-10-17", "Statement": statement}).to_string();
        match pull_principals(&policy, &RepositoryName::new("team/app").unwrap()) {
            Ok(principals) => principals
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(", "),
            Err(problem) => format!("error: {problem}"),
        }
    }

    fn by(principal: &Value) -> Value {
        json!([{"Effect": "Allow", "Principal": principal, "Action": ["ecr:BatchGetImage"]}])
    }

    fn on_condition(principal: &Value, condition: &Value) -> String {
        allowed(
            &json!([{"Effect": "Allow", "Principal": principal, "Action": "ecr:*", "Condition": condition}]),
        )
    }

    #[test]
    fn principals_are_known_by_every_form() {
        for (principal, expected) in [
            (json!({"AWS": "222222222222"}), "account 222222222222"),
            (
                json!({"AWS": "arn:aws:iam::222222222222:root"}),
                "account 222222222222",
            ),
            (
                json!({"AWS": ["arn:aws:iam::222222222222:role/a", "arn:aws-cn:sts::333333333333:assumed-role/a/b"]}),
                "account 222222222222, account 333333333333",
            ),
            (json!({"AWS": "AROAEXAMPLEID12345678"}), ""),
            (json!({"AWS": "somebody"}), "`somebody`"),
            (json!("*"), "any account"),
            (json!({"AWS": "*"}), "any account"),
            (
                json!({"AWS": ["*", "222222222222"]}),
                "account 222222222222, any account",
            ),
            (
                json!({"Service": "codebuild.amazonaws.com"}),
                "`codebuild.amazonaws.com` for any account",
            ),
            (
                json!({"Federated": "arn:aws:iam::222222222222:saml-provider/x"}),
                "`arn:aws:iam::222222222222:saml-provider/x`",
            ),
        ] {
            assert_eq!(allowed(&by(&principal)), expected, "{principal}");
        }
        assert_eq!(
            allowed(&json!({"Effect": "Allow", "NotPrincipal": {"AWS": "1"}, "Action": "ecr:*"})),
            "any account"
        );
    }

    #[test]
    fn conditions_count_where_they_say_who_is_let_in() {
        let anybody = json!("*");
        for (condition, expected) in [
            (
                json!({"StringEquals": {"aws:PrincipalOrgID": "o-abc"}}),
                "organization o-abc",
            ),
            (
                json!({"StringLike": {"AWS:PrincipalOrgId": ["o-abc", "o-def"]}}),
                "organization o-abc, organization o-def",
            ),
            (
                json!({"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "o-abc/r-1/ou-2/*"}}),
                "organization o-abc",
            ),
            (
                json!({"StringEquals": {"aws:PrincipalAccount": ["222222222222"]}}),
                "account 222222222222",
            ),
            (
                json!({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::222222222222:role/ci-*"}}),
                "account 222222222222",
            ),
            (
                json!({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/ci"}}),
                "any account",
            ),
            (
                json!({"StringLike": {"aws:PrincipalOrgID": "o-*"}}),
                "any account",
            ),
            (
                json!({"StringEquals": {"aws:PrincipalOrgID": []}}),
                "any account",
            ),
            (
                json!({"StringNotEquals": {"aws:PrincipalAccount": "222222222222"}}),
                "any account",
            ),
            (
                json!({"StringEqualsIfExists": {"aws:PrincipalOrgID": "o-abc"}}),
                "any account",
            ),
            (
                json!({"ForAllValues:StringEquals": {"aws:PrincipalOrgID": "o-abc"}}),
                "any account",
            ),
            (
                json!({"StringEquals": {"aws:SourceVpc": "vpc-1"}}),
                "any account",
            ),
        ] {
            assert_eq!(on_condition(&anybody, &condition), expected, "{condition}");
        }
        let lambda = json!({"Service": "lambda.amazonaws.com"});
        let condition = json!({"StringLike": {"aws:sourceARN": "arn:aws:lambda:us-east-1:222222222222:function:*"}});
        assert_eq!(on_condition(&lambda, &condition), "account 222222222222");
    }

    #[test]
    fn only_what_lets_pull_counts_and_all_of_that() {
        let statement = |action: Value| {
            allowed(&json!([{"Effect": "Allow", "Principal": "*", "Action": action}]))
        };
        for action in [
            "*",
            "ecr:*",
            "ECR:batchgetimage",
            "ecr:GetDownload*",
            "ecr:Batch?etImage",
        ] {
            assert_eq!(statement(json!(action)), "any account", "{action}");
        }
        for action in [
            json!("ecr:PutImage"),
            json!(["ecr:BatchCheckLayerAvailability", "s3:*"]),
            json!([]),
        ] {
            assert_eq!(statement(action.clone()), "", "{action}");
        }
        let with = |key: &str, value: Value| {
            let mut statement = json!({"Effect": "Allow", "Principal": "*"});
            statement[key] = value;
            allowed(&statement)
        };
        assert_eq!(with("NotAction", json!("ecr:PutImage")), "any account");
        assert_eq!(
            with("NotAction", json!("ecr:BatchGetImage")),
            "any account",
            "layers can be pulled still"
        );
        assert_eq!(with("NotAction", json!("ecr:*")), "");
        assert_eq!(
            allowed(&json!([{"Effect": "Deny", "Principal": "*", "Action": "ecr:*"}])),
            ""
        );
    }

    #[test]
    fn the_policy_of_a_registry_names_repositories() {
        for (resource, expected) in [
            (
                "arn:aws:ecr:eu-west-1:111111111111:repository/team/*",
                "any account",
            ),
            (
                "arn:aws:ecr:eu-west-1:111111111111:repository/team/app",
                "any account",
            ),
            ("*", "any account"),
            ("arn:aws:ecr:eu-west-1:111111111111:repository/other/*", ""),
        ] {
            let statement = json!({"Effect": "Allow", "Principal": "*", "Action": "ecr:*", "Resource": resource});
            assert_eq!(allowed(&statement), expected, "{resource}");
        }
    }

    #[test]
    fn what_is_not_understood_is_an_error() {
        let name = RepositoryName::new("team/app").unwrap();
        for policy in [
            "",
            "{}",
            "[]",
            r#"{"Statement": [{"Effect": "Perhaps", "Principal": "*", "Action": "ecr:*"}]}"#,
            r#"{"Statement": [{"Principal": "*", "Action": "ecr:*"}]}"#,
            r#"{"Statement": [{"Effect": "Allow", "Action": "ecr:*"}]}"#,
            r#"{"Statement": [{"Effect": "Allow", "Principal": {"AWS": 5}, "Action": "ecr:*"}]}"#,
        ] {
            assert!(pull_principals(policy, &name).is_err(), "{policy}");
        }
    }
}
