//! Reaching clusters: their states, certificates, tokens; and contexts of a kubeconfig.

use super::objects::{deployment, image};
use super::world::{
    CONFIG, add_cluster, describe, one_cluster, program, push, run, signer, timeouts,
};
use ecr_cleanup::{config::Config, evidence::SourceStatus, image::Time, pipeline::Program};
use simulated_aws::{EksCluster, SimulatedAws};
use simulated_cluster::{Fault, FaultKind, Signer, SimulatedCluster};
use std::sync::atomic::{AtomicI64, Ordering};

use crate::support::{HOST, SECRET, clients};

#[tokio::test]
async fn no_clusters_are_no_use_and_no_failure() {
    let aws = SimulatedAws::start().await;
    push(&aws, "nobody");
    let ran = run(&program(&aws, CONFIG)).await;
    assert_eq!(ran.answer.in_use.len(), 1);
    let eks = &ran.answer.in_use[0];
    assert_eq!((eks.source, eks.references), ("eks", 0));
    assert_eq!((eks.is_complete(), &eks.cluster), (true, &None));
    assert_eq!(ran.answer.counts.deleted, 1);
}

/// A cluster is read, passed over or a failure by its status (U5).
#[tokio::test]
async fn the_state_of_a_cluster_decides() {
    for (status, reached, problem) in [
        ("UPDATING", true, ""),
        ("CREATING", false, ""),
        ("CREATING", true, "it is CREATING"),
        ("DELETING", true, "it is DELETING"),
        ("FAILED", true, "it is FAILED"),
        ("PENDING", false, "it is PENDING"),
        ("HIBERNATING", true, "it is HIBERNATING"),
        ("ACTIVE", false, "EKS gave no endpoint"),
        ("UPDATING", false, "EKS gave no endpoint"),
    ] {
        let (aws, prod) = one_cluster().await;
        push(&aws, "nobody");
        let active = EksCluster::active(prod.endpoint(), prod.authority());
        let cluster = if reached {
            active
        } else {
            EksCluster::in_status(status)
        };
        describe(
            &aws,
            "prod",
            EksCluster {
                status: status.to_owned(),
                ..cluster
            },
        );
        let ran = run(&program(&aws, CONFIG)).await;
        let coverage = ran.coverage("prod");
        if problem.is_empty() {
            assert!(coverage.is_complete(), "{status}: {coverage:?}");
            assert_eq!(coverage.note.is_some(), status == "CREATING");
            assert_eq!(aws.deletions().len(), 1, "{status}");
        } else {
            assert_starts!(ran.error(), format!("cluster `prod`: {problem}"));
            assert_eq!(aws.deletions().len(), 0, "{status}");
        }
    }
}

#[tokio::test]
async fn only_the_authority_that_eks_names_is_trusted_and_only_for_its_host() {
    let aws = SimulatedAws::start().await;
    push(&aws, "nobody");
    let prod = add_cluster(&aws, "prod").await;
    let other = SimulatedCluster::start("other").await;
    let elsewhere = SimulatedCluster::start_as("prod", &["example.com"]).await;
    let text = "bm90IGEgY2VydGlmaWNhdGU=".to_owned();
    let outpost = EksCluster {
        on_outpost: true,
        ..EksCluster::active(prod.endpoint(), prod.authority())
    };
    let without_authority = EksCluster {
        authority: None,
        ..EksCluster::active(prod.endpoint(), "")
    };
    let (endpoint, authority) = (prod.endpoint(), prod.authority());
    let http = endpoint.replace("https", "http");
    let active = |endpoint: String, authority: String| EksCluster::active(endpoint, authority);
    for (cluster, problem) in [
        (active(endpoint.clone(), other.authority()), "certificate"),
        (
            active(elsewhere.endpoint(), elsewhere.authority()),
            "certificate",
        ),
        (active(endpoint.clone(), text), "certificate"),
        (active(endpoint, "%%%".to_owned()), "base64"),
        (active(http, authority.clone()), "https"),
        (
            active("https://127.0.0.1:1".to_owned(), authority),
            "discovered",
        ),
        (outpost, "Outpost"),
        (without_authority, "certificate authority"),
    ] {
        describe(&aws, "prod", cluster);
        let ran = run(&program(&aws, CONFIG)).await;
        assert_starts!(ran.error(), "cluster `prod`: ");
        assert_contains!(ran.error(), problem);
    }
    let requests = elsewhere.requests().len() + other.requests().len() + prod.requests().len();
    assert_eq!(requests, 0, "nobody saw a token");
    assert_eq!(aws.mutations().len(), 0);
}

#[tokio::test]
async fn a_token_is_good_for_its_cluster_alone() {
    let (aws, prod) = one_cluster().await;
    push(&aws, "nobody");
    // The same server under another name: a token is signed for the name.
    describe(&aws, "prod", EksCluster::in_status("CREATING"));
    let active = EksCluster::active(prod.endpoint(), prod.authority());
    describe(&aws, "another", active);
    let ran = run(&program(&aws, CONFIG)).await;
    let error = ran.error();
    let start = "cluster `another`: `list` of `API groups` was refused";
    assert_starts!(error, start);
    assert_contains!(
        error,
        "aws eks create-access-entry --region eu-west-1 --cluster-name another"
    );
    assert!(!error.contains("k8s-aws-v1"), "{error}");
    let requests = prod.requests().len();
    assert_eq!(requests, 2, "once more with a new token, and then no more");
    assert_eq!(aws.mutations().len(), 0);
}

/// Who is not known is told how to be let in, as the cluster knows its callers.
#[tokio::test]
async fn who_is_not_let_in_is_told_how() {
    let (aws, prod) = one_cluster().await;
    prod.only(Signer::new("eu-west-1", "another secret"));
    let mut said = Vec::new();
    for mode in ["CONFIG_MAP", "API_AND_CONFIG_MAP", "API"] {
        let active = EksCluster::active(prod.endpoint(), prod.authority());
        let authentication_mode = mode.to_owned();
        describe(
            &aws,
            "prod",
            EksCluster {
                authentication_mode,
                ..active
            },
        );
        let ran = run(&program(&aws, CONFIG)).await;
        let refusal = &ran.answer.refusals[0];
        assert_contains!(
            refusal.observed,
            "cluster `prod`: `list` of `API groups` was refused"
        );
        said.push(refusal.next.clone());
        let access = program(&aws, CONFIG).access().await.unwrap();
        assert_eq!(access.problems, [ran.error()], "{mode}");
    }
    assert_eq!(said[1], said[2]);
    insta::assert_snapshot!(said[..2].join("\n\n"), @r#"
    Do this and run it again: its authentication mode is CONFIG_MAP, which knows no access entries: run `kubectl edit configmap aws-auth --namespace kube-system` and add below `mapRoles: |` the entry `- { rolearn: "arn:aws:iam::111111111111:role/ecr-cleanup", username: ecr-cleanup, groups: ["ecr-cleanup:readers"] }` (the ARN of a role without its path). `ecr-cleanup check-config --access` tries every other kind too.

    Do this and run it again: give it an access entry: `aws eks create-access-entry --region eu-west-1 --cluster-name prod --principal-arn arn:aws:iam::111111111111:role/ecr-cleanup --type STANDARD --kubernetes-groups ecr-cleanup:readers` (the ARN of a role with its path, if it has one). If there is one already, the role was deleted and made again: first `aws eks delete-access-entry --region eu-west-1 --cluster-name prod --principal-arn arn:aws:iam::111111111111:role/ecr-cleanup`. `ecr-cleanup check-config --access` tries every other kind too.
    "#);
}

/// Where an endpoint cannot be reached, what lets in whom is said.
#[tokio::test]
async fn an_endpoint_that_is_not_reached_says_who_is_let_in() {
    let (aws, prod) = one_cluster().await;
    let nowhere = "https://127.0.0.1:1";
    let mut said = Vec::new();
    for blocks in [
        &["0.0.0.0/0"][..],
        &["203.0.113.0/24", "198.51.100.7/32"],
        &[],
    ] {
        let public_access = blocks.iter().map(ToString::to_string).collect();
        let active = EksCluster::active(nowhere, prod.authority());
        describe(
            &aws,
            "prod",
            EksCluster {
                public_access,
                ..active
            },
        );
        let ran = run(&program(&aws, CONFIG)).await;
        assert_contains!(
            ran.error(),
            "cluster `prod`: its API groups could not be discovered"
        );
        said.push(ran.answer.refusals[0].next.clone());
    }
    insta::assert_snapshot!(said.join("\n\n"), @r#"
    Do what the message says, or if the cluster was only failing for a while, nothing, and run it again; `ecr-cleanup check-config --access` prints every permission that is missing.

    Do this and run it again: its endpoint lets in only 203.0.113.0/24,198.51.100.7/32 (`publicAccessCidrs`): let the function leave from a fixed ADDRESS, that of a NAT gateway, and add it: `aws eks update-cluster-config --region eu-west-1 --name prod --resources-vpc-config publicAccessCidrs=203.0.113.0/24,198.51.100.7/32,ADDRESS/32`; or leave it out: below `in_use.eks` write `clusters: ["**", "!prod"]`, and what only this cluster uses is not protected. `ecr-cleanup check-config --access` tries every other kind too.

    Do this and run it again: its endpoint is private (`endpointPublicAccess` is false), so only its VPC `vpc-0a1b2c3d` and networks connected to that reach it: run the function in subnets there (`vpc` of the Terraform module), and let its security group in to `sg-0a1b2c3d` on port 443; or leave it out: below `in_use.eks` write `clusters: ["**", "!prod"]`, and what only this cluster uses is not protected. `ecr-cleanup check-config --access` tries every other kind too.
    "#);

    // One that answers, though not as it should, was reached.
    let public_access = Vec::new();
    let active = EksCluster::active(prod.endpoint(), prod.authority());
    describe(
        &aws,
        "prod",
        EksCluster {
            public_access,
            ..active
        },
    );
    prod.fault(Fault::first("discovery", FaultKind::Drop));
    let next = run(&program(&aws, CONFIG)).await.answer.refusals[0]
        .next
        .clone();
    assert!(!next.contains("VPC"), "{next}");
}

/// 2026-11-21T12:00:00Z, in seconds since 1970.
static NOW: AtomicI64 = AtomicI64::new(1_795_262_400);

#[tokio::test]
async fn a_token_is_signed_again_before_it_is_ten_minutes_old() {
    let (aws, prod) = one_cluster().await;
    let now = || u64::try_from(NOW.load(Ordering::SeqCst)).unwrap();
    prod.only(Signer {
        now,
        ..Signer::new("eu-west-1", SECRET)
    });
    let clock = || Time::from_millis(NOW.fetch_add(61, Ordering::SeqCst) * 1000).unwrap();
    let clients = clients(&aws).with_clock(clock);
    let program = Program::new(Config::parse(CONFIG).unwrap(), clients);
    let program = program.with_cluster_timeouts(timeouts());
    let usage = program.in_use().await.unwrap();
    let all = usage.sources().iter().all(SourceStatus::is_complete);
    assert!(all, "{:?}", usage.sources());
    // A minute passes with every request, of which there are fourteen.
    assert_eq!((prod.requests().len(), prod.tokens().len()), (14, 2));
}

#[tokio::test]
async fn a_cluster_that_is_left_out_is_listed_as_not_read() {
    let (aws, prod) = one_cluster().await;
    let lab = add_cluster(&aws, "lab").await;
    prod.apply(deployment("shop", "web", &image("prod")));
    lab.apply(deployment("shop", "web", &image("lab")));
    for tag in ["prod", "lab"] {
        push(&aws, tag);
    }
    let config = CONFIG.replace("ecs: false", "ecs: false, eks: { clusters: ['prod*'] }");
    let ran = run(&program(&aws, &config)).await;
    let left_out = ran.coverage("lab");
    assert_eq!((left_out.is_complete(), left_out.references), (true, 0));
    let start = "not read: `in_use.eks.clusters` leaves it out";
    assert_starts!(left_out.note.as_deref().unwrap(), start);
    assert_eq!(aws.tags("app"), ["newest", "prod"]);
    assert!(lab.requests().is_empty());

    // A name that is none is more likely a typing error than a cluster that was deleted.
    let config = CONFIG.replace("ecs: false", "ecs: false, eks: { clusters: [prdo] }");
    let ran = run(&program(&aws, &config)).await;
    let start = "cluster `prdo`: `in_use.eks.clusters` names it";
    assert_starts!(ran.error(), start);
}

#[tokio::test]
async fn a_cluster_that_is_deleted_meanwhile_is_no_failure() {
    let (aws, _prod) = one_cluster().await;
    push(&aws, "nobody");
    aws.after("eks:ListClusters", 1, |world| {
        world.home().eks.clear();
    });
    let ran = run(&program(&aws, CONFIG)).await;
    assert_eq!(ran.answer.in_use.len(), 1);
    assert_eq!(ran.answer.counts.deleted, 1);
}

#[tokio::test]
async fn contexts_of_a_kubeconfig_are_read_beside_eks() {
    let aws = SimulatedAws::start().await;
    let prod = add_cluster(&aws, "prod").await;
    let site = SimulatedCluster::start("site").await;
    site.apply(deployment("shop", "web", &image("site")));
    prod.apply(deployment("shop", "web", &image("prod")));
    for tag in ["prod", "site", "nobody"] {
        push(&aws, tag);
    }
    let folder =
        std::env::temp_dir().join(format!("ecr-cleanup-kubeconfig-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("config.yaml");
    let written = site.kubeconfig("on-premises", "a-secret-token");
    std::fs::write(&file, &written).unwrap();
    let contexts = |context: &str| {
        let contexts = format!(
            "ecs: false, kubernetes: [{{kubeconfig: '{}', context: {context}}}]",
            file.display()
        );
        CONFIG.replace("ecs: false", &contexts)
    };
    let ran = run(&program(&aws, &contexts("on-premises"))).await;
    assert_eq!(aws.tags("app"), ["newest", "prod", "site"]);
    assert_eq!(ran.coverage("on-premises").source, "kubernetes");
    assert_eq!(site.tokens(), ["a-secret-token"]);

    let (authority, insecure) = (
        "certificate-authority-data",
        "insecure-skip-tls-verify: true, x",
    );
    for (old, new, context, problem) in [
        ("", "", "elsewhere", "there is no context `elsewhere`"),
        (
            authority,
            "x",
            "on-premises",
            "has no `certificate-authority-data`",
        ),
        (authority, insecure, "on-premises", "not supported"),
        (
            "token:",
            "exec:",
            "on-premises",
            "nothing else is supported",
        ),
        (
            &*written,
            "{",
            "on-premises",
            "not the YAML of a kubeconfig",
        ),
    ] {
        std::fs::write(&file, written.replace(old, new)).unwrap();
        let ran = run(&program(&aws, &contexts(context))).await;
        assert_contains!(ran.error(), problem);
        assert!(!ran.error().contains("a-secret-token"));
    }
    std::fs::remove_dir_all(&folder).unwrap();
    let ran = run(&program(&aws, &contexts("on-premises"))).await;
    assert_contains!(ran.error(), "cannot be read");
}

#[tokio::test]
async fn a_token_that_cannot_be_sent_is_told_before_anything_is_asked() {
    let aws = SimulatedAws::start().await;
    push(&aws, "nobody");
    let site = SimulatedCluster::start("site").await;
    let process = std::process::id();
    let file = std::env::temp_dir().join(format!("ecr-cleanup-bad-token-{process}.yaml"));
    std::fs::write(&file, site.kubeconfig("site", "a\\nb")).unwrap();
    let context = format!("{{ kubeconfig: '{}', context: site }}", file.display());
    let sources = format!("ecs: false, kubernetes: [{context}]");
    let ran = run(&program(&aws, &CONFIG.replace("ecs: false", &sources))).await;
    let expected = "the token has characters that cannot be sent";
    assert_contains!(ran.error(), expected);
    assert!(site.requests().is_empty());
    std::fs::remove_file(&file).unwrap();
}

#[tokio::test]
async fn a_cluster_in_another_account_is_reached_with_the_role_there() {
    let aws = SimulatedAws::start().await;
    let cluster = SimulatedCluster::start("prod").await;
    // What the simulated AWS gives whoever assumes a role.
    cluster.only(signer("us-east-1", "sim-secrt"));
    cluster.apply(deployment("shop", "web", &format!("{HOST}/app:member")));
    let described = EksCluster::active(cluster.endpoint(), cluster.authority());
    aws.edit(|world| {
        let region = world.region("222222222222", "us-east-1");
        region.eks.insert("prod".to_owned(), described)
    });
    let _ = (push(&aws, "member"), push(&aws, "old"));
    let account = "{ role_arn: 'arn:aws:iam::222222222222:role/reader', regions: [us-east-1] }";
    let sources = format!("ecs: false, eks: {{ clusters: [prod] }}, accounts: [{account}]");
    let config = CONFIG.replace("ecs: false", &sources);
    // Named, and in one of the two locations: that is enough.
    let ran = run(&program(&aws, &config)).await;
    assert!(ran.answer.refusals.is_empty(), "{:?}", ran.answer.refusals);
    assert_contains!(ran.why("member"), "Deployment `shop/web`");
    assert_eq!((ran.why("old").as_str(), aws.deletions().len()), ("", 1));
    let account = ran.coverage("prod").location.account.to_string();
    assert_eq!(account, "222222222222");
    // Named, and nowhere.
    let ran = run(&program(&aws, &config.replace("[prod]", "[prdo]"))).await;
    let start = "cluster `prdo`: `in_use.eks.clusters` names it";
    assert_starts!(ran.error(), start);
    assert_status!(ran.answer, Refused);
}
