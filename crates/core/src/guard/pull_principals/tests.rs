use serde_json::json;

use super::*;

fn allowed(statement: &Value) -> String {
    let policy = json!({"Version": "2012-10-17", "Statement": statement}).to_string();
    let name = RepositoryName::new("team/app").unwrap();
    match pull_principals(&policy, &name, &TrustedPullers::default()) {
        Ok(principals) => {
            let principals: Vec<String> = principals.iter().map(ToString::to_string).collect();
            principals.join(", ")
        }
        Err(problem) => format!("error: {problem}"),
    }
}

/// What a statement allows to whom it names, with one more member.
fn with(principal: &Value, key: &str, value: Value) -> String {
    let mut statement = json!({"Effect": "Allow", "Principal": principal});
    statement[key] = value;
    allowed(&statement)
}

/// The two columns of a table.
fn cases(table: &str) -> impl Iterator<Item = (Value, &str)> {
    table.lines().map(|line| {
        let (value, expected) = line.split_once(" => ").unwrap();
        (serde_json::from_str(value).unwrap(), expected.trim())
    })
}

const PRINCIPALS: &str = r#"{"AWS": "222222222222"} => account 222222222222
{"AWS": "arn:aws:iam::222222222222:root"} => account 222222222222
{"AWS": ["arn:aws:iam::222222222222:role/a", "arn:aws-cn:sts::333333333333:x/a/b"]} => account 222222222222, account 333333333333
{"AWS": "AROAEXAMPLEID12345678"} => 
{"AWS": "somebody"} => `somebody`
"somebody" => `somebody`
"*" => any account
{"AWS": "*"} => any account
{"AWS": ["*", "222222222222"]} => account 222222222222, any account
{"Service": "codebuild.amazonaws.com"} => `codebuild.amazonaws.com` for any account
{"CanonicalUser": "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be"} => `79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be`
{"Federated": "arn:aws:iam::222222222222:saml-provider/x"} => `arn:aws:iam::222222222222:saml-provider/x`"#;

#[test]
fn principals_are_known_by_every_form() {
    for (principal, expected) in cases(PRINCIPALS) {
        let found = with(&principal, "Action", json!(["ecr:BatchGetImage"]));
        assert_eq!(found, expected, "{principal}");
    }
    let others = json!({"Effect": "Allow", "NotPrincipal": {"AWS": "1"}, "Action": "ecr:*"});
    assert_eq!(allowed(&others), "any account");
}

const CONDITIONS: &str = r#"{"StringEquals": {"aws:PrincipalOrgID": "o-abc"}} => organization o-abc
{"StringLike": {"AWS:PrincipalOrgId": ["o-abc", "o-def"]}} => organization o-abc, organization o-def
{"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "o-abc/r-1/ou-2/*"}} => organization o-abc
{"StringEquals": {"aws:PrincipalAccount": ["222222222222"]}} => account 222222222222
{"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::222222222222:role/ci-*"}} => account 222222222222
{"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/ci"}} => any account
{"StringLike": {"aws:PrincipalOrgID": "o-*"}} => any account
{"StringEquals": {"aws:PrincipalOrgID": []}} => any account
{"StringEquals": {"aws:PrincipalOrgID": "o-abc", "aws:PrincipalAccount": "222222222222"}} => account 222222222222
{"StringNotEquals": {"aws:PrincipalAccount": "222222222222"}} => any account
{"StringEqualsIfExists": {"aws:PrincipalOrgID": "o-abc"}} => any account
{"ForAllValues:StringEquals": {"aws:PrincipalOrgID": "o-abc"}} => any account
{"StringEquals": {"aws:SourceVpc": "vpc-1"}} => any account"#;

#[test]
fn conditions_count_where_they_say_who_is_let_in() {
    for (condition, expected) in cases(CONDITIONS) {
        let found = with(&json!("*"), "Condition", condition.clone());
        assert_eq!(found, expected, "{condition}");
    }
}

const SERVICE_CONDITIONS: &str = r#"{} => any account
{"StringEquals": {"aws:SourceAccount": "222222222222"}} => account 222222222222
{"StringEquals": {"AWS:sourceaccount": ["222222222222", "333333333333"]}} => account 222222222222, account 333333333333
{"StringLike": {"aws:sourceARN": "arn:aws:codebuild:*:222222222222:project/*"}} => account 222222222222
{"ArnLike": {"aws:SourceArn": "arn:aws:codebuild:us-east-1:222222222222:project/*"}} => account 222222222222
{"ForAnyValue:ArnEquals": {"aws:SourceArn": ["arn:aws:codebuild:us-east-1:222222222222:project/a"]}} => account 222222222222
{"StringEquals": {"aws:SourceAccount": "222222222222"}, "ArnLike": {"aws:SourceArn": "*"}} => account 222222222222
{"StringEquals": {"aws:SourceOrgID": "o-abc"}} => organization o-abc
{"ForAnyValue:StringLike": {"aws:SourceOrgPaths": "o-abc/r-1/*"}} => organization o-abc
{"ArnLike": {"aws:SourceArn": "arn:aws:codebuild:*:*:project/*"}} => any account
{"ArnLike": {"aws:SourceArn": ["arn:aws:codebuild:*:222222222222:project/*", "arn:aws:s3:::x"]}} => any account
{"StringLike": {"aws:SourceAccount": "2222*"}} => any account
{"StringNotEquals": {"aws:SourceAccount": "222222222222"}} => any account
{"StringEqualsIfExists": {"aws:SourceAccount": "222222222222"}} => any account
{"ForAllValues:StringEquals": {"aws:SourceAccount": "222222222222"}} => any account
{"Null": {"aws:SourceAccount": "false"}} => any account
{"StringEquals": {"aws:PrincipalAccount": "222222222222"}} => any account
{"StringEquals": {"aws:PrincipalOrgID": "o-abc"}} => any account"#;

/// A condition says on whose behalf a service pulls, and never who pulls (U16).
#[test]
fn a_service_stays_a_service_whatever_its_conditions_say() {
    let service = json!({"Service": "codebuild.amazonaws.com"});
    for (condition, expected) in cases(SERVICE_CONDITIONS) {
        let expected: Vec<_> = expected
            .split(", ")
            .map(|accounts| format!("`codebuild.amazonaws.com` for {accounts}"))
            .collect();
        let found = with(&service, "Condition", condition.clone());
        assert_eq!(found, expected.join(", "), "{condition}");
    }
    let behalf = json!({"StringEquals": {"aws:SourceAccount": "222222222222"}});
    for principal in [json!("*"), json!({"AWS": "*"})] {
        let found = with(&principal, "Condition", behalf.clone());
        assert_eq!(found, "any account", "any service may pull for it");
    }
    let both = json!({"Service": ["lambda.amazonaws.com", "codebuild.amazonaws.com"], "AWS": "333333333333"});
    assert_eq!(
        with(&both, "Condition", behalf),
        "account 333333333333, `codebuild.amazonaws.com` for account 222222222222, \
         `lambda.amazonaws.com` for account 222222222222"
    );
}

const ACTIONS: &str = r#""*" => any account
"ecr:*" => any account
"ECR:batchgetimage" => any account
"ecr:GetDownload*" => any account
"ecr:Batch?etImage" => any account
"ecr:PutImage" => 
["ecr:BatchCheckLayerAvailability", "s3:*"] => 
[] => "#;

#[test]
fn only_what_lets_pull_counts_and_all_of_that() {
    for (action, expected) in cases(ACTIONS) {
        assert_eq!(
            with(&json!("*"), "Action", action.clone()),
            expected,
            "{action}"
        );
    }
    let not = |action: &str| with(&json!("*"), "NotAction", json!(action));
    assert_eq!(not("ecr:PutImage"), "any account");
    assert_eq!(
        not("ecr:BatchGetImage"),
        "any account",
        "layers can be pulled still"
    );
    assert_eq!(not("ecr:*"), "");
    let denied = json!([{"Effect": "Deny", "Principal": "*", "Action": "ecr:*"}]);
    assert_eq!(allowed(&denied), "");
}

const RESOURCES: &str = r#""arn:aws:ecr:eu-west-1:111111111111:repository/team/*" => any account
"arn:aws:ecr:eu-west-1:111111111111:repository/team/app" => any account
"*" => any account
"arn:aws:ecr:eu-west-1:111111111111:repository/other/*" => "#;

#[test]
fn the_policy_of_a_registry_names_repositories() {
    for (resource, expected) in cases(RESOURCES) {
        assert_eq!(
            with(&json!("*"), "Resource", resource.clone()),
            expected,
            "{resource}"
        );
    }
}

const MALFORMED: [&str; 7] = [
    "",
    "{}",
    "[]",
    r#"{"Statement": [{"Effect": "Perhaps", "Principal": "*", "Action": "ecr:*"}]}"#,
    r#"{"Statement": [{"Principal": "*", "Action": "ecr:*"}]}"#,
    r#"{"Statement": [{"Effect": "Allow", "Action": "ecr:*"}]}"#,
    r#"{"Statement": [{"Effect": "Allow", "Principal": {"AWS": 5}, "Action": "ecr:*"}]}"#,
];

#[test]
fn what_is_not_understood_is_an_error() {
    let name = RepositoryName::new("team/app").unwrap();
    for policy in MALFORMED {
        assert!(
            pull_principals(policy, &name, &TrustedPullers::default()).is_err(),
            "{policy}"
        );
    }
}
