//! Whatever cannot be read of what is in use stops every deletion: each call, on its first and on a
//! later page or batch, going wrong in each way there is.

use ecr_cleanup::report::{Answer, Status};
use simulated_aws::{ContainerImage, Fault, FaultKind, SimulatedAws, World, days_ago};

use crate::support::{
    DELETE, HOST, WorldExt,
    faults::{ANY_CALL, PAGES, try_all, try_to_run},
    run,
};

const APP: &str = "team/app";
/// One more than fits into the largest page or batch of any operation.
const MANY: usize = 101;

/// How an operation answers, and so what else can go wrong with it.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    List,
    Batch,
    One,
}
use Form::{Batch, List, One};

/// A call that the program makes, and what has to be many for it to be made again.
struct Call {
    operation: &'static str,
    form: Form,
    /// Only calls whose body holds this.
    matching: &'static str,
    many: fn(&mut World),
}

impl Call {
    const fn new(operation: &'static str, form: Form, many: fn(&mut World)) -> Self {
        Self {
            operation,
            form,
            matching: "",
            many,
        }
    }

    const fn tasks(matching: &'static str, many: fn(&mut World)) -> Self {
        let call = Self::new("ecs:ListTasks", List, many);
        Self { matching, ..call }
    }
}

const CALLS: &[Call] = &[
    Call::new("ecs:ListClusters", List, clusters),
    Call::new("ecs:DescribeClusters", Batch, clusters),
    Call::new("ecs:ListServices", List, services),
    Call::new("ecs:DescribeServices", Batch, some_services),
    Call::new("ecs:DescribeExpressGatewayService", One, |_| {}),
    Call::tasks(r#""desiredStatus":"RUNNING""#, running_tasks),
    Call::tasks(r#""desiredStatus":"STOPPED""#, stopped_tasks),
    Call::new("ecs:DescribeTasks", Batch, running_tasks),
    Call::new("ecs:DescribeServiceDeployments", Batch, some_services),
    Call::new("ecs:DescribeServiceRevisions", Batch, some_services),
    Call::new("ecs:ListDaemons", List, daemons),
    Call::new("ecs:DescribeDaemon", One, |_| {}),
    Call::new("ecs:DescribeDaemonDeployments", Batch, some_daemons),
    Call::new("ecs:DescribeDaemonRevisions", Batch, some_daemons),
    Call::new("ecs:ListDaemonTaskDefinitions", List, daemons),
    Call::new("ecs:DescribeDaemonTaskDefinition", One, |_| {}),
    Call::new("ecs:ListTaskDefinitions", List, definitions),
    Call::new("ecs:DescribeTaskDefinition", One, |_| {}),
];

/// Makes two of everything that ECS has, and something to delete.
fn base(world: &mut World) {
    world.untagged_images(APP, 3);
    for number in 0..2 {
        let definition = world.define(&format!("web-{number}"), APP, "1.0");
        world.deploy("prod", &format!("web-{number}"), &definition);
        world.run_task("prod", &definition);
        let stopped = world.run_task("prod", &definition);
        let tasks = &mut world.home().cluster("prod").tasks;
        tasks.get_mut(&stopped).unwrap().stop(days_ago(0));
        express(world, &format!("express-{number}"));
        daemon(world, &format!("agent-{number}"));
    }
}

fn express(world: &mut World, name: &str) {
    let definition = world.define(name, APP, "1.0");
    world.deploy("prod", name, &definition);
    let image = format!("{}:1.0", world.home().repository(APP).uri());
    world.express(name, image);
}

fn daemon(world: &mut World, name: &str) {
    let image = format!("{}:1.0", world.home().repository(APP).uri());
    let image = ContainerImage {
        container_name: "main".to_owned(),
        image,
        image_digest: None,
    };
    world.home().ecs.deploy_daemon("prod", name, vec![image]);
}

fn clusters(world: &mut World) {
    for number in 0..MANY {
        world.home().cluster(&format!("cluster-{number}"));
    }
}

fn services(world: &mut World) {
    for number in 0..MANY {
        let prod = world.home().cluster("prod");
        prod.service(&format!("empty-{number}"));
    }
}

fn some_services(world: &mut World) {
    for number in 0..21 {
        world.deploy("prod", &format!("more-{number}"), "web-0");
    }
}

fn running_tasks(world: &mut World) {
    for number in 0..MANY {
        let prod = world.home().cluster("prod");
        prod.task(&format!("running-{number}"));
    }
}

fn stopped_tasks(world: &mut World) {
    for number in 0..MANY {
        let prod = world.home().cluster("prod");
        prod.task(&format!("stopped-{number}")).stop(days_ago(0));
    }
}

fn daemons(world: &mut World) {
    for number in 0..MANY {
        daemon(world, &format!("more-{number}"));
    }
}

fn some_daemons(world: &mut World) {
    for number in 0..21 {
        daemon(world, &format!("more-{number}"));
    }
}

fn definitions(world: &mut World) {
    for number in 0..MANY {
        world.define(&format!("more-{number}"), APP, "1.0");
    }
}

/// Returns every way in which a call of that form can go wrong.
fn kinds(form: Form) -> Vec<FaultKind> {
    let mut kinds = ANY_CALL.to_vec();
    match form {
        List => kinds.extend(PAGES),
        Batch => {
            let items = ["INTERNAL", "ACCESS_DENIED"].map(FaultKind::fail_item);
            kinds.extend([FaultKind::LoseItem].into_iter().chain(items));
        }
        One => {}
    }
    kinds
}

/// Runs with a fault from that call of the operation on, and says what is wrong with how it ended.
async fn outcome(call: &Call, from: u64, kind: FaultKind) -> Result<(), String> {
    let aws = SimulatedAws::start().await;
    aws.edit(|world| {
        base(world);
        if from > 1 {
            (call.many)(world);
        }
    });
    let fault = Fault::on(call.operation).matching(call.matching);
    aws.fault(fault.call(from).kind(kind.clone()));
    let answer = try_to_run(&aws, DELETE, &kind).await.unwrap();

    let mut calls = aws.calls_to(call.operation);
    calls.retain(|made| made.body.to_string().contains(call.matching));
    let calls = calls.len();
    let context = format!("{} from call {from}, {kind:?}: ", call.operation);
    let fail = |what: String| Err(format!("{context}{what}"));
    if calls < usize::try_from(from).unwrap() {
        return fail(format!("only called {calls} times"));
    }
    let mutations = aws.mutations().len();
    if mutations != 0 || answer.status != Status::Refused {
        return fail(format!("{mutations} mutations, {}", answer.summary));
    }
    let refusals: Vec<String> = answer.refusals.iter().map(ToString::to_string).collect();
    let [refusal] = refusals.as_slice() else {
        return fail(format!("{refusals:?}"));
    };
    if !refusal.starts_with("source_incomplete: ")
        || !refusal.contains(call.operation)
        || answer.in_use[0].is_complete()
    {
        return fail(refusal.clone());
    }
    // Throttling and the like are tried again, a lack of permission is not.
    let retried = matches!(
        kind,
        FaultKind::Throttle | FaultKind::ServerError(_) | FaultKind::Hang | FaultKind::Drop
    );
    let denied = matches!(kind, FaultKind::AccessDenied);
    if retried && calls <= usize::try_from(from).unwrap() {
        return fail("not tried again".to_owned());
    }
    if denied && !refusal.contains("Grant the action") {
        return fail(refusal.clone());
    }
    Ok(())
}

/// No way of failing looks like the absence of use (P1).
#[tokio::test]
async fn nothing_is_deleted_while_any_call_to_ecs_fails_in_any_way() {
    let mut cases = Vec::new();
    for call in CALLS {
        for from in [1, 2] {
            cases.extend(kinds(call.form).into_iter().map(|kind| (call, from, kind)));
        }
    }
    try_all(cases, async |(call, from, kind)| {
        outcome(call, from, kind).await
    })
    .await;
}

#[tokio::test]
async fn every_call_to_ecs_is_in_the_table() {
    let aws = SimulatedAws::start().await;
    aws.edit(base);
    let answer = run(&aws, DELETE).await;
    assert_deleted!(answer, Completed, 3);
    for call in aws.calls() {
        let known = CALLS.iter().any(|known| known.operation == call.operation);
        let is_ecs = call.operation.starts_with("ecs:");
        assert!(known || !is_ecs, "{} has no cases", call.operation);
    }
    for Call { operation, .. } in CALLS {
        assert!(aws.count(operation) > 0, "{operation} is not called");
    }
}

/// Runs in the ordinary world after a change to it.
async fn run_with(edit: impl FnOnce(&mut World)) -> (SimulatedAws, Answer) {
    let aws = SimulatedAws::start().await;
    aws.edit(|world| {
        base(world);
        edit(world);
    });
    let answer = run(&aws, DELETE).await;
    (aws, answer)
}

async fn run_failing_item(operation: &str, code: &str) -> (SimulatedAws, Answer) {
    let aws = SimulatedAws::start().await;
    aws.edit(base);
    aws.fault(Fault::on(operation).once().kind(FaultKind::fail_item(code)));
    let answer = run(&aws, DELETE).await;
    (aws, answer)
}

/// `MISSING` means that it has ended meanwhile, or long ago (U4).
#[tokio::test]
async fn what_has_ended_is_no_failure() {
    for operation in [
        "ecs:DescribeTasks",
        "ecs:DescribeServices",
        "ecs:DescribeClusters",
        "ecs:DescribeServiceDeployments",
        "ecs:DescribeServiceRevisions",
        "ecs:DescribeDaemonDeployments",
    ] {
        let (_, answer) = run_failing_item(operation, "MISSING").await;
        assert_deleted!(answer, Completed, 3, "{operation}");
    }
}

/// Nothing else says what a daemon starts (U4).
#[tokio::test]
async fn a_missing_revision_of_a_daemon_without_tasks_is_a_failure() {
    let (aws, answer) = run_failing_item("ecs:DescribeDaemonRevisions", "MISSING").await;
    assert_refused!(answer, aws);
}

/// A reference that cannot be parsed leaves alone the repository that it may mean, and no other
/// (U2).
#[tokio::test]
async fn what_a_reference_may_mean_is_left_alone() {
    for (image, held) in [
        ("$HOST/Team/App:1", Some(APP)),
        ("$HOST/team/app:", Some(APP)),
        ("$HOST/team/app@sha256:12", Some(APP)),
        ("$HOST/team/app:1:2", Some(APP)),
        ("$HOST/team/app:${TAG}", Some(APP)),
        ("$HOST/{{ team }}/app:1", Some(APP)),
        (
            "222222222222.dkr.ecr.eu-west-1.amazonaws.com/App:1",
            Some(APP),
        ),
        (
            "vpce-1.dkr.ecr.eu-west-1.vpce.amazonaws.com/team/app:1",
            Some(APP),
        ),
        ("$HOST/team/gone:", None),
        ("$HOST/team/_app:1", None),
    ] {
        let (aws, answer) = run_with(|world| {
            let image = image.replace("$HOST", HOST);
            world.home().ecs.register("odd", [&image]);
            world.untagged_images("other", 2);
        })
        .await;
        let names: Vec<_> = answer
            .held
            .iter()
            .map(|it| it.repository.as_str())
            .collect();
        assert_eq!(names, held.into_iter().collect::<Vec<_>>(), "{image}");
        assert_eq!(aws.digests("other").len(), 1, "{image}");
        assert_eq!(answer.in_use[0].is_complete(), held.is_none(), "{image}");
        if held.is_some() {
            assert_deleted!(answer, CompletedWithFailures, 2, "{image}");
            assert_starts!(answer.held[0].by[0], "ECS task definition `odd:1`: `");
        } else {
            assert_deleted!(answer, Completed, 5, "{image}");
            let note = answer.in_use[0].note.as_ref().unwrap();
            assert_contains!(note, "`odd:1`", "repository");
        }
    }
}

/// A digest that can be read counts whatever stands around it (U2).
#[tokio::test]
async fn a_digest_in_a_reference_that_cannot_be_parsed_is_in_use() {
    let aws = SimulatedAws::start().await;
    let stored = aws.edit(|world| {
        base(world);
        let stored = world.untagged("other", 90);
        let image = format!("{HOST}/Gone@{stored}");
        world.home().ecs.register("odd", [image]);
        stored
    });
    let answer = run(&aws, DELETE).await;
    assert_deleted!(answer, Completed, 3);
    assert_eq!(aws.digests("other"), [stored]);
}

/// It may name any image (U2).
#[tokio::test]
async fn an_ecr_reference_that_may_mean_any_repository_makes_the_source_incomplete() {
    for image in [
        format!("{HOST}/"),
        format!("{HOST}/${{IMAGE}}"),
        HOST.to_owned(),
    ] {
        let (aws, answer) = run_with(|world| {
            world.home().ecs.register("odd", [&image]);
        })
        .await;
        assert_status!(answer, Refused, "{image}");
        assert_starts!(answer.refusals[0], "source_incomplete");
        assert_contains!(answer.refusals[0], "`odd:1`");
        assert_eq!(aws.mutations().len(), 0);
    }
}

/// What is clearly not in ECR is ignored (U2).
#[tokio::test]
async fn an_image_from_elsewhere_is_no_reason_to_stop() {
    for image in [
        "nginx",
        "public.ecr.aws/nginx/nginx:1",
        "ghcr.io/Team/App:1",
        "localhost:5000/x@sha256:12",
    ] {
        let (_, answer) = run_with(|world| {
            world.home().ecs.register("elsewhere", [image]);
        })
        .await;
        assert_status!(answer, Completed, "{image}");
    }
}

#[tokio::test]
async fn without_any_use_nothing_is_deleted_unless_that_is_allowed() {
    let aws = SimulatedAws::start().await;
    aws.edit(|world| {
        world.untagged_images(APP, 3);
        // Neither a cluster with nothing in it nor images from elsewhere are use.
        world.home().cluster("prod");
        world.home().ecs.register("web", ["nginx"]);
    });
    let answer = run(&aws, DELETE).await;
    assert_status!(answer, Refused);
    assert_eq!(answer.refusals[0].guard.to_string(), "no_usage");
    let off = run(&aws, "{mode: delete, in_use: {ecs: false}}").await;
    assert_eq!(off.refusals[0].guard.to_string(), "no_usage");
    assert_eq!(aws.mutations().len(), 0);

    let answer = run(&aws, "{mode: delete, guards: {allow_no_usage: true}}").await;
    assert_deleted!(answer, Completed, 3);
}

/// Images of other registries, such as the add-ons of EKS, say nothing of those that are cleaned
/// (A1).
#[tokio::test]
async fn only_references_to_a_registry_that_is_cleaned_are_use_of_it() {
    let elsewhere = "0a".repeat(32);
    for (image, is_use) in [
        (
            "602401143452.dkr.ecr.eu-west-1.amazonaws.com/eks/coredns:v1",
            false,
        ),
        (
            "602401143452.dkr.ecr.eu-west-1.amazonaws.com/team/app:1.0",
            false,
        ),
        (
            "111111111111.dkr.ecr.us-east-1.amazonaws.com/team/app:1.0",
            false,
        ),
        ("nginx@sha256:$ELSEWHERE", false),
        ("nginx@$STORED", true),
        ("proxy.example.com/team/app:1.0", true),
        ("$HOST/team/app:1.0", true),
        ("$HOST/gone:1.0", true),
    ] {
        let aws = SimulatedAws::start().await;
        aws.edit(|world| {
            let stored = world.untagged_images(APP, 3).remove(0);
            let image = image.replace("$HOST", HOST).replace("$STORED", &stored);
            let image = image.replace("$ELSEWHERE", &elsewhere);
            world.home().ecs.register("web", [image]);
        });
        let config = "{mode: delete, registry_aliases: [proxy.example.com]}";
        let answer = run(&aws, config).await;
        if is_use {
            assert_status!(answer, Completed, "{image}");
        } else {
            assert_refused!(answer, aws, "{image}");
            let guard = answer.refusals[0].guard.to_string();
            assert_eq!(guard, "no_usage", "{image}");
        }
    }
}

#[tokio::test]
async fn allowing_no_use_does_not_allow_unknown_use() {
    let aws = SimulatedAws::start().await;
    aws.edit(base);
    aws.fault(Fault::denied("ecs:ListClusters"));
    let answer = run(&aws, "{mode: delete, guards: {allow_no_usage: true}}").await;
    assert_eq!(answer.refusals[0].guard.to_string(), "source_incomplete");
    assert_eq!(aws.mutations().len(), 0);
}

#[tokio::test]
async fn in_an_account_that_was_not_expected_nothing_is_deleted() {
    let aws = SimulatedAws::start().await;
    aws.edit(base);
    let config = "{mode: delete, guards: {expected_accounts: ['222222222222']}}";
    let answer = run(&aws, config).await;
    assert_status!(answer, Refused);
    assert_eq!(answer.refusals[0].guard.to_string(), "wrong_account");
    assert_eq!(aws.mutations().len(), 0);
    let config = "{mode: delete, guards: {expected_accounts: ['222222222222', '111111111111']}}";
    let answer = run(&aws, config).await;
    assert_deleted!(answer, Completed, 3);
}

#[tokio::test]
async fn a_fault_that_passes_is_tried_again_and_changes_nothing() {
    for kind in [
        FaultKind::Throttle,
        FaultKind::ServerError(500),
        FaultKind::ServerError(503),
        FaultKind::Drop,
    ] {
        let aws = SimulatedAws::start().await;
        aws.edit(base);
        for call in CALLS {
            let fault = Fault::on(call.operation).matching(call.matching).once();
            aws.fault(fault.kind(kind.clone()));
        }
        let answer = run(&aws, DELETE).await;
        assert_deleted!(answer, Completed, 3, "{kind:?}");
    }
}

#[tokio::test]
async fn the_answer_of_a_refused_run_names_what_would_have_been_deleted() {
    let aws = SimulatedAws::start().await;
    aws.edit(base);
    aws.fault(Fault::denied("ecs:ListServices"));
    let answer = run(&aws, DELETE).await;
    assert_eq!(answer.counts.candidates, 3);
    assert_eq!(answer.counts.deleted, 0);
    assert_eq!(answer.counts.untouched, 3);
    let error = answer.in_use[0].error().unwrap().to_string();
    assert_contains!(error, "AccessDeniedException", "cluster/prod");
}
