//! What other services use is kept, where they are switched on, and whatever cannot be read of them
//! stops every deletion.

use ecr_cleanup::report::Status;
use serde_json::{Value, json};
use simulated_aws::{Fault, FaultKind, Region, SimulatedAws, World, days_ago};

use crate::support::{
    WorldExt,
    faults::{try_all, try_to_run},
    program, run,
};

/// The image that only the service uses.
const USED: &str = "111111111111.dkr.ecr.eu-west-1.amazonaws.com/app:used";
/// A task definition that only the service names, deregistered already, with that image.
const TASK: &str = "arn:aws:ecs:eu-west-1:111111111111:task-definition/job:1";

/// A service with what it answers, and its calls; lists are marked, since more can go wrong with
/// them.
struct Case {
    service: &'static str,
    script: fn(&mut Region),
    calls: &'static [(&'static str, Form)],
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
use Form::{List, One, Pages};

/// A list in two pages.
fn listed(region: &mut Region, operation: &str, list: &str, token: &str, items: [Value; 2]) {
    let [first, second] = items;
    region.script(operation, "", json!({list: [first], token: "page-2"}));
    region.script(operation, "page-2", json!({list: [second]}));
}

fn app_runner(region: &mut Region) {
    listed(
        region,
        "apprunner:ListServices",
        "ServiceSummaryList",
        "NextToken",
        ["one", "two"]
            .map(|name| json!({"ServiceName": name, "ServiceArn": format!("arn:{name}")})),
    );
    let service = |image: &str| {
        json!({"Service": {"ServiceName": "x",
        "SourceConfiguration": {"ImageRepository": {"ImageIdentifier": image}}}})
    };
    region.script(
        "apprunner:DescribeService",
        "arn:one",
        service("public.ecr.aws/x/y:1"),
    );
    region.script("apprunner:DescribeService", "arn:two", service(USED));
}

fn batch(region: &mut Region) {
    listed(
        region,
        "batch:DescribeJobQueues",
        "jobQueues",
        "nextToken",
        [
            json!({"jobQueueArn": "queue-1"}),
            json!({"jobQueueArn": "queue-2"}),
        ],
    );
    region.script("batch:ListJobs", "", json!({"jobSummaryList": []}));
    region.script(
        "batch:ListJobs",
        "queue-2\",\"jobStatus\":\"RUNNABLE\"",
        json!({"jobSummaryList": [{"jobId": "job-1"}], "nextToken": "jobs-2"}),
    );
    region.script(
        "batch:ListJobs",
        "jobs-2",
        json!({"jobSummaryList": [{"jobId": "job-2"}]}),
    );
    let job = |id: &str| json!({"jobId": id, "jobDefinition": format!("definition-of-{id}"), "container": {"image": "busybox"}});
    region.script(
        "batch:DescribeJobs",
        "",
        json!({"jobs": [job("job-1"), job("job-2")]}),
    );
    let definition = |arn: &str, image: &str| json!({"jobDefinitionArn": arn, "containerProperties": {"image": image}});
    listed(
        region,
        "batch:DescribeJobDefinitions",
        "jobDefinitions",
        "nextToken",
        [
            definition("active-1", "busybox"),
            definition("active-2", "busybox:2"),
        ],
    );
    // It is deregistered, and jobs of it wait.
    let named = [
        definition("definition-of-job-1", USED),
        definition("definition-of-job-2", "busybox"),
    ];
    region.script(
        "batch:DescribeJobDefinitions",
        "definition-of-job-1",
        json!({"jobDefinitions": named}),
    );
}

fn bedrock_agentcore(region: &mut Region) {
    listed(
        region,
        "bedrock-agentcore:ListAgentRuntimes",
        "agentRuntimes",
        "nextToken",
        ["one", "two"].map(|id| json!({"agentRuntimeId": id})),
    );
    let version =
        |id: &str, version: &str| json!({"agentRuntimeId": id, "agentRuntimeVersion": version});
    region.script(
        "bedrock-agentcore:ListAgentRuntimeVersions",
        "",
        json!({"agentRuntimes": [version("one", "1")]}),
    );
    region.script(
        "bedrock-agentcore:ListAgentRuntimeVersions",
        "/two/",
        json!({"agentRuntimes": [version("two", "2")], "nextToken": "page-2"}),
    );
    region.script(
        "bedrock-agentcore:ListAgentRuntimeVersions",
        "nextToken=page-2",
        json!({"agentRuntimes": [version("two", "1")]}),
    );
    let runtime = |image: &str| json!({"agentRuntimeArtifact": {"containerConfiguration": {"containerUri": image}}});
    region.script(
        "bedrock-agentcore:GetAgentRuntime",
        "",
        runtime("public.ecr.aws/x/y:1"),
    );
    region.script(
        "bedrock-agentcore:GetAgentRuntime",
        "/two/?version=1",
        runtime(USED),
    );
    listed(
        region,
        "bedrock-agentcore:ListHarnesses",
        "harnesses",
        "nextToken",
        ["one", "two"].map(|id| json!({"harnessId": id})),
    );
    listed(
        region,
        "bedrock-agentcore:ListHarnessVersions",
        "harnessVersions",
        "nextToken",
        ["1", "2"].map(|version| json!({"harnessVersion": version})),
    );
    region.script(
        "bedrock-agentcore:GetHarness",
        "",
        json!({"harness": {"harnessName": "x"}}),
    );
}

fn codebuild(region: &mut Region) {
    listed(
        region,
        "codebuild:ListProjects",
        "projects",
        "nextToken",
        [json!("one"), json!("two")],
    );
    let project = |name: &str, image: &str| {
        json!({"name": name, "environment": {"image": image,
        "environmentVariables": [{"name": "PUSH_TO", "value": "111111111111.dkr.ecr.eu-west-1.amazonaws.com/app"}]}})
    };
    region.script(
        "codebuild:BatchGetProjects",
        "",
        json!({"projects": [project("two", USED), project("one", "aws/codebuild/standard:7.0")]}),
    );
    listed(
        region,
        "codebuild:ListFleets",
        "fleets",
        "nextToken",
        [json!("arn-1"), json!("arn-2")],
    );
    let fleets = ["arn-1", "arn-2"].map(|arn| json!({"arn": arn, "name": arn}));
    region.script("codebuild:BatchGetFleets", "", json!({"fleets": fleets}));
}

fn eventbridge(region: &mut Region) {
    listed(
        region,
        "events:ListEventBuses",
        "EventBuses",
        "NextToken",
        ["default", "other"].map(|name| json!({"Name": name})),
    );
    let rules = |bus: &str, name: &str| json!({"Name": name, "EventBusName": bus});
    region.script("events:ListRules", "", json!({"Rules": []}));
    region.script(
        "events:ListRules",
        "\"other\"",
        json!({"Rules": [rules("other", "one")], "NextToken": "rules-2"}),
    );
    region.script(
        "events:ListRules",
        "rules-2",
        json!({"Rules": [rules("other", "two")]}),
    );
    let target =
        |id: &str, task: &str| json!({"Id": id, "EcsParameters": {"TaskDefinitionArn": task}});
    region.script(
        "events:ListTargetsByRule",
        "",
        json!({"Targets": [{"Id": "1", "Arn": "arn:aws:lambda:x"}]}),
    );
    region.script(
        "events:ListTargetsByRule",
        "\"two\"",
        json!({"Targets": [{"Id": "1"}], "NextToken": "targets-2"}),
    );
    region.script(
        "events:ListTargetsByRule",
        "targets-2",
        json!({"Targets": [target("2", TASK)]}),
    );
}

fn lightsail(region: &mut Region) {
    let services = ["one", "two"].map(|name| json!({"containerServiceName": name}));
    region.script(
        "lightsail:GetContainerServices",
        "",
        json!({"containerServices": services}),
    );
    let deployment = |version: u8, image: &str| json!({"version": version, "containers": {"web": {"image": image}}});
    region.script(
        "lightsail:GetContainerServiceDeployments",
        "",
        json!({"deployments": [deployment(2, "nginx"), deployment(1, USED)]}),
    );
}

fn pipes(region: &mut Region) {
    listed(
        region,
        "pipes:ListPipes",
        "Pipes",
        "NextToken",
        ["one", "two"].map(|name| json!({"Name": name})),
    );
    region.script(
        "pipes:DescribePipe",
        "",
        json!({"Name": "one", "Target": "arn:aws:sqs:x"}),
    );
    region.script(
        "pipes:DescribePipe",
        "/two",
        json!({"Name": "two", "Target": "arn:aws:ecs:x",
        "TargetParameters": {"EcsTaskParameters": {"TaskDefinitionArn": TASK}}}),
    );
}

fn sagemaker(region: &mut Region) {
    let answers: [(&str, &str, &str, &str, Value); 13] = [
        (
            "Endpoints",
            "Endpoints",
            "EndpointName",
            "DescribeEndpoint",
            json!({}),
        ),
        (
            "InferenceComponents",
            "InferenceComponents",
            "InferenceComponentName",
            "DescribeInferenceComponent",
            json!({}),
        ),
        (
            "HyperParameterTuningJobs",
            "HyperParameterTuningJobSummaries",
            "HyperParameterTuningJobName",
            "DescribeHyperParameterTuningJob",
            json!({}),
        ),
        (
            "TrainingJobs",
            "TrainingJobSummaries",
            "TrainingJobName",
            "DescribeTrainingJob",
            json!({"AlgorithmSpecification": {}}),
        ),
        (
            "ProcessingJobs",
            "ProcessingJobSummaries",
            "ProcessingJobName",
            "DescribeProcessingJob",
            json!({"AppSpecification": {}}),
        ),
        (
            "MonitoringSchedules",
            "MonitoringScheduleSummaries",
            "MonitoringScheduleName",
            "DescribeMonitoringSchedule",
            json!({"MonitoringScheduleConfig": {}}),
        ),
        (
            "DataQualityJobDefinitions",
            "JobDefinitionSummaries",
            "MonitoringJobDefinitionName",
            "DescribeDataQualityJobDefinition",
            json!({"DataQualityAppSpecification": {}}),
        ),
        (
            "ModelBiasJobDefinitions",
            "JobDefinitionSummaries",
            "MonitoringJobDefinitionName",
            "DescribeModelBiasJobDefinition",
            json!({"ModelBiasAppSpecification": {}}),
        ),
        (
            "ModelExplainabilityJobDefinitions",
            "JobDefinitionSummaries",
            "MonitoringJobDefinitionName",
            "DescribeModelExplainabilityJobDefinition",
            json!({"ModelExplainabilityAppSpecification": {}}),
        ),
        (
            "ModelQualityJobDefinitions",
            "JobDefinitionSummaries",
            "MonitoringJobDefinitionName",
            "DescribeModelQualityJobDefinition",
            json!({"ModelQualityAppSpecification": {}}),
        ),
        ("Models", "Models", "ModelName", "DescribeModel", json!({})),
        (
            "ModelPackages",
            "ModelPackageSummaryList",
            "ModelPackageArn",
            "DescribeModelPackage",
            json!({}),
        ),
        (
            "Algorithms",
            "AlgorithmSummaryList",
            "AlgorithmArn",
            "DescribeAlgorithm",
            json!({"TrainingSpecification": {}}),
        ),
    ];
    for (list, key, id, describe, answer) in answers {
        listed(
            region,
            &format!("sagemaker:List{list}"),
            key,
            "NextToken",
            ["one", "two"].map(|name| json!({id: name})),
        );
        region.script(&format!("sagemaker:{describe}"), "", answer);
    }
    region.script(
        "sagemaker:DescribeModel",
        "two",
        json!({"PrimaryContainer": {"Image": USED}}),
    );
    sagemaker_versions(region);
}

/// What has versions, each of which is asked for.
fn sagemaker_versions(region: &mut Region) {
    listed(
        region,
        "sagemaker:ListPipelines",
        "PipelineSummaries",
        "NextToken",
        ["one", "two"].map(|name| json!({"PipelineName": name})),
    );
    listed(
        region,
        "sagemaker:ListPipelineVersions",
        "PipelineVersionSummaries",
        "NextToken",
        [1, 2].map(|id| json!({"PipelineVersionId": id})),
    );
    region.script(
        "sagemaker:DescribePipeline",
        "",
        json!({"PipelineDefinition": "{\"Steps\": []}"}),
    );
    listed(
        region,
        "sagemaker:ListImages",
        "Images",
        "NextToken",
        ["one", "two"].map(|name| json!({"ImageName": name})),
    );
    listed(
        region,
        "sagemaker:ListImageVersions",
        "ImageVersions",
        "NextToken",
        [1, 2].map(
            |version| json!({"Version": version, "ImageVersionArn": format!("arn-{version}")}),
        ),
    );
    region.script(
        "sagemaker:DescribeImageVersion",
        "",
        json!({"BaseImage": "elsewhere/x:1"}),
    );
}

fn scheduler(region: &mut Region) {
    listed(
        region,
        "scheduler:ListSchedules",
        "Schedules",
        "NextToken",
        ["one", "two"]
            .map(|name| json!({"Name": name, "GroupName": "group", "Arn": format!("arn:{name}")})),
    );
    region.script(
        "scheduler:GetSchedule",
        "",
        json!({"Target": {"Arn": "arn:aws:sqs:x"}}),
    );
    let input = json!({"Cluster": "prod", "TaskDefinition": "job:1"}).to_string();
    region.script(
        "scheduler:GetSchedule",
        "/two?groupName=group",
        json!({"Target": {"Arn": "arn:aws:scheduler:::aws-sdk:ecs:runTask", "Input": input}}),
    );
}

fn step_functions(region: &mut Region) {
    listed(
        region,
        "states:ListStateMachines",
        "stateMachines",
        "nextToken",
        ["one", "two"]
            .map(|name| json!({"name": name, "stateMachineArn": format!("machine-{name}")})),
    );
    region.script(
        "states:DescribeStateMachine",
        "",
        json!({"definition": "{\"States\": {}}"}),
    );
    region.script(
        "states:ListStateMachineVersions",
        "",
        json!({"stateMachineVersions": []}),
    );
    let versions =
        ["machine-two:2", "machine-two:1"].map(|arn| json!({"stateMachineVersionArn": arn}));
    let [newest, oldest] = versions;
    region.script(
        "states:ListStateMachineVersions",
        "machine-two",
        json!({"stateMachineVersions": [newest], "nextToken": "versions-2"}),
    );
    region.script(
        "states:ListStateMachineVersions",
        "versions-2",
        json!({"stateMachineVersions": [oldest]}),
    );
    let run = json!({"States": {"Run": {"Resource": "arn:aws:states:::ecs:runTask.sync", "Parameters": {"TaskDefinition": TASK}}}});
    region.script(
        "states:DescribeStateMachine",
        "machine-two:1",
        json!({"definition": run.to_string()}),
    );
}

#[rustfmt::skip]
const CASES: &[Case] = &[
    Case { service: "app_runner", script: app_runner, calls: &[("apprunner:ListServices", Pages), ("apprunner:DescribeService", One)] },
    Case { service: "batch", script: batch, calls: &[("batch:DescribeJobQueues", Pages), ("batch:ListJobs", Pages), ("batch:DescribeJobs", List), ("batch:DescribeJobDefinitions", Pages)] },
    Case { service: "bedrock_agentcore", script: bedrock_agentcore, calls: &[("bedrock-agentcore:ListAgentRuntimes", Pages), ("bedrock-agentcore:ListAgentRuntimeVersions", Pages), ("bedrock-agentcore:GetAgentRuntime", One), ("bedrock-agentcore:ListHarnesses", Pages), ("bedrock-agentcore:ListHarnessVersions", Pages), ("bedrock-agentcore:GetHarness", One)] },
    Case { service: "codebuild", script: codebuild, calls: &[("codebuild:ListProjects", Pages), ("codebuild:BatchGetProjects", List), ("codebuild:ListFleets", Pages), ("codebuild:BatchGetFleets", List)] },
    Case { service: "eventbridge", script: eventbridge, calls: &[("events:ListEventBuses", Pages), ("events:ListRules", Pages), ("events:ListTargetsByRule", Pages), ("ecs:DescribeTaskDefinition", One)] },
    Case { service: "lightsail", script: lightsail, calls: &[("lightsail:GetContainerServices", List), ("lightsail:GetContainerServiceDeployments", List)] },
    Case { service: "pipes", script: pipes, calls: &[("pipes:ListPipes", Pages), ("pipes:DescribePipe", One)] },
    Case { service: "sagemaker", script: sagemaker, calls: &[
        ("sagemaker:ListEndpoints", Pages), ("sagemaker:DescribeEndpoint", One),
        ("sagemaker:ListInferenceComponents", Pages), ("sagemaker:DescribeInferenceComponent", One),
        ("sagemaker:ListHyperParameterTuningJobs", Pages), ("sagemaker:DescribeHyperParameterTuningJob", One),
        ("sagemaker:ListTrainingJobs", Pages), ("sagemaker:DescribeTrainingJob", One),
        ("sagemaker:ListProcessingJobs", Pages), ("sagemaker:DescribeProcessingJob", One),
        ("sagemaker:ListMonitoringSchedules", Pages), ("sagemaker:DescribeMonitoringSchedule", One),
        ("sagemaker:ListDataQualityJobDefinitions", Pages), ("sagemaker:DescribeDataQualityJobDefinition", One),
        ("sagemaker:ListModelBiasJobDefinitions", Pages), ("sagemaker:DescribeModelBiasJobDefinition", One),
        ("sagemaker:ListModelExplainabilityJobDefinitions", Pages), ("sagemaker:DescribeModelExplainabilityJobDefinition", One),
        ("sagemaker:ListModelQualityJobDefinitions", Pages), ("sagemaker:DescribeModelQualityJobDefinition", One),
        ("sagemaker:ListPipelines", Pages), ("sagemaker:ListPipelineVersions", Pages), ("sagemaker:DescribePipeline", One),
        ("sagemaker:ListModels", Pages), ("sagemaker:DescribeModel", One),
        ("sagemaker:ListModelPackages", Pages), ("sagemaker:DescribeModelPackage", One),
        ("sagemaker:ListAlgorithms", Pages), ("sagemaker:DescribeAlgorithm", One),
        ("sagemaker:ListImages", Pages), ("sagemaker:ListImageVersions", Pages), ("sagemaker:DescribeImageVersion", One),
    ] },
    Case { service: "scheduler", script: scheduler, calls: &[("scheduler:ListSchedules", Pages), ("scheduler:GetSchedule", One)] },
    Case { service: "step_functions", script: step_functions, calls: &[("states:ListStateMachines", Pages), ("states:ListStateMachineVersions", Pages), ("states:DescribeStateMachine", One)] },
];

/// Two old images, one of which the service uses; nothing else is used but what keeps a run from
/// being refused.
fn base(world: &mut World, case: &Case) {
    world.tagged("app", "used", 90);
    world.tagged("app", "unused", 90);
    world.tagged("app", "kept", 1);
    let task = world.home().ecs.register("job", [USED]);
    world.home().ecs.set_status(&task, "INACTIVE");
    world.define("elsewhere", "app", "kept");
    (case.script)(world.home());
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
    for case in CASES {
        let aws = SimulatedAws::start().await;
        aws.edit(|world| base(world, case));
        let answer = run(&aws, &config(case.service)).await;
        assert_eq!(
            answer.status,
            Status::Completed,
            "{}: {:?}",
            case.service,
            answer.refusals
        );
        assert_eq!(aws.tags("app"), ["kept", "used"], "{}", case.service);
        let line = answer
            .in_use
            .iter()
            .find(|line| line.source == case.service)
            .unwrap();
        assert!(line.is_complete() && line.references > 0, "{line:?}");
        for (operation, _) in case.calls {
            assert!(aws.count(operation) > 0, "{operation} is not called");
        }
        let known = |operation: &str| {
            ["ecr:", "ecs:", "eks:", "lambda:", "sts:"]
                .iter()
                .any(|service| operation.starts_with(service))
                || case.calls.iter().any(|(known, _)| *known == operation)
        };
        for call in aws.calls() {
            assert!(known(&call.operation), "{} has no cases", call.operation);
        }
        let repeated = aws.repeated_calls();
        assert!(
            repeated
                .iter()
                .all(|call| call.operation.starts_with("ecr:")),
            "{repeated:?}"
        );

        let answer = run(&aws, &config("")).await;
        assert_eq!(answer.status, Status::Completed, "{}", answer.summary);
        assert_eq!(
            aws.tags("app"),
            ["kept"],
            "{} is switched off",
            case.service
        );
    }
}

/// Runs with a fault from that call of the operation on, and says what is wrong with how it ended.
async fn outcome(case: &Case, operation: &str, from: u64, kind: FaultKind) -> Result<(), String> {
    let aws = SimulatedAws::start().await;
    aws.edit(|world| base(world, case));
    let matching = if operation.starts_with("ecs:") {
        "job:1"
    } else {
        ""
    };
    aws.fault(
        Fault::on(operation)
            .matching(matching)
            .call(from)
            .kind(kind.clone()),
    );
    let answer = try_to_run(&aws, &config(case.service), &kind)
        .await
        .unwrap();
    let refusals: Vec<String> = answer.refusals.iter().map(ToString::to_string).collect();
    let good = answer.status == Status::Refused
        && aws.mutations().is_empty()
        && refusals.len() == 1
        && refusals[0].starts_with("source_incomplete: ")
        && refusals[0].contains(case.service)
        && refusals[0].contains(operation);
    if good {
        Ok(())
    } else {
        Err(format!(
            "{operation} from call {from}, {kind:?}: {refusals:?}"
        ))
    }
}

#[tokio::test]
async fn nothing_is_deleted_while_any_call_to_any_service_fails_in_any_way() {
    let mut cases = Vec::new();
    for case in CASES {
        for &(operation, form) in case.calls {
            let mut kinds = vec![
                FaultKind::AccessDenied,
                FaultKind::ServerError(500),
                FaultKind::BadJson,
            ];
            // The same module makes all calls: what it does with these is shown once a service.
            if operation == case.calls[0].0 {
                kinds.extend([
                    FaultKind::Throttle,
                    FaultKind::Hang,
                    FaultKind::Drop,
                    FaultKind::CutBody,
                ]);
            }
            if form != One {
                kinds.push(FaultKind::LoseList);
            }
            if form == Pages {
                kinds.extend([FaultKind::RepeatToken, FaultKind::EmptyToken]);
            }
            cases.extend(kinds.iter().map(|kind| (case, operation, 1, kind.clone())));
            if form == Pages {
                cases.extend(kinds.into_iter().map(|kind| (case, operation, 2, kind)));
            }
        }
    }
    try_all(cases, async |(case, operation, from, kind)| {
        outcome(case, operation, from, kind).await
    })
    .await;
}

#[tokio::test]
async fn an_answer_that_keeps_something_back_is_a_failure() {
    let cases: &[(&str, &str, Value, &str)] = &[
        // Without the right to decrypt it, or where nobody asked for it.
        (
            "step_functions",
            "states:DescribeStateMachine",
            json!({"definition": "{}"}),
            "definition",
        ),
        (
            "step_functions",
            "states:DescribeStateMachine",
            json!({"name": "one"}),
            "definition",
        ),
        (
            "pipes",
            "pipes:DescribePipe",
            json!({"Name": "one"}),
            "Target",
        ),
        (
            "app_runner",
            "apprunner:DescribeService",
            json!({}),
            "Service",
        ),
        (
            "codebuild",
            "codebuild:BatchGetProjects",
            json!({"projects": []}),
            "does not say anything",
        ),
        (
            "batch",
            "batch:DescribeJobs",
            json!({"jobs": [{"jobId": "job-1", "jobDefinition": "definition-of-job-1"}]}),
            "does not say anything",
        ),
        (
            "eventbridge",
            "events:ListTargetsByRule",
            json!({"Targets": [{"Arn": "x"}]}),
            "has no `Id`",
        ),
        (
            "eventbridge",
            "events:ListTargetsByRule",
            json!({"Targets": [], "NextToken": 7}),
            "is no text",
        ),
        (
            "lightsail",
            "lightsail:GetContainerServices",
            json!({"containerServices": [{"containerServiceName": null}]}),
            "has no",
        ),
    ];
    for (service, operation, answer, expected) in cases {
        let aws = SimulatedAws::start().await;
        let case = CASES.iter().find(|case| case.service == *service).unwrap();
        aws.edit(|world| {
            base(world, case);
            let region = world.home();
            region.scripts.remove(*operation);
            region.script(operation, "", answer.clone());
        });
        let ran = run(&aws, &config(service)).await;
        assert_eq!(
            (ran.status, aws.mutations().len()),
            (Status::Refused, 0),
            "{operation}: {}",
            ran.summary
        );
        let refusal = ran.refusals[0].to_string();
        assert!(
            refusal.contains(operation) && refusal.contains(expected),
            "{refusal}"
        );
    }
}

#[tokio::test]
async fn what_vanishes_between_a_list_and_the_question_about_it_is_no_failure() {
    let missing = |code: &str| FaultKind::Error {
        status: 400,
        code: code.to_owned(),
        message: "not there".to_owned(),
    };
    let pipes_case = CASES.iter().find(|case| case.service == "pipes").unwrap();
    let aws = SimulatedAws::start().await;
    aws.edit(|world| base(world, pipes_case));
    aws.fault(
        Fault::on("pipes:DescribePipe")
            .matching("/one")
            .kind(missing("NotFoundException")),
    );
    let ran = run(&aws, &config("pipes")).await;
    assert_eq!(ran.status, Status::Refused, "it is still listed");
    assert!(
        ran.refusals[0].to_string().contains("NotFoundException"),
        "{:?}",
        ran.refusals
    );

    aws.after("pipes:DescribePipe", 1, |world| {
        world
            .home()
            .script("pipes:ListPipes", "", json!({"Pipes": [{"Name": "two"}]}));
    });
    let ran = run(&aws, &config("pipes")).await;
    assert_eq!(ran.status, Status::Completed, "{:?}", ran.refusals);
    assert_eq!(aws.tags("app"), ["kept", "used"]);
}

#[tokio::test]
async fn a_task_definition_is_described_once_however_many_name_it() {
    let aws = SimulatedAws::start().await;
    aws.edit(|world| {
        for case in CASES {
            base(world, case);
        }
        world.home().ecs.set_status("job:1", "ACTIVE");
        world.deploy("prod", "web", "job:1");
    });
    let all: Vec<&str> = CASES.iter().map(|case| case.service).collect();
    let answer = run(&aws, &config(&all.join(", "))).await;
    assert_eq!(answer.status, Status::Completed, "{:?}", answer.refusals);
    let described = aws.calls_to("ecs:DescribeTaskDefinition");
    let by_arn = described
        .iter()
        .filter(|call| call.body["taskDefinition"] == TASK)
        .count();
    assert_eq!(by_arn, 1, "{described:?}");
}

#[tokio::test]
async fn a_task_definition_that_does_not_exist_cannot_be_started() {
    let aws = SimulatedAws::start().await;
    aws.edit(|world| {
        base(
            world,
            CASES
                .iter()
                .find(|case| case.service == "eventbridge")
                .unwrap(),
        );
        world
            .home()
            .repository("app")
            .push(simulated_aws::Push::image().pushed_at(days_ago(50)));
        let target = TASK.replace("job:1", "never:7");
        let targets =
            json!({"Targets": [{"Id": "2", "EcsParameters": {"TaskDefinitionArn": target}}]});
        world
            .home()
            .script("events:ListTargetsByRule", "targets-2", targets);
    });
    let answer = run(&aws, &config("eventbridge")).await;
    assert_eq!(answer.status, Status::Completed, "{:?}", answer.refusals);
    assert_eq!(aws.tags("app"), ["kept"]);
}

#[tokio::test]
async fn access_is_tried_with_what_there_is_to_ask_about() {
    let aws = SimulatedAws::start().await;
    aws.edit(|world| {
        base(
            world,
            CASES.iter().find(|case| case.service == "pipes").unwrap(),
        );
    });
    let access = || async { program(&aws, &config("pipes")).access().await.unwrap() };
    assert!(access().await.is_complete(), "{}", access().await);

    aws.fault(Fault::on("pipes:DescribePipe").kind(FaultKind::AccessDenied));
    assert_eq!(access().await.denied_actions, ["pipes:DescribePipe"]);
    aws.fault(Fault::on("pipes:ListPipes").kind(FaultKind::AccessDenied));
    let without_list = access().await;
    assert_eq!(without_list.denied_actions, ["pipes:ListPipes"]);
    assert!(
        without_list.untried.contains(&"pipes:DescribePipe"),
        "{without_list}"
    );

    aws.clear_faults();
    aws.edit(|world| {
        world
            .home()
            .script("pipes:ListPipes", "", json!({"Pipes": []}));
    });
    let without_pipes = access().await;
    assert!(
        without_pipes.is_complete() && without_pipes.untried.contains(&"pipes:DescribePipe"),
        "{without_pipes}"
    );
}
