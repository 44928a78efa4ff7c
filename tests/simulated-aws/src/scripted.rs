//! Services that answer what a test says: the simulated AWS knows their operations, and nothing of
//! what they do.

use crate::error::{Answer, ApiError, json};
use crate::request::decode;
use crate::world::{Location, Region, World};
use serde_json::{Value, json as object};
use std::collections::BTreeMap;

/// An answer to an operation.
#[derive(Debug, Clone)]
pub struct Scripted {
    /// Only to requests whose text holds this: the body, or path and query.
    pub matching: String,
    /// The answer.
    pub answer: Value,
}

/// What there is to ask of services, as the program has it.
const TABLES: [&str; 10] = [
    include_str!("../../../src/sources/services/tables/app_runner.json"),
    include_str!("../../../src/sources/services/tables/batch.json"),
    include_str!("../../../src/sources/services/tables/bedrock_agentcore.json"),
    include_str!("../../../src/sources/services/tables/codebuild.json"),
    include_str!("../../../src/sources/services/tables/eventbridge.json"),
    include_str!("../../../src/sources/services/tables/lightsail.json"),
    include_str!("../../../src/sources/services/tables/pipes.json"),
    include_str!("../../../src/sources/services/tables/sagemaker.json"),
    include_str!("../../../src/sources/services/tables/scheduler.json"),
    include_str!("../../../src/sources/services/tables/step_functions.json"),
];

impl Region {
    /// Says that services whose answers are said can be asked, and that there is nothing in them.
    pub fn script_nothing(&mut self) {
        self.stacks();
        for table in TABLES {
            let table: Value = serde_json::from_str(table).unwrap_or_default();
            for step in table["read"].as_array().into_iter().flatten() {
                if let (Some(call), Some(list)) = (step["call"].as_str(), step["list"].as_str()) {
                    self.script(call, "", object!({ list: [] }));
                }
            }
        }
    }

    /// Says what an operation such as `batch:ListJobs` answers to requests that hold this text; of
    /// several answers that fit, the one that was said last is given. An operation without an
    /// answer is unknown, and every one of a service without any is denied.
    pub fn script(&mut self, operation: &str, matching: &str, answer: Value) {
        let answers = self.scripts.entry(operation.to_owned()).or_default();
        answers.retain(|known| known.matching != matching);
        answers.push(Scripted {
            matching: matching.to_owned(),
            answer,
        });
    }
}

pub(crate) fn answer(world: &mut World, location: &Location, name: &str, text: &str) -> Answer {
    let scripts = &world.at(location).scripts;
    let answers = scripts.get(name).into_iter().flatten();
    match answers
        .rev()
        .find(|scripted| text.contains(&scripted.matching))
    {
        Some(scripted) => json(&scripted.answer),
        None if is_scripted(scripts, name) => Err(ApiError::unknown_operation(name)),
        None => Err(ApiError::new(
            "AccessDeniedException",
            format!("not authorized to perform: {name}"),
        )),
    }
}

/// Returns whether any operation of the service of this one has an answer.
fn is_scripted(scripts: &BTreeMap<String, Vec<Scripted>>, name: &str) -> bool {
    let service = name.split(':').next();
    scripts
        .keys()
        .any(|known| known.split(':').next() == service)
}

/// What `X-Amz-Target` says before the operation, and the service.
pub(crate) const TARGETS: [(&str, &str); 8] = [
    ("AppRunner", "apprunner"),
    ("CodeBuild_20161006", "codebuild"),
    ("AWSEvents", "events"),
    ("Lightsail_20161128", "lightsail"),
    ("SageMaker", "sagemaker"),
    ("secretsmanager", "secretsmanager"),
    ("ServiceQuotasV20190624", "servicequotas"),
    ("AWSStepFunctions", "states"),
];

/// Services with paths: the name a request is signed for, method, path with `*` for any name, and
/// the operation.
const PATHS: &str = "
    account            POST  /listRegions                ListRegions
    batch              POST  /v1/describejobqueues       DescribeJobQueues
    batch              POST  /v1/describejobdefinitions  DescribeJobDefinitions
    batch              POST  /v1/listjobs                ListJobs
    batch              POST  /v1/describejobs            DescribeJobs
    batch              POST  /v1/listservicejobs         ListServiceJobs
    batch              POST  /v1/describeservicejob      DescribeServiceJob
    bedrock-agentcore  POST  /runtimes/                  ListAgentRuntimes
    bedrock-agentcore  POST  /runtimes/*/versions/       ListAgentRuntimeVersions
    bedrock-agentcore  GET   /runtimes/*/                GetAgentRuntime
    bedrock-agentcore  GET   /harnesses                  ListHarnesses
    bedrock-agentcore  GET   /harnesses/*/versions       ListHarnessVersions
    bedrock-agentcore  GET   /harnesses/*                GetHarness
    pipes              GET   /v1/pipes                   ListPipes
    pipes              GET   /v1/pipes/*                 DescribePipe
    scheduler          GET   /schedule-groups            ListScheduleGroups
    scheduler          GET   /schedules                  ListSchedules
    scheduler          GET   /schedules/*                GetSchedule
";

/// Returns the service and operation of a request with a path.
pub(crate) fn operation(
    signed_for: &str,
    method: &str,
    path: &str,
) -> Option<(&'static str, &'static str)> {
    let fits = |template: &str| {
        let (template, path) = (template.split('/'), path.split('/'));
        let matches =
            |(part, given): (&str, &str)| part == given || (part == "*" && !given.is_empty());
        template.clone().count() == path.clone().count() && template.zip(path).all(matches)
    };
    PATHS.trim().lines().find_map(|line| {
        let mut words = line.split_whitespace();
        let [service, verb, template, operation] = [(); 4].map(|()| words.next().unwrap_or(""));
        let is_it = service == signed_for && verb == method && fits(template);
        is_it.then_some((service, operation))
    })
}

/// Returns what a test can look for in a request: path and query, then the body.
pub(crate) fn text(path_and_query: &str, body: &str) -> String {
    format!("{}\n{body}", decode(path_and_query))
}
