//! Several accounts and Regions: use is read in all of them, registries are cleaned in all of them,
//! and what cannot be entered stops everything.

use std::collections::BTreeSet;

use ecr_cleanup::{
    config::Mode,
    plan::Missing,
    report::{Answer, Status},
};
use serde_json::json;
use simulated_aws::{Fault, FaultKind, Location, Push, SimulatedAws, Trust, World, days_ago};

use crate::support::{plan, program, request, run};

const OWN: &str = "111111111111";
const SECOND: &str = "222222222222";
const THIRD: &str = "333333333333";
const REGIONS: [&str; 2] = ["eu-west-1", "us-east-1"];

fn cleaner(account: &str) -> String {
    format!("arn:aws:iam::{account}:role/ecr-cleanup")
}

fn reader(account: &str) -> String {
    format!("arn:aws:iam::{account}:role/team/reader")
}

/// Cleans the registries of two accounts, one of them in two Regions, and reads use in three
/// accounts and two Regions.
fn config() -> String {
    format!(
        r#"
mode: delete
registries:
  - {{ region: eu-west-1 }}
  - {{ region: us-east-1 }}
  - {{ region: eu-west-1, role_arn: "{}", external_id: s3cret }}
policies: [{{ repositories: ["**"], keep: [{{ tags: '^keep$' }}] }}]
in_use:
  eks: false
  lambda: false
  accounts:
    - {{ role_arn: "{}", external_id: s3cret, regions: [eu-west-1, us-east-1] }}
    - {{ role_arn: "{}", regions: [eu-west-1, us-east-1] }}
"#,
        cleaner(SECOND),
        reader(SECOND),
        reader(THIRD)
    )
}

/// The locations in which something runs.
fn locations() -> impl Iterator<Item = (&'static str, &'static str)> {
    [OWN, SECOND, THIRD]
        .into_iter()
        .flat_map(|account| REGIONS.map(|region| (account, region)))
}

/// The registries that are cleaned.
const REGISTRIES: [(&str, &str); 3] = [
    (OWN, "eu-west-1"),
    (OWN, "us-east-1"),
    (SECOND, "eu-west-1"),
];

/// Each registry has an image for each location, needed by one workload there and nowhere else, and
/// one that nobody needs. Gives the images that go.
fn world(world: &mut World) -> BTreeSet<(Location, String)> {
    for (account, external_id) in [(SECOND, Some("s3cret")), (THIRD, None)] {
        for role in [cleaner(account), reader(account)] {
            let external_id = external_id.map(ToOwned::to_owned);
            world.roles.insert(
                role,
                Trust {
                    accounts: vec![OWN.to_owned()],
                    external_id,
                    short_lived: false,
                },
            );
        }
    }
    let mut candidates = BTreeSet::new();
    for (owner, at) in REGISTRIES {
        let repository = world.region(owner, at).repository("team/app");
        repository.push(Push::image().tag("keep").pushed_at(days_ago(1)));
        let location = Location::new(owner, at);
        candidates.insert((
            location.clone(),
            repository.push(Push::image().tag("nobody").pushed_at(days_ago(90))),
        ));
        let uri = repository.uri();
        for (user, region) in locations() {
            let tag = format!("{owner}-{at}-for-{user}-{region}");
            let repository = world.region(owner, at).repository("team/app");
            repository.push(Push::image().tag(&tag).pushed_at(days_ago(80)));
            let family = format!("of-{owner}-{at}");
            world
                .region(user, region)
                .ecs
                .register(&family, [format!("{uri}:{tag}")]);
        }
    }
    candidates
}

fn deleted(aws: &SimulatedAws) -> BTreeSet<(Location, String)> {
    aws.deletions()
        .into_iter()
        .map(|deletion| (deletion.location, deletion.digest))
        .collect()
}

fn guards(answer: &Answer) -> Vec<String> {
    answer
        .refusals
        .iter()
        .map(|refusal| refusal.guard.to_string())
        .collect()
}

async fn three_accounts() -> (SimulatedAws, BTreeSet<(Location, String)>) {
    let aws = SimulatedAws::start().await;
    let candidates = aws.edit(world);
    (aws, candidates)
}

/// Use counts in whatever account and Region it is (U11).
#[tokio::test]
async fn what_each_account_and_region_needs_is_kept_and_the_rest_deleted() {
    let (aws, candidates) = three_accounts().await;
    let planned = plan(&aws, &config()).await;
    assert_eq!(
        (planned.status, planned.counts.candidates, guards(&planned)),
        (Status::Planned, 3, vec![])
    );
    assert_eq!(aws.mutations().len(), 0);
    aws.clear_record();
    let answer = run(&aws, &config()).await;
    assert_eq!(
        (answer.status, answer.counts.deleted),
        (Status::Completed, 3),
        "{}",
        answer.summary
    );
    assert_eq!(deleted(&aws), candidates);
    assert!(answer.missing.is_empty(), "{:?}", answer.missing);

    let names: BTreeSet<&str> = answer
        .repositories
        .iter()
        .map(|line| line.name.as_str())
        .collect();
    assert_eq!(
        names.into_iter().collect::<Vec<_>>(),
        [
            "111111111111.dkr.ecr.eu-west-1.amazonaws.com/team/app",
            "111111111111.dkr.ecr.us-east-1.amazonaws.com/team/app",
            "222222222222.dkr.ecr.eu-west-1.amazonaws.com/team/app",
        ]
    );
    let read: Vec<_> = answer
        .in_use
        .iter()
        .map(|it| {
            (
                it.source,
                it.location.account.to_string(),
                it.location.region.to_string(),
            )
        })
        .collect();
    let mut expected: Vec<_> = locations()
        .map(|(account, region)| ("ecs", account.to_owned(), region.to_owned()))
        .collect();
    expected.sort_unstable();
    let mut sorted = read.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, expected, "each location once");
    let repeated: Vec<_> = aws
        .repeated_calls()
        .into_iter()
        .map(|call| (call.operation, call.location))
        .collect();
    assert!(
        repeated
            .iter()
            .all(|(operation, _)| operation == "ecr:DescribeImages"),
        "{repeated:?}"
    );
    assert_eq!(aws.count("sts:AssumeRole"), 3, "each role once");
    let sessions: BTreeSet<_> = aws
        .calls_to("sts:AssumeRole")
        .iter()
        .map(|call| call.body["RoleSessionName"].to_string())
        .collect();
    assert_eq!(
        sessions.into_iter().collect::<Vec<_>>(),
        [json!(answer.run_id).to_string()]
    );
    // Each registry is changed by its own role.
    let by: BTreeSet<_> = aws
        .mutations()
        .into_iter()
        .map(|call| call.location.account)
        .collect();
    assert_eq!(by.into_iter().collect::<Vec<_>>(), [OWN, SECOND]);
}

#[tokio::test]
async fn a_role_that_does_not_let_the_program_in_stops_everything() {
    for role in [cleaner(SECOND), reader(SECOND), reader(THIRD)] {
        let (aws, _) = three_accounts().await;
        aws.edit(|world| world.roles.remove(&role));
        let answer = run(&aws, &config()).await;
        assert_eq!(answer.status, Status::Refused, "{role}: {}", answer.summary);
        assert!(
            guards(&answer)
                .iter()
                .all(|guard| guard == "source_incomplete"),
            "{:?}",
            guards(&answer)
        );
        let refusal = &answer.refusals[0];
        assert!(
            refusal.observed.contains(&role) && refusal.observed.contains("AccessDenied"),
            "{refusal}"
        );
        assert!(refusal.observed.contains("trust policy"), "{refusal}");
        assert_eq!(aws.mutations().len(), 0, "{role}");
        let planned = plan(&aws, &config()).await;
        assert_eq!(planned.status, Status::Planned, "{role}");
        assert!(
            planned.counts.candidates > 0 && !planned.refusals.is_empty(),
            "{role}"
        );
    }
}

#[tokio::test]
async fn a_wrong_external_id_and_every_other_failure_of_a_role_stop_everything() {
    let (aws, _) = three_accounts().await;
    let answer = run(&aws, &config().replace("s3cret", "another")).await;
    assert_eq!((answer.status, aws.mutations().len()), (Status::Refused, 0));
    assert!(
        !format!("{:?}", answer.refusals).contains("another"),
        "an external id is nobody else's business"
    );
    for kind in [
        FaultKind::ServerError(500),
        FaultKind::Throttle,
        FaultKind::Drop,
        FaultKind::BadJson,
    ] {
        let (aws, _) = three_accounts().await;
        aws.fault(
            Fault::on("sts:AssumeRole")
                .matching("reader")
                .kind(kind.clone()),
        );
        let answer = run(&aws, &config()).await;
        assert_eq!(
            (answer.status, aws.mutations().len()),
            (Status::Refused, 0),
            "{kind:?}"
        );
    }
}

#[tokio::test]
async fn what_cannot_be_read_in_any_location_stops_everything() {
    for (account, region) in locations() {
        let (aws, _) = three_accounts().await;
        aws.fault(
            Fault::on("ecs:ListTaskDefinitions")
                .account(account)
                .region(region)
                .kind(FaultKind::AccessDenied),
        );
        let answer = run(&aws, &config()).await;
        assert_eq!(
            (answer.status, aws.mutations().len()),
            (Status::Refused, 0),
            "{account} {region}"
        );
        let incomplete: Vec<_> = answer
            .in_use
            .iter()
            .filter(|it| !it.is_complete())
            .collect();
        assert_eq!(
            incomplete
                .iter()
                .map(|it| (
                    it.location.account.to_string(),
                    it.location.region.to_string()
                ))
                .collect::<Vec<_>>(),
            [(account.to_owned(), region.to_owned())]
        );
    }
}

#[tokio::test]
async fn credentials_that_end_are_renewed() {
    let (aws, candidates) = three_accounts().await;
    aws.edit(|world| {
        world
            .roles
            .values_mut()
            .for_each(|trust| trust.short_lived = true);
    });
    let answer = run(&aws, &config()).await;
    assert_eq!(
        (answer.status, deleted(&aws)),
        (Status::Completed, candidates),
        "{}",
        answer.summary
    );
    assert!(aws.count("sts:AssumeRole") > 10);
}

#[tokio::test]
async fn in_another_account_that_was_not_expected_nothing_is_called() {
    let (aws, _) = three_accounts().await;
    let config = format!("{}\nguards: {{ expected_accounts: ['{OWN}'] }}", config());
    let without_reader = config.replace(
        &format!(
            "    - {{ role_arn: \"{}\", external_id: s3cret, regions: [eu-west-1, us-east-1] }}\n",
            reader(SECOND)
        ),
        "",
    );
    assert_ne!(config, without_reader);
    let answer = run(&aws, &without_reader).await;
    assert_eq!(
        (answer.status, guards(&answer)),
        (Status::Refused, vec!["wrong_account".to_owned()])
    );
    assert!(
        answer.refusals[0]
            .observed
            .contains(&format!("this is account {SECOND}; expected {OWN}"))
    );
    let there: BTreeSet<_> = aws
        .calls()
        .into_iter()
        .filter(|call| call.location.account == SECOND)
        .map(|call| call.operation)
        .collect();
    assert_eq!(
        there.into_iter().collect::<Vec<_>>(),
        ["sts:GetCallerIdentity"]
    );
    assert_eq!(aws.mutations().len(), 0);
    let both = config.replace(&format!("['{OWN}']"), &format!("['{OWN}', '{SECOND}']"));
    assert_eq!(run(&aws, &both).await.status, Status::Completed);
}

#[tokio::test]
async fn two_entries_that_are_the_same_registry_are_an_error() {
    let (aws, _) = three_accounts().await;
    let config = "{mode: delete, registries: [{}, {region: eu-west-1}]}";
    let error = program(&aws, config)
        .plan(request(Mode::Delete))
        .await
        .err()
        .unwrap()
        .to_string();
    assert!(
        error.contains("registries[1]") && error.contains("write each registry once"),
        "{error}"
    );
}

#[tokio::test]
async fn an_image_is_explained_and_searched_in_every_registry() {
    let (aws, _) = three_accounts().await;
    let program = program(&aws, &config());
    let planned = program.plan(request(Mode::Plan)).await.unwrap();
    let of = |text: &str| planned.explain(&program.reference(text).unwrap());
    let everywhere = of("team/app:nobody");
    assert_eq!((everywhere.deletes, everywhere.also.len()), (true, 2));
    let one = of(&format!(
        "{SECOND}.dkr.ecr.eu-west-1.amazonaws.com/team/app:nobody"
    ));
    assert_eq!(
        (one.host.as_deref(), one.also.len()),
        (Some("222222222222.dkr.ecr.eu-west-1.amazonaws.com"), 0)
    );
    let one = of("team/app:222222222222-eu-west-1-for-333333333333-us-east-1");
    assert!(!one.deletes && one.also.is_empty(), "{one}");
    assert_eq!(of("team/other:1").digest, None);
}

#[tokio::test]
async fn what_is_missing_in_any_registry_is_reported_with_its_host() {
    let (aws, _) = three_accounts().await;
    let image = format!("{SECOND}.dkr.ecr.eu-west-1.amazonaws.com/team/app:gone");
    aws.edit(|world| {
        world
            .region(THIRD, "us-east-1")
            .ecs
            .register("late", [image.clone()])
    });
    for answer in [plan(&aws, &config()).await, run(&aws, &config()).await] {
        assert_eq!(
            answer
                .missing
                .iter()
                .map(Missing::title)
                .collect::<Vec<_>>(),
            [image.as_str()]
        );
    }
    let (verification, _) = program(&aws, &config()).verify().await.unwrap();
    assert_eq!(
        verification
            .missing
            .iter()
            .map(Missing::title)
            .collect::<Vec<_>>(),
        [image]
    );
    assert!(
        verification.not_asked.is_empty(),
        "{:?}",
        verification.not_asked
    );
}

#[tokio::test]
async fn limits_hold_over_all_registries() {
    let (aws, candidates) = three_accounts().await;
    let config = format!("{}\nguards: {{ max_deletions_per_run: 2 }}", config());
    let answer = run(&aws, &config).await;
    assert_eq!(
        (answer.status, answer.counts.deleted),
        (Status::Truncated, 2),
        "{}",
        answer.summary
    );
    let answer = run(&aws, &config).await;
    assert_eq!(
        (answer.status, answer.counts.deleted),
        (Status::Completed, 1),
        "{}",
        answer.summary
    );
    assert_eq!(deleted(&aws), candidates);
}

#[tokio::test]
async fn a_repository_that_cannot_be_listed_stops_no_other_registry() {
    let (aws, candidates) = three_accounts().await;
    aws.fault(
        Fault::on("ecr:DescribeImages")
            .account(SECOND)
            .kind(FaultKind::AccessDenied),
    );
    let answer = run(&aws, &config()).await;
    assert_eq!(
        (answer.status, answer.counts.deleted),
        (Status::CompletedWithFailures, 2),
        "{}",
        answer.summary
    );
    assert_eq!(
        answer.failures[0].repositories,
        ["222222222222.dkr.ecr.eu-west-1.amazonaws.com/team/app"]
    );
    assert!(deleted(&aws).is_subset(&candidates));
}

#[tokio::test]
async fn every_role_is_entered_when_access_is_checked() {
    let (aws, _) = three_accounts().await;
    let access = program(&aws, &config()).access().await.unwrap();
    assert!(access.is_complete(), "{access}");
    aws.edit(|world| world.roles.remove(&reader(THIRD)));
    aws.fault(
        Fault::on("ecs:ListTasks")
            .account(SECOND)
            .region("us-east-1")
            .kind(FaultKind::AccessDenied),
    );
    let access = program(&aws, &config()).access().await.unwrap();
    assert_eq!(
        access.denied_elsewhere["222222222222 us-east-1"],
        ["ecs:ListTasks"]
    );
    assert!(
        access
            .problems
            .iter()
            .any(|problem| problem.contains(&reader(THIRD))),
        "{access}"
    );
    assert!(access.denied_actions.is_empty());
}
