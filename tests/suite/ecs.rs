//! What only Amazon ECS uses is kept, whoever of it is the only user.

use simulated_aws::{ContainerImage, Fault, FaultKind, SimulatedAws, World, days_ago};

use crate::support::{WorldExt, run};

const APP: &str = "app";
/// Keeps nothing by itself, and no task definition that nothing names.
const CONFIG: &str = "{mode: delete, in_use: {ecs: {task_definitions: referenced}}, policies: [{repositories: ['**'], delete_unmatched: true, keep: [{tags: '^$'}]}]}";

/// Registers a task definition that is not ACTIVE, of an image of its own.
fn definition(world: &mut World, tag: &str) -> String {
    world.tagged(APP, tag, 90);
    let definition = world.define(tag, APP, tag);
    world.home().ecs.set_status(&definition, "INACTIVE");
    definition
}

fn arn(world: &mut World, definition: &str) -> String {
    let definition = world.home().ecs.task_definition(definition).unwrap();
    definition.task_definition_arn.clone()
}

/// Pushes another image with this tag, so that only a digest names the one before.
fn move_tag(world: &mut World, tag: &str) {
    world.tagged(APP, tag, 80);
}

fn services(world: &mut World) {
    let service = definition(world, "service");
    let service = arn(world, &service);
    world
        .home()
        .cluster("prod")
        .service("service")
        .task_definition = Some(service);
    let task_set = definition(world, "task-set");
    let task_set = arn(world, &task_set);
    world
        .home()
        .cluster("prod")
        .service("sets")
        .task_set("ACTIVE", &task_set);
    for tag in ["previous", "current"] {
        let revision = definition(world, tag);
        world.deploy("prod", "rolled-out", &revision);
        move_tag(world, tag);
    }
}

fn express(world: &mut World) {
    world.tagged(APP, "express", 90);
    let image = format!("{}:express", world.home().repository(APP).uri());
    world.express("express", image);
}

fn daemon(world: &mut World) {
    let image = daemon_image(world, "daemon");
    world.home().ecs.deploy_daemon("prod", "agent", vec![image]);
    let image = daemon_image(world, "daemon-definition");
    let ecs = &mut world.home().ecs;
    ecs.deploy_daemon("prod", "unpinned", vec![image]);
    // Only its definition, which is about to be deleted, still says what it runs.
    for revision in ecs.daemon_revisions.values_mut() {
        if revision.daemon_arn.ends_with("unpinned") {
            revision.container_images.clear();
        }
    }
    for definition in ecs.daemon_task_definitions.values_mut() {
        "DELETE_IN_PROGRESS".clone_into(&mut definition.status);
    }
}

/// Pushes an image for a container of a daemon.
fn daemon_image(world: &mut World, tag: &str) -> ContainerImage {
    world.tagged(APP, tag, 90);
    ContainerImage {
        container_name: "main".to_owned(),
        image: format!("{}:{tag}", world.home().repository(APP).uri()),
        image_digest: None,
    }
}

fn tasks(world: &mut World) {
    let running = definition(world, "running");
    world.run_task("prod", &running);
    move_tag(world, "running");
    let stopped = definition(world, "stopped");
    let stopped = world.run_task("prod", &stopped);
    let tasks = &mut world.home().cluster("prod").tasks;
    tasks.get_mut(&stopped).unwrap().stop(days_ago(0));
}

/// Each kind of user of ECS is the only one of an image, and keeps it (U3).
#[tokio::test]
async fn an_image_is_kept_whoever_of_ecs_is_its_only_user() {
    let aws = SimulatedAws::start().await;
    let (kept, deleted) = aws.edit(|world| {
        services(world);
        express(world);
        daemon(world);
        tasks(world);
        let kept = world.home().repository(APP).len();
        (
            kept,
            [world.tagged(APP, "nobody", 90), world.untagged(APP, 90)],
        )
    });
    let answer = run(&aws, CONFIG).await;
    assert_eq!(answer.counts.deleted, 2, "{}", answer.summary);
    let left = aws.digests(APP);
    assert_eq!(left.len(), kept);
    assert!(deleted.iter().all(|digest| !left.contains(digest)));
}

/// Anybody may deploy a daemon of an ACTIVE definition (U3).
#[tokio::test]
async fn active_daemon_task_definitions_count_as_those_of_tasks_do() {
    for (task_definitions, kept) in [
        ("active", &["one", "task", "three", "two"][..]),
        ("{newest: 2}", &["task", "three", "two"]),
        ("{newest: 1}", &["task", "three"]),
        ("referenced", &["task"]),
    ] {
        let aws = SimulatedAws::start().await;
        aws.edit(|world| {
            for tag in ["one", "two", "three", "deleted"] {
                let image = daemon_image(world, tag);
                world.home().ecs.register_daemon("agent", &[image]);
            }
            let definitions = &mut world.home().ecs.daemon_task_definitions;
            let mut last = definitions.last_entry().unwrap();
            last.get_mut().status = "DELETE_IN_PROGRESS".to_owned();
            let task = definition(world, "task");
            world.run_task("prod", &task);
        });
        let config = CONFIG.replace("referenced", task_definitions);
        assert_status!(run(&aws, &config).await, Completed, "{task_definitions}");
        assert_eq!(aws.tags(APP), kept, "{task_definitions}");
    }
}

/// Where ECS has no daemons, nothing runs as one.
#[tokio::test]
async fn an_endpoint_that_does_not_know_daemons_has_none() {
    for (status, code) in [
        (400, "UnknownOperationException"),
        (400, "UnsupportedFeatureException"),
        (501, "InternalFailure"),
    ] {
        let aws = SimulatedAws::start().await;
        aws.edit(|world| {
            tasks(world);
            world.untagged(APP, 90);
        });
        for operation in ["ecs:ListDaemons", "ecs:ListDaemonTaskDefinitions"] {
            aws.fault(Fault::on(operation).kind(FaultKind::error(status, code, "")));
        }
        let answer = run(&aws, &CONFIG.replace("referenced", "active")).await;
        assert_deleted!(answer, Completed, 1, "{code}");
    }
}
