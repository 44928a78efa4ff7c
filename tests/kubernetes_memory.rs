//! Clusters of 20,000 pods and 5,000 replica sets are read page by page: how many calls that takes,
//! and how much memory besides the pages themselves. Counted, not timed.
//!
//! The servers are a process of their own, which is this program with an argument, so that what
//! they hold is not counted.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::{
    env,
    io::{BufRead, BufReader, Read, Write},
    process::{Command, Stdio},
};

use allocation_counter::AllocationInfo;
use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use ecr_cleanup::{aws::Clients, config::Config, pipeline::Program};
use serde_json::{Value, json};
use simulated_aws::{EksCluster, SimulatedAws};
use simulated_cluster::SimulatedCluster;

const CLUSTERS: usize = 4;
/// Of each cluster.
const PODS: usize = 5_000;
/// Of each cluster.
const REPLICA_SETS: usize = 1_250;
/// What runs everywhere: so few that what is known of it in the end is small beside a page.
const DEPLOYMENTS: usize = 10;
/// Objects a page.
const PAGE: usize = 500;
/// Pages that may be in memory at once.
const AT_ONCE: usize = 4;
/// What the labels, the environment and the managed fields of a pod come to.
const FILLER: usize = 5_000;
const SERVE: &str = "--serve-the-clusters";
const HOST: &str = "111111111111.dkr.ecr.eu-west-1.amazonaws.com";

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    if env::args().nth(1).is_some_and(|argument| argument == SERVE) {
        runtime.block_on(serve());
    } else {
        measure(&runtime);
    }
}

fn metadata(number: usize) -> Value {
    json!({
        "namespace": "shop", "name": format!("web-{}-{number}", number % DEPLOYMENTS),
        "generateName": format!("web-{}-", number % DEPLOYMENTS), "annotations": {"filler": "x".repeat(FILLER)},
    })
}

fn tag(number: usize) -> String {
    format!("{HOST}/app:{}", number % DEPLOYMENTS)
}

fn pod(number: usize) -> Value {
    let digest = number % DEPLOYMENTS;
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": metadata(number),
        "spec": {"containers": [{"name": "main", "image": tag(number)}]},
        "status": {"phase": "Running", "containerStatuses": [
            {"name": "main", "image": tag(number), "imageID": format!("{HOST}/app@sha256:{digest:064x}")},
        ]},
    })
}

fn replica_set(number: usize) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": metadata(number),
        "spec": {"replicas": 0, "template": {"spec": {"containers": [{"name": "main", "image": tag(number)}]}}},
    })
}

/// Serves an account with its clusters until nobody listens any more, and says then how many pages
/// of what were asked for.
async fn serve() {
    let aws = SimulatedAws::start().await;
    let mut clusters = Vec::new();
    for number in 0..CLUSTERS {
        let cluster = SimulatedCluster::start(&format!("cluster-{number}")).await;
        (0..PODS).for_each(|number| cluster.apply(pod(number)));
        (0..REPLICA_SETS).for_each(|number| cluster.apply(replica_set(number)));
        let described = EksCluster::active(cluster.endpoint(), cluster.authority());
        aws.edit(|world| {
            world
                .home()
                .eks
                .insert(format!("cluster-{number}"), described)
        });
        clusters.push(cluster);
    }
    println!("{}", aws.endpoint());
    // Until the other end is closed.
    tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()))
        .await
        .unwrap()
        .unwrap();
    let requests: Vec<String> = clusters
        .iter()
        .flat_map(SimulatedCluster::requests)
        .collect();
    let asked_for = |kind: &str| {
        requests
            .iter()
            .filter(|request| request.contains(kind))
            .count()
    };
    println!(
        "{}",
        json!({"pods": asked_for("/pods?"), "replica_sets": asked_for("/replicasets?"), "all": requests.len()})
    );
}

fn measure(runtime: &tokio::runtime::Runtime) {
    let mut server = Command::new(env::current_exe().unwrap());
    let mut server = server
        .arg(SERVE)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(server.stdout.take().unwrap()).lines();
    let endpoint = output.next().unwrap().unwrap();
    let config = aws_config::defaults(BehaviorVersion::latest())
        .endpoint_url(endpoint)
        .region(Region::from_static("eu-west-1"))
        .credentials_provider(Credentials::new("AKIAHOME", "secret", None, None, "test"));
    let config = runtime.block_on(config.load());
    let clients = Clients::new(&config, false);
    let program = Program::new(
        Config::parse("in_use: { ecs: false, lambda: false }").unwrap(),
        clients,
    );

    let mut usage = None;
    let AllocationInfo {
        bytes_max,
        bytes_current,
        ..
    } = allocation_counter::measure(|| usage = Some(runtime.block_on(program.in_use()).unwrap()));
    let usage = usage.unwrap();
    let [peak, kept] = [i64::try_from(bytes_max).unwrap(), bytes_current]
        .map(|bytes| usize::try_from(bytes).unwrap());

    drop(server.stdin.take());
    let asked: Value = serde_json::from_str(&output.next().unwrap().unwrap()).unwrap();
    server.wait().unwrap();
    let page = PAGE * pod(0).to_string().len();
    let beyond = peak.saturating_sub(kept + AT_ONCE * page) / AT_ONCE;
    let megabytes =
        |bytes: usize| format!("{}.{} MB", bytes >> 20, (bytes >> 10) % 1024 * 10 / 1024);
    let _ = writeln!(
        std::io::stdout(),
        "{CLUSTERS} clusters of {PODS} pods and {REPLICA_SETS} ReplicaSets: {asked} requests; a page has {}, {} are kept in \
         memory, {} at the most while reading: {} a page beyond the page itself",
        megabytes(page),
        megabytes(kept),
        megabytes(peak),
        megabytes(beyond),
    );
    assert!(usage.is_complete(), "{:?}", usage.sources());
    // Each tag, and each digest.
    assert_eq!(usage.references().len(), 2 * DEPLOYMENTS);
    assert_eq!(asked["pods"], CLUSTERS * PODS / PAGE);
    assert_eq!(
        asked["replica_sets"],
        CLUSTERS * REPLICA_SETS.div_ceil(PAGE)
    );
    assert!(beyond < 2 << 20, "{beyond} bytes a page beyond the page");
}
