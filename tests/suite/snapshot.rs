//! Snapshots: plans that are made again without AWS, with the same and with other configurations.

use std::{fs, process::Stdio};

use demo::{acceptance, team};
use ecr_cleanup::{
    config::{Config, Mode},
    pipeline::{Planned, Program, Snapshot},
    plan::Plan,
};
use flate2::read::GzDecoder;
use proptest::{prelude::*, sample::subsequence};
use serde_json::Value;
use simulated_aws::{Fault, SimulatedAws, World};
use tokio::process::Command;

use crate::{
    accounts, git_annotations, kubernetes,
    laws::account::{By, account as generated, block_on},
    organization, repository_tags,
    support::{
        DELETE, SECRET, program, request, run,
        state::{FULL, account, full_with, put_object},
    },
    trust::command,
};

/// Starts another AWS with the same world.
async fn copy(aws: &SimulatedAws) -> SimulatedAws {
    let world = aws.read(World::clone);
    SimulatedAws::builder().world(world).start().await
}

/// Takes a snapshot, and returns its bytes.
async fn taken(program: &Program) -> Vec<u8> {
    let taken = program.snapshot(&request(Mode::Plan)).await.unwrap();
    let mut bytes = Vec::new();
    taken.snapshot.write(&mut bytes).unwrap();
    bytes
}

fn offline(snapshot: &[u8], config: &str) -> Program {
    let snapshot = Snapshot::read(snapshot).unwrap();
    snapshot.into_program(Config::parse(config).unwrap()).0
}

/// Returns all that a plan says, but for the id of the run.
fn said(planned: &Planned<'_>) -> Value {
    let mut answer = planned.answer().to_json();
    answer["run_id"] = Value::Null;
    answer
}

async fn plan(program: &Program) -> (Plan, Value) {
    let planned = program.plan(request(Mode::Plan)).await.unwrap();
    (planned.plan().clone(), said(&planned))
}

/// Asserts that with one configuration the plan made live is the plan that another one's snapshot
/// makes.
async fn assert_same(aws: &SimulatedAws, taking: &str, planning: &str, faults: &[Fault]) {
    let (live, other) = (copy(aws).await, copy(aws).await);
    for fault in faults {
        live.fault(fault.clone());
        other.fault(fault.clone());
    }
    let (expected, says) = plan(&program(&live, planning)).await;
    let snapshot = taken(&program(&other, taking)).await;
    other.clear_record();
    let (found, also_says) = plan(&offline(&snapshot, planning)).await;
    for (key, value) in says.as_object().unwrap() {
        assert_eq!(also_says[key], *value, "{key}: {planning} {faults:?}");
    }
    assert_eq!(found, expected, "{planning} {faults:?}");
    assert_eq!(other.calls().len(), 0);
}

/// Plans as it was taken.
async fn assert_same_with(aws: &SimulatedAws, config: &str) {
    assert_same(aws, config, config, &[]).await;
}

/// (P5)
#[tokio::test]
async fn a_plan_from_a_snapshot_is_the_plan_made_live() {
    for world in [acceptance().world, team().world] {
        let aws = SimulatedAws::builder().world(world).start().await;
        for config in [
            "",
            DELETE,
            "{mode: archive, guards: {max_percent_per_repository: 10}}",
        ] {
            assert_same_with(&aws, config).await;
        }
    }
    let aws = SimulatedAws::start().await;
    aws.edit(|world| drop(accounts::world(world)));
    assert_same_with(&aws, &accounts::config()).await;
    let aws = SimulatedAws::start().await;
    aws.edit(organization::fill);
    assert_same_with(&aws, &organization::config("", "")).await;
    let (aws, _) = git_annotations::world().await;
    assert_same_with(&aws, git_annotations::CONFIG).await;
    let tags: &[(&str, &[(&str, &str)])] = &[
        ("aa", &[("policy", "all")]),
        ("bb", &[("policy", "protect")]),
        ("cc", &[("policy", "none")]),
        ("dd", &[("tier", "prod")]),
    ];
    let aws = repository_tags::account(tags).await;
    for config in [
        "{policy_tag: policy, policies: [{name: all, repositories: ['**']}]}",
        "{policies: [{repositories: ['**'], repository_tags: {tier: 'p*'}}]}",
    ] {
        assert_same_with(&aws, config).await;
    }
}

/// The memory of earlier runs is a part of it: what soaks, what was in use, what is stopped.
#[tokio::test]
async fn a_snapshot_has_the_state() {
    let aws = account().await;
    let config = full_with(
        "guards: {soak: 7d}, policies: [{repositories: ['**'], keep: [{newest: 2, by: used}, {used_within: 30d}]}]",
    );
    run(&aws, &config).await;
    assert_same_with(&aws, &config).await;
    assert_same_with(&aws, FULL).await;
    put_object(&aws, "memory", "prefix/stop", "not today");
    assert_same_with(&aws, &config).await;
    let soaking = "prefix/111111111111/eu-west-1/soaking.json.gz";
    put_object(&aws, "memory", soaking, "damaged");
    assert_same_with(&aws, &config).await;
}

/// What failed when it was taken fails again, for the same reason.
#[tokio::test]
async fn what_could_not_be_read_is_no_more_known_from_a_snapshot() {
    let aws = account().await;
    let organization = SimulatedAws::start().await;
    organization.edit(organization::fill);
    for (aws, config, operations) in [
        (
            &aws,
            FULL,
            &[
                "ecr:DescribeImages",
                "ecr:BatchGetImage",
                "ecr:GetRepositoryPolicy",
                "ecr:GetRegistryPolicy",
                "ecr:DescribeRegistry",
                "ecr:GetLifecyclePolicy",
                "ecr:ListPullTimeUpdateExclusions",
                "ecs:ListClusters",
                "ecs:DescribeTaskDefinition",
                "lambda:ListFunctions",
                "eks:ListClusters",
                "s3:GetObject",
                "account:ListRegions",
                "events:ListEventBuses",
            ][..],
        ),
        (
            &organization,
            &organization::config("", ""),
            &["organizations:ListAccounts", "sts:AssumeRole"],
        ),
    ] {
        for &operation in operations {
            assert_same(aws, config, config, &[Fault::denied(operation)]).await;
        }
    }
}

#[tokio::test]
async fn a_snapshot_has_what_clusters_use() {
    let (aws, prod) = kubernetes::world::one_cluster().await;
    kubernetes::world::push(&aws, "1");
    let image = format!("{}/app:1", crate::support::HOST);
    prod.apply(kubernetes::objects::deployment("default", "web", &image));
    assert_same_with(&aws, kubernetes::world::CONFIG).await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is stored and used. With other policies it is the plan that they make, and so it is
    /// with fewer sources, as far as no list of images in use is read.
    #[test]
    fn snapshots_of_generated_accounts_make_the_plans_made_live(
        account in generated(),
        unread in subsequence(vec![By::Rule, By::Account, By::Region], 0..3),
    ) {
        block_on(async {
            let aws = SimulatedAws::start().await;
            aws.edit(|world| drop(account.fill(world)));
            let config = account.config(&[], &[], &[]);
            assert_same_with(&aws, &config).await;
            let others = account.config(&[], &["{repositories: ['shared/*'], keep: [{newest: 1}]}"], &[]);
            assert_same(&aws, &config, &others, &[]).await;
            let taking = account.config(&[By::KeepList], &[], &[]);
            let without = [&unread[..], &[By::KeepList]].concat();
            let fewer = account.config(&without, &[], &[]);
            assert_same(&aws, &taking, &fewer, &[]).await;
        });
    }
}

/// What a configuration needs and the snapshot lacks is kept, and it is said what that is.
#[tokio::test]
async fn what_a_snapshot_lacks_is_kept_and_said() {
    let aws = account().await;
    let taking = "{mode: delete, in_use: {lambda: false, ecs: {task_definitions: referenced}}}";
    let snapshot = taken(&program(&aws, taking)).await;
    for (config, expected) in [
        (
            DELETE,
            "what `ecs` uses in 111111111111 eu-west-1 could not be read completely: the snapshot has it by another `in_use.ecs`; take a snapshot with this configuration",
        ),
        (
            DELETE,
            "what `lambda` uses in 111111111111 eu-west-1 could not be read completely: the snapshot has nothing of it",
        ),
        (
            "{in_use: {lambda: false, ecs: {task_definitions: referenced}}, registry_aliases: [example.com]}",
            "the snapshot has it by another `registry_aliases`",
        ),
        (
            "{in_use: {keep_lists: ['s3://lists/x.json']}}",
            "what `keep_lists` uses in 111111111111 eu-west-1 could not be read completely: the snapshot has nothing of it",
        ),
        (
            "{in_use: {accounts: [{role_arn: 'arn:aws:iam::222222222222:role/reader'}]}}",
            "what `account` uses in 222222222222 eu-west-1",
        ),
        (
            "{in_use: {regions: [us-east-1]}}",
            "what `ecs` uses in 111111111111 us-east-1 could not be read completely: the snapshot has nothing of it",
        ),
        ("{state: 's3://memory/prefix'}", "NotInSnapshot"),
    ] {
        let (_, says) = plan(&offline(&snapshot, config)).await;
        let refusals = says["refusals"].to_string();
        assert_contains!(refusals, expected);
    }
    let annotated = full_with(
        "policies: [{repositories: [app], delete_unmatched: true, git: {document: 's3://memory/git.json', repository: app, annotation: true}}]",
    );
    let snapshot = taken(&program(&aws, FULL)).await;
    let (planned, says) = plan(&offline(&snapshot, &annotated)).await;
    assert_eq!(says["counts"]["candidates"], 0);
    let left = planned.repository("app").unwrap().left_alone();
    assert_contains!(left.unwrap().to_string(), "NotInSnapshot");
    let other = offline(&snapshot, "{registries: [{region: us-east-1}]}");
    let error = other.plan(request(Mode::Plan)).await;
    assert_contains!(error.err().unwrap().to_string(), "NotInSnapshot");
}

/// It can be handed to CI: it has no credentials and nothing of the environment of workloads.
#[tokio::test]
async fn a_snapshot_holds_no_secret() {
    let aws = SimulatedAws::start().await;
    aws.edit(|world| {
        drop(accounts::world(world));
        world.bucket("memory");
        let app = world.home().repository("team/app").uri();
        world.home().ecs.register("web", [format!("{app}:keep")]);
    });
    let config = format!("{}state: 's3://memory/prefix'", accounts::config());
    let snapshot = taken(&program(&aws, &config)).await;
    let mut text = String::new();
    std::io::Read::read_to_string(&mut GzDecoder::new(&*snapshot), &mut text).unwrap();
    assert_contains!(text, "DescribeImages");
    for secret in [
        "s3cret",
        SECRET,
        "AKIA",
        "ASIA",
        "containerDefinitions",
        "environment",
    ] {
        assert!(!text.contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn a_snapshot_that_is_cut_or_of_another_version_is_refused() {
    let aws = account().await;
    let snapshot = taken(&program(&aws, "")).await;
    for length in [0, 5, snapshot.len() / 2, snapshot.len() - 1] {
        let error = Snapshot::read(&snapshot[..length]).unwrap_err().to_string();
        assert_contains!(error, "it is no whole snapshot");
    }
    let packed = |text: &str| crate::support::state::gzip(text);
    for (text, expected) in [
        (
            r#"{"schema": "ecr-cleanup/snapshot/2"}"#,
            "it is of the schema `ecr-cleanup/snapshot/2`, and this version reads `ecr-cleanup/snapshot/1`: take a new one",
        ),
        (
            r#"{"schema": "ecr-cleanup/snapshot/1"}"#,
            "it is malformed: missing field",
        ),
        ("{}", "it is malformed: missing field `schema`"),
    ] {
        let error = Snapshot::read(&*packed(text)).unwrap_err().to_string();
        assert_contains!(error, expected);
    }
}

/// Runs the command with nothing that it could ask.
async fn alone(arguments: &[&str]) -> std::io::Result<std::process::Output> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ecr-cleanup"));
    command.args(arguments).env_clear().stdin(Stdio::null());
    command.output().await
}

/// The command asks nobody: it needs no credentials, no Region and no endpoint.
#[tokio::test]
async fn the_command_plans_from_a_file_without_aws() {
    let aws = SimulatedAws::builder().world(team().world).start().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("account.snapshot");
    let out = format!("--out={}", file.display());
    let (text, code) = command(&aws, &["snapshot", &out]).await;
    assert_eq!(code, Some(0), "{text}");
    assert_contains!(
        text,
        "Read completely in 111111111111 eu-west-1",
        "Wrote 5 repositories with 111 images"
    );
    assert!(aws.mutations().is_empty());
    let (live, _) = command(&aws, &["plan", "--output", "json"]).await;
    aws.clear_record();
    let from = format!("--snapshot={}", file.display());
    let ended = alone(&["plan", &from, "--output", "json"]).await.unwrap();
    let (live, planned): (Value, Value) = (
        serde_json::from_str(&live).unwrap(),
        serde_json::from_slice(&ended.stdout).unwrap(),
    );
    for key in ["counts", "bytes", "repositories"] {
        assert_eq!(planned[key], live[key]);
    }
    let ended = alone(&[
        "plan",
        &from,
        "--exit-code",
        "--config={policies: [{repositories: ['**'], leave_alone: true}]}",
    ])
    .await
    .unwrap();
    assert_eq!(ended.status.code(), Some(0));
    assert_contains!(
        String::from_utf8(ended.stdout).unwrap(),
        "111111111111 (example-shop) eu-west-1, snapshot of 2",
        "Would delete 0 of"
    );
    assert_eq!(aws.calls().len(), 0);
    for (arguments, expected) in [
        (&["run", &from][..], "unexpected argument '--snapshot'"),
        (&["plan", &from, "--exact-sizes"], "cannot be used with"),
        (&["plan", "--snapshot=none"], "failed to open `none`"),
    ] {
        let ended = alone(arguments).await.unwrap();
        assert_ne!(ended.status.code(), Some(0));
        assert_contains!(String::from_utf8(ended.stderr).unwrap(), expected);
    }
    let bytes = fs::read(&file).unwrap();
    fs::write(&file, &bytes[..bytes.len() / 2]).unwrap();
    let ended = alone(&["plan", &from]).await.unwrap();
    assert_eq!(ended.status.code(), Some(2));
    assert_contains!(
        String::from_utf8(ended.stderr).unwrap(),
        "it is no whole snapshot"
    );
}
