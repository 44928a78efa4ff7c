//! Several accounts and Regions: use is read in all of them, registries are cleaned in all of them,
//! and what cannot be entered stops everything.

use std::{collections::BTreeSet, slice};

use ecr_cleanup::{config::Mode, plan::Missing, report::Status};
use serde_json::json;
use simulated_aws::{Fault, FaultKind, Location, Push, SimulatedAws, Trust, World, days_ago};

use crate::support::{plan, program, request, run, state::guards};

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
pub(crate) fn config() -> String {
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

/// Returns the locations in which something runs.
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

/// Fills each registry with an image for each location, needed by one workload there and nowhere
/// else, and one that nobody needs. Returns the images that are to be deleted.
pub(crate) fn world(world: &mut World) -> BTreeSet<(Location, String)> {
    for (account, external_id) in [(SECOND, Some("s3cret")), (THIRD, None)] {
        for role in [cleaner(account), reader(account)] {
            let trust = Trust {
                accounts: vec![OWN.to_owned()],
                external_id: external_id.map(ToOwned::to_owned),
                short_lived: false,
            };
            world.roles.insert(role, trust);
        }
    }
    let mut candidates = BTreeSet::new();
    for (owner, at) in REGISTRIES {
        let repository = world.region(owner, at).repository("team/app");
        repository.push(Push::image().tag("keep").pushed_at(days_ago(1)));
        let nobody = Push::image().tag("nobody").pushed_at(days_ago(90));
        candidates.insert((Location::new(owner, at), repository.push(nobody)));
        let uri = repository.uri();
        for (user, region) in locations() {
            let tag = format!("{owner}-{at}-for-{user}-{region}");
            let repository = world.region(owner, at).repository("team/app");
            repository.push(Push::image().tag(&tag).pushed_at(days_ago(80)));
            let family = format!("of-{owner}-{at}");
            let ecs = &mut world.region(user, region).ecs;
            ecs.register(&family, [format!("{uri}:{tag}")]);
        }
    }
    candidates
}

fn deleted(aws: &SimulatedAws) -> BTreeSet<(Location, String)> {
    let deletions = aws.deletions();
    deletions
        .into_iter()
        .map(|it| (it.location, it.digest))
        .collect()
}

/// Returns distinct texts, sorted.
fn distinct(texts: impl IntoIterator<Item = String>) -> Vec<String> {
    let distinct: BTreeSet<String> = texts.into_iter().collect();
    distinct.into_iter().collect()
}

/// Returns what is missing.
fn titles(missing: &[Missing]) -> Vec<String> {
    missing.iter().map(Missing::title).collect()
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
    assert_status!(planned, Planned);
    assert_eq!(planned.counts.candidates, 3);
    assert!(guards(&planned).is_empty());
    assert_eq!(aws.mutations().len(), 0);
    aws.clear_record();
    let answer = run(&aws, &config()).await;
    assert_deleted!(answer, Completed, 3);
    assert_eq!(deleted(&aws), candidates);
    assert!(answer.missing.is_empty(), "{:?}", answer.missing);

    let names = distinct(answer.repositories.iter().map(|line| line.name.clone()));
    let registry = |(account, region)| format!("{account}.dkr.ecr.{region}.amazonaws.com/team/app");
    assert_eq!(names, REGISTRIES.map(registry));
    let read = answer
        .in_use
        .iter()
        .map(|it| format!("{} in {}", it.source, it.location));
    let mut read: Vec<_> = read.collect();
    read.sort_unstable();
    let expected = locations().map(|(account, region)| format!("ecs in {account} {region}"));
    assert_eq!(read, expected.collect::<Vec<_>>(), "each location once");
    for repeated in aws.repeated_calls() {
        assert_eq!(repeated.operation, "ecr:DescribeImages", "{repeated:?}");
    }
    assert_eq!(aws.count("sts:AssumeRole"), 3, "each role once");
    for call in aws.calls_to("sts:AssumeRole") {
        assert_eq!(call.body["RoleSessionName"], answer.run_id);
    }
    // Each registry is changed by its own role.
    let by = distinct(
        aws.mutations()
            .into_iter()
            .map(|call| call.location.account),
    );
    assert_eq!(by, [OWN, SECOND]);
}

#[tokio::test]
async fn a_role_that_does_not_let_the_program_in_stops_everything() {
    for role in [cleaner(SECOND), reader(SECOND), reader(THIRD)] {
        let (aws, _) = three_accounts().await;
        aws.edit(|world| world.roles.remove(&role));
        let answer = run(&aws, &config()).await;
        assert_status!(answer, Refused, "{role}");
        let all = guards(&answer).iter().all(|it| it == "source_incomplete");
        assert!(all, "{:?}", guards(&answer));
        let refusal = &answer.refusals[0];
        assert_contains!(refusal.observed, role, "AccessDenied");
        assert_contains!(refusal.observed, "trust policy");
        assert_eq!(aws.mutations().len(), 0, "{role}");
        let planned = plan(&aws, &config()).await;
        assert_status!(planned, Planned, "{role}");
        // What the account is seen to use is held besides.
        let shown = planned.counts.candidates > 0 || !planned.held.is_empty();
        assert!(shown, "{role}");
        assert!(!planned.refusals.is_empty(), "{role}");
    }
}

#[tokio::test]
async fn a_wrong_external_id_and_every_other_failure_of_a_role_stop_everything() {
    let (aws, _) = three_accounts().await;
    let answer = run(&aws, &config().replace("s3cret", "another")).await;
    assert_refused!(answer, aws);
    let refusals = format!("{:?}", answer.refusals);
    assert!(
        !refusals.contains("another"),
        "an external id is nobody else's business"
    );
    for kind in [
        FaultKind::ServerError(500),
        FaultKind::Throttle,
        FaultKind::Drop,
        FaultKind::BadJson,
    ] {
        let (aws, _) = three_accounts().await;
        let fault = Fault::on("sts:AssumeRole").matching("reader");
        aws.fault(fault.kind(kind.clone()));
        let answer = run(&aws, &config()).await;
        assert_refused!(answer, aws, "{kind:?}");
    }
}

#[tokio::test]
async fn what_cannot_be_read_in_any_location_stops_everything() {
    for (account, region) in locations() {
        let (aws, _) = three_accounts().await;
        let denied = Fault::denied("ecs:ListTaskDefinitions");
        aws.fault(denied.account(account).region(region));
        let answer = run(&aws, &config()).await;
        assert_refused!(answer, aws, "{account} {region}");
        let incomplete = answer.in_use.iter().filter(|it| !it.is_complete());
        let incomplete: Vec<_> = incomplete.map(|it| it.location.to_string()).collect();
        assert_eq!(incomplete, [format!("{account} {region}")]);
    }
}

#[tokio::test]
async fn credentials_that_end_are_renewed() {
    let (aws, candidates) = three_accounts().await;
    aws.edit(|world| {
        let trusts = world.roles.values_mut();
        trusts.for_each(|trust| trust.short_lived = true);
    });
    let answer = run(&aws, &config()).await;
    assert_status!(answer, Completed);
    assert_eq!(deleted(&aws), candidates, "{}", answer.summary);
    assert!(aws.count("sts:AssumeRole") > 10);
}

#[tokio::test]
async fn in_another_account_that_was_not_expected_nothing_is_called() {
    let (aws, _) = three_accounts().await;
    let config = format!("{}\nguards: {{ expected_accounts: ['{OWN}'] }}", config());
    let reader = format!("    - {{ role_arn: \"{}\"", reader(SECOND));
    let entry = format!("{reader}, external_id: s3cret, regions: [eu-west-1, us-east-1] }}\n");
    let without_reader = config.replace(&entry, "");
    assert_ne!(config, without_reader);
    let answer = run(&aws, &without_reader).await;
    assert_status!(answer, Refused);
    assert_eq!(guards(&answer), ["wrong_account"]);
    let expected = format!("this is account {SECOND}; expected {OWN}");
    assert_contains!(answer.refusals[0].observed, expected);
    let mut there = aws.calls();
    there.retain(|call| call.location.account == SECOND);
    let there = distinct(there.into_iter().map(|call| call.operation));
    assert_eq!(there, ["sts:GetCallerIdentity"]);
    assert_eq!(aws.mutations().len(), 0);
    let both = config.replace(&format!("['{OWN}']"), &format!("['{OWN}', '{SECOND}']"));
    assert_eq!(run(&aws, &both).await.status, Status::Completed);
}

#[tokio::test]
async fn two_entries_that_are_the_same_registry_are_an_error() {
    let (aws, _) = three_accounts().await;
    let config = "{mode: delete, registries: [{}, {region: eu-west-1}]}";
    let program = program(&aws, config);
    let error = program.plan(request(Mode::Delete)).await.err().unwrap();
    assert_contains!(error, "registries[1]", "write each registry once");
}

#[tokio::test]
async fn an_image_is_explained_and_searched_in_every_registry() {
    let (aws, _) = three_accounts().await;
    let program = program(&aws, &config());
    let planned = program.plan(request(Mode::Plan)).await.unwrap();
    let of = |text: &str| planned.explain(&program.reference(text).unwrap());
    let everywhere = of("team/app:nobody");
    assert_eq!((everywhere.deletes, everywhere.also.len()), (true, 2));
    let host = format!("{SECOND}.dkr.ecr.eu-west-1.amazonaws.com");
    let one = of(&format!("{host}/team/app:nobody"));
    assert_eq!((one.host, one.also.len()), (Some(host), 0));
    let one = of("team/app:222222222222-eu-west-1-for-333333333333-us-east-1");
    assert!(!one.deletes && one.also.is_empty(), "{one}");
    assert_eq!(of("team/other:1").digest, None);
}

#[tokio::test]
async fn what_is_missing_in_any_registry_is_reported_with_its_host() {
    let (aws, _) = three_accounts().await;
    let image = format!("{SECOND}.dkr.ecr.eu-west-1.amazonaws.com/team/app:gone");
    aws.edit(|world| {
        let ecs = &mut world.region(THIRD, "us-east-1").ecs;
        ecs.register("late", [&image])
    });
    for answer in [plan(&aws, &config()).await, run(&aws, &config()).await] {
        assert_eq!(titles(&answer.missing), slice::from_ref(&image));
    }
    let (verification, _) = program(&aws, &config()).verify().await.unwrap();
    assert_eq!(titles(&verification.missing), [image]);
    let not_asked = &verification.not_asked;
    assert!(not_asked.is_empty(), "{not_asked:?}");
}

#[tokio::test]
async fn limits_hold_over_all_registries() {
    let (aws, candidates) = three_accounts().await;
    let config = format!("{}\nguards: {{ max_deletions_per_run: 2 }}", config());
    let answer = run(&aws, &config).await;
    assert_deleted!(answer, Truncated, 2);
    let answer = run(&aws, &config).await;
    assert_deleted!(answer, Completed, 1);
    assert_eq!(deleted(&aws), candidates);
}

#[tokio::test]
async fn a_repository_that_cannot_be_listed_stops_no_other_registry() {
    let (aws, candidates) = three_accounts().await;
    aws.fault(Fault::denied("ecr:DescribeImages").account(SECOND));
    let answer = run(&aws, &config()).await;
    assert_deleted!(answer, CompletedWithFailures, 2);
    let expected = ["222222222222.dkr.ecr.eu-west-1.amazonaws.com/team/app"];
    assert_eq!(answer.failures[0].repositories, expected);
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
    let found = access.problems.iter().any(|it| it.contains(&reader(THIRD)));
    assert!(found, "{access}");
    assert!(access.denied_actions.is_empty());
}

/// A gap in an account leaves alone what that account may pull, and nothing else (U17).
#[tokio::test]
async fn what_cannot_be_read_of_an_account_leaves_alone_what_it_may_pull() {
    const READER: &str = "{mode: delete, policies: [{repositories: ['**'], keep: [{tags: '^keep$'}]}], \
        in_use: {accounts: [{role_arn: 'arn:aws:iam::333333333333:role/team/reader'}]}GUARDS}";
    let policy = json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow",
        "Principal": {"AWS": THIRD}, "Action": "ecr:*"}});
    // Whether a policy lets it pull from `shared`, what the guards are, and what is cleaned.
    for (lets_in, guards, expected) in [
        (true, "", Some(vec!["private"])),
        // How it pulls is not known.
        (false, "", None),
        // Nobody looks who pulls.
        (true, ", guards: {unread_pull_accounts: warn}", None),
    ] {
        let aws = SimulatedAws::start().await;
        let [shared, private, used] = ["shared", "private", "used"];
        aws.edit(|world| {
            let trust = Trust {
                accounts: vec![OWN.to_owned()],
                external_id: None,
                short_lived: false,
            };
            world.roles.insert(reader(THIRD), trust);
            for name in [shared, private, used] {
                let repository = world.home().repository(name);
                repository.push(Push::image().tag("keep").pushed_at(days_ago(1)));
                repository.push(Push::image().tag("old").pushed_at(days_ago(90)));
            }
            let image = format!("{}:keep", world.home().repository(used).uri());
            world.home().ecs.register("web", [&image]);
            let third = &mut world.region(THIRD, "eu-west-1").ecs;
            third.register("web", [image]);
            if lets_in {
                world.home().repository(shared).repository_policy = Some(policy.to_string());
            }
        });
        // Another source of the account shows that it uses `used` all the same.
        aws.fault(Fault::denied("lambda:ListFunctions").account(THIRD));
        let config = READER.replace("GUARDS", guards);
        let answer = run(&aws, &config).await;
        let Some(cleaned) = expected else {
            assert_refused!(answer, aws, "{lets_in} {guards}");
            continue;
        };
        assert_status!(answer, CompletedWithFailures);
        let old = |name: &&str| aws.tags(name).contains(&"old".to_owned());
        let left: Vec<_> = [shared, private, used]
            .into_iter()
            .filter(|it| !old(it))
            .collect();
        assert_eq!(left, cleaned);
        let held = answer.held.iter().map(|it| it.repository.as_str());
        assert_eq!(held.collect::<Vec<_>>(), [shared, used]);
        assert_contains!(answer.held[0].by[0], "lambda:ListFunctions");
    }
}
