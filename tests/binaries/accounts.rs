//! Three accounts and two Regions: what any of them runs is kept in every registry, and the rest is
//! deleted.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use demo::now;
use lambda_runtime_api::{Settings, invoke};
use serde_json::json;
use simulated_aws::{Fault, FaultKind, Push, SimulatedAws, Trust, World};

use crate::support::{Ended, FUNCTION, answer, environment, event, run};

const OWN: &str = "111111111111";
const SECOND: &str = "222222222222";
const THIRD: &str = "333333333333";
const REGION: &str = "eu-west-1";
const REGIONS: [&str; 2] = [REGION, "us-east-1"];
const REGISTRIES: [(&str, &str); 3] = [(OWN, REGION), (OWN, "us-east-1"), (SECOND, REGION)];

/// Account and Region of a registry, and a digest in it.
type Image = ((&'static str, &'static str), String);

fn role(account: &str, name: &str) -> String {
    format!("arn:aws:iam::{account}:role/{name}")
}

fn config() -> String {
    let reader = |account| json!({"role_arn": role(account, "reader"), "external_id": "s3cret", "regions": REGIONS});
    let config = json!({
        "mode": "delete",
        "registries": [
            {"region": REGION},
            {"region": "us-east-1"},
            {"region": REGION, "role_arn": role(SECOND, "ecr-cleanup"), "external_id": "s3cret"},
        ],
        "policies": [{"repositories": ["**"], "keep": [{"tags": "^keep$"}]}],
        "in_use": {"eks": false, "accounts": [reader(SECOND), reader(THIRD)]},
    });
    config.to_string()
}

fn users() -> impl Iterator<Item = (&'static str, &'static str)> {
    let accounts = [OWN, SECOND, THIRD].into_iter();
    accounts.flat_map(|account| REGIONS.map(|region| (account, region)))
}

/// Fills each registry with an image for each account and Region, which one task definition there
/// names, and one that nobody needs. Returns the latter.
fn fill(world: &mut World) -> BTreeSet<Image> {
    world.now = now();
    for name in [
        (SECOND, "ecr-cleanup"),
        (SECOND, "reader"),
        (THIRD, "reader"),
    ] {
        let trust = Trust {
            accounts: vec![OWN.to_owned()],
            external_id: Some("s3cret".to_owned()),
            ..Trust::default()
        };
        world.roles.insert(role(name.0, name.1), trust);
    }
    let ago = |days: u64| now() - Duration::from_hours(24 * days);
    let mut deleted = BTreeSet::new();
    for owner in REGISTRIES {
        let app = world.region(owner.0, owner.1).repository("team/app");
        app.push(Push::image().tag("keep").pushed_at(ago(1)));
        let nobody = app.push(Push::image().tag("nobody").pushed_at(ago(90)));
        deleted.insert((owner, nobody));
        for user in users() {
            let tag = format!("{}-{}-for-{}-{}", owner.0, owner.1, user.0, user.1);
            let app = world.region(owner.0, owner.1).repository("team/app");
            app.push(Push::image().tag(&tag).pushed_at(ago(80)));
            let image = format!("{}:{tag}", app.uri());
            let family = format!("{}-{}", owner.0, owner.1);
            world.region(user.0, user.1).ecs.register(&family, [image]);
        }
    }
    deleted
}

fn images(aws: &SimulatedAws) -> BTreeSet<Image> {
    aws.edit(|world| {
        let registries = REGISTRIES.into_iter();
        registries
            .flat_map(|owner| {
                let app = world.region(owner.0, owner.1).repository("team/app");
                app.digests().into_iter().map(move |digest| (owner, digest))
            })
            .collect()
    })
}

fn variables(aws: &SimulatedAws) -> BTreeMap<String, String> {
    environment(aws, &config())
}

async fn clean(aws: &SimulatedAws) -> Ended {
    run(&["run", "--yes", "--output", "json"], variables(aws)).await
}

#[tokio::test]
async fn the_command_cleans_every_registry_and_keeps_what_any_account_needs() {
    let aws = SimulatedAws::start().await;
    let expected = aws.edit(fill);
    let before = images(&aws);
    let answer = clean(&aws).await.json(0);
    assert_eq!(answer["status"], "completed");
    assert_eq!(answer["counts"]["deleted"], 3);
    assert_eq!(answer["missing"], json!([]));
    assert_eq!(&before - &images(&aws), expected);

    let sources = answer["in_use"].as_array().unwrap().iter();
    let read: BTreeSet<(&str, &str)> = sources
        .filter(|source| source["source"] == "ecs")
        .map(|source| {
            (
                source["account"].as_str().unwrap(),
                source["region"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(read, users().collect());
    // One call by the role of each registry: an image that is not where it is asked for would be a
    // failure.
    assert_eq!(aws.count("ecr:BatchDeleteImage"), REGISTRIES.len());
    assert_eq!(aws.deletions().len(), REGISTRIES.len());
}

#[tokio::test]
async fn the_function_does_the_same() {
    let aws = SimulatedAws::start().await;
    let expected = aws.edit(fill);
    let before = images(&aws);
    let settings = Settings::new(FUNCTION, variables(&aws));
    let answer = answer(invoke(&settings, &event("scheduled-rule.json")).await);
    assert_eq!(answer["counts"]["deleted"], 3);
    assert_eq!(&before - &images(&aws), expected);
}

#[tokio::test]
async fn an_account_that_cannot_be_entered_or_read_stops_everything() {
    for operation in ["sts:AssumeRole", "ecs:ListTaskDefinitions"] {
        let aws = SimulatedAws::start().await;
        aws.edit(fill);
        let before = images(&aws);
        let denied = FaultKind::error(403, "AccessDenied", "a fault on purpose");
        aws.fault(Fault::on(operation).kind(denied).once());
        let answer = clean(&aws).await.json(4);
        let refusals = answer["refusals"].as_array().unwrap();
        let guards: BTreeSet<&str> = refusals
            .iter()
            .map(|refusal| refusal["guard"].as_str().unwrap())
            .collect();
        assert_eq!(guards, BTreeSet::from(["source_incomplete"]), "{operation}");
        assert_eq!(images(&aws), before, "{operation}");
    }
}

#[tokio::test]
async fn a_repository_from_which_a_fourth_account_may_pull_is_left_alone() {
    let aws = SimulatedAws::start().await;
    let expected = aws.edit(fill);
    let before = images(&aws);
    let policy = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::444444444444:root"},
            "Action": ["ecr:BatchGetImage"],
        }],
    });
    let owner = (SECOND, REGION);
    aws.edit(|world| {
        let app = world.region(owner.0, owner.1).repository("team/app");
        app.repository_policy = Some(policy.to_string());
    });
    let answer = clean(&aws).await.json(0);
    let warnings = answer["warnings"].as_array().unwrap().iter();
    let mut alone = warnings.filter(|warning| warning["code"] == "left_alone");
    let found = alone.any(|warning| {
        warning["message"]
            .as_str()
            .unwrap()
            .contains("444444444444")
    });
    assert!(found, "{answer}");
    let expected = expected.into_iter().filter(|image| image.0 != owner);
    assert_eq!(&before - &images(&aws), expected.collect());
}
