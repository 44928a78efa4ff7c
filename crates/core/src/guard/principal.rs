//! A principal that may pull: accounts, or a service on behalf of accounts.

use std::fmt;

use crate::image::{AccountId, Partition, Region, Registry};

/// Principals of the services that are sources, without the end of their names, with the names of
/// those sources.
const SERVICES: [(&str, &str); 17] = [
    ("apprunner", "app_runner"),
    ("batch", "batch"),
    ("bedrock-agentcore", "bedrock_agentcore"),
    ("build.apprunner", "app_runner"),
    ("codebuild", "codebuild"),
    ("ecs", "ecs"),
    ("ecs-tasks", "ecs"),
    ("eks", "eks"),
    ("eks-fargate-pods", "eks"),
    ("events", "eventbridge"),
    ("lambda", "lambda"),
    ("lightsail", "lightsail"),
    ("pipes", "pipes"),
    ("sagemaker", "sagemaker"),
    ("scheduler", "scheduler"),
    ("states", "step_functions"),
    ("tasks.apprunner", "app_runner"),
];

/// A principal that a policy lets pull.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum PullPrincipal {
    /// Accounts.
    Accounts(Accounts),
    /// A service of AWS.
    Service {
        /// Name, such as `codebuild.amazonaws.com`.
        name: Box<str>,
        /// Accounts on whose behalf it pulls.
        on_behalf_of: Accounts,
    },
    /// A principal that is named in another way.
    Other(Box<str>),
}

/// Accounts that a principal or a condition names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Accounts {
    /// An account.
    One {
        /// Account.
        account: AccountId,
        /// Region of what pulls; `None` for any.
        region: Option<Region>,
    },
    /// Every account of an organization.
    Organization(Box<str>),
    /// Any account.
    Any,
}

impl PullPrincipal {
    /// Returns the account and Region in which it uses what it pulls from a registry: the Region of
    /// the registry if no other is named. `None` if that may be in any account.
    #[must_use]
    pub fn location(&self, registry: &Registry) -> Option<Registry> {
        match self {
            Self::Accounts(Accounts::One { account, region })
            | Self::Service {
                on_behalf_of: Accounts::One { account, region },
                ..
            } => Some(Registry {
                account: *account,
                region: region.as_ref().unwrap_or(&registry.region).clone(),
            }),
            // Lambda itself adds this to the policy of a repository that a function of its account
            // is made from. Of another account it lets in only those whom the policy names besides
            // ("Amazon ECR cross-account permissions").
            Self::Service {
                name,
                on_behalf_of: Accounts::Any,
            } if source_of(name, &registry.region) == Some("lambda") => Some(registry.clone()),
            Self::Accounts(_) | Self::Service { .. } | Self::Other(_) => None,
        }
    }

    /// Returns whether it may use what it pulls in an account of an organization that is not its
    /// own or that of the registry.
    pub(super) fn may_be_in_an_organization(&self, registry: &Registry) -> bool {
        let (Self::Accounts(accounts)
        | Self::Service {
            on_behalf_of: accounts,
            ..
        }) = self
        else {
            return false;
        };
        match accounts {
            Accounts::One { account, .. } => *account != registry.account,
            Accounts::Organization(_) => true,
            Accounts::Any => false,
        }
    }
}

/// Returns the source that reads what a service uses in a Region; `None` if there is none.
pub(super) fn source_of(service: &str, region: &Region) -> Option<&'static str> {
    let service = service.to_ascii_lowercase();
    let ends = ["amazonaws.com", Partition::dns_suffix_of(region)];
    let begins = |end| service.strip_suffix(end)?.strip_suffix('.');
    let name = ends.into_iter().find_map(begins)?;
    // Its name may hold the Region: `codebuild.eu-west-1.amazonaws.com`.
    let without_region = name.strip_suffix(&**region);
    let without_region = without_region.and_then(|name| name.strip_suffix('.'));
    let name = without_region.unwrap_or(name);
    let known = SERVICES.iter().find(|(known, _)| *known == name);
    known.map(|(_, source)| *source)
}

impl fmt::Display for PullPrincipal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accounts(accounts) => accounts.fmt(f),
            Self::Service { name, on_behalf_of } => write!(f, "`{name}` for {on_behalf_of}"),
            Self::Other(principal) => write!(f, "`{principal}`"),
        }
    }
}

impl fmt::Display for Accounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One { account, .. } => write!(f, "account {account}"),
            Self::Organization(organization) => write!(f, "organization {organization}"),
            Self::Any => f.write_str("any account"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The Region, the service, and the source that reads it.
    const CASES: &str = "
        eu-west-1 | codebuild.amazonaws.com | codebuild
        eu-west-1 | Codebuild.amazonaws.com | codebuild
        eu-west-1 | codebuild.eu-west-1.amazonaws.com | codebuild
        eu-west-1 | codebuild.us-east-1.amazonaws.com | -
        eu-west-1 | codebuild.amazonaws.com.cn | -
        cn-north-1 | codebuild.amazonaws.com.cn | codebuild
        cn-north-1 | codebuild.cn-north-1.amazonaws.com.cn | codebuild
        cn-north-1 | lambda.amazonaws.com | lambda
        eusc-de-east-1 | lambda.amazonaws.eu | lambda
        eu-west-1 | batch.amazonaws.com | batch
        eu-west-1 | bedrock-agentcore.amazonaws.com | bedrock_agentcore
        eu-west-1 | build.apprunner.amazonaws.com | app_runner
        eu-west-1 | ecs-tasks.amazonaws.com | ecs
        eu-west-1 | eks-fargate-pods.amazonaws.com | eks
        eu-west-1 | events.amazonaws.com | eventbridge
        eu-west-1 | lightsail.amazonaws.com | lightsail
        eu-west-1 | pipes.amazonaws.com | pipes
        eu-west-1 | sagemaker.amazonaws.com | sagemaker
        eu-west-1 | scheduler.amazonaws.com | scheduler
        eu-west-1 | states.eu-west-1.amazonaws.com | step_functions
        eu-west-1 | emr-serverless.amazonaws.com | -
        eu-west-1 | keep_lists.amazonaws.com | -
        eu-west-1 | edgelambda.amazonaws.com | -
        eu-west-1 | codebuild.example.com | -
        eu-west-1 | codebuild | -
        eu-west-1 | amazonaws.com | -
    ";

    #[test]
    fn a_service_is_known_by_its_principal() {
        for case in CASES.trim().lines() {
            let columns: Vec<&str> = case.split('|').map(str::trim).collect();
            let [region, service, expected] = columns[..] else {
                panic!("{case}")
            };
            let found = source_of(service, &region.parse().unwrap());
            assert_eq!(found.unwrap_or("-"), expected, "{case}");
        }
    }
}
