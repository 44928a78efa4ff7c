//! What only templates of CloudFormation name is kept, and whatever cannot be read of them stops
//! every deletion.

use std::time::Duration;

use ecr_cleanup::{config::Mode, pipeline::RunTimeouts, report::Answer};
use serde_json::{Value, json};
use simulated_aws::{Fault, FaultKind, Region, SimulatedAws, Template, World};

use crate::support::{
    HOST, WorldExt, answer,
    faults::{ANY_CALL, PAGES, refused_for, try_all, try_to_run},
    plan, program, request, run, set_clock,
    state::{BUCKET, keys},
};

/// The repository of the assets of CDK, as it is bootstrapped with a qualifier of its own.
const ASSETS: &str = "cdk-acme9-container-assets-111111111111-eu-west-1";
const OFF: &str = "ecs: false, eks: false, lambda: false, services: false, regions: own";

/// Keeps only what is in use, by CloudFormation alone.
fn config(cloudformation: &str) -> String {
    format!(
        "{{mode: delete, in_use: {{{OFF}, cloudformation: {cloudformation}}}, guards: {{allow_no_usage: true}}, \
         policies: [{{repositories: ['**'], keep: [{{tags: '^kept$'}}], delete_unmatched: true}}]}}"
    )
}

fn with_state(cloudformation: &str) -> String {
    config(cloudformation).replace("mode: delete", "mode: delete, state: 's3://memory/prefix'")
}

/// A template with a function of this image, as CDK writes it.
fn function(image: &Value) -> String {
    json!({"Resources": {"App": {"Type": "AWS::Lambda::Function",
        "Properties": {"Code": {"ImageUri": image}, "PackageType": "Image"}}}})
    .to_string()
}

fn asset(tag: &str) -> Value {
    let repository = "cdk-acme9-container-assets-${AWS::AccountId}-${AWS::Region}";
    let host = "${AWS::AccountId}.dkr.ecr.${AWS::Region}.${AWS::URLSuffix}";
    json!({"Fn::Sub": format!("{host}/{repository}:{tag}")})
}

fn push_assets(world: &mut World, tags: &[&str]) {
    for tag in tags {
        world.tagged(ASSETS, tag, 90);
    }
}

/// Fills an account with assets of stacks that name them in every way, and one of none.
fn base(world: &mut World) {
    let tags = [
        "json",
        "yaml",
        "nested",
        "parameter",
        "ssm",
        "original",
        "processed",
        "planned",
        "created",
        "unused",
    ];
    push_assets(world, &tags);
    let region = world.home();
    region.stacks().page = 3;
    region.deploy_stack("json", &*function(&asset("json")));
    let yaml = "
Resources:
  Task:
    Type: AWS::ECS::TaskDefinition
    Properties:
      ContainerDefinitions:
        - Name: main
          Image: !Sub
            - ${AWS::AccountId}.dkr.ecr.${AWS::Region}.amazonaws.com/${Repository}:yaml
            - { Repository: !Join [-, [cdk-acme9-container-assets, !Ref AWS::AccountId, !Ref AWS::Region]] }
";
    region.deploy_stack("yaml", yaml);
    let parent = region
        .deploy_stack("parent", r#"{"Resources": {}}"#)
        .id
        .clone();
    let nested = region.deploy_stack("parent-Child-X1", &*function(&asset("nested")));
    nested.parent = Some(parent);
    let parameters = json!({"Fn::Join": [":", [{"Ref": "Repository"}, {"Ref": "Tag"}]]});
    let parameters = Template::from(&*function(&parameters));
    let parameters = parameters.with("Repository", &format!("{HOST}/{ASSETS}"));
    region.deploy_stack("parameter", parameters.clone().with("Tag", "parameter"));
    let mut ssm = parameters.with("Tag", "/assets/tag");
    ssm.resolved.insert("Tag".to_owned(), "ssm".to_owned());
    region.deploy_stack("ssm", ssm);
    let macros = Template {
        original: function(&asset("original"))
            .replace("{\"Resources", "{\"Transform\":\"M\",\"Resources"),
        processed: Some(function(&asset("processed"))),
        ..Template::default()
    };
    region.deploy_stack("macros", macros);
    let changing = region.deploy_stack("changing", r#"{"Resources": {}}"#);
    changing.plan_change("next", &*function(&asset("planned")));
    let new = region.deploy_stack("new", "");
    "REVIEW_IN_PROGRESS".clone_into(&mut new.status);
    new.plan_change("first", &*function(&asset("created")));
}

async fn run_with(config: &str, edit: impl FnOnce(&mut World)) -> (SimulatedAws, Answer) {
    let aws = SimulatedAws::start().await;
    aws.edit(edit);
    let answer = run(&aws, config).await;
    (aws, answer)
}

fn assert_kept(aws: &SimulatedAws, expected: &[&str]) {
    assert_eq!(aws.tags(ASSETS), expected);
}

/// The assets that every stack names are kept, and the rest goes (U11).
#[tokio::test]
async fn what_a_stack_or_a_change_set_names_is_kept() {
    for demanded in ["auto", "{}"] {
        let (aws, answer) = run_with(&config(demanded), base).await;
        assert_status!(answer, Completed);
        let expected = [
            "created",
            "json",
            "nested",
            "original",
            "parameter",
            "planned",
            "processed",
            "ssm",
            "yaml",
        ];
        assert_kept(&aws, &expected);
        let line = answer
            .in_use
            .iter()
            .find(|line| line.source == "cloudformation");
        let line = line.unwrap();
        assert!(line.is_complete(), "{line:?}");
        assert_eq!(answer.missing.len(), 0, "{:?}", answer.missing);
        let templates = aws.count("cloudformation:GetTemplate");
        // Each once, but for the one with macros; the new stack has none.
        assert_eq!(templates, 8 + 1 + 2);
        let plan = plan(&aws, &config(demanded)).await;
        assert_eq!(plan.counts.in_use, 9);
    }
    let (aws, answer) = run_with(&config("false"), base).await;
    assert_status!(answer, Completed);
    assert_kept(&aws, &[]);
    let unread = answer.unread.iter().any(|it| it.name == "cloudformation");
    assert!(unread, "{:?}", answer.unread);
}

/// What a stack deployed and what it would go back to is in use, and what it never will be is not.
#[tokio::test]
async fn the_status_of_a_stack_says_which_of_its_templates_count() {
    let template = |tag: &str| function(&asset(tag));
    for (status, change_set, expected) in [
        ("CREATE_IN_PROGRESS", "AVAILABLE", &["next", "now"][..]),
        ("CREATE_FAILED", "UNAVAILABLE", &["next", "now"]),
        ("ROLLBACK_COMPLETE", "EXECUTE_COMPLETE", &["now"]),
        ("DELETE_FAILED", "OBSOLETE", &["now"]),
        ("DELETE_IN_PROGRESS", "EXECUTE_FAILED", &["now"]),
        ("UPDATE_COMPLETE", "EXECUTE_IN_PROGRESS", &["next", "now"]),
        ("UNHEARD_OF", "UNHEARD_OF", &["next", "now"]),
        ("DELETE_COMPLETE", "AVAILABLE", &[]),
    ] {
        let (aws, answer) = run_with(&config("{}"), |world| {
            push_assets(world, &["now", "next"]);
            let stack = world.home().deploy_stack("shop", &*template("now"));
            status.clone_into(&mut stack.status);
            let next = stack.plan_change("next", &*template("next"));
            change_set.clone_into(&mut next.execution_status);
        })
        .await;
        assert_status!(answer, Completed, "{status}");
        assert_kept(&aws, expected);
    }
}

/// A stack that may go back to the template before keeps that, as the last run saw it.
#[tokio::test]
async fn the_template_that_the_last_run_saw_counts_while_a_stack_may_go_back_to_it() {
    for (status, expected) in [
        ("UPDATE_IN_PROGRESS", &["new", "old"][..]),
        ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", &["new", "old"]),
        ("UPDATE_FAILED", &["new", "old"]),
        ("UPDATE_ROLLBACK_IN_PROGRESS", &["new", "old"]),
        ("UPDATE_ROLLBACK_FAILED", &["new", "old"]),
        ("UPDATE_ROLLBACK_COMPLETE", &["new", "old"]),
        ("IMPORT_ROLLBACK_IN_PROGRESS", &["new", "old"]),
        ("UPDATE_COMPLETE", &["new"]),
    ] {
        let aws = SimulatedAws::start().await;
        aws.edit(|world| {
            world.bucket(BUCKET);
            push_assets(world, &["old", "new"]);
            world.home().deploy_stack("shop", &*function(&asset("old")));
        });
        let planned = with_state("{}").replace("mode: delete", "mode: plan");
        plan(&aws, &planned).await;
        aws.edit(|world| {
            let stack = world.home().deploy_stack("shop", &*function(&asset("new")));
            status.clone_into(&mut stack.status);
        });
        let answer = run(&aws, &with_state("{}")).await;
        assert_status!(answer, Completed, "{status}");
        assert_kept(&aws, expected);
    }
}

/// Use that is read again in the same run remembers what it saw before, with no state.
#[tokio::test]
async fn a_template_that_was_replaced_during_a_run_counts_in_it() {
    let aws = SimulatedAws::start().await;
    aws.edit(|world| {
        push_assets(world, &["old", "new", "unused"]);
        world.home().deploy_stack("shop", &*function(&asset("old")));
    });
    // Stacks are described twice, and once more when use is read again.
    aws.before("cloudformation:DescribeStacks", 3, |world| {
        let stack = world.home().deploy_stack("shop", &*function(&asset("new")));
        "UPDATE_IN_PROGRESS".clone_into(&mut stack.status);
    });
    let timeouts = RunTimeouts {
        usage_fresh_for: Duration::ZERO,
        ..RunTimeouts::default()
    };
    let program = program(&aws, &config("{}")).with_timeouts(timeouts);
    let answer = answer(&program, request(Mode::Delete)).await.unwrap();
    assert_status!(answer, Completed);
    assert_kept(&aws, &["new", "old"]);
}

/// A second run asks for no template again, but for what changed (P6).
#[tokio::test]
async fn the_template_of_a_stack_is_asked_for_once_in_a_lifetime() {
    let aws = SimulatedAws::start().await;
    aws.edit(|world| {
        world.bucket(BUCKET);
        base(world);
    });
    let first = run(&aws, &with_state("{}")).await;
    assert!(
        keys(&aws, BUCKET)
            .iter()
            .any(|key| key.ends_with("stack-templates.json.gz"))
    );
    let asked = || {
        ["GetTemplate", "DescribeChangeSet"]
            .map(|call| aws.count(&format!("cloudformation:{call}")))
    };
    let before = asked();
    let again = plan(&aws, &with_state("{}")).await;
    assert_eq!(asked(), before);
    assert_eq!(again.counts.in_use, first.counts.in_use);

    aws.edit(|world| {
        push_assets(world, &["changed", "added"]);
        world
            .home()
            .deploy_stack("json", &*function(&asset("changed")));
        let stack = world
            .home()
            .deploy_stack("added", &*function(&asset("added")));
        "CREATE_IN_PROGRESS".clone_into(&mut stack.status);
    });
    let answer = run(&aws, &with_state("{}")).await;
    assert_status!(answer, Completed);
    assert_eq!(asked(), [before[0] + 2, before[1]]);
    let tags = aws.tags(ASSETS);
    assert!(!tags.contains(&"json".to_owned()) && tags.contains(&"added".to_owned()));
    // What was still being made is asked for again.
    plan(&aws, &with_state("{}")).await;
    assert_eq!(asked()[0], before[0] + 3);
}

/// Five hundred stacks take one call each of two kinds, and some pages: less than a minute at ten
/// calls a second of each.
#[tokio::test]
async fn five_hundred_stacks_take_two_calls_each() {
    let aws = SimulatedAws::start().await;
    aws.edit(|world| {
        world.bucket(BUCKET);
        push_assets(world, &["unused"]);
        for number in 0..500 {
            let tag = format!("t{number}");
            world.tagged(ASSETS, &tag, 90);
            world
                .home()
                .deploy_stack(&format!("s{number:03}"), &*function(&asset(&tag)));
        }
    });
    let counts = || {
        [
            "DescribeStacks",
            "GetTemplate",
            "ListChangeSets",
            "DescribeChangeSet",
        ]
        .map(|call| aws.count(&format!("cloudformation:{call}")))
    };
    let answer = run(&aws, &with_state("{}")).await;
    assert_deleted!(answer, Completed, 1);
    // Stacks are described once more after every hundred that were read.
    assert_eq!(counts(), [6 * 5, 500, 500, 0]);
    plan(&aws, &with_state("{}")).await;
    assert_eq!(counts(), [12 * 5, 500, 1000, 0]);
}

fn first_call() -> Vec<(FaultKind, bool)> {
    use FaultKind::{AccessDenied, BadJson, CutBody, Drop, Hang, LoseList, ServerError, Throttle};
    let invalid = FaultKind::error(400, "ValidationError", "no");
    let key = FaultKind::error(
        403,
        "InvalidClientTokenId",
        "The security token is invalid.",
    );
    let unread = [AccessDenied, key, Hang, Drop].map(|kind| (kind, true));
    let failing = [
        ServerError(500),
        Throttle,
        BadJson,
        CutBody,
        LoseList,
        invalid,
    ];
    unread
        .into_iter()
        .chain(failing.map(|kind| (kind, false)))
        .collect()
}

/// The first call decides whether CloudFormation is read (P1, U11).
#[tokio::test]
async fn it_is_unread_only_if_its_first_call_shows_that_it_cannot_be_asked() {
    try_all(first_call(), async |(kind, is_unread)| {
        let aws = SimulatedAws::start().await;
        aws.edit(base);
        aws.fault(Fault::on("cloudformation:DescribeStacks").kind(kind.clone()));
        let answer = try_to_run(&aws, &config("auto"), &kind).await.unwrap();
        let demanded = try_to_run(&aws, &config("{}"), &kind).await.unwrap();
        let words = ["cloudformation", "cloudformation:DescribeStacks"];
        let demanded = refusals(&demanded, &words);
        if !is_unread {
            return refused_for(&aws, &answer, &words)
                .and(demanded)
                .map_err(|wrong| format!("{kind:?}: {wrong}"));
        }
        let mut unread = answer.unread.iter();
        let is_said = unread.any(|it| it.name == "cloudformation" && it.region.is_some());
        let is_source = answer.in_use.iter().any(|it| it.source == "cloudformation");
        (is_said && !is_source)
            .then_some(())
            .ok_or_else(|| format!("{:?}", answer.unread))
            .and(demanded)
            .map_err(|wrong| format!("{kind:?}: {wrong}"))
    })
    .await;
}

fn refusals(answer: &Answer, words: &[&str]) -> Result<(), String> {
    let refusals: Vec<String> = answer.refusals.iter().map(ToString::to_string).collect();
    let is_said = |it: &String| words.iter().all(|word| it.contains(word));
    refusals
        .iter()
        .any(is_said)
        .then_some(())
        .ok_or_else(|| format!("{refusals:?}"))
}

#[tokio::test]
async fn nothing_is_deleted_while_any_later_call_fails_in_any_way() {
    let mut cases = Vec::new();
    for operation in [
        "GetTemplate",
        "DescribeChangeSet",
        "ListChangeSets",
        "DescribeStacks",
    ] {
        let is_list = ["ListChangeSets", "DescribeStacks"].contains(&operation);
        let pages = PAGES.into_iter().filter(|_| is_list);
        for kind in ANY_CALL.into_iter().chain(pages) {
            for from in [1, 2] {
                if operation != "DescribeStacks" || from > 1 {
                    cases.push((operation, from, kind.clone()));
                }
            }
        }
    }
    try_all(cases, async |(operation, from, kind)| {
        let aws = SimulatedAws::start().await;
        aws.edit(|world| {
            base(world);
            let stack = world.home().stacks().by_name.get_mut("changing").unwrap();
            stack.plan_change("other", "{}");
        });
        let operation = format!("cloudformation:{operation}");
        aws.fault(Fault::on(&operation).call(from).kind(kind.clone()));
        let answer = try_to_run(&aws, &config("auto"), &kind).await.unwrap();
        let refused = refused_for(&aws, &answer, &["cloudformation", &operation]);
        refused.map_err(|wrong| format!("{operation} from call {from}, {kind:?}: {wrong}"))
    })
    .await;
}

/// Answers without what they have to say, or with a template that nobody can read.
#[tokio::test]
async fn what_cannot_be_read_of_a_template_is_a_failure() {
    for (template, problem) in [
        ("", "no mapping"),
        ("- a", "no mapping"),
        ("{\"Resources\": {", "cannot be read"),
        ("Resources: {a: &x 1, b: *x}", "alias"),
    ] {
        let (aws, answer) = run_with(&config("auto"), |world| {
            push_assets(world, &["unused"]);
            world.home().deploy_stack("broken", template);
        })
        .await;
        assert_refused!(answer, aws, "{template}");
        assert_contains!(
            answer.refusals[0],
            "cloudformation:GetTemplate",
            "broken",
            problem
        );
    }
    let (aws, answer) = run_with(&config("auto"), |world| {
        push_assets(world, &["unused"]);
        world.home().deploy_stack("nameless", "{}").id.clear();
    })
    .await;
    assert_refused!(answer, aws);
}

/// Changes the world between two calls: before this one, for the nth time, and what is kept then.
#[tokio::test]
async fn a_stack_that_changes_while_it_is_read_is_read_again() {
    type Edit = fn(&mut Region);
    let deploy: Edit = |region| {
        let stack = region.deploy_stack("shop", &*function(&asset("new")));
        "UPDATE_IN_PROGRESS".clone_into(&mut stack.status);
    };
    let delete: Edit = |region| {
        region.stacks().by_name.remove("shop");
    };
    let create: Edit = |region| {
        region.deploy_stack("late", &*function(&asset("new")));
    };
    let execute: Edit = |region| {
        let stack = region.stacks().by_name.get_mut("shop").unwrap();
        stack.change_sets.clear();
        region.deploy_stack("shop", &*function(&asset("next")));
    };
    for (before, edit, expected) in [
        // Before the answer, CloudFormation shows the new template though it described the old one.
        ("GetTemplate", deploy, &["new", "next"][..]),
        ("DescribeChangeSet", deploy, &["new", "next", "old"]),
        ("GetTemplate", delete, &[]),
        ("ListChangeSets", delete, &[]),
        ("GetTemplate", create, &["new", "next", "old"]),
        ("ListChangeSets", execute, &["next"]),
        ("DescribeChangeSet", execute, &["next"]),
    ] {
        let (aws, answer) = {
            let aws = SimulatedAws::start().await;
            aws.edit(|world| {
                push_assets(world, &["old", "new", "next"]);
                let stack = world.home().deploy_stack("shop", &*function(&asset("old")));
                stack.plan_change("next", &*function(&asset("next")));
            });
            let operation = format!("cloudformation:{before}");
            aws.before(&operation, 1, move |world| edit(world.home()));
            let answer = run(&aws, &config("{}")).await;
            (aws, answer)
        };
        assert_status!(answer, Completed, "{before}");
        let kept = aws.tags(ASSETS);
        let is_kept = |tag: &&&str| kept.contains(&(**tag).to_owned());
        assert_eq!(
            expected.iter().filter(is_kept).count(),
            expected.len(),
            "{before}: {kept:?}"
        );
    }
}

/// What was read under a state that did not last is not remembered as a fact.
#[tokio::test]
async fn a_template_is_remembered_only_of_a_stack_that_is_as_it_was_described() {
    let aws = SimulatedAws::start().await;
    aws.edit(|world| {
        world.bucket(BUCKET);
        push_assets(world, &["old", "new"]);
        world.home().deploy_stack("shop", &*function(&asset("old")));
    });
    aws.before("cloudformation:GetTemplate", 1, |world| {
        world.home().deploy_stack("shop", &*function(&asset("new")));
    });
    let planned = with_state("{}").replace("mode: delete", "mode: plan");
    plan(&aws, &planned).await;
    // The update fails, and is taken back.
    aws.edit(|world| {
        let stack = world.home().deploy_stack("shop", &*function(&asset("old")));
        stack.updates = 0;
        "CREATE_COMPLETE".clone_into(&mut stack.status);
    });
    assert_status!(run(&aws, &with_state("{}")).await, Completed);
    assert_kept(&aws, &["old"]);
}

#[tokio::test]
async fn a_stack_that_changes_all_the_time_is_a_failure() {
    let aws = SimulatedAws::start().await;
    aws.edit(|world| {
        push_assets(world, &["unused"]);
        world.home().deploy_stack("shop", "{}");
    });
    for call in 1..=20 {
        aws.before("cloudformation:DescribeStacks", call, |world| {
            world.home().deploy_stack("shop", "{}");
        });
    }
    let answer = run(&aws, &config("auto")).await;
    assert_refused!(answer, aws);
    assert_contains!(answer.refusals[0], "shop", "it changed while it was read");
}

/// Names of which a part is not known keep what they may mean (U12); what makes, fills or hands on
/// repositories uses nothing.
#[tokio::test]
async fn a_name_that_is_not_known_whole_keeps_what_it_may_mean() {
    let uri = format!("{HOST}/app");
    let resource = |kind: &str, properties: Value| {
        json!({"Resources": {"Thing": {"Type": kind, "Properties": properties}}}).to_string()
    };
    let secret = json!({"Image": {"Fn::Sub": format!("{uri}:{}", "${Secret}")}});
    let made_up = json!({"Resources": {"App": {"Type": "AWS::ECR::Repository"}, "Task": {"Type": "AWS::ECS::TaskDefinition",
        "Properties": {"Image": {"Fn::Join": ["", [{"Fn::GetAtt": ["App", "RepositoryUri"]}, ":one"]]}}}}});
    let variables = json!({"Environment": {"Variables": [{"Name": "REPOSITORY", "Value": uri}]}});
    let output = json!({"Resources": {}, "Outputs": {"Uri": {"Value": uri}}});
    for (template, kept) in [
        (
            resource("AWS::ECS::TaskDefinition", secret),
            &["one", "two"][..],
        ),
        (
            resource("AWS::ECS::TaskDefinition", json!({"Image": uri})),
            &[],
        ),
        (
            resource("Custom::Thing", json!({"Text": format!("pull {uri}")})),
            &["one", "two"],
        ),
        (resource("AWS::CodeBuild::Project", variables.clone()), &[]),
        (
            resource("AWS::Lambda::Function", variables),
            &["one", "two"],
        ),
        (output.to_string(), &[]),
        (made_up.to_string(), &[]),
    ] {
        let aws = SimulatedAws::start().await;
        aws.edit(|world| {
            for repository in ["app", "shop-app-1x2y3z"] {
                world.tagged(repository, "one", 90);
                world.tagged(repository, "two", 90);
            }
            let template = Template::from(&*template).with("Secret", "****");
            world.home().deploy_stack("shop", template);
        });
        let answer = run(&aws, &config("{}")).await;
        assert_status!(answer, Completed, "{template}");
        assert_eq!(aws.tags("app"), kept, "{template}");
        let expected = if template.contains("AWS::ECR") {
            &["one"][..]
        } else {
            &[]
        };
        assert_eq!(aws.tags("shop-app-1x2y3z"), expected, "{template}");
    }
}

/// What a deployed template names is meant to run; what failed, was taken back, is only planned or
/// stands beside the resources is not (U15).
#[tokio::test]
async fn what_a_deployed_stack_names_and_is_gone_is_missing_and_live() {
    let condition = json!({"Conditions": {"Never": {"Fn::Equals": ["a", "b"]}}, "Resources": {"App": {
        "Type": "AWS::Lambda::Function", "Condition": "Never", "Properties": {"ImageUri": asset("gone")}}}});
    let output = json!({"Resources": {}, "Outputs": {"Image": {"Value": asset("gone")}}});
    for (template, status, live) in [
        (function(&asset("gone")), "CREATE_COMPLETE", true),
        (function(&asset("gone")), "UPDATE_ROLLBACK_COMPLETE", true),
        (function(&asset("gone")), "ROLLBACK_COMPLETE", false),
        (function(&asset("gone")), "DELETE_IN_PROGRESS", false),
        (condition.to_string(), "CREATE_COMPLETE", false),
        (output.to_string(), "CREATE_COMPLETE", false),
    ] {
        let (_, answer) = run_with(&config("{}"), |world| {
            push_assets(world, &["unused"]);
            let stack = world.home().deploy_stack("shop", &*template);
            status.clone_into(&mut stack.status);
        })
        .await;
        let missing = answer.missing.first().unwrap();
        assert_contains!(serde_json::to_string(missing).unwrap(), "gone", "shop");
        assert_eq!(missing.live, live, "{template} {status}");
    }
}

/// A stack in another Region that is read counts like one at home.
#[tokio::test]
async fn stacks_are_read_wherever_use_is_looked_for() {
    for (settings, expected) in [
        ("cloudformation: auto", &[][..]),
        ("cloudformation: {}", &["far"]),
        (
            "cloudformation: auto, accounts: [{regions: [us-east-1]}]",
            &["far"],
        ),
    ] {
        let (aws, answer) = run_with(
            &config("auto").replace(
                "regions: own, cloudformation: auto",
                &format!("regions: auto, {settings}"),
            ),
            |world| {
                push_assets(world, &["far"]);
                world.home().stacks();
                let image = format!("{HOST}/{ASSETS}:far");
                let far = world.enable("us-east-1");
                far.deploy_stack("far", &*function(&json!(image)));
            },
        )
        .await;
        assert_status!(answer, Completed, "{settings}");
        assert_kept(&aws, expected);
        let is_said = answer.unread.iter().any(|it| it.name == "cloudformation");
        assert_eq!(
            is_said,
            expected.is_empty(),
            "{settings} {:?}",
            answer.unread
        );
    }
}

#[tokio::test]
async fn the_access_check_tries_every_call() {
    let aws = SimulatedAws::start().await;
    aws.edit(base);
    let access = program(&aws, &config("{}")).access().await.unwrap();
    assert!(access.is_complete(), "{access}");
    let denied = |operation: &str| Fault::denied(format!("cloudformation:{operation}"));
    for operation in [
        "DescribeStacks",
        "GetTemplate",
        "ListChangeSets",
        "DescribeChangeSet",
    ] {
        aws.edit(|world| {
            let stacks = &mut world.home().stacks().by_name;
            stacks.retain(|name, _| name == "changing");
        });
        aws.fault(denied(operation));
        let access = program(&aws, &config("{}")).access().await.unwrap();
        assert_eq!(
            access.denied_actions,
            [format!("cloudformation:{operation}")]
        );
        aws.clear_faults();
    }
    aws.fault(denied("DescribeStacks"));
    let access = program(&aws, &config("auto")).access().await.unwrap();
    assert!(access.is_complete(), "{access}");
    assert_contains!(
        access,
        "service `cloudformation`",
        "cloudformation:ListStacks"
    );
    let nothing = SimulatedAws::start().await;
    nothing.edit(|world| world.home().stacks().page = 1);
    let access = program(&nothing, &config("{}")).access().await.unwrap();
    let untried = ["GetTemplate", "ListChangeSets", "DescribeChangeSet"];
    for operation in untried.map(|it| format!("cloudformation:{it}")) {
        assert!(access.untried.contains(&&*operation), "{access}");
    }
}

/// Beyond what `cdk gc` does: a stack's assets with any qualifier, what runs without a stack, and a
/// time in which a stack may be taken back, by `soak`.
#[tokio::test]
async fn assets_are_cleaned_beside_what_runs_without_a_stack() {
    let aws = SimulatedAws::start().await;
    let recipe = "{mode: delete, state: 's3://memory/prefix', guards: {soak: 2d}, policies: [{repositories: ['cdk-*-container-assets-*'], \
         keep: [{name: fresh, pushed_within: 7d}], delete_unmatched: true}]}";
    aws.edit(|world| {
        world.bucket(BUCKET);
        world.home().script_nothing();
        push_assets(world, &["stack", "script", "unused"]);
        world.tagged(ASSETS, "fresh", 1);
        world.tagged("other", "unused", 90);
        world
            .home()
            .deploy_stack("shop", &*function(&asset("stack")));
        let image = format!("{HOST}/{ASSETS}:script");
        world.home().ecs.register("by-hand", [image]);
    });
    let answer = run(&aws, recipe).await;
    assert_deleted!(answer, Completed, 0);
    set_clock(&aws, Duration::from_hours(49));
    let answer = run(&aws, recipe).await;
    assert_deleted!(answer, Completed, 1);
    assert_kept(&aws, &["fresh", "script", "stack"]);
    assert_eq!(aws.tags("other"), ["unused"]);
}
