use serde_json::json;

use super::*;
use crate::{
    evidence::{Coverage, Evidence, SourceStatus},
    guard::pull_principals,
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

/// Returns what was read: ECS in these locations.
fn usage(locations: &[&str]) -> UsageIndex {
    let evidence = locations.iter().map(|at| Evidence {
        status: SourceStatus {
            source: "ecs",
            location: location(at),
            cluster: None,
            coverage: Coverage::Complete,
            references: 0,
            note: None,
        },
        uses: Vec::new(),
        locations: BTreeSet::new(),
        unread: Vec::new(),
    });
    UsageIndex::from(evidence.collect::<Vec<_>>())
}

fn organization() -> Organization {
    let accounts = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
    Organization {
        id: "o-one".into(),
        accounts: accounts(&[
            "111111111111",
            "222222222222",
            "333333333333",
            "444444444444",
        ]),
        excluded: accounts(&["333333333333"]),
        found: accounts(&["222222222222", "444444444444"]),
    }
}

/// Returns whom a statement lets pull from a registry of 111111111111 without being read, and what
/// to do about it.
fn unread(
    statement: &serde_json::Value,
    region: &str,
    organization: Option<&Organization>,
    trusted: &[&str],
) -> Option<(String, String)> {
    let registry = location(&format!("111111111111 {region}"));
    let trusted = trusted.iter().map(|it| (*it).to_owned()).collect();
    let known = KnownPullers {
        own: &location("111111111111 eu-west-1"),
        organization,
        trusted: &trusted,
    };
    let usage = usage(&[
        "111111111111 eu-west-1",
        "222222222222 eu-west-1",
        "444444444444 eu-west-1",
    ]);
    let policy = json!({ "Statement": statement }).to_string();
    let name = RepositoryName::new("app").unwrap();
    let principals = pull_principals(&policy, &name, &trusted).unwrap();
    let pullers = principals.iter();
    let pullers = pullers.filter_map(|it| UnreadPuller::of(it, &registry, &usage, &known));
    let pullers: BTreeSet<UnreadPuller> = pullers.collect();
    let titles: Vec<&str> = pullers.iter().map(|it| &*it.title).collect();
    (!pullers.is_empty()).then(|| (titles.join(" and "), UnreadPuller::advice(&pullers)))
}

fn allow(principal: &str, condition: &str) -> serde_json::Value {
    let parsed = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    json!({"Effect": "Allow", "Principal": parsed(principal), "Action": "ecr:*", "Condition": parsed(condition)})
}

/// Region, principal, condition.
const PULLERS: [(&str, &str, &str); 13] = [
    (
        "eu-west-1",
        r#"{"AWS": ["555555555555", "666666666666"]}"#,
        "{}",
    ),
    ("cn-north-1", r#"{"AWS": "555555555555"}"#, "{}"),
    (
        "us-east-1",
        r#"{"Service": "ecs.amazonaws.com"}"#,
        r#"{"StringEquals": {"aws:SourceAccount": "555555555555"}}"#,
    ),
    (
        "eu-west-1",
        r#""*""#,
        r#"{"StringEquals": {"aws:PrincipalOrgID": "o-one"}}"#,
    ),
    (
        "us-east-1",
        r#""*""#,
        r#"{"StringEquals": {"aws:PrincipalOrgID": "o-two"}}"#,
    ),
    ("eu-west-1", r#""*""#, "{}"),
    (
        "eu-west-1",
        r#"{"Service": "codebuild.amazonaws.com"}"#,
        r#"{"StringEquals": {"aws:SourceAccount": "111111111111"}}"#,
    ),
    (
        "eu-west-1",
        r#"{"Service": "lambda.amazonaws.com"}"#,
        r#"{"StringEquals": {"aws:SourceAccount": "555555555555"}}"#,
    ),
    (
        "eu-west-1",
        r#"{"Service": "CodeBuild.amazonaws.com"}"#,
        "{}",
    ),
    (
        "eu-west-1",
        r#"{"Service": "emr-serverless.amazonaws.com"}"#,
        "{}",
    ),
    (
        "eu-west-1",
        r#"{"Service": "codebuild.amazonaws.com"}"#,
        r#"{"StringEquals": {"aws:SourceOrgID": "o-one"}}"#,
    ),
    (
        "eu-west-1",
        r#"{"Federated": "arn:aws:iam::222222222222:saml-provider/x"}"#,
        "{}",
    ),
    (
        "us-east-1",
        r#"{"AWS": ["111111111111", "222222222222", "333333333333"]}"#,
        "{}",
    ),
];

/// The advice fits the principal, and can be written as it stands (U16).
#[test]
fn advice_fits_the_principal() {
    let lines = PULLERS.map(|(region, principal, condition)| {
        let statement = allow(principal, condition);
        let advised = |organization| {
            let found = unread(&statement, region, organization, &[]);
            found.map_or("read".to_owned(), |(title, advice)| {
                format!("{title}: {advice}")
            })
        };
        let (without, with) = (advised(None), advised(Some(&organization())));
        let same = if with == without {
            "the same".to_owned()
        } else {
            with
        };
        format!("{without}\n  with o-one: {same}")
    });
    insta::assert_snapshot!(lines.join("\n"), @r#"
    account 555555555555 in eu-west-1 and account 666666666666 in eu-west-1: add `{role_arn: "arn:aws:iam::555555555555:role/ecr-cleanup-reader", regions: [eu-west-1]}` to `in_use.accounts`, add `{role_arn: "arn:aws:iam::666666666666:role/ecr-cleanup-reader", regions: [eu-west-1]}` to `in_use.accounts`; or, if a keep list names what is used there or nothing of it needs protection, set `guards: {trusted_pullers: ["555555555555", "666666666666"]}`
      with o-one: the same
    account 555555555555 in cn-north-1: add `{role_arn: "arn:aws-cn:iam::555555555555:role/ecr-cleanup-reader", regions: [cn-north-1]}` to `in_use.accounts`; or, if a keep list names what is used there or nothing of it needs protection, set `guards: {trusted_pullers: ["555555555555"]}`
      with o-one: the same
    `ecs.amazonaws.com` for account 555555555555 in us-east-1: add `{role_arn: "arn:aws:iam::555555555555:role/ecr-cleanup-reader", regions: [us-east-1]}` to `in_use.accounts`; or, if a keep list names what is used there or nothing of it needs protection, set `guards: {trusted_pullers: ["ecs.amazonaws.com"]}`
      with o-one: the same
    organization o-one: set `in_use: {organization: {role_name: ecr-cleanup-reader}}`; or, if a keep list names what is used there or nothing of it needs protection, set `guards: {trusted_pullers: ["o-one"]}`
      with o-one: organization o-one (333333333333 in eu-west-1): take `333333333333` out of `in_use.organization.exclude`; or, if a keep list names what is used there or nothing of it needs protection, set `guards: {trusted_pullers: ["333333333333"]}`
    organization o-two: set `in_use: {organization: {role_name: ecr-cleanup-reader, regions: [eu-west-1, us-east-1]}}`; or, if a keep list names what is used there or nothing of it needs protection, set `guards: {trusted_pullers: ["o-two"]}`
      with o-one: organization o-two: the accounts of o-two are not known, since `in_use.organization` reads o-one; let that policy name accounts; or, if a keep list names what is used there or nothing of it needs protection, set `guards: {trusted_pullers: ["o-two"]}`
    any account: let that policy name accounts, or an organization by `aws:PrincipalOrgID`; or, if a keep list names what is used there or nothing of it needs protection, set `guards: {trusted_pullers: ["*"]}`
      with o-one: the same
    `codebuild.amazonaws.com` for account 111111111111 in eu-west-1: add `codebuild` to `in_use.services`; or, if a keep list names what is used there or nothing of it needs protection, set `guards: {trusted_pullers: ["codebuild.amazonaws.com"]}`
      with o-one: the same
    `lambda.amazonaws.com` for account 555555555555 in eu-west-1: add `{role_arn: "arn:aws:iam::555555555555:role/ecr-cleanup-reader", regions: [eu-west-1]}` to `in_use.accounts` and switch `in_use.lambda` on; or, if a keep list names what is used there or nothing of it needs protection, set `guards: {trusted_pullers: ["lambda.amazonaws.com"]}`
      with o-one: the same
    `CodeBuild.amazonaws.com` for any account: add `aws:SourceAccount` to the conditions of that policy, so that it says for whom it pulls; or, if a keep list names what is used there or nothing of it needs protection, set `guards: {trusted_pullers: ["codebuild.amazonaws.com"]}`
      with o-one: the same
    `emr-serverless.amazonaws.com` for any account: no source reads what `emr-serverless.amazonaws.com` uses; or, if a keep list names what is used there or nothing of it needs protection, set `guards: {trusted_pullers: ["emr-serverless.amazonaws.com"]}`
      with o-one: the same
    `codebuild.amazonaws.com` for organization o-one: set `in_use: {organization: {role_name: ecr-cleanup-reader}}`; or, if a keep list names what is used there or nothing of it needs protection, set `guards: {trusted_pullers: ["codebuild.amazonaws.com"]}`
      with o-one: `codebuild.amazonaws.com` for organization o-one (111111111111, 222222222222, 333333333333, 444444444444 in eu-west-1): add `codebuild` to `in_use.services`, take `333333333333` out of `in_use.organization.exclude`; or, if a keep list names what is used there or nothing of it needs protection, set `guards: {trusted_pullers: ["codebuild.amazonaws.com"]}`
    `arn:aws:iam::222222222222:saml-provider/x`: no source reads what it uses; or, if a keep list names what is used there or nothing of it needs protection, set `guards: {trusted_pullers: ["arn:aws:iam::222222222222:saml-provider/x"]}`
      with o-one: the same
    account 222222222222 in us-east-1 and account 333333333333 in us-east-1: add `{role_arn: "arn:aws:iam::222222222222:role/ecr-cleanup-reader", regions: [us-east-1]}` to `in_use.accounts`, add `{role_arn: "arn:aws:iam::333333333333:role/ecr-cleanup-reader", regions: [us-east-1]}` to `in_use.accounts`; or, if a keep list names what is used there or nothing of it needs protection, set `guards: {trusted_pullers: ["222222222222", "333333333333"]}`
      with o-one: account 222222222222 in us-east-1 and account 333333333333 in us-east-1: add `us-east-1` to `in_use.organization.regions` (without that key only eu-west-1 is read), take `333333333333` out of `in_use.organization.exclude`; or, if a keep list names what is used there or nothing of it needs protection, set `guards: {trusted_pullers: ["222222222222", "333333333333"]}`
    "#);
}

/// Who may pull by the policy of the next test.
const ALL: [&str; 8] = [
    "account 555555555555 in eu-west-1",
    "account 666666666666 in eu-west-1",
    "account 777777777777 in eu-west-1",
    "account 888888888888 in eu-west-1",
    "organization o-two",
    "any account",
    "`codebuild.amazonaws.com` for account 555555555555 in eu-west-1",
    "`accounts.example.com`",
];

/// What is trusted, and who is left.
#[test]
fn whoever_is_trusted_needs_nothing_read() {
    let condition = r#"{"ArnLike": {"aws:PrincipalArn": ["arn:aws:iam::777777777777:role/ci", "arn:aws:iam::888888888888:role/ci-*"]}}"#;
    let statements = json!([
        allow(
            r#"{"AWS": ["555555555555", "arn:aws:iam::666666666666:role/x"]}"#,
            "{}"
        ),
        allow(r#""*""#, condition),
        allow(
            r#""*""#,
            r#"{"StringLike": {"aws:PrincipalOrgPaths": "o-two/r-1/*"}}"#
        ),
        allow(
            r#"{"Service": "codebuild.amazonaws.com"}"#,
            r#"{"StringEquals": {"aws:SourceAccount": "555555555555"}}"#
        ),
        allow(r#"{"Federated": "accounts.example.com"}"#, "{}"),
        allow(r#""*""#, "{}"),
    ]);
    for (trusted, covered) in [
        ("", &[][..]),
        ("555555555555", &[0, 6]),
        ("666666666666", &[1]),
        ("arn:aws:iam::666666666666:role/x", &[1]),
        ("arn:aws:iam::666666666666:role/other", &[]),
        ("arn:aws:iam::777777777777:role/ci", &[2]),
        ("arn:aws:iam::888888888888:role/ci-*", &[3]),
        ("o-two", &[4]),
        ("o-two/r-1/*", &[4]),
        ("o-two/r-1", &[]),
        ("*", &[5]),
        ("codebuild.amazonaws.com", &[6]),
        ("accounts.example.com", &[7]),
    ] {
        let left = unread(&statements, "eu-west-1", None, &[trusted]);
        let mut left: Vec<String> = left.unwrap().0.split(" and ").map(str::to_owned).collect();
        left.sort_unstable();
        let expected = ALL
            .iter()
            .enumerate()
            .filter(|(at, _)| !covered.contains(at));
        let mut expected: Vec<&str> = expected.map(|(_, title)| *title).collect();
        expected.sort_unstable();
        assert_eq!(left, expected, "{trusted}");
    }
}

/// `*` is who is let in without a name, and no value of a condition (U16).
#[test]
fn anybody_is_trusted_only_where_nobody_is_named() {
    let condition = r#"{"ArnLike": {"aws:PrincipalArn": "*"}, "StringEquals": {"aws:PrincipalAccount": "555555555555"}}"#;
    let found = unread(&allow(r#""*""#, condition), "eu-west-1", None, &["*"]);
    assert_eq!(found.unwrap().0, "account 555555555555 in eu-west-1");
}
