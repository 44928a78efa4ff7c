//! Policies that are chosen by the AWS tags of repositories (K1, K11).

use ecr_cleanup::report::Answer;
use simulated_aws::{Fault, FaultKind, SimulatedAws, World};

use crate::support::{WorldExt, failures, line, program, run};

const TAGS: &str = "ecr:ListTagsForResource";
const ALL: &str = "{name: all, repositories: ['**']}";

/// Fills a repository with an old image, and gives it AWS tags.
fn repository(world: &mut World, name: &str, tags: &[(&str, &str)]) {
    world.untagged(name, 40);
    let tags = tags
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    world.home().repository(name).aws_tags = tags.collect();
}

pub(crate) async fn account(repositories: &[(&str, &[(&str, &str)])]) -> SimulatedAws {
    let aws = SimulatedAws::start().await;
    aws.edit(|world| {
        for (name, tags) in repositories {
            repository(world, name, tags);
        }
        world.in_use_elsewhere();
    });
    aws
}

fn policies_of(answer: &Answer, repositories: &[&str]) -> String {
    let policy = |it: &&str| {
        line(answer, it)
            .policy
            .clone()
            .unwrap_or_else(|| "-".to_owned())
    };
    repositories
        .iter()
        .map(policy)
        .collect::<Vec<_>>()
        .join(" ")
}

/// Both the name and every tag have to match, and the first policy decides for which they do (K1).
#[tokio::test]
async fn a_policy_is_for_repositories_with_tags() {
    let aws = account(&[
        ("a/one", &[("team", "payments-eu"), ("tier", "prod")]),
        ("a/two", &[("team", "payments-eu")]),
        ("b/one", &[("team", "search"), ("tier", "production/eu")]),
        ("cc", &[("Team", "payments")]),
    ])
    .await;
    let names = ["a/one", "a/two", "b/one", "cc"];
    for (policy, expected) in [
        ("repository_tags: {team: 'payments*'}", "x x all all"),
        (
            "repository_tags: {team: 'payments*', tier: '*'}",
            "x all all all",
        ),
        (
            "repositories: ['b/*'], repository_tags: {tier: 'prod*'}",
            "all all x all",
        ),
        ("repository_tags: {tier: 'prod'}", "x all all all"),
        ("repository_tags: {team: 'pay'}", "all all all all"),
        ("repository_tags: {Team: ''}", "all all all all"),
    ] {
        let document = format!("policies: [{{name: x, {policy}}}, {ALL}]");
        let answer = run(&aws, &document).await;
        assert_eq!(policies_of(&answer, &names), expected, "{policy}");
        let warned = answer
            .warnings
            .iter()
            .any(|it| it.message.contains("no repository takes `policies[0]`"));
        assert_eq!(warned, !expected.contains('x'), "{policy}");
    }
}

/// Tags are read of those repositories alone on whose policy they decide.
#[tokio::test]
async fn tags_are_read_only_where_they_decide() {
    for (policies, tag, expected) in [
        (ALL.to_owned(), "", 0),
        (
            format!("{{repositories: ['a/*']}}, {{repository_tags: {{x: y}}}}, {ALL}"),
            "",
            2,
        ),
        (
            format!("{{repositories: ['a/*'], repository_tags: {{x: y}}}}, {ALL}"),
            "",
            2,
        ),
        (ALL.to_owned(), "policy_tag: ecr-cleanup", 4),
    ] {
        let aws = account(&[("a/one", &[]), ("a/two", &[]), ("bb", &[])]).await;
        let document = format!("policies: [{policies}]\n{tag}");
        run(&aws, &document).await;
        assert_eq!(aws.count(TAGS), expected, "{document}");
    }
}

/// A repository names its policy, or is left alone; one that there is not leaves it alone (K1).
#[tokio::test]
async fn a_repository_names_its_policy() {
    let aws = account(&[
        ("named", &[("ecr-cleanup", "strict")]),
        ("protected", &[("ecr-cleanup", "protect")]),
        ("misspelt", &[("ecr-cleanup", "strct")]),
        ("by-position", &[("ecr-cleanup", "policy 3")]),
        ("plain", &[]),
    ])
    .await;
    let document = format!(
        "mode: delete\npolicy_tag: ecr-cleanup\npolicies: [{ALL}, {{name: strict, repositories: ['none'], keep: [{{pushed_within: 50d}}]}}]"
    );
    let answer = run(&aws, &document).await;
    assert_deleted!(answer, Completed, 1);
    assert!(answer.failures.is_empty());
    assert_eq!(
        policies_of(&answer, &["named", "plain", "protected"]),
        "strict all -"
    );
    let why = |name| line(&answer, name).left_alone.clone().unwrap_or_default();
    assert_eq!(why("protected"), "its AWS tag `ecr-cleanup` says `protect`");
    assert_contains!(why("misspelt"), "`strct`, and no policy has that `name`");
    let warned = |text: &str| {
        answer
            .warnings
            .iter()
            .filter(|it| it.message.contains(text))
            .count()
    };
    assert_eq!(
        (
            warned("protected"),
            warned("`misspelt`"),
            warned("`policy 3`")
        ),
        (0, 1, 1)
    );
    assert_eq!(
        aws.digests("protected").len() + aws.digests("misspelt").len(),
        2
    );
}

/// A repository whose tags cannot be read is left alone, as a failure, and stops no other one (A5).
#[tokio::test]
async fn a_repository_whose_tags_cannot_be_read_is_left_alone() {
    for kind in [
        FaultKind::AccessDenied,
        FaultKind::ServerError(500),
        FaultKind::BadJson,
    ] {
        let aws = account(&[("a/one", &[("team", "x")]), ("bb", &[])]).await;
        aws.fault(
            Fault::on(TAGS)
                .matching("repository/a/one")
                .kind(kind.clone()),
        );
        let document = format!("mode: delete\npolicies: [{{repository_tags: {{team: y}}}}, {ALL}]");
        let answer = run(&aws, &document).await;
        assert_outcome!(answer, CompletedWithFailures, (1, 0, 0), "{kind:?}");
        assert_eq!(
            failures(&answer, "tags_not_read").repositories,
            ["a/one"],
            "{kind:?}"
        );
        assert_eq!(aws.digests("a/one").len(), 1, "{kind:?}");
        let warned = answer
            .warnings
            .iter()
            .any(|it| it.message.contains("no repository takes"));
        assert!(!warned, "it may be for one whose tags are not known");
    }
}

/// A repository that vanishes before its tags are read is no failure.
#[tokio::test]
async fn a_repository_without_tags_any_more_has_vanished() {
    let aws = account(&[("aa", &[])]).await;
    aws.after("ecr:DescribeRepositories", 1, |world| {
        world.home().ecr.repositories.remove("aa");
    });
    let answer = run(&aws, &format!("policies: [{ALL}]\npolicy_tag: x")).await;
    assert!(answer.failures.is_empty(), "{:?}", answer.failures);
}

/// `check-config --access` tries to read tags where a run would.
#[tokio::test]
async fn reading_tags_needs_a_permission() {
    for (tag, expected) in [("", &[][..]), ("policy_tag: x", &[TAGS])] {
        let aws = account(&[("aa", &[])]).await;
        aws.fault(Fault::denied(TAGS));
        let access = program(&aws, &format!("policies: [{ALL}]\n{tag}"))
            .access()
            .await
            .unwrap();
        let denied = access.denied_actions.iter().filter(|it| **it == TAGS);
        assert_eq!(denied.copied().collect::<Vec<_>>(), expected, "{tag}");
    }
}
