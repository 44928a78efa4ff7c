//! Organizations: their accounts are found and read, and a repository that all of them may pull from
//! is cleaned if all of them are read (U16).

use ecr_cleanup::{
    evidence::UnreadKind,
    report::{Answer, Status},
};
use serde_json::{Value, json};
use simulated_aws::{
    Fault, FaultKind, Location, Organization, Push, SimulatedAws, Trust, World, days_ago,
};

use crate::support::{assertions::assert_warns, line, plan, program, run, state::guards};

const OWN: &str = "111111111111";
const OTHERS: [&str; 3] = ["222222222222", "333333333333", "444444444444"];
const SHARED: &str = "shared";
const PRIVATE: &str = "private";

fn reader(account: &str) -> String {
    format!("arn:aws:iam::{account}:role/team/reader")
}

/// Lets the program's account assume a role.
fn trust(world: &mut World, role: String) {
    let trust = Trust {
        accounts: vec![OWN.to_owned()],
        external_id: Some("s3cret".to_owned()),
        short_lived: false,
    };
    world.roles.insert(role, trust);
}

fn for_organization(key: &str, value: &Value) -> String {
    json!({"Statement": {"Effect": "Allow", "Principal": "*", "Action": "ecr:*",
        "Condition": {"ForAnyValue:StringLike": {key: value}}}})
    .to_string()
}

/// Makes an organization, of which each account uses an image of its own in `shared`, and its own
/// account one of `private`.
pub(crate) fn fill(world: &mut World) {
    world.organization = Some(Organization::of(
        "o-example",
        [OWN].into_iter().chain(OTHERS),
    ));
    for account in OTHERS {
        trust(world, reader(account));
    }
    let policy = for_organization("aws:PrincipalOrgID", &json!("o-example"));
    for name in [SHARED, PRIVATE] {
        let repository = world.home().repository(name);
        repository.push(Push::image().tag("garbage").pushed_at(days_ago(90)));
    }
    world.home().repository(SHARED).repository_policy = Some(policy);
    for account in [OWN].into_iter().chain(OTHERS) {
        let name = if account == OWN { PRIVATE } else { SHARED };
        let repository = world.home().repository(name);
        repository.push(Push::image().tag(account).pushed_at(days_ago(80)));
        let image = format!("{}:{account}", repository.uri());
        let ecs = &mut world.region(account, "eu-west-1").ecs;
        ecs.register("web", [image]);
    }
}

async fn organization(edit: impl FnOnce(&mut World)) -> SimulatedAws {
    let aws = SimulatedAws::start().await;
    aws.edit(|world| {
        fill(world);
        edit(world);
    });
    aws
}

/// Returns a configuration that reads the organization, with more of its settings and guards.
pub(crate) fn config(settings: &str, guards: &str) -> String {
    format!(
        "{{mode: delete, policies: [{{repositories: ['**'], keep: [{{tags: '^keep$'}}], delete_unmatched: true}}], \
         in_use: {{eks: false, lambda: false, organization: {{role_name: team/reader, external_id: s3cret{settings}}}}}, \
         guards: {{{guards}}}}}"
    )
}

fn is_cleaned(aws: &SimulatedAws, repository: &str) -> bool {
    !aws.tags(repository).contains(&"garbage".to_owned())
}

fn why(answer: &Answer, repository: &str) -> String {
    line(answer, repository)
        .left_alone
        .clone()
        .unwrap_or_default()
}

#[tokio::test]
async fn what_every_account_needs_is_kept_and_the_rest_deleted() {
    let aws = organization(|_| {}).await;
    let answer = run(&aws, &config("", "")).await;
    assert_deleted!(answer, Completed, 2);
    let kept: Vec<String> = OTHERS.map(str::to_owned).to_vec();
    assert_eq!(aws.tags(SHARED), kept);
    let mut read: Vec<_> = answer.in_use.iter().map(ToString::to_string).collect();
    read.sort_unstable();
    assert_eq!(
        read,
        [
            "ecs in 111111111111 eu-west-1",
            "ecs in 222222222222 eu-west-1",
            "ecs in 333333333333 eu-west-1",
            "ecs in 444444444444 eu-west-1",
            "organization in 111111111111 eu-west-1",
        ]
    );
    let listed = answer.in_use.iter().find(|it| it.source == "organization");
    let note = listed.unwrap().note.clone().unwrap();
    assert_eq!(
        note,
        "o-example has 4 accounts; 0 of them are not active, 0 are left out"
    );
    assert_eq!(
        aws.count("sts:AssumeRole"),
        3,
        "its own account has no role"
    );
    // What the recheck asks again (A3).
    let rechecks = ["ecr:DescribeImages", "ecr:GetRepositoryPolicy"];
    let repeated = aws.repeated_calls();
    assert!(repeated.iter().all(|it| rechecks.contains(&&*it.operation)));
    let access = program(&aws, &config("", "")).access().await.unwrap();
    assert!(access.is_complete(), "{access}");
}

/// The key of a condition, its value, and whether the repository is cleaned.
const POLICIES: [(&str, &str, bool); 6] = [
    ("aws:PrincipalOrgID", "o-example", true),
    ("aws:PrincipalOrgPaths", "o-example/r-1/*", true),
    ("aws:PrincipalOrgPaths", "o-example/r-1/ou-1/", true),
    ("aws:PrincipalOrgID", "o-other", false),
    ("aws:PrincipalOrgPaths", "o-other/r-1/*", false),
    ("aws:PrincipalOrgID", "o-*", false),
];

#[tokio::test]
async fn a_policy_for_the_organization_or_a_part_of_it_is_read() {
    for (key, value, cleaned) in POLICIES {
        let policy = for_organization(key, &json!([value]));
        let aws = organization(|world| {
            world.home().repository(SHARED).repository_policy = Some(policy);
        })
        .await;
        let answer = run(&aws, &config("", "")).await;
        assert_status!(answer, Completed);
        assert_eq!(is_cleaned(&aws, SHARED), cleaned, "{key} {value}");
        assert!(is_cleaned(&aws, PRIVATE));
        if value == "o-other" {
            assert_contains!(
                why(&answer, SHARED),
                "since `in_use.organization` reads o-example"
            );
        }
    }
}

/// Settings, guards, whether `shared` is cleaned, and what the answer says if it is not.
const SETTINGS: [(&str, &str, bool, &str); 7] = [
    ("", "", true, ""),
    (", regions: [eu-west-1, us-east-1]", "", true, ""),
    (
        ", regions: [us-east-1]",
        "",
        false,
        "add `eu-west-1` to `in_use.organization.regions`",
    ),
    (
        ", exclude: ['222222222222']",
        "",
        false,
        "take `222222222222` out of `in_use.organization.exclude`",
    ),
    (
        ", exclude: ['222222222222']",
        "trusted_pullers: ['222222222222']",
        true,
        "",
    ),
    (
        ", exclude: ['222222222222', '333333333333']",
        "trusted_pullers: ['222222222222']",
        false,
        "organization o-example (333333333333 in eu-west-1)",
    ),
    (
        ", exclude: ['222222222222']",
        "trusted_pullers: [o-example]",
        true,
        "",
    ),
];

#[tokio::test]
async fn every_account_has_to_be_read_or_trusted_in_the_region_of_the_registry() {
    for (settings, trusted, cleaned, says) in SETTINGS {
        let aws = organization(|_| {}).await;
        let answer = run(&aws, &config(settings, trusted)).await;
        assert_status!(answer, Completed, "{settings} {trusted}");
        assert_eq!(is_cleaned(&aws, SHARED), cleaned, "{settings} {trusted}");
        assert!(is_cleaned(&aws, PRIVATE), "{settings} {trusted}");
        assert_contains!(why(&answer, SHARED), says);
        if !cleaned {
            assert_warns(&answer, "trusted_pullers: [\"");
        }
    }
}

/// Whoever is not read is said, with what would read it (P7).
#[tokio::test]
async fn principals_that_are_not_read_are_named() {
    let aws = organization(|world| {
        let policy = for_organization("aws:PrincipalOrgID", &json!("o-other"));
        world.home().repository(SHARED).repository_policy = Some(policy);
    })
    .await;
    let guards = "unread_pull_accounts: warn, trusted_pullers: ['777777777777']";
    let answer = run(
        &aws,
        &config(", exclude: ['222222222222', '999999999999']", guards),
    )
    .await;
    let unread = answer.unread.iter().map(ToString::to_string);
    let unread: Vec<String> = unread.filter(|it| it.starts_with("principal")).collect();
    let [excluded, trusted, other] = &unread[..] else {
        panic!("{unread:?}")
    };
    assert_contains!(
        excluded,
        "principal `222222222222`: `in_use.organization.exclude` leaves it out"
    );
    assert_contains!(
        trusted,
        "principal `777777777777`",
        "take `777777777777` out of"
    );
    assert_contains!(
        other,
        "principal `organization o-other`",
        "pull from `shared`",
        "trusted_pullers: [\"o-other\"]"
    );
    let answer = run(&aws, &config("", "")).await;
    let mut kinds = answer.unread.iter().map(|it| it.kind);
    assert!(kinds.all(|kind| kind == UnreadKind::Service));
}

#[tokio::test]
async fn accounts_that_are_not_active_are_not_read() {
    for (state, is_read) in [
        ("ACTIVE", true),
        ("SUSPENDED", false),
        ("CLOSED", false),
        ("NEW", true),
    ] {
        let aws = organization(|world| {
            let organization = world.organization.as_mut().unwrap();
            organization
                .accounts
                .insert(OTHERS[0].to_owned(), state.to_owned());
        })
        .await;
        let answer = run(&aws, &config("", "")).await;
        assert_status!(answer, Completed, "{state}");
        assert!(is_cleaned(&aws, SHARED), "{state}");
        let entered = aws
            .calls()
            .iter()
            .any(|call| call.location.account == OTHERS[0]);
        assert_eq!(entered, is_read, "{state}");
        assert_eq!(aws.tags(SHARED).contains(&OTHERS[0].to_owned()), is_read);
    }
}

/// An account that cannot be entered holds what the organization may pull, and nothing else (U17).
#[tokio::test]
async fn an_account_that_cannot_be_entered_is_named_and_holds_what_it_may_pull() {
    let aws = organization(|world| {
        world.roles.remove(&reader(OTHERS[1]));
    })
    .await;
    let answer = run(&aws, &config("", "")).await;
    assert_deleted!(answer, CompletedWithFailures, 1);
    assert!(is_cleaned(&aws, PRIVATE) && !is_cleaned(&aws, SHARED));
    let [held] = &answer.held[..] else {
        panic!("{:?}", answer.held)
    };
    assert_eq!(held.repository, SHARED);
    assert_contains!(
        held.by[0],
        "account in 333333333333 eu-west-1",
        reader(OTHERS[1]),
        "trust policy"
    );
    let incomplete: Vec<_> = answer
        .in_use
        .iter()
        .filter(|it| !it.is_complete())
        .collect();
    assert_eq!(incomplete.len(), 1);

    // Nothing lets that account pull.
    let aws = organization(|world| {
        world.roles.remove(&reader(OTHERS[1]));
        world.home().repository(SHARED).repository_policy = None;
    })
    .await;
    let answer = run(&aws, &config("", "")).await;
    assert_status!(answer, CompletedWithFailures);
    assert!(is_cleaned(&aws, PRIVATE) && is_cleaned(&aws, SHARED));

    // Nobody looks who may pull.
    let aws = organization(|world| {
        world.roles.remove(&reader(OTHERS[1]));
    })
    .await;
    let answer = run(&aws, &config("", "unread_pull_accounts: warn")).await;
    assert_refused!(answer, aws);
}

/// Of hundreds of accounts that cannot be entered a few are named.
#[tokio::test]
async fn many_accounts_that_cannot_be_entered_make_no_long_text() {
    let accounts: Vec<String> = (0..300).map(|number| format!("5{number:011}")).collect();
    let aws = organization(|world| {
        let organization = world.organization.as_mut().unwrap();
        let more = accounts.iter().map(|it| (it.clone(), "ACTIVE".to_owned()));
        organization.accounts.extend(more);
    })
    .await;
    let answer = run(&aws, &config("", "")).await;
    assert_deleted!(answer, CompletedWithFailures, 1);
    assert!(answer.refusals.is_empty());
    assert_eq!(answer.held[0].by.len(), 11);
    assert_eq!(answer.held[0].by[10], "290 more");
    assert!(answer.to_json().to_string().len() < 200_000);
    let excluded = format!(", exclude: {accounts:?}");
    let answer = run(&aws, &config(&excluded, "")).await;
    let why = why(&answer, SHARED);
    assert_contains!(
        why,
        "500000000004 and 295 more in eu-west-1",
        "and 295 more;"
    );
    assert!(why.len() < 1000, "{why}");
    assert_eq!(
        aws.count("organizations:ListAccounts"),
        2 * 304_usize.div_ceil(20)
    );
}

/// The list of accounts that cannot be read holds what an organization or an account that is not read
/// may pull (U17).
#[tokio::test]
async fn accounts_that_cannot_be_listed_hold_what_they_may_pull() {
    let account = json!({"Statement": {"Effect": "Allow", "Principal": {"AWS": OTHERS[0]},
        "Action": "ecr:*"}});
    let by_account = account.to_string();
    let by_organization = for_organization("aws:PrincipalOrgID", &json!("o-example"));
    for policy in [by_account, by_organization] {
        for kind in [
            FaultKind::AccessDenied,
            FaultKind::ServerError(500),
            FaultKind::BadJson,
        ] {
            let aws = organization(|world| {
                world.home().repository(SHARED).repository_policy = Some(policy.clone());
            })
            .await;
            aws.fault(Fault::on("organizations:ListAccounts").kind(kind.clone()));
            let answer = run(&aws, &config("", "")).await;
            assert_deleted!(answer, CompletedWithFailures, 1, "{kind:?}");
            assert!(
                is_cleaned(&aws, PRIVATE) && !is_cleaned(&aws, SHARED),
                "{kind:?}"
            );
            assert_contains!(
                answer.held[0].by[0],
                "organization in 111111111111 eu-west-1: `organizations:ListAccounts`"
            );
            if matches!(kind, FaultKind::AccessDenied) {
                assert_contains!(
                    answer.held[0].by[0],
                    "set `in_use.organization.list_role_arn`"
                );
            }
            let access = program(&aws, &config("", "")).access().await.unwrap();
            assert!(!access.is_complete());
            let answer = run(&aws, &config("", "unread_pull_accounts: warn")).await;
            assert_status!(answer, Refused, "{kind:?}");
            assert_contains!(answer.refusals[0].next, "in_use.organization");
        }
    }
}

#[tokio::test]
async fn a_role_lists_where_the_programs_own_account_may_not() {
    let lister = "arn:aws:iam::222222222222:role/lister";
    let aws = organization(|world| {
        let organization = world.organization.as_mut().unwrap();
        organization.management = OTHERS[2].to_owned();
        organization.administrators = vec![OTHERS[0].to_owned()];
        trust(world, lister.to_owned());
    })
    .await;
    let answer = run(&aws, &config("", "")).await;
    assert_status!(answer, CompletedWithFailures);
    assert!(!is_cleaned(&aws, SHARED));
    let list_role = format!(", list_role_arn: '{lister}'");
    let answer = run(&aws, &config(&list_role, "")).await;
    assert_status!(answer, Completed);
    assert!(is_cleaned(&aws, SHARED));
    for edit in [
        |world: &mut World| drop(world.roles.remove("arn:aws:iam::222222222222:role/lister")),
        |world: &mut World| world.organization = None,
        |world: &mut World| world.organization.as_mut().unwrap().administrators.clear(),
    ] {
        aws.edit(|world| {
            fill(world);
            trust(world, lister.to_owned());
            world.organization.as_mut().unwrap().management = OTHERS[2].to_owned();
            edit(world);
        });
        let answer = run(&aws, &config(&list_role, "")).await;
        assert_status!(answer, CompletedWithFailures);
        assert!(!is_cleaned(&aws, SHARED));
    }
}

#[tokio::test]
async fn an_account_with_a_role_of_its_own_is_read_with_that() {
    let special = "arn:aws:iam::222222222222:role/special";
    let aws = organization(|world| {
        world.roles.remove(&reader(OTHERS[0]));
        trust(world, special.to_owned());
    })
    .await;
    let accounts = format!(
        "in_use: {{accounts: [{{role_arn: '{special}', external_id: s3cret, regions: [us-east-1]}}], "
    );
    let answer = run(&aws, &config("", "").replace("in_use: {", &accounts)).await;
    assert_status!(answer, Completed, "{:?}", answer.held);
    assert!(is_cleaned(&aws, SHARED));
}

/// What an account that cannot be entered used to use says nothing of a drop.
#[tokio::test]
async fn an_account_that_cannot_be_entered_or_found_is_no_drop_in_use() {
    let config = config("", "").replace("guards", "state: 's3://memory/x', guards");
    for closes in [
        |aws: &SimulatedAws| drop(aws.edit(|world| world.roles.remove(&reader(OTHERS[1])))),
        |aws: &SimulatedAws| aws.fault(Fault::denied("organizations:ListAccounts")),
    ] {
        let aws = organization(|world| {
            world.bucket("memory");
            let uri = world.home().repository(SHARED).uri();
            let images: Vec<String> = (0..9).map(|tag| format!("{uri}:x{tag}")).collect();
            let ecs = &mut world.region(OTHERS[1], "eu-west-1").ecs;
            ecs.register("more", &images);
        })
        .await;
        let answer = run(&aws, &config).await;
        assert_eq!(answer.status, Status::Completed);
        aws.edit(|world| {
            let repository = world.home().repository(PRIVATE);
            repository.push(Push::image().tag("garbage").pushed_at(days_ago(90)));
        });
        closes(&aws);
        let answer = run(&aws, &config).await;
        assert!(guards(&answer).is_empty(), "{:?}", answer.refusals);
        assert_deleted!(answer, CompletedWithFailures, 1);
        // Where it is found again and uses less, the old counts still hold.
        aws.clear_faults();
        aws.edit(|world| {
            trust(world, reader(OTHERS[1]));
            world.regions.remove(&Location::new(OTHERS[1], "eu-west-1"));
        });
        let planned = plan(&aws, &config).await;
        assert!(planned.counts.candidates > 0);
        assert_eq!(guards(&planned), ["usage_drop"]);
    }
}

#[tokio::test]
async fn a_service_of_the_organization_is_read_if_it_is_a_source_in_every_account() {
    let policy = json!({"Statement": {"Effect": "Allow", "Principal": {"Service": "ecs.amazonaws.com"},
        "Action": "ecr:*", "Condition": {"StringEquals": {"aws:SourceOrgID": "o-example"}}}});
    for (from, to, cleaned) in [
        ("", "", true),
        ("lambda: false", "ecs: false, lambda: false", false),
    ] {
        let aws = organization(|world| {
            world.home().repository(SHARED).repository_policy = Some(policy.to_string());
        })
        .await;
        let config = config("", "allow_no_usage: true");
        let answer = run(&aws, &config.replace(from, to)).await;
        assert_eq!(is_cleaned(&aws, SHARED), cleaned, "{answer:?}");
        if !cleaned {
            assert_contains!(why(&answer, SHARED), "switch `in_use.ecs` on");
        }
    }
}
