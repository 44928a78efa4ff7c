//! What is not read although nothing failed: services that nobody demands, Regions, and what the
//! configuration leaves out. It is said, and never taken for read (P7).

use ecr_cleanup::report::Answer;
use simulated_aws::{Fault, FaultKind, SimulatedAws, World};

use crate::{
    services::{SERVICES, base},
    support::{
        DELETE, WorldExt,
        faults::{refused_for, try_all, try_to_run},
        plan, program, run,
        state::{account, full_with, guards},
    },
    trust::command,
};

const RULES: &str =
    "policies: [{repositories: ['**'], keep: [{tags: '^kept$'}], delete_unmatched: true}]";
const OWN: &str = "111111111111";

/// Returns a configuration that deletes with these settings of `in_use`.
fn config(in_use: &str) -> String {
    format!("{{mode: delete, in_use: {{{in_use}}}, {RULES}}}")
}

/// Returns what an answer says was not read, without the reasons: `service batch eu-west-1`.
fn unread(answer: &Answer) -> Vec<String> {
    let lines = answer.unread.iter().map(|it| {
        let kind = serde_json::to_value(it.kind).unwrap();
        let region = it.region.as_deref().unwrap_or("-");
        format!("{} {} {region}", kind.as_str().unwrap(), it.name)
    });
    lines.collect()
}

/// Every service is read without being named, if it may be asked (U11).
#[tokio::test]
async fn every_service_that_answers_is_read() {
    for service in SERVICES.iter() {
        let aws = SimulatedAws::start().await;
        aws.edit(|world| {
            world.home().script_nothing();
            base(world, service);
        });
        let answer = run(&aws, &config("")).await;
        assert_status!(answer, Completed, "{}", service.name);
        assert_eq!(aws.tags("app"), ["kept", "used"], "{}", service.name);
        assert_eq!(unread(&answer), [""; 0], "{}", service.name);
        let repeated = aws.repeated_calls();
        let repeated = repeated
            .iter()
            .find(|call| !call.operation.starts_with("ecr:"));
        assert!(repeated.is_none(), "{repeated:?}");
    }
}

/// Ways in which a first call fails, and whether that leaves the service unread or is a failure.
fn first_failures() -> Vec<(FaultKind, bool)> {
    use FaultKind::{AccessDenied, BadJson, CutBody, Drop, Hang, LoseList, ServerError, Throttle};
    let explicit = "User: arn:aws:iam::111111111111:role/r is not authorized to perform: x with an \
                    explicit deny in a service control policy";
    let mut failures = vec![
        (
            FaultKind::error(400, "AccessDeniedException", explicit),
            true,
        ),
        (
            FaultKind::error(
                400,
                "UnrecognizedClientException",
                "The security token is invalid.",
            ),
            true,
        ),
        (
            FaultKind::error(
                400,
                "OptInRequired",
                "You are not subscribed to this service",
            ),
            true,
        ),
        (FaultKind::error(404, "UnknownOperationException", ""), true),
        (FaultKind::error(400, "ValidationException", "no"), false),
    ];
    failures.extend([AccessDenied, Hang, Drop].map(|kind| (kind, true)));
    let failing = [
        ServerError(500),
        ServerError(503),
        Throttle,
        BadJson,
        CutBody,
        LoseList,
    ];
    failures.extend(failing.map(|kind| (kind, false)));
    failures
}

/// The first call decides; whatever fails after it stops the run (P1, U11).
#[tokio::test]
async fn a_service_is_unread_only_if_its_first_call_shows_that_it_cannot_be_asked() {
    let mut cases = Vec::new();
    for service in SERVICES.iter() {
        let first = &service.calls[0].operation;
        cases.extend(
            first_failures()
                .into_iter()
                .map(|(kind, is_unread)| (service, first.clone(), kind, is_unread)),
        );
        let mut calls = service.calls.iter().rev().map(|call| &call.operation);
        let last = calls.find(|it| !it.starts_with("ecs:")).unwrap();
        cases.push((
            service,
            last.clone(),
            FaultKind::AccessDenied,
            last == first,
        ));
    }
    try_all(cases, async |(service, operation, kind, is_unread)| {
        let aws = SimulatedAws::start().await;
        aws.edit(|world| {
            world.home().script_nothing();
            base(world, service);
        });
        aws.fault(Fault::on(&operation).kind(kind.clone()));
        let answer = try_to_run(&aws, &config(""), &kind).await.unwrap();
        if !is_unread {
            return refused_for(&aws, &answer, &[&service.name, &operation])
                .map_err(|wrong| format!("{operation} {kind:?}: {wrong}"));
        }
        let said = unread(&answer);
        let expected = format!("service {} eu-west-1", service.name);
        let is_source = answer
            .in_use
            .iter()
            .any(|status| status.source == service.name);
        let good = answer.counts.deleted == 2 && said == [expected] && !is_source;
        let calls = aws.count(&operation);
        let stormed = calls
            > if matches!(kind, FaultKind::Drop) {
                2
            } else {
                1
            };
        (good && !stormed)
            .then_some(())
            .ok_or_else(|| format!("{operation} {kind:?}: {calls} calls, {said:?} {answer:?}"))
    })
    .await;
}

/// A first call that fails once is tried again (U11).
#[tokio::test]
async fn a_service_that_is_busy_for_a_moment_is_read() {
    for kind in [
        FaultKind::Throttle,
        FaultKind::ServerError(503),
        FaultKind::Drop,
    ] {
        let service = SERVICES.iter().find(|it| it.name == "codebuild").unwrap();
        let aws = SimulatedAws::start().await;
        aws.edit(|world| {
            world.home().script_nothing();
            base(world, service);
        });
        aws.fault(
            Fault::on("codebuild:ListProjects")
                .kind(kind.clone())
                .times(1),
        );
        let answer = run(&aws, &config("")).await;
        assert_status!(answer, Completed, "{kind:?}");
        assert_eq!(aws.tags("app"), ["kept", "used"], "{kind:?}");
    }
}

#[tokio::test]
async fn a_service_that_was_read_and_is_not_any_more_is_a_drop() {
    let aws = account().await;
    let service = SERVICES.iter().find(|it| it.name == "codebuild").unwrap();
    aws.edit(|world| base(world, service));
    let config = full_with(RULES);
    assert_status!(run(&aws, &config).await, Completed);
    assert_eq!(aws.tags("app").len(), 4);
    aws.edit(|world| world.tagged("app", "old", 90));
    aws.fault(Fault::denied("codebuild:*"));
    let answer = run(&aws, &config).await;
    assert_status!(answer, Refused);
    assert_eq!(guards(&answer), ["usage_drop"]);
    assert_contains!(
        answer.refusals[0],
        "codebuild in 111111111111 eu-west-1",
        "accept-use codebuild"
    );
    // It stays one until it is read again.
    assert_status!(run(&aws, &config).await, Refused);
    aws.clear_faults();
    assert_status!(run(&aws, &config).await, Completed);
}

/// Two Regions besides the home Region; in the second one something uses an image of the first.
fn two_regions(world: &mut World) {
    world.home().script_nothing();
    world.in_use_elsewhere();
    world.tagged("app", "far", 90);
    world.tagged("app", "unused", 90);
    world.tagged("app", "kept", 1);
    let far = format!("{}:far", world.home().repository("app").uri());
    world.enable("us-east-1");
    world.enable("eu-central-1").ecs.register("far", [far]);
    let disabled = [("ap-east-1", "DISABLED"), ("me-south-1", "ENABLING")];
    let statuses = world.enabled.get_mut(OWN).unwrap();
    statuses.extend(disabled.map(|(name, status)| (name.to_owned(), status.to_owned())));
}

async fn far() -> SimulatedAws {
    let aws = SimulatedAws::start().await;
    aws.edit(two_regions);
    aws
}

/// Enabled Regions are read, once each, with services that are named (U11).
#[tokio::test]
async fn what_another_region_uses_is_kept() {
    for regions in [
        "",
        "regions: auto",
        "regions: all",
        "regions: [eu-central-1]",
    ] {
        let aws = far().await;
        let answer = run(&aws, &config(regions)).await;
        assert_status!(answer, Completed, "{regions}");
        assert_eq!(aws.tags("app"), ["far", "kept"], "{regions}");
        let repeated = aws.repeated_calls();
        let repeated = repeated
            .iter()
            .find(|call| !call.operation.starts_with("ecr:"));
        assert!(repeated.is_none(), "{regions} {repeated:?}");
        let mut calls = aws.calls().into_iter();
        assert!(calls.all(|call| !["ap-east-1", "me-south-1"].contains(&&*call.location.region)));
    }
    let aws = far().await;
    let answer = run(&aws, &config("regions: own")).await;
    assert_status!(answer, Completed);
    assert_eq!(aws.tags("app"), ["kept"]);
    assert_eq!(unread(&answer), ["region others -"]);
    assert_eq!(aws.count("account:ListRegions"), 0);
}

#[tokio::test]
async fn of_services_only_those_that_are_named_are_read_in_regions_that_were_found() {
    let aws = far().await;
    let answer = run(&aws, &config("")).await;
    assert_eq!(unread(&answer), ["service others -"]);
    assert_eq!(aws.count("codebuild:ListProjects"), 1);
    let aws = far().await;
    aws.edit(|world| {
        for region in ["us-east-1", "eu-central-1"] {
            world.enable(region).script_nothing();
        }
    });
    let answer = run(&aws, &config("services: all, cloudformation: {}")).await;
    assert_status!(answer, Completed);
    assert_eq!(unread(&answer), [""; 0]);
    assert_eq!(aws.count("codebuild:ListProjects"), 3);
}

/// A Region that was not opted in, that a policy of the organization denies, or that cannot be
/// reached is unread; one that answers is read whole (P1, U11).
#[tokio::test]
async fn a_region_is_unread_only_if_it_cannot_be_asked() {
    let cases = first_failures();
    try_all(cases, async |(kind, is_unread)| {
        let aws = far().await;
        aws.fault(
            Fault::on("ecs:ListClusters")
                .region("eu-central-1")
                .kind(kind.clone()),
        );
        let answer = try_to_run(&aws, &config(""), &kind).await.unwrap();
        if !is_unread {
            return refused_for(&aws, &answer, &["ecs:ListClusters", "eu-central-1"]);
        }
        let said = unread(&answer);
        let good = said == ["region eu-central-1 eu-central-1", "service others -"];
        (good && answer.counts.deleted == 2)
            .then_some(())
            .ok_or_else(|| format!("{kind:?}: {said:?} {answer:?}"))
    })
    .await;
    // Everything that follows the first call fails closed.
    for operation in [
        "ecs:ListTaskDefinitions",
        "eks:ListClusters",
        "lambda:ListFunctions",
    ] {
        let aws = far().await;
        aws.fault(Fault::denied(operation).region("eu-central-1"));
        let answer = run(&aws, &config("")).await;
        assert_refused!(answer, aws, "{operation}");
        assert_contains!(answer.refusals[0], operation);
    }
}

/// What is demanded fails if it cannot be read (P1).
#[tokio::test]
async fn a_region_that_is_demanded_and_cannot_be_asked_stops_the_run() {
    for regions in ["regions: all", "regions: [eu-central-1]"] {
        let aws = far().await;
        aws.fault(Fault::denied("ecs:ListClusters").region("eu-central-1"));
        let answer = run(&aws, &config(regions)).await;
        assert_refused!(answer, aws, "{regions}");
    }
}

/// Where Regions cannot be listed, as in a partition without that operation, the own one is read.
#[tokio::test]
async fn regions_that_cannot_be_listed_are_unread_unless_all_are_demanded() {
    try_all(first_failures(), async |(kind, is_unread)| {
        let aws = far().await;
        aws.fault(Fault::on("account:ListRegions").kind(kind.clone()));
        let answer = try_to_run(&aws, &config(""), &kind).await.unwrap();
        if !is_unread {
            return refused_for(&aws, &answer, &["regions", "account:ListRegions"]);
        }
        let said = unread(&answer);
        let advised = answer
            .unread
            .iter()
            .all(|it| it.setting.contains("account:ListRegions"));
        (said == ["region others -"] && advised && answer.counts.deleted == 2)
            .then_some(())
            .ok_or_else(|| format!("{kind:?}: {said:?} {answer:?}"))
    })
    .await;
    let aws = far().await;
    aws.fault(Fault::denied("account:ListRegions"));
    let answer = run(&aws, &config("regions: all")).await;
    assert_refused!(answer, aws);
    assert_contains!(answer.refusals[0], "account:ListRegions");
}

/// In a network without a way out, everything that may be left out is given up at once.
#[tokio::test]
async fn a_network_without_a_way_out_costs_one_attempt_for_each_region_and_service() {
    let aws = far().await;
    for service in [
        "apprunner:*",
        "batch:*",
        "bedrock-agentcore:*",
        "cloudformation:*",
        "codebuild:*",
        "events:*",
        "lightsail:*",
        "pipes:*",
        "sagemaker:*",
        "scheduler:*",
        "states:*",
    ] {
        aws.fault(Fault::on(service).kind(FaultKind::Hang));
    }
    for region in ["us-east-1", "eu-central-1"] {
        aws.fault(Fault::on("ecs:*").region(region).kind(FaultKind::Hang));
    }
    let answer = try_to_run(&aws, &config(""), &FaultKind::Hang)
        .await
        .unwrap();
    assert_eq!(unread(&answer).len(), 13, "{answer:?}");
    let asked = aws.calls().into_iter().filter(|call| {
        let others = ["account:", "ecr:", "ecs:", "eks:", "lambda:", "sts:"];
        call.location.region != "eu-west-1" && call.operation != "account:ListRegions"
            || !others
                .iter()
                .any(|prefix| call.operation.starts_with(prefix))
    });
    assert_eq!(asked.count(), 13);
}

#[tokio::test]
async fn what_the_configuration_leaves_out_is_said() {
    let aws = account().await;
    let settings =
        "ecs: {task_definitions: {newest: 1}}, services: [batch, scheduler], regions: own";
    let answer = plan(&aws, &config(settings)).await;
    let said = unread(&answer);
    let expected = [
        "app_runner",
        "bedrock_agentcore",
        "codebuild",
        "eventbridge",
        "lightsail",
        "pipes",
        "sagemaker",
        "step_functions",
    ];
    let mut expected = expected.map(|name| format!("service {name} -")).to_vec();
    expected.insert(0, "region others -".to_owned());
    expected.push("task_definitions older revisions eu-west-1".to_owned());
    assert_eq!(said, expected);
    let definitions = answer.unread.last().unwrap();
    assert_contains!(
        definitions,
        "eventbridge, step_functions",
        "task_definitions: active"
    );
    assert_contains!(
        answer.summary,
        "Not read: 1 Region, 8 services, 1 choice of task definitions"
    );

    let all = "ecs: {task_definitions: referenced}, services: all";
    assert_eq!(unread(&plan(&aws, &config(all)).await), [""; 0]);
}

#[tokio::test]
async fn the_command_says_last_what_was_not_read() {
    let aws = account().await;
    aws.fault(Fault::denied("codebuild:*"));
    for arguments in [&["plan"][..], &["in-use"], &["check-config", "--access"]] {
        let (text, code) = command(&aws, arguments).await;
        assert_eq!(code, Some(0), "{text}");
        // Lines are broken between words.
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_contains!(
            text,
            "service `codebuild` in 111111111111 eu-west-1: `codebuild:List"
        );
    }
    let access = program(&aws, DELETE).access().await.unwrap();
    assert!(access.is_complete(), "{access}");
    assert_contains!(access, "codebuild:BatchGetProjects, codebuild:ListFleets");
}
