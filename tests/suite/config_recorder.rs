//! Task definitions in bulk, by AWS Config: fewer calls, and the same plan (U3).

use ecr_cleanup::report::{Answer, Warning, WarningCode};
use proptest::{collection::vec, prelude::*, test_runner::Config as Cases};
use serde_json::{Value, json};
use simulated_aws::{ContainerDefinition, Fault, SimulatedAws, World};

use crate::support::{
    WorldExt,
    assertions::assert_warns,
    faults::{ANY_CALL, try_to_run},
    plan, run,
    state::BUCKET,
};

const SELECT: &str = "config:SelectResourceConfig";
const DESCRIBE: &str = "ecs:DescribeTaskDefinition";
/// Keeps nothing by itself.
const CONFIG: &str = "{mode: delete, in_use: {ecs: {config_recorder: auto}}, policies: [{repositories: ['**'], delete_unmatched: true, keep: [{tags: '^$'}]}]}";
/// Number of definitions that are described although AWS Config says them.
const SAMPLE: usize = 50;

fn without_recorder() -> String {
    CONFIG.replace("auto", "off")
}

/// Registers so many definitions, each of an image of its own tag, and records all.
fn define(world: &mut World, family: &str, definitions: usize) {
    for number in 0..definitions {
        let name = format!("{family}-{number:05}");
        world.define(&name, "app", &name);
    }
    world.home().record_task_definitions();
}

/// Starts an account with images that definitions name, and one that none names.
async fn account(definitions: usize) -> SimulatedAws {
    let aws = SimulatedAws::start().await;
    aws.edit(|world| {
        define(world, "app", definitions);
        for number in 0..definitions.min(300) {
            world.tagged("app", &format!("app-{number:05}"), 90);
        }
        world.tagged("app", "nobody", 90);
    });
    aws
}

/// Returns the remark on Amazon ECS.
fn note(answer: &Answer) -> &str {
    let mut sources = answer.in_use.iter();
    let ecs = sources.find(|it| it.source == "ecs").unwrap();
    assert!(ecs.is_complete(), "{}", answer.summary);
    ecs.note.as_deref().unwrap_or_default()
}

/// Asserts that AWS Config is not believed, and that what ECS says holds.
fn assert_misrecorded(answer: &Answer) {
    let codes = answer.warnings.iter().map(|warning| warning.code);
    let codes: Vec<WarningCode> = codes.collect();
    assert!(codes.contains(&WarningCode::Misrecorded), "{codes:?}");
    assert_warns(answer, "is not what ECS says");
    assert_contains!(note(answer), "nothing that AWS Config says was used");
}

fn set_images(row: &mut Value, images: &[impl AsRef<str>]) {
    let containers = images
        .iter()
        .map(|image| json!({"Name": "main", "Image": image.as_ref()}));
    row["configuration"]["ContainerDefinitions"] = containers.collect();
}

#[tokio::test]
async fn ten_thousand_definitions_take_a_hundred_calls_of_aws_config() {
    let aws = account(10_000).await;
    let answer = run(&aws, CONFIG).await;
    assert_deleted!(answer, Completed, 1);
    assert_eq!(aws.count(SELECT), 100);
    assert_eq!(aws.count(DESCRIBE), SAMPLE);
    assert_eq!(aws.tags("app").len(), 300);
    assert_eq!(note(&answer), "");
}

/// It is asked only where that saves calls, and a configuration says so.
#[tokio::test]
async fn aws_config_is_asked_where_many_definitions_are_not_known() {
    let aws = account(199).await;
    aws.edit(|world| {
        world.bucket(BUCKET);
    });
    let with_state = CONFIG.replace("in_use", "state: 's3://memory/prefix', in_use");
    plan(&aws, &with_state).await;
    assert_eq!((aws.count(SELECT), aws.count(DESCRIBE)), (0, 199));
    // What is known is not asked again.
    aws.edit(|world| define(world, "more", 199));
    aws.clear_record();
    plan(&aws, &with_state).await;
    assert_eq!((aws.count(SELECT), aws.count(DESCRIBE)), (0, 199));
    aws.clear_record();
    plan(&aws, &without_recorder()).await;
    assert_eq!((aws.count(SELECT), aws.count(DESCRIBE)), (0, 398));
    aws.clear_record();
    plan(&aws, CONFIG).await;
    assert_eq!((aws.count(SELECT), aws.count(DESCRIBE)), (4, SAMPLE));
}

/// What AWS Config says of images that nobody looked at holds for one run.
#[tokio::test]
async fn only_what_ecs_says_is_remembered() {
    let aws = account(300).await;
    aws.edit(|world| {
        world.bucket(BUCKET);
    });
    let with_state = CONFIG.replace("in_use", "state: 's3://memory/prefix', in_use");
    for known in [0, SAMPLE] {
        aws.clear_record();
        plan(&aws, &with_state).await;
        assert_eq!(
            (aws.count(SELECT), aws.count(DESCRIBE)),
            (3, SAMPLE),
            "{known}"
        );
    }
    // Fifty more are known after each run: a difference in one of those is seen without a call.
    let known = aws.calls_to(DESCRIBE)[0].body["taskDefinition"].clone();
    aws.edit(|world| {
        let mut rows = world.home().recorded.values_mut();
        let row = rows.find(|row| row["arn"] == known).unwrap();
        set_images(row, &["app:nobody"]);
    });
    let answer = run(&aws, &with_state).await;
    assert_misrecorded(&answer);
    assert_deleted!(answer, Completed, 1);
    assert!(!aws.tags("app").contains(&"nobody".to_owned()));
}

/// One image more, other ones, and one less.
#[tokio::test]
async fn one_difference_is_enough_to_describe_all() {
    for images in [&["OWN", "other:1"][..], &["other:1"], &["OWN"]] {
        let aws = account(300).await;
        aws.edit(|world| {
            world.tagged("app", "sidecar", 90);
            let uri = world.home().repository("app").uri();
            let sidecar = ContainerDefinition::new("sidecar", format!("{uri}:sidecar"));
            let region = world.home();
            for (key, definition) in &mut region.ecs.task_definitions {
                definition.container_definitions.push(sidecar.clone());
                let own = &definition.container_definitions[0].image;
                let images: Vec<String> = images.iter().map(|it| it.replace("OWN", own)).collect();
                set_images(region.recorded.get_mut(key).unwrap(), &images);
            }
        });
        let answer = run(&aws, CONFIG).await;
        assert_misrecorded(&answer);
        assert_deleted!(answer, Completed, 1, "{images:?}");
        assert_eq!(aws.count(DESCRIBE), 300, "{images:?}");
    }
}

/// The same images in another order are the same.
#[tokio::test]
async fn the_order_of_containers_is_no_difference() {
    let aws = SimulatedAws::start().await;
    aws.edit(|world| {
        world.tagged("app", "1", 90);
        let uri = world.home().repository("app").uri();
        for number in 0..200 {
            let images = [format!("{uri}:1"), format!("{uri}:2"), format!("{uri}:1")];
            world.home().ecs.register(&format!("app-{number}"), images);
        }
        world.home().record_task_definitions();
        for row in world.home().recorded.values_mut() {
            let containers = &mut row["configuration"]["ContainerDefinitions"];
            containers.as_array_mut().unwrap().reverse();
        }
    });
    let answer = plan(&aws, CONFIG).await;
    assert_eq!((note(&answer), aws.count(DESCRIBE)), ("", SAMPLE));
}

#[tokio::test]
async fn what_aws_config_lacks_is_described() {
    let aws = account(300).await;
    aws.edit(|world| {
        let rows = &mut world.home().recorded;
        let keys: Vec<String> = rows.keys().cloned().collect();
        let mut lacking = keys.iter();
        // Not there, of another account, without an image, not whole, said in two ways.
        for key in lacking.by_ref().take(20) {
            rows.remove(key);
        }
        for key in lacking.by_ref().take(20) {
            let arn = &mut rows.get_mut(key).unwrap()["configuration"]["TaskDefinitionArn"];
            *arn = arn
                .as_str()
                .unwrap()
                .replace("111111111111", "222222222222")
                .into();
        }
        for key in lacking.by_ref().take(20) {
            let containers =
                &mut rows.get_mut(key).unwrap()["configuration"]["ContainerDefinitions"];
            containers
                .as_array_mut()
                .unwrap()
                .push(json!({"Name": "sidecar"}));
        }
        for key in lacking.by_ref().take(20) {
            rows.get_mut(key).unwrap()["configuration"] = "cut short".into();
        }
        for key in lacking.take(20) {
            let mut other = rows[key].clone();
            set_images(&mut other, &["app:nobody"]);
            rows.insert(format!("{key}-again"), other);
        }
    });
    let answer = run(&aws, CONFIG).await;
    assert_deleted!(answer, Completed, 1);
    assert_eq!(aws.count(DESCRIBE), 100 + SAMPLE);
    assert_eq!(
        note(&answer),
        "AWS Config says what is in 200 of 300 task definitions"
    );
}

/// Which definitions there are, only ECS says.
#[tokio::test]
async fn what_ecs_does_not_list_is_no_use_whatever_is_recorded() {
    let aws = account(300).await;
    aws.edit(|world| {
        world.tagged("app", "old", 90);
        world.define("old", "app", "old");
        world.home().record_task_definitions();
        world.home().ecs.set_status("old:1", "INACTIVE");
    });
    let answer = run(&aws, CONFIG).await;
    assert_deleted!(answer, Completed, 2);
    assert_eq!(aws.tags("app").len(), 300);
}

/// Of definitions that services name as well, if they are ACTIVE.
#[tokio::test]
async fn definitions_that_services_name_come_in_bulk_too() {
    let aws = account(300).await;
    aws.edit(|world| {
        for number in 0..300 {
            let family = format!("app-{number:05}");
            world.deploy("prod", &family, &family);
        }
        world.home().ecs.set_status("app-00007:1", "INACTIVE");
    });
    let referenced = CONFIG.replace(
        "config_recorder",
        "task_definitions: referenced, config_recorder",
    );
    let answer = run(&aws, &referenced).await;
    assert_deleted!(answer, Completed, 1);
    assert_eq!((aws.count(SELECT), aws.count(DESCRIBE)), (3, 1 + SAMPLE));
    assert_eq!(aws.tags("app").len(), 300);
}

/// It may have recorded far more than is wanted: then describing takes fewer calls.
#[tokio::test]
async fn reading_ends_where_describing_takes_fewer_calls() {
    let aws = account(200).await;
    aws.edit(|world| {
        define(world, "a", 3000);
        for definition in world.home().ecs.task_definitions.values_mut() {
            if definition.family.starts_with("a-") {
                "INACTIVE".clone_into(&mut definition.status);
            }
        }
    });
    let answer = run(&aws, CONFIG).await;
    assert_deleted!(answer, Completed, 1);
    assert_eq!((aws.count(SELECT), aws.count(DESCRIBE)), (20, 200));
    assert_eq!(
        note(&answer),
        "AWS Config says what is in 0 of 200 task definitions"
    );
}

/// Whatever is wrong with AWS Config, definitions are described, and the source is complete.
#[tokio::test]
async fn without_aws_config_definitions_are_described() {
    for (page, described) in [(1, 300), (2, 200 + SAMPLE)] {
        for kind in ANY_CALL {
            let aws = account(300).await;
            aws.fault(Fault::on(SELECT).kind(kind.clone()).call(page));
            let answer = try_to_run(&aws, CONFIG, &kind).await.unwrap();
            assert_deleted!(answer, Completed, 1, "{page} {kind:?}");
            assert_eq!(aws.count(DESCRIBE), described, "{page} {kind:?}");
            let words = "task definitions: `config:SelectResourceConfig` failed: ";
            assert_contains!(note(&answer), words);
            let misrecorded = |it: &Warning| it.code == WarningCode::Misrecorded;
            assert!(!answer.warnings.iter().any(misrecorded), "{page} {kind:?}");
        }
    }
    // Nothing is recorded.
    let aws = account(300).await;
    aws.edit(|world| world.home().recorded.clear());
    let answer = run(&aws, CONFIG).await;
    assert_deleted!(answer, Completed, 1);
    assert_eq!(
        note(&answer),
        "AWS Config says what is in 0 of 300 task definitions"
    );
}

/// A definition that is deleted between its listing and its description is no difference.
#[tokio::test]
async fn a_definition_that_is_deleted_meanwhile_is_no_difference() {
    let aws = account(300).await;
    aws.before(SELECT, 1, |world| {
        let definitions = &mut world.home().ecs.task_definitions;
        definitions.retain(|_, it| !it.family.ends_with('3'));
    });
    let answer = plan(&aws, CONFIG).await;
    assert_eq!(note(&answer), "");
    assert!(
        !answer
            .warnings
            .iter()
            .any(|it| it.code == WarningCode::Misrecorded)
    );
}

/// Some families, each with revisions, and each of these with images by their numbers.
fn definitions() -> impl Strategy<Value = Vec<(u8, Vec<u8>)>> {
    vec((0..40_u8, vec(0..60_u8, 1..4)), 200..320)
}

/// Fills an account with definitions, of which some are not ACTIVE, some not recorded, some named by
/// services and one wanted by nobody.
fn fill(world: &mut World, definitions: &[(u8, Vec<u8>)], unrecorded: u8, inactive: u8) {
    let uri = world.home().repository("app").uri();
    for number in 0..70 {
        world.tagged("app", &number.to_string(), 90);
    }
    let mut names = Vec::new();
    for (family, images) in definitions {
        let images = images.iter().map(|image| format!("{uri}:{image}"));
        names.push(world.home().ecs.register(&format!("f{family}"), images));
    }
    world.home().record_task_definitions();
    let mut number = 0_usize;
    world.home().recorded.retain(|_, _| {
        number += 1;
        number % 8 != usize::from(unrecorded)
    });
    for (number, name) in names.iter().enumerate() {
        if number % 16 == usize::from(inactive) {
            world.home().ecs.set_status(name, "INACTIVE");
        }
        if number % 32 == usize::from(inactive) {
            world.deploy("prod", &format!("service-{number}"), name);
        }
    }
}

proptest! {
    #![proptest_config(Cases { cases: 12, ..Cases::default() })]

    /// The plan with AWS Config is the plan without.
    #[test]
    fn the_plan_with_aws_config_is_the_plan_without(
        definitions in definitions(), unrecorded in 0..8_u8, inactive in 0..16_u8
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let [with, without] = runtime.block_on(async {
            let aws = SimulatedAws::start().await;
            aws.edit(|world| fill(world, &definitions, unrecorded, inactive));
            let without = plan(&aws, &without_recorder()).await;
            let with = plan(&aws, CONFIG).await;
            [with, without]
        });
        prop_assert_eq!(with.warnings, without.warnings);
        prop_assert_eq!(with.counts, without.counts);
        let [with, without] = [with.repositories, without.repositories]
            .map(|it| serde_json::to_value(it).unwrap());
        prop_assert_eq!(with, without);
    }
}
