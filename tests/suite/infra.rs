//! The infrastructure and the program agree: metrics on dashboards and alarms, and what a role has
//! to allow.

use std::{collections::BTreeSet, fs, path::Path};

use ecr_cleanup::{
    config::{Mode, Service},
    report::{DISTRIBUTED_METRICS, METRICS, NAMESPACE, Status},
};
use serde_json::{Value, json};
use simulated_aws::{ContainerImage, Push, SimulatedAws, World, days_ago};

use crate::{
    services::{self, SERVICES},
    support::{WorldExt, run_as},
};

fn shared(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("infra/shared")
        .join(name);
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn sent() -> BTreeSet<String> {
    METRICS.iter().map(|(name, _)| (*name).to_owned()).collect()
}

/// Returns every `[namespace, metric, dimension, value, ...]` on a dashboard.
fn on_the_dashboard(file: &str) -> Vec<Vec<String>> {
    let dashboard = shared(file);
    let widgets = dashboard["widgets"].as_array().unwrap().iter();
    let metrics = widgets
        .filter_map(|widget| widget["properties"]["metrics"].as_array())
        .flatten();
    let named = metrics.filter_map(|metric| metric.as_array()?.get(..4));
    named
        .map(|metric| metric.iter().map(text).collect())
        .collect()
}

/// Returns the metrics of the program on a dashboard.
fn shown(file: &str) -> BTreeSet<String> {
    let all = on_the_dashboard(file).into_iter();
    all.filter(|metric| metric[0] == NAMESPACE)
        .map(|metric| {
            assert_eq!(metric[2..], ["Deployment", "${name}"]);
            metric[1].clone()
        })
        .collect()
}

#[test]
fn the_dashboards_show_every_metric_of_the_program_and_no_other() {
    let distributed: BTreeSet<String> = DISTRIBUTED_METRICS.map(str::to_owned).into();
    assert_eq!(shown("dashboard.json"), &sent() - &distributed);
    let of_the_machine = shown("dashboard-machine.json");
    assert!(
        of_the_machine.is_superset(&distributed),
        "{of_the_machine:?}"
    );
    assert!(of_the_machine.is_subset(&sent()), "{of_the_machine:?}");
}

#[test]
fn the_dashboard_of_an_organization_searches_for_metrics_of_the_program() {
    let dashboard = shared("dashboard-organization.json").to_string();
    let searches = dashboard.split("MetricName=").skip(1);
    let searched = searches.map(|rest| rest.split('"').nth(1).unwrap().trim_end_matches('\\'));
    let searched: BTreeSet<String> = searched.map(str::to_owned).collect();
    assert!(searched.len() > 5, "{searched:?}");
    assert_eq!(&searched - &sent(), BTreeSet::new());
}

#[test]
fn widgets_do_not_overlap() {
    for file in ["dashboard.json", "dashboard-machine.json"] {
        assert_apart(&shared(file));
    }
}

fn assert_apart(dashboard: &Value) {
    let mut taken = BTreeSet::new();
    for widget in dashboard["widgets"].as_array().unwrap() {
        let [x, y, width, height] =
            ["x", "y", "width", "height"].map(|key| widget[key].as_u64().unwrap());
        assert!(x + width <= 24, "{widget}");
        for column in x..x + width {
            assert!(
                (y..y + height).all(|row| taken.insert((column, row))),
                "{widget}"
            );
        }
    }
}

#[test]
fn alarms_watch_metrics_that_are_sent() {
    let (mut watched, mut default, mut urgent) = (BTreeSet::new(), vec![], vec![]);
    for (name, alarm) in shared("alarms.json").as_object().unwrap() {
        let is = |what: &str| alarm[what].as_bool().unwrap();
        default.extend(is("default").then(|| name.clone()));
        urgent.extend(is("urgent").then(|| name.clone()));
        if alarm["namespace"] != NAMESPACE {
            continue;
        }
        let metric = text(&alarm["metric"]);
        assert!(sent().contains(&metric), "{name}: {metric}");
        // What a person starts rings nowhere but where something that runs is missing.
        let of_all = json!({"Deployment": "${name}"});
        let of_schedule = json!({"Deployment": "${name}", "Trigger": "scheduled"});
        let of_any = ["MissingImages", "ScheduledRunsCompleted"].contains(&metric.as_str());
        let expected = if of_any { of_all } else { of_schedule };
        assert_eq!(alarm["dimensions"], expected, "{name}");
        watched.insert(metric);
    }
    let expected = [
        "GuardTrips",
        "ImagesFailed",
        "MissingImages",
        "RepositoriesFailed",
        "RunsTruncated",
        "ScheduledRunsCompleted",
        "SourcesFailed",
        "UnexplainedPulls",
    ];
    assert_eq!(watched, expected.map(ToOwned::to_owned).into());
    let expected = ["missing-images", "no-run", "nothing-deleted", "queues"];
    assert_eq!(default, expected);
    assert_eq!(urgent, ["missing-images"]);
}

/// Returns what a file says in backticks after some words, up to a full stop.
fn listed(path: &str, after: &str) -> BTreeSet<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let text = fs::read_to_string(path).unwrap().replace("\n   * ", " ");
    let (_, list) = text.split_once(after).unwrap();
    let (list, _) = list.split_once(". ").unwrap();
    list.split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_alarm_can_be_asked_for_by_its_name() {
    let rules = shared("alarms.json");
    let rules = rules.as_object().unwrap().iter();
    let others = rules.filter(|(_, rule)| rule["default"] == false);
    let others: BTreeSet<String> = others.map(|(name, _)| name.clone()).collect();
    let variables = "infra/terraform/variables.tf";
    assert_eq!(listed(variables, "and those that `also` names: "), others);
    assert_eq!(listed("infra/cdk/lib/props.ts", "Further alarms: "), others);
}

#[test]
fn every_alarm_s_runbook_section_exists() {
    let runbook =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/runbook.md")).unwrap();
    let (of_runs, of_the_machine) = (shared("alarms.json"), shared("alarms-machine.json"));
    let files = [of_runs, of_the_machine];
    for (name, alarm) in files.iter().flat_map(|file| file.as_object().unwrap()) {
        let description = text(&alarm["description"]);
        let (_, section) = description
            .split_once("Runbook: ")
            .unwrap_or_else(|| panic!("{name} names no section"));
        let heading = format!("\n## {}\n", section.trim_end_matches('.'));
        assert!(runbook.contains(&heading), "{name}: {section}");
    }
}

/// Whatever a phase uses is a group of statements or one of those that are configured, and of all
/// phases `clean` alone writes to a registry.
#[test]
fn one_phase_of_a_distributed_run_deletes() {
    let permissions = shared("permissions.json");
    let configured = permissions["configured"].as_array().unwrap();
    let sids: BTreeSet<String> = configured.iter().map(|one| text(&one["sid"])).collect();
    let groups = [
        "registry", "sources", "regions", "look", "archive", "delete",
    ]
    .map(str::to_owned);
    let known = &sids | &BTreeSet::from(groups);
    let mut deleting = vec![];
    for (phase, of) in permissions["phases"].as_object().unwrap() {
        let uses = of["uses"].as_array().unwrap().iter().map(text);
        let uses: BTreeSet<String> = uses.collect();
        assert_eq!(&uses - &known, BTreeSet::new(), "{phase}");
        let writes = ["archive", "delete", "KeepState", "WriteReports"];
        deleting.extend(
            writes
                .into_iter()
                .filter(|it| uses.contains(*it))
                .map(|it| (phase.as_str(), it)),
        );
        let own = actions(&of["own"]);
        assert!(
            own.iter().all(|it| !it.starts_with("ecr:")),
            "{phase}: {own:?}"
        );
    }
    let writes = ["archive", "delete", "KeepState", "WriteReports"];
    assert_eq!(deleting, writes.map(|it| ("clean", it)));
}

/// Returns what a statement of `permissions.json` allows.
fn actions(statements: &Value) -> BTreeSet<String> {
    statements
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|one| one["actions"].as_array().unwrap())
        .map(text)
        .collect()
}

/// Fills an account with everything that leads to a call.
fn everything(world: &mut World) {
    let app = world.home().repository("app");
    let old = app.push(Push::image().pushed_at(days_ago(400)));
    app.push(Push::index([&old]).tag("1.0").pushed_at(days_ago(400)));
    app.push(Push::image().pushed_at(days_ago(300)));
    let image = format!("{}:1.0", app.uri());
    world.home().deploy_function("hello", "app", "1.0");
    let ecs = &mut world.home().ecs;
    for _ in 0..200 {
        ecs.register("web", [&image]);
    }
    ecs.deploy_daemon(
        "prod",
        "agent",
        vec![ContainerImage {
            container_name: "main".to_owned(),
            image: image.clone(),
            image_digest: None,
        }],
    );
    world.deploy("prod", "web", "web");
    world.run_task("prod", "web");
    world.express("express", image);
    world.enable("us-east-1");
    let stack = world.home().deploy_stack("shop", "{}");
    stack.plan_change("next", "{}");
}

/// Returns what a run calls that has everything to call for, and one of the other services too.
async fn called(
    mode: &str,
    settings: &str,
    service: Option<&services::Service>,
) -> BTreeSet<String> {
    let aws = SimulatedAws::start().await;
    aws.edit(everything);
    if let Some(service) = service {
        aws.edit(|world| services::base(world, service));
    }
    let (run, status) = match mode {
        "plan" => (Mode::Plan, Status::Planned),
        _ => (Mode::Delete, Status::Completed),
    };
    let answer = run_as(&aws, &format!("{{mode: {mode}, {settings}}}"), run).await;
    assert_eq!(answer.status, status, "{answer:?}");
    // GetCallerIdentity needs no permission.
    let operations = aws.calls().into_iter().map(|call| call.operation);
    operations.filter(|it| !it.starts_with("sts:")).collect()
}

/// Returns the calls of a table of `src/sources/services`.
fn calls(table: &Value) -> BTreeSet<String> {
    match table {
        Value::Object(members) => {
            let own = members.get("call").map(text);
            members.values().flat_map(calls).chain(own).collect()
        }
        Value::Array(values) => values.iter().flat_map(calls).collect(),
        _ => BTreeSet::new(),
    }
}

/// Returns what takes a right without being called: whoever describes every stack lists them.
fn untried() -> BTreeSet<String> {
    BTreeSet::from(["cloudformation:ListStacks".to_owned()])
}

/// `services.rs` shows that all of them are called.
#[test]
fn every_service_may_be_asked_exactly_what_is_asked_of_it() {
    let permissions = shared("permissions.json");
    let services = permissions["services"].as_object().unwrap();
    let names: Vec<&str> = services.keys().map(String::as_str).collect();
    let all: Vec<&str> = Service::ALL.iter().map(|service| service.name()).collect();
    assert_eq!(names, all);
    for (name, statements) in services {
        let table = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join(format!("src/sources/services/tables/{name}.json"));
        let mut asked = calls(&serde_json::from_str(&fs::read_to_string(table).unwrap()).unwrap());
        // Of any of them, the task definitions that it names.
        let definitions = ["ecs:DescribeTaskDefinition", "ecs:ListTaskDefinitions"];
        asked.extend(definitions.map(ToOwned::to_owned));
        assert_eq!(actions(statements), asked, "{name}");
    }
}

#[tokio::test]
async fn a_run_calls_exactly_what_it_is_given_permission_for() {
    let permissions = shared("permissions.json");
    let sources = &permissions["sources"];
    let (registry, ecs) = (actions(&permissions["registry"]), actions(&sources["ecs"]));
    let [delete, look] = [&permissions["delete"], &permissions["look"]].map(actions);

    let services = permissions["services"].as_object().unwrap().values();
    let services: BTreeSet<String> = services.flat_map(actions).collect();
    let regions = |word: &str| actions(&permissions["regions"][word]);
    let planning = &registry | &ecs;
    let with_lambda = &planning | &actions(&sources["lambda"]);
    let deleting = &(&planning | &delete) | &look;
    let by_rules = &registry | &delete;
    let with_stacks = &(&planning | &actions(&sources["cloudformation"])) - &untried();
    let nothing_used = "in_use: {ecs: false, eks: false, lambda: false, services: false, cloudformation: false, regions: own}, guards: {allow_no_usage: true}";
    for (mode, settings, expected) in [
        (
            "plan",
            "in_use: {eks: false, lambda: false, NO_STACKS, OFF}",
            planning,
        ),
        ("plan", "in_use: {eks: false, NO_STACKS, OFF}", with_lambda),
        (
            "plan",
            "in_use: {eks: false, lambda: false, OFF}",
            with_stacks,
        ),
        (
            "delete",
            "in_use: {eks: false, lambda: false, NO_STACKS, OFF}",
            deleting,
        ),
        ("delete", nothing_used, by_rules),
    ] {
        let settings = settings.replace("OFF", "services: false, regions: own");
        let settings = settings.replace("NO_STACKS", "cloudformation: false");
        let called = called(mode, &settings, None).await;
        assert_eq!(called, expected, "{mode} {settings}");
    }
    for word in ["auto", "all"] {
        let only_services = format!(
            "in_use: {{ecs: false, eks: false, lambda: false, cloudformation: false, services: {word}, regions: {word}}}, \
             guards: {{allow_no_usage: true}}"
        );
        // Called for a queue of training jobs, and where a service names a task definition that ECS
        // does not describe.
        let others = [
            "batch:DescribeServiceJob",
            "batch:ListServiceJobs",
            "ecs:ListTaskDefinitions",
        ];
        let mut all = BTreeSet::from(others.map(ToOwned::to_owned));
        for service in SERVICES.iter() {
            all.extend(called("plan", &only_services, Some(service)).await);
        }
        let expected = &(&registry | &services) | &regions(word);
        assert_eq!(all, expected, "{word}");
    }
}

#[tokio::test]
async fn aws_config_may_be_asked_where_a_configuration_says_so() {
    let permissions = shared("permissions.json");
    let configured = permissions["configured"].as_array().unwrap().iter();
    let recorder = configured.filter(|one| one["resources"] == "recorded_definitions");
    let recorded = actions(&recorder.cloned().collect());
    let [ecs, registry] = [&permissions["sources"]["ecs"], &permissions["registry"]].map(actions);
    let settings = "in_use: {ecs: {config_recorder: auto}, eks: false, lambda: false, cloudformation: false, services: false, regions: own}";
    let called = called("plan", settings, None).await;
    assert_eq!(called, &(&ecs | &registry) | &recorded);
}
