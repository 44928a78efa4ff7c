//! What goes wrong: nothing is deleted, and the message says where and what to do.

use super::objects::{custom, deployment, image, of_every_kind, secret};
use super::world::{CONFIG, one_cluster, program, program_with, push, run, timeouts};
use serde_json::json;
use simulated_aws::{Fault as AwsFault, FaultKind as AwsFaultKind};
use simulated_cluster::{Fault, FaultKind, SimulatedCluster};
use std::time::Duration;

const HELM: &str = "ecs: false, eks: { helm_history: true }";

/// Applies two objects of each kind, on two pages. Returns the kinds as messages name them, and
/// their plurals.
fn fill(prod: &SimulatedCluster) -> Vec<(&'static str, String)> {
    prod.page_size(1);
    prod.define("argoproj.io", "v1alpha1", "rollouts", "Rollout");
    let mut kinds = vec![
        ("rollouts", "rollouts.argoproj.io".to_owned()),
        ("secrets", "secrets".to_owned()),
    ];
    // {"name":"x","version":1,"manifest":""}
    let release = "ZXlKdVlXMWxJam9pZUNJc0luWmxjbk5wYjI0aU9qRXNJbTFoYm1sbVpYTjBJam9pSW4wPQ==";
    for name in ["a", "b"] {
        prod.apply(custom("argoproj.io/v1alpha1", "Rollout", name, json!({})));
        prod.apply(secret(name, release));
    }
    for (plural, manifest) in of_every_kind(&image("base")) {
        let version = manifest["apiVersion"].as_str().unwrap();
        let name = match version.split_once('/') {
            Some((group, _)) => format!("{plural}.{group}"),
            None => plural.to_owned(),
        };
        kinds.push((plural, name));
        for name in ["a", "b"] {
            let mut object = manifest.clone();
            object["metadata"]["name"] = name.into();
            prod.apply(object);
        }
    }
    kinds
}

/// Half a list is no list (P1, U5).
#[tokio::test]
async fn any_fault_on_any_list_stops_deletion() {
    let (aws, prod) = one_cluster().await;
    push(&aws, "nobody");
    let kinds = fill(&prod);
    let program = program(&aws, &CONFIG.replace("ecs: false", HELM));
    let everywhere = [
        FaultKind::Status(400),
        FaultKind::Status(401),
        FaultKind::Status(403),
        FaultKind::Status(404),
        FaultKind::Status(500),
        FaultKind::Status(503),
        FaultKind::TooMany(0),
        FaultKind::Expired,
        FaultKind::Drop,
        FaultKind::Cut,
        FaultKind::BadJson,
        FaultKind::NoItems,
        FaultKind::NoList,
    ];
    let later = [FaultKind::OtherVersion, FaultKind::SameToken];
    for (plural, name) in &kinds {
        let first = everywhere.iter().map(|&kind| Fault::first(plural, kind));
        let later = everywhere.iter().chain(&later);
        let later = later.map(|&kind| Fault::later(plural, kind));
        for fault in first.chain(later) {
            prod.heal();
            prod.fault(fault.clone());
            let ran = run(&program).await;
            let error = ran.error();
            let named = error.contains(&format!("`{name}`"));
            let is_list = error.contains("cluster `prod`: `list` of");
            assert!(named && is_list, "{fault:?}: {error}");
            assert_eq!(ran.answer.counts.deleted, 0);
        }
    }
    assert_eq!(aws.mutations().len(), 0);
    prod.heal();
    let deleted = run(&program).await.answer.counts.deleted;
    assert_eq!(deleted, 1, "without a fault it is deleted");
}

#[tokio::test]
async fn hostile_answers_stop_deletion_and_nothing_else() {
    let (aws, prod) = one_cluster().await;
    push(&aws, "nobody");
    let program = program(&aws, CONFIG);
    prod.fault(Fault::first("deployments", FaultKind::Bomb));
    let expected = "`list` of `deployments.apps` failed: the answer is larger than 32 MiB";
    assert_contains!(run(&program).await.error(), expected);
    prod.heal();
    prod.fault(Fault::first("pods", FaultKind::Deep));
    let ran = run(&program).await;
    assert_contains!(ran.error(), "cluster `prod`: Pod `?` cannot be understood");
    assert_eq!(aws.mutations().len(), 0);
}

#[tokio::test]
async fn no_answer_stops_deletion() {
    let (aws, prod) = one_cluster().await;
    push(&aws, "nobody");
    let program = program_with(
        &aws,
        CONFIG,
        ecr_cleanup::kubernetes::Timeouts {
            answer: Duration::from_millis(300),
            attempts: 1,
            ..timeouts()
        },
    );
    prod.fault(Fault::first("jobs", FaultKind::Hang));
    let ran = run(&program).await;
    let expected = "cluster `prod`: `list` of `jobs.batch` failed: no answer in 300ms";
    assert_contains!(ran.error(), expected);
    assert_eq!(aws.mutations().len(), 0);
}

#[tokio::test]
async fn what_passes_is_tried_again() {
    let (aws, prod) = one_cluster().await;
    push(&aws, "nobody");
    let kinds = fill(&prod);
    let program = program(&aws, CONFIG);
    for (plural, _) in kinds.iter().filter(|(plural, _)| *plural != "secrets") {
        prod.heal();
        prod.fault(Fault::first(plural, FaultKind::Status(503)).times(1));
        prod.fault(Fault::later(plural, FaultKind::Expired).times(2));
        prod.fault(Fault::later(plural, FaultKind::BadJson).times(1));
        prod.fault(Fault::later(plural, FaultKind::TooMany(0)).times(1));
        let usage = program.in_use().await.unwrap();
        assert!(usage.is_complete(), "{plural}: {:?}", usage.sources());
    }
    let requests = prod.requests();
    let found = requests.iter().any(|it| it.contains("inconsistent"));
    assert!(!found, "the token of a 410 is of no use");
    let found = requests.iter().any(|it| it.contains("resourceVersion"));
    assert!(!found, "lists are consistent");
    assert!(
        requests
            .iter()
            .filter(|request| request.contains("limit="))
            .all(|request| request.contains("limit=500"))
    );
    prod.heal();
    assert_eq!(run(&program).await.answer.counts.deleted, 1);
}

#[tokio::test]
async fn a_denied_kind_is_named_with_what_to_grant() {
    let (aws, prod) = one_cluster().await;
    push(&aws, "nobody");
    let kinds = fill(&prod);
    let program = program(&aws, &CONFIG.replace("ecs: false", HELM));
    for (plural, name) in &kinds {
        prod.heal();
        prod.deny(plural);
        let ran = run(&program).await;
        let error = ran.error();
        let group = name.split_once('.').map_or("", |(_, group)| group);
        let start = format!("cluster `prod`: `list` of `{name}` was denied");
        assert_starts!(error, start);
        let expected = format!("grant `list` on `{plural}` (`apiGroups: [\"{group}\"]`)");
        assert_contains!(error, expected);
    }
    assert_eq!(aws.mutations().len(), 0);
}

/// Where one version cannot be converted, another lists the same objects; where none can, they are
/// not known (U6).
#[tokio::test]
async fn a_broken_conversion_is_covered_by_another_version() {
    let (aws, prod) = one_cluster().await;
    for tag in ["stored", "nobody"] {
        push(&aws, tag);
    }
    for version in ["v1", "v2"] {
        prod.define("example.com", version, "widgets", "Widget");
    }
    let spec = json!({"image": image("stored")});
    prod.apply(custom("example.com/v2", "Widget", "web", spec));
    let program = program(&aws, CONFIG);
    let broken = |version: &str| Fault::first(&format!("{version}/widgets"), FaultKind::Conversion);
    prod.fault(broken("v1"));
    prod.fault(broken("v2"));
    let expected = "`list` of `widgets.example.com` failed: 500: conversion webhook";
    assert_contains!(run(&program).await.error(), expected);
    assert_eq!(aws.mutations().len(), 0);

    // Anything else that is wrong with one version is not covered.
    prod.heal();
    prod.fault(Fault::first("v1/widgets", FaultKind::Status(500)));
    let expected = "`list` of `widgets.example.com` failed";
    assert_contains!(run(&program).await.error(), expected);
    assert_eq!(aws.mutations().len(), 0);

    prod.heal();
    prod.fault(broken("v1"));
    let access = program.access().await.unwrap();
    assert!(access.is_complete(), "{access}");
    assert_eq!(run(&program).await.answer.counts.deleted, 1);
    assert_eq!(aws.tags("app"), ["newest", "stored"]);
}

/// A version that was withdrawn since the discovery lists nothing, so it covers no other (U6).
#[tokio::test]
async fn a_withdrawn_version_covers_no_broken_conversion() {
    let (aws, prod) = one_cluster().await;
    push(&aws, "nobody");
    for version in ["v1", "v2"] {
        prod.define("example.com", version, "widgets", "Widget");
    }
    prod.fault(Fault::first("v1/widgets", FaultKind::Conversion));
    prod.fault(Fault::first("v2/widgets", FaultKind::Withdrawn));
    let expected = "`list` of `widgets.example.com` failed: 500: conversion webhook";
    assert_contains!(run(&program(&aws, CONFIG)).await.error(), expected);
    assert_eq!(aws.mutations().len(), 0);
}

#[tokio::test]
async fn discovery_fails_closed() {
    let (aws, prod) = one_cluster().await;
    push(&aws, "nobody");
    fill(&prod);
    let program = program(&aws, CONFIG);
    for kind in [
        FaultKind::Status(500),
        FaultKind::Status(403),
        FaultKind::Drop,
    ] {
        prod.heal();
        prod.fault(Fault::first("discovery", kind));
        let ran = run(&program).await;
        let expected = "cluster `prod`: its API groups could not be discovered";
        assert_contains!(ran.error(), expected);
    }
    prod.heal();
    prod.stale("argoproj.io");
    let expected = "the API group `argoproj.io/v1alpha1` does not answer";
    assert_contains!(run(&program).await.error(), expected);
    assert_eq!(aws.mutations().len(), 0);

    // The older form is as good.
    prod.heal();
    prod.without_aggregated_discovery();
    prod.apply(custom(
        "argoproj.io/v1alpha1",
        "Rollout",
        "c",
        json!({"image": image("nobody")}),
    ));
    assert_eq!(run(&program).await.answer.counts.deleted, 0);
    assert_eq!(aws.tags("app"), ["newest", "nobody"]);

    // A kind can be left out by name, and then nothing of it is asked for.
    prod.clear_record();
    prod.stale("argoproj.io");
    let exclude = "ecs: false, eks: { custom_resources: { exclude: ['argoproj.io/*'] } }";
    let without = super::world::program(&aws, &CONFIG.replace("ecs: false", exclude));
    assert_eq!(run(&without).await.answer.counts.deleted, 1);
    assert!(!prod.requests().iter().any(|it| it.contains("rollouts")));
}

#[tokio::test]
async fn eks_itself_fails_closed() {
    let (aws, _prod) = one_cluster().await;
    push(&aws, "nobody");
    let program = program(&aws, CONFIG);
    for operation in ["eks:ListClusters", "eks:DescribeCluster"] {
        for kind in [
            AwsFaultKind::AccessDenied,
            AwsFaultKind::Throttle,
            AwsFaultKind::ServerError(500),
            AwsFaultKind::BadJson,
            AwsFaultKind::CutBody,
            AwsFaultKind::Drop,
        ] {
            aws.clear_faults();
            aws.fault(AwsFault::on(operation).kind(kind.clone()));
            let ran = run(&program).await;
            assert!(ran.error().contains(operation), "{kind:?}: {}", ran.error());
        }
    }
    for kind in [
        AwsFaultKind::EmptyToken,
        AwsFaultKind::RepeatToken,
        AwsFaultKind::LoseList,
    ] {
        aws.clear_faults();
        aws.fault(AwsFault::on("eks:ListClusters").kind(kind));
        assert_contains!(run(&program).await.error(), "`eks:ListClusters` failed: ");
    }
    assert_eq!(aws.mutations().len(), 0);
}

#[tokio::test]
async fn a_cluster_with_nothing_in_it_is_more_often_a_mistake() {
    let aws = simulated_aws::SimulatedAws::start().await;
    push(&aws, "nobody");
    let empty = SimulatedCluster::start("empty").await;
    let described = simulated_aws::EksCluster::active(empty.endpoint(), empty.authority());
    super::world::describe(&aws, "empty", described);
    let ran = run(&program(&aws, CONFIG)).await;
    let expected = "cluster `empty`: it has no pods and no deployments at all";
    assert_contains!(ran.error(), expected);
    assert_eq!(aws.mutations().len(), 0);

    let allowed = program(
        &aws,
        &CONFIG.replace("ecs: false", "ecs: false, eks: { allow_empty: [empty] }"),
    );
    assert_eq!(run(&allowed).await.answer.counts.deleted, 1);
    empty.apply(deployment("a", "b", "nginx"));
    push(&aws, "again");
    assert_eq!(run(&program(&aws, CONFIG)).await.answer.counts.deleted, 1);
}
