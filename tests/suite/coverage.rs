//! The coverage check: a repository from which somebody may pull whose use is not read is left
//! alone.

use ecr_cleanup::report::{Answer, FailureGroup, Warning};
use serde_json::{Value, json};
use simulated_aws::{Fault, FaultKind, Object, SimulatedAws, World};

use crate::support::{DELETE, WorldExt, assertions::assert_warns, failures, line, plan, run};

const APP: &str = "team/app";
const OTHER: &str = "team/other";

async fn account(edit: impl FnOnce(&mut World)) -> SimulatedAws {
    let aws = SimulatedAws::start().await;
    aws.edit(|world| {
        world.in_use_elsewhere();
        world.untagged_images(APP, 3);
        world.untagged_images(OTHER, 2);
        edit(world);
    });
    aws
}

fn policy(principal: &Value) -> String {
    json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": principal,
        "Action": ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]}]})
    .to_string()
}

fn third(world: &mut World) {
    let text = policy(&json!({"AWS": "arn:aws:iam::333333333333:root"}));
    world.home().repository(APP).repository_policy = Some(text);
}

fn assert_left_alone(answer: &Answer, because: &str) {
    let why = line(answer, APP).left_alone.as_deref().unwrap();
    assert_contains!(why, because);
    assert!(line(answer, OTHER).left_alone.is_none());
    let warned = |warning: &Warning| {
        warning.repository.as_deref() == Some(APP) && warning.message.contains(because)
    };
    let failed =
        |failure: &FailureGroup| failure.repositories == [APP] && failure.message.contains(because);
    let said = answer.warnings.iter().any(warned) || answer.failures.iter().any(failed);
    assert!(said, "{answer:?}");
}

/// Whoever may pull may use (U16).
#[tokio::test]
async fn a_repository_from_which_an_unread_account_may_pull_is_left_alone() {
    let aws = account(third).await;
    let planned = plan(&aws, "").await;
    assert_left_alone(&planned, "account 333333333333");
    assert_eq!(planned.counts.candidates, 2);
    let answer = run(&aws, DELETE).await;
    assert_left_alone(&answer, "account 333333333333");
    assert_deleted!(answer, Completed, 2);
    assert_eq!(aws.digests(APP).len(), 4);
}

#[tokio::test]
async fn a_warning_is_enough_if_the_configuration_says_so() {
    let aws = account(third).await;
    let answer = run(&aws, "{mode: delete, guards: {unread_pull_accounts: warn}}").await;
    assert_deleted!(answer, Completed, 5);
    assert_warns(&answer, "account 333333333333");
}

/// An account is read in a Region, not as such (U16).
#[tokio::test]
async fn an_account_may_pull_if_it_is_read_in_the_region_of_the_registry() {
    let role = "arn:aws:iam::333333333333:role/reader";
    for (regions, deleted) in [
        ("", 5),
        (", regions: [eu-west-1]", 5),
        (", regions: [us-east-1]", 2),
        (", regions: [us-east-1, eu-west-1]", 5),
    ] {
        let aws = account(third).await;
        let entry = format!("{{role_arn: '{role}'{regions}}}");
        let config = format!("{{mode: delete, in_use: {{accounts: [{entry}]}}}}");
        let answer = run(&aws, &config).await;
        assert_deleted!(answer, Completed, deleted, "{entry}");
    }
    for (region, deleted) in [(None, 2), (Some("us-east-1"), 2), (Some("eu-west-1"), 5)] {
        let aws = account(|world| {
            third(world);
            let list = json!({"schema": "ecr-cleanup/keep-list/1", "generated_at": "2026-11-21T11:00:00Z",
                "max_age": "24h", "account": "333333333333", "region": region, "images": []});
            let list = Object::new(list.to_string());
            world.bucket("lists").insert("third.json".to_owned(), list);
        })
        .await;
        let config = "{mode: delete, in_use: {keep_lists: ['s3://lists/third.json']}}";
        let answer = run(&aws, config).await;
        assert_deleted!(answer, Completed, deleted, "{region:?}");
    }
}

#[tokio::test]
async fn its_own_account_and_one_that_was_deleted_may_pull() {
    let aws = account(|world| {
        let text = policy(&json!({"AWS": ["111111111111", "AROAEXAMPLEID12345678"]}));
        world.home().repository(APP).repository_policy = Some(text);
    })
    .await;
    assert_eq!(run(&aws, DELETE).await.counts.deleted, 5);
}

/// A condition says on whose behalf a service pulls, not that its use is read (U16).
#[tokio::test]
async fn a_service_may_pull_if_it_is_a_source() {
    let codebuild = |config: &'static str, fault: Option<Fault>| async move {
        let aws = account(|world| {
            let mut policy: Value =
                serde_json::from_str(&policy(&json!({"Service": "codebuild.amazonaws.com"})))
                    .unwrap();
            policy["Statement"][0]["Condition"] =
                json!({"StringEquals": {"aws:SourceAccount": "111111111111"}});
            world.home().repository(APP).repository_policy = Some(policy.to_string());
            world.home().script_nothing();
        })
        .await;
        if let Some(fault) = fault {
            aws.fault(fault);
        }
        run(&aws, config).await
    };
    let not_read = "`codebuild.amazonaws.com` for account 111111111111";
    for config in [
        "{mode: delete, in_use: {services: false}}",
        "{mode: delete, in_use: {services: [batch]}}",
    ] {
        let unread = codebuild(config, None).await;
        assert_left_alone(&unread, not_read);
        assert_eq!(unread.counts.deleted, 2, "{config}");
    }
    for config in [DELETE, "{mode: delete, in_use: {services: [codebuild]}}"] {
        let read = codebuild(config, None).await;
        assert_deleted!(read, Completed, 5);
    }
    // One that may be left out is no source if it was.
    let denied = codebuild(DELETE, Some(Fault::denied("codebuild:*"))).await;
    assert_left_alone(&denied, not_read);
    assert_deleted!(denied, Completed, 2);
    assert!(
        denied
            .unread
            .iter()
            .any(|unread| unread.name.starts_with("`codebuild.amazonaws.com`")),
        "{:?}",
        denied.unread
    );
}

/// Lambda adds itself to the policy of a repository. Where it is switched off, a warning says so
/// (U16).
#[tokio::test]
async fn lambda_of_its_own_account_may_pull() {
    let text = policy(&json!({"Service": "lambda.amazonaws.com"}));
    for config in [DELETE, "{mode: delete, in_use: {lambda: false}}"] {
        let aws = account(|world| {
            world.home().repository(APP).repository_policy = Some(text.clone());
        })
        .await;
        let answer = run(&aws, config).await;
        assert_deleted!(answer, Completed, 5, "{config}");
        if config != DELETE {
            assert_warns(&answer, "`in_use.lambda` is off");
        }
    }
}

#[tokio::test]
async fn an_organization_or_anybody_cannot_be_read() {
    for (text, because) in [
        (policy(&json!("*")), "any account"),
        (
            policy(&json!({"Service": "codebuild.amazonaws.com"})),
            "`codebuild.amazonaws.com`",
        ),
        (
            json!({"Statement": {"Effect": "Allow", "Principal": "*", "Action": "ecr:*",
                "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-example"}}}})
            .to_string(),
            "organization o-example",
        ),
        ("{}".to_owned(), "a policy cannot be understood"),
    ] {
        let aws =
            account(|world| world.home().repository(APP).repository_policy = Some(text)).await;
        assert_left_alone(&run(&aws, DELETE).await, because);
        assert_eq!(aws.digests(APP).len(), 4, "{because}");
    }
}

#[tokio::test]
async fn the_policy_of_the_registry_counts_too() {
    let aws = account(|world| {
        let statement = json!({"Effect": "Allow", "Principal": {"AWS": "333333333333"}, "Action": "ecr:*",
            "Resource": "arn:aws:ecr:eu-west-1:111111111111:repository/team/ap*"});
        world.home().ecr.policy = Some(json!({"Statement": [statement]}).to_string());
    })
    .await;
    assert_left_alone(&run(&aws, DELETE).await, "account 333333333333");
}

/// Asserts that these repositories are a failure that names the call, also in the metrics.
fn assert_failed(answer: &Answer, code: &str, operation: &str, repositories: &[&str]) {
    let failure = failures(answer, code);
    assert_contains!(failure.message, operation);
    assert_eq!(failure.repositories, repositories, "{operation}");
    let failed = answer.counts.repositories_failed;
    assert_eq!(failed, repositories.len() as u64, "{operation}");
}

/// A missing right keeps images, and is not silent about it.
#[tokio::test]
async fn what_cannot_be_asked_leaves_alone_and_is_a_failure() {
    let aws = account(|_| {}).await;
    aws.fault(Fault::denied("ecr:GetRepositoryPolicy").matching(APP));
    let answer = run(&aws, DELETE).await;
    assert_deleted!(answer, CompletedWithFailures, 2);
    assert_failed(
        &answer,
        "pullers_unknown",
        "`ecr:GetRepositoryPolicy`",
        &[APP],
    );
    assert!(line(&answer, OTHER).left_alone.is_none());

    let aws = account(|world| {
        world.multi_arch(APP, 50);
    })
    .await;
    aws.fault(Fault::denied("ecr:BatchGetImage"));
    let answer = run(&aws, DELETE).await;
    assert_deleted!(answer, CompletedWithFailures, 2);
    assert_failed(&answer, "index_not_read", "`ecr:BatchGetImage`", &[APP]);

    for operation in ["ecr:DescribeRegistry", "ecr:GetRegistryPolicy"] {
        for kind in [
            FaultKind::AccessDenied,
            FaultKind::ServerError(500),
            FaultKind::BadJson,
        ] {
            let aws = account(|_| {}).await;
            aws.fault(Fault::on(operation).kind(kind.clone()));
            let answer = run(&aws, DELETE).await;
            assert_eq!(answer.counts.deleted, 0, "{operation} {kind:?}");
            assert_eq!(aws.mutations().len(), 0, "{operation} {kind:?}");
            assert_status!(answer, CompletedWithFailures, "{operation} {kind:?}");
            assert_failed(&answer, "pullers_unknown", operation, &[APP, OTHER]);
            assert_contains!(line(&answer, APP).left_alone.as_deref().unwrap(), operation);
        }
    }
}

/// Replication deletes in accounts that are not read (U16).
#[tokio::test]
async fn deletions_that_are_repeated_where_nobody_looks_are_not_made() {
    let replicated = |deletes: Value, filter: &str| {
        let rule = json!({"destinations": [{"region": "us-east-1", "registryId": "111111111111"}],
            "repositoryFilters": [{"filter": filter, "filterType": "PREFIX_MATCH"}], "deleteReplication": deletes});
        move |world: &mut World| world.home().ecr.replication_rules.push(rule)
    };
    let aws = account(replicated(json!({"enabled": true}), "team/app")).await;
    assert_left_alone(&run(&aws, DELETE).await, "111111111111 us-east-1");
    assert_eq!(aws.digests(APP).len(), 4);
    let read = "{mode: delete, in_use: {accounts: [{regions: [us-east-1]}]}}";
    assert_eq!(run(&aws, read).await.counts.deleted, 3);
    for (deletes, filter) in [
        (json!({"enabled": false}), "team/"),
        (Value::Null, "team/"),
        (json!({"enabled": true}), "x"),
    ] {
        let aws = account(replicated(deletes, filter)).await;
        assert_eq!(run(&aws, DELETE).await.counts.deleted, 5);
    }
}

#[tokio::test]
async fn policies_are_asked_for_beside_images_and_those_of_the_registry_where_something_goes() {
    let aws = account(|_| {}).await;
    plan(&aws, "").await;
    let counts = [
        "ecr:GetRepositoryPolicy",
        "ecr:GetRegistryPolicy",
        "ecr:DescribeRegistry",
    ]
    .map(|it| aws.count(it));
    assert_eq!(counts, [3, 1, 1], "`used` has nothing to delete");
    let aws = SimulatedAws::start().await;
    aws.edit(WorldExt::in_use_elsewhere);
    plan(&aws, "").await;
    assert_eq!(aws.count("ecr:GetRegistryPolicy"), 0);
}
