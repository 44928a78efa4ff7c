//! What other services use is kept, where they are switched on, and whatever cannot be read of them
//! stops every deletion.

use std::sync::LazyLock;

use serde_json::{Value, json};
use simulated_aws::{Fault, FaultKind, SimulatedAws, World};

use crate::support::{
    WorldExt,
    faults::{refused_for, try_all, try_to_run},
    program, run,
};

/// The image that only the service uses.
const USED: &str = "111111111111.dkr.ecr.eu-west-1.amazonaws.com/app:used";
/// A task definition that only the service names, deregistered already, with that image.
const TASK: &str = "arn:aws:ecs:eu-west-1:111111111111:task-definition/job:1";

pub(crate) static SERVICES: LazyLock<Vec<Service>> = LazyLock::new(read_services);

pub(crate) struct Service {
    pub(crate) name: String,
    pub(crate) calls: Vec<Call>,
}

pub(crate) struct Call {
    pub(crate) operation: String,
    form: Form,
    /// What a request must contain, and the answer to it.
    answers: Vec<(String, Value)>,
    /// The keys of the list and of the token, where `-` gives a list in two pages.
    keys: Vec<String>,
}

#[derive(Clone, Copy, PartialEq)]
enum Form {
    /// A list in pages.
    Pages,
    /// A list without pages.
    List,
    /// One thing.
    One,
}

/// Reads `answers.txt`: services, their calls with the form of the answer, and the answers, each
/// with what a request must contain, or `-` and the items of a first and a second page. A line that
/// is indented deeper goes on.
fn read_services() -> Vec<Service> {
    let text = include_str!("services/answers.txt").replace("\n      ", " ");
    let text = text.replace("$USED", USED).replace("$TASK", TASK);
    let mut services: Vec<Service> = Vec::new();
    let is_comment = |line: &str| line.is_empty() || line.trim_start().starts_with('#');
    for line in text.lines().filter(|line| !is_comment(line)) {
        if let Some(answer) = line.strip_prefix("    ") {
            let call = services.last_mut().and_then(|it| it.calls.last_mut());
            call.unwrap().add_answer(answer);
        } else if let Some(call) = line.strip_prefix("  ") {
            services.last_mut().unwrap().calls.push(Call::parse(call));
        } else {
            let (name, calls) = (line.to_owned(), Vec::new());
            services.push(Service { name, calls });
        }
    }
    services
}

impl Call {
    fn parse(line: &str) -> Self {
        let mut words = line.split(' ').map(ToOwned::to_owned);
        Self {
            operation: words.next().unwrap(),
            form: match words.next().as_deref() {
                Some("pages") => Form::Pages,
                Some("list") => Form::List,
                Some("one") => Form::One,
                form => panic!("{form:?}: {line}"),
            },
            answers: Vec::new(),
            keys: words.collect(),
        }
    }

    fn add_answer(&mut self, line: &str) {
        let mut add = |matching: &str, answer| self.answers.push((matching.to_owned(), answer));
        let Some(items) = line.strip_prefix("- ") else {
            let (matching, answer) = line.split_once("= ").unwrap();
            return add(matching.trim(), serde_json::from_str(answer).unwrap());
        };
        let mut items = serde_json::Deserializer::from_str(items).into_iter::<Value>();
        let [list, token] = &self.keys[..] else {
            panic!("{line}")
        };
        let mut page = || json!({list: [items.next().unwrap().unwrap()]});
        let (mut first, second) = (page(), page());
        first[token] = json!("page-2");
        add("", first);
        add("page-2", second);
        assert!(items.next().is_none(), "{line}");
    }
}

fn service(name: &str) -> &'static Service {
    SERVICES
        .iter()
        .find(|service| service.name == name)
        .unwrap()
}

/// Pushes two old images, one of which the service uses; nothing else is used but what keeps a run
/// from being refused.
pub(crate) fn base(world: &mut World, service: &Service) {
    world.tagged("app", "used", 90);
    world.tagged("app", "unused", 90);
    world.tagged("app", "kept", 1);
    let task = world.home().ecs.register("job", [USED]);
    world.home().ecs.set_status(&task, "INACTIVE");
    world.define("elsewhere", "app", "kept");
    for call in &service.calls {
        for (matching, answer) in &call.answers {
            world
                .home()
                .script(&call.operation, matching, answer.clone());
        }
    }
}

fn config(services: &str) -> String {
    format!(
        "{{mode: delete, in_use: {{services: [{services}]}}, \
         policies: [{{repositories: ['**'], keep: [{{tags: '^kept$'}}], delete_unmatched: true}}]}}"
    )
}

/// A service protects where the configuration names it (U11).
#[tokio::test]
async fn what_a_service_uses_is_kept_while_it_is_switched_on() {
    for service in SERVICES.iter() {
        let (aws, name) = (SimulatedAws::start().await, &service.name);
        aws.edit(|world| base(world, service));
        let answer = run(&aws, &config(name)).await;
        assert_status!(answer, Completed, "{name}");
        assert_eq!(aws.tags("app"), ["kept", "used"], "{name}");
        let line = answer.in_use.iter().find(|line| line.source == name);
        let line = line.unwrap();
        assert!(line.is_complete() && line.references > 0, "{line:?}");
        for call in &service.calls {
            let operation = call.operation.as_str();
            assert!(aws.count(operation) > 0, "{operation} is not called");
        }
        for operation in aws.calls().into_iter().map(|call| call.operation) {
            let others = "account: cloudformation: ecr: ecs: eks: lambda: sts:";
            let mut others = others.split(' ');
            let known = others.any(|prefix| operation.starts_with(prefix))
                || service.calls.iter().any(|call| call.operation == operation);
            assert!(known, "{operation} has no cases");
        }
        for repeated in aws.repeated_calls() {
            assert!(repeated.operation.starts_with("ecr:"), "{repeated:?}");
        }

        let off = config("").replace("[]", "false");
        assert_status!(run(&aws, &off).await, Completed);
        assert_eq!(aws.tags("app"), ["kept"], "{name} is switched off");
    }
}

/// Runs with a fault from that call of the operation on, and says what is wrong with how it ended.
async fn outcome(
    Service { name, .. }: &Service,
    operation: &str,
    from: u64,
    kind: FaultKind,
) -> Result<(), String> {
    let aws = SimulatedAws::start().await;
    aws.edit(|world| base(world, service(name)));
    let is_task_definition = operation.starts_with("ecs:");
    let matching = if is_task_definition { "job:1" } else { "" };
    let fault = Fault::on(operation).matching(matching).call(from);
    aws.fault(fault.kind(kind.clone()));
    let answer = try_to_run(&aws, &config(name), &kind).await.unwrap();
    let refused = refused_for(&aws, &answer, &[name, operation]);
    refused.map_err(|wrong| format!("from call {from}, {kind:?}: {wrong}"))
}

#[tokio::test]
async fn nothing_is_deleted_while_any_call_to_any_service_fails_in_any_way() {
    use FaultKind::{
        AccessDenied, BadJson, CutBody, Drop, EmptyToken, Hang, LoseList, RepeatToken, ServerError,
        Throttle,
    };
    let mut cases = Vec::new();
    for service in SERVICES.iter() {
        for (number, call) in service.calls.iter().enumerate() {
            let mut kinds = vec![AccessDenied, ServerError(500), BadJson];
            // The same module makes all calls: what it does with these is shown once a service.
            if number == 0 {
                kinds.extend([Throttle, Hang, Drop, CutBody]);
            }
            if call.form != Form::One {
                kinds.push(LoseList);
            }
            if call.form == Form::Pages {
                kinds.extend([RepeatToken, EmptyToken]);
            }
            let last = if call.form == Form::Pages { 2 } else { 1 };
            for from in 1..=last {
                cases.extend(kinds.iter().map(|kind| (service, call, from, kind.clone())));
            }
        }
    }
    try_all(cases, async |(service, call, from, kind)| {
        outcome(service, &call.operation, from, kind).await
    })
    .await;
}

/// A service, a call of it, its answer, and what the refusal says.
const KEPT_BACK: &str = r#"
    step_functions | states:DescribeStateMachine | {"definition": "{}"} | definition
    step_functions | states:DescribeStateMachine | {"name": "one"} | definition
    pipes | pipes:DescribePipe | {"Name": "one"} | Target
    app_runner | apprunner:DescribeService | {} | Service
    codebuild | codebuild:BatchGetProjects | {"projects": []} | does not say anything
    batch | batch:DescribeJobs | {"jobs": [$JOB]} | does not say anything
    eventbridge | events:ListTargetsByRule | {"Targets": [{"Arn": "x"}]} | has no `Id`
    eventbridge | events:ListTargetsByRule | {"Targets": [], "NextToken": 7} | is no text
    lightsail | lightsail:GetContainerServices | {"containerServices": [$NAMELESS]} | has no
"#;

/// Without the right to decrypt it, or where nobody asked for it.
#[tokio::test]
async fn an_answer_that_keeps_something_back_is_a_failure() {
    let job = r#"{"jobId": "job-1", "jobDefinition": "definition-of-job-1"}"#;
    let cases = KEPT_BACK.replace("$JOB", job);
    let cases = cases.replace("$NAMELESS", r#"{"containerServiceName": null}"#);
    for case in cases.trim().lines() {
        let mut columns = case.split('|').map(str::trim);
        let [name, operation, answer, expected] = [(); 4].map(|()| columns.next().unwrap());
        let aws = SimulatedAws::start().await;
        aws.edit(|world| {
            base(world, service(name));
            let region = world.home();
            region.scripts.remove(operation);
            region.script(operation, "", serde_json::from_str(answer).unwrap());
        });
        let ran = run(&aws, &config(name)).await;
        assert_refused!(ran, aws, "{operation}");
        assert_contains!(ran.refusals[0], operation, expected);
    }
}

#[tokio::test]
async fn what_vanishes_between_a_list_and_the_question_about_it_is_no_failure() {
    let missing = FaultKind::error(400, "NotFoundException", "not there");
    let aws = SimulatedAws::start().await;
    aws.edit(|world| base(world, service("pipes")));
    let fault = Fault::on("pipes:DescribePipe").matching("/one");
    aws.fault(fault.kind(missing));
    let ran = run(&aws, &config("pipes")).await;
    assert_status!(ran, Refused, "it is still listed");
    assert_contains!(ran.refusals[0], "NotFoundException");

    aws.after("pipes:DescribePipe", 1, |world| {
        let left = json!({"Pipes": [{"Name": "two"}]});
        world.home().script("pipes:ListPipes", "", left);
    });
    assert_status!(run(&aws, &config("pipes")).await, Completed);
    assert_eq!(aws.tags("app"), ["kept", "used"]);
}

#[tokio::test]
async fn a_task_definition_is_described_once_however_many_name_it() {
    let aws = SimulatedAws::start().await;
    aws.edit(|world| {
        for service in SERVICES.iter() {
            base(world, service);
        }
        world.home().ecs.set_status("job:1", "ACTIVE");
        world.deploy("prod", "web", "job:1");
    });
    let all: Vec<&str> = SERVICES.iter().map(|service| &*service.name).collect();
    assert_status!(run(&aws, &config(&all.join(", "))).await, Completed);
    let mut described = aws.calls_to("ecs:DescribeTaskDefinition");
    described.retain(|call| call.body["taskDefinition"] == TASK);
    assert_eq!(described.len(), 1, "{described:?}");
}

/// Says that a rule and a workflow start a task by this name of a task definition, `nightly`, of
/// which two revisions are ACTIVE.
fn starts(world: &mut World, service_name: &str, name: &str) {
    base(world, service(service_name));
    world.tagged("app", "nightly-1", 90);
    world.tagged("app", "nightly-2", 90);
    for revision in 1..3 {
        world.define("nightly", "app", &format!("nightly-{revision}"));
    }
    let target = json!({"Id": "2", "EcsParameters": {"TaskDefinitionArn": name}});
    let task = json!({"States": {"Run": {"Type": "Task", "Resource": "arn:aws:states:::ecs:runTask.sync",
        "Parameters": {"Cluster": "prod", "TaskDefinition": name}}}});
    let input = json!({"TaskDefinition": name}).to_string();
    let region = world.home();
    for (operation, answer) in [
        ("events:ListTargetsByRule", json!({"Targets": [target]})),
        (
            "states:DescribeStateMachine",
            json!({"name": "one", "definition": task.to_string()}),
        ),
        (
            "scheduler:GetSchedule",
            json!({"Name": "one", "Target": {"Arn": "arn:aws:scheduler:::aws-sdk:ecs:runTask", "Input": input}}),
        ),
    ] {
        region.scripts.remove(operation);
        region.script(operation, "", answer);
    }
}

/// Counts of ECS only what something names, and keeps one image by a rule.
fn referenced(services: &str) -> String {
    config(services).replace(
        "in_use: {",
        "in_use: {ecs: {task_definitions: referenced}, ",
    )
}

/// A family without a revision is its newest ACTIVE one, also in an ARN (U11).
#[tokio::test]
async fn a_task_definition_counts_however_it_is_named() {
    let arn = |name: &str| format!("arn:aws:ecs:eu-west-1:111111111111:task-definition/{name}");
    for service in ["eventbridge", "step_functions", "scheduler"] {
        for (name, kept) in [
            ("nightly".to_owned(), "nightly-2"),
            ("nightly:1".to_owned(), "nightly-1"),
            (arn("nightly"), "nightly-2"),
            (arn("nightly:1"), "nightly-1"),
        ] {
            let aws = SimulatedAws::start().await;
            aws.edit(|world| starts(world, service, &name));
            let answer = run(&aws, &referenced(service)).await;
            assert_status!(answer, Completed, "{service} {name}");
            let mut left = aws.tags("app");
            left.retain(|tag| tag.starts_with("nightly"));
            assert_eq!(left, [kept], "{service} {name}");
        }
    }
}

/// What is named and cannot be described may be any image (U4).
#[tokio::test]
async fn a_named_task_definition_that_ecs_does_not_describe_stops_the_run() {
    for name in ["nightly", "nightly:1"] {
        let aws = SimulatedAws::start().await;
        aws.edit(|world| starts(world, "eventbridge", name));
        let refused = FaultKind::error(400, "ClientException", "Unable to describe it.");
        let fault = Fault::on("ecs:DescribeTaskDefinition").matching("nightly");
        aws.fault(fault.kind(refused));
        let answer = run(&aws, &referenced("eventbridge")).await;
        assert_refused!(answer, aws, "{name}");
        assert_contains!(answer.refusals[0], name, "EventBridge");
    }
}

/// Nothing can start a task of a revision that there is not (U11).
#[tokio::test]
async fn a_deleted_revision_of_a_family_is_no_use() {
    let aws = SimulatedAws::start().await;
    aws.edit(|world| {
        starts(world, "eventbridge", "nightly:3");
        world.deploy("prod", "web", "elsewhere:1");
    });
    let answer = run(&aws, &referenced("eventbridge")).await;
    assert_status!(answer, Completed);
}

/// Nothing can start a task of a family without an ACTIVE revision (U11).
#[tokio::test]
async fn a_family_without_an_active_revision_is_no_use() {
    for name in ["nightly", "never", "never:7"] {
        let aws = SimulatedAws::start().await;
        aws.edit(|world| {
            starts(world, "eventbridge", name);
            world.deploy("prod", "web", "elsewhere:1");
            let ecs = &mut world.home().ecs;
            ecs.set_status("nightly:1", "INACTIVE");
            ecs.set_status("nightly:2", "INACTIVE");
        });
        assert_status!(run(&aws, &referenced("eventbridge")).await, Completed);
        assert_eq!(aws.tags("app"), ["kept"], "{name}");

        aws.edit(|world| drop(world.untagged("app", 50)));
        aws.fault(Fault::denied("ecs:ListTaskDefinitions"));
        let answer = run(&aws, &referenced("eventbridge")).await;
        assert_status!(answer, Refused, "{name}: nobody knows whether it has one");
        assert_contains!(answer.refusals[0], "ecs:ListTaskDefinitions");
    }
}

#[tokio::test]
async fn access_is_tried_with_what_there_is_to_ask_about() {
    let aws = SimulatedAws::start().await;
    aws.edit(|world| base(world, service("pipes")));
    let access = || async { program(&aws, &config("pipes")).access().await.unwrap() };
    assert!(access().await.is_complete(), "{}", access().await);

    aws.fault(Fault::denied("pipes:DescribePipe"));
    assert_eq!(access().await.denied_actions, ["pipes:DescribePipe"]);
    aws.fault(Fault::denied("pipes:ListPipes"));
    let without_list = access().await;
    assert_eq!(without_list.denied_actions, ["pipes:ListPipes"]);
    let untried = &without_list.untried;
    assert!(untried.contains(&"pipes:DescribePipe"), "{without_list}");

    aws.clear_faults();
    aws.edit(|world| {
        let region = world.home();
        region.script("pipes:ListPipes", "", json!({"Pipes": []}));
    });
    let without_pipes = access().await;
    assert!(without_pipes.is_complete(), "{without_pipes}");
    let untried = &without_pipes.untried;
    assert!(untried.contains(&"pipes:DescribePipe"), "{without_pipes}");

    // Not that there is nothing to ask about: it is not known what there is.
    for answer in [json!({}), json!({"Pipes": [{"Arn": "a"}]})] {
        aws.edit(|world| world.home().script("pipes:ListPipes", "", answer.clone()));
        let unclear = access().await;
        let problems = unclear.problems.join("; ");
        assert_contains!(problems, "`pipes:ListPipes` failed", "`");
    }
}
