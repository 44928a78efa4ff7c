use std::convert::Infallible;

use serde_json::{Value, json};

use super::*;
use crate::{
    evidence::{Coverage, Evidence, SourceStatus},
    image::RepositoryName,
};

/// Parses `ACCOUNT REGION`.
fn location(text: &str) -> Registry {
    let (account, region) = text.split_once(' ').unwrap();
    Registry {
        account: account.parse().unwrap(),
        region: region.parse().unwrap(),
    }
}

/// Returns what was read, from `SOURCE ACCOUNT REGION, ...`.
fn usage(sources: &'static str) -> UsageIndex {
    let sources = sources.split(", ").filter(|it| !it.is_empty());
    let evidence = sources.map(|text| {
        let (source, at) = text.split_once(' ').unwrap();
        let status = SourceStatus {
            source,
            location: location(at),
            cluster: None,
            coverage: Coverage::Complete,
            references: 0,
            note: None,
        };
        Evidence {
            status,
            uses: Vec::new(),
            locations: BTreeSet::new(),
            unread: Vec::new(),
        }
    });
    UsageIndex::from(evidence.collect::<Vec<_>>())
}

/// Returns who may pull from a repository by a statement and is not read.
fn unread(statement: &Value, registry: &str, sources: &'static str) -> String {
    let policy = json!({ "Statement": statement }).to_string();
    let key: RepositoryKey = (
        location(registry).into(),
        RepositoryName::new("team/app").unwrap(),
    );
    let access = PullAccess::<Infallible> {
        registry_policy: Ok(None),
        replications: Ok(&[]),
        doubts: &Doubts::default(),
        known: KnownPullers {
            own: &key.0,
            organization: None,
            trusted: &TrustedPullers::default(),
        },
    };
    match unread_pullers(&key, Ok(Some(&policy)), &access, &usage(sources)) {
        None => String::new(),
        Some(Veto {
            why: LeftAlone::PulledFrom { by, .. },
            ..
        }) => by.join(", "),
        Some(veto) => panic!("{veto:?}"),
    }
}

/// The registry, the account that may pull, what is read, and who is unread (U16).
const ACCOUNTS: &str = "
    111111111111 eu-west-1 | 111111111111 | | -
    111111111111 eu-west-1 | 222222222222 | ecs 222222222222 eu-west-1 | -
    111111111111 eu-west-1 | 222222222222 | ecs 222222222222 us-east-1 | account 222222222222 in eu-west-1
    111111111111 eu-west-1 | 222222222222 | ecs 111111111111 eu-west-1 | account 222222222222 in eu-west-1
    222222222222 us-east-1 | 111111111111 | ecs 111111111111 eu-west-1 | account 111111111111 in us-east-1
    222222222222 us-east-1 | 111111111111 | ecs 111111111111 us-east-1 | -
";

/// The service, on whose behalf it pulls from a registry of 111111111111 in eu-west-1, what is
/// read, and who is unread (U16).
const SERVICES: &str = "
codebuild.amazonaws.com | 111111111111 | ecs 111111111111 eu-west-1 | `codebuild.amazonaws.com` for account 111111111111 in eu-west-1
codebuild.amazonaws.com | 111111111111 | codebuild 111111111111 eu-west-1 | -
codebuild.amazonaws.com | 111111111111 | codebuild 111111111111 us-east-1 | `codebuild.amazonaws.com` for account 111111111111 in eu-west-1
codebuild.amazonaws.com | 222222222222 | codebuild 111111111111 eu-west-1 | `codebuild.amazonaws.com` for account 222222222222 in eu-west-1
codebuild.amazonaws.com | 222222222222 | codebuild 222222222222 eu-west-1 | -
codebuild.amazonaws.com | | codebuild 111111111111 eu-west-1 | `codebuild.amazonaws.com` for any account
codebuild.amazonaws.com | arn:aws:codebuild:us-east-1:111111111111:project/x | codebuild 111111111111 eu-west-1 | `codebuild.amazonaws.com` for account 111111111111 in us-east-1
codebuild.amazonaws.com | arn:aws:codebuild:us-east-1:111111111111:project/x | codebuild 111111111111 us-east-1 | -
codebuild.amazonaws.com | arn:aws:codebuild:*:111111111111:project/x | codebuild 111111111111 eu-west-1 | -
codebuild.amazonaws.com | o-abc | codebuild 111111111111 eu-west-1 | `codebuild.amazonaws.com` for organization o-abc
emr-serverless.amazonaws.com | 111111111111 | ecs 111111111111 eu-west-1 | `emr-serverless.amazonaws.com` for account 111111111111 in eu-west-1
account.amazonaws.com | 111111111111 | account 111111111111 eu-west-1 | `account.amazonaws.com` for account 111111111111 in eu-west-1
lambda.amazonaws.com | | lambda 111111111111 eu-west-1 | -
lambda.amazonaws.com | | lambda 222222222222 eu-west-1 | `lambda.amazonaws.com` for any account in eu-west-1
lambda.amazonaws.com | | ecs 222222222222 eu-west-1 | -
lambda.amazonaws.com | 111111111111 | ecs 111111111111 eu-west-1 | -
lambda.amazonaws.com | 222222222222 | lambda 111111111111 eu-west-1 | `lambda.amazonaws.com` for account 222222222222 in eu-west-1
lambda.amazonaws.com | 222222222222 | ecs 111111111111 eu-west-1 | `lambda.amazonaws.com` for account 222222222222 in eu-west-1
lambda.amazonaws.com | 222222222222 | lambda 222222222222 eu-west-1 | -
";

#[test]
fn a_service_is_read_if_it_is_a_source_there() {
    for case in SERVICES.trim().lines() {
        let columns: Vec<&str> = case.split('|').map(str::trim).collect();
        let [service, behalf, sources, expected] = columns[..] else {
            panic!("{case}")
        };
        let condition = match behalf {
            "" => json!({}),
            arn if arn.starts_with("arn:") => json!({"ArnLike": {"aws:SourceArn": arn}}),
            id if id.starts_with("o-") => json!({"StringEquals": {"aws:SourceOrgID": id}}),
            account => json!({"StringEquals": {"aws:SourceAccount": account}}),
        };
        let allow = json!({"Effect": "Allow", "Principal": {"Service": service},
            "Action": "ecr:BatchGetImage", "Condition": condition});
        let found = unread(&allow, "111111111111 eu-west-1", sources);
        assert_eq!(found, expected.trim_matches('-'), "{case}");
    }
}

#[test]
fn an_account_is_read_in_the_region_of_the_registry() {
    for case in ACCOUNTS.trim().lines() {
        let columns: Vec<&str> = case.split('|').map(str::trim).collect();
        let [registry, account, sources, expected] = columns[..] else {
            panic!("{case}")
        };
        let allow = json!({"Effect": "Allow", "Principal": {"AWS": account}, "Action": "ecr:*"});
        let found = unread(&allow, registry, sources);
        assert_eq!(found, expected.trim_matches('-'), "{case}");
    }
}
