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

/// Makes a service that is at rest: its last deployment has ended, and nothing else is under way.
fn settled(world: &mut World) {
    for tag in ["before", "now"] {
        let revision = definition(world, tag);
        world.deploy("prod", "web", &revision);
        if tag == "now" {
            world.run_task("prod", &revision);
        }
        move_tag(world, tag);
    }
    let service = world.home().cluster("prod").service("web");
    service.deployments.truncate(1);
}

/// Returns the digest that a tag meant when the service was deployed.
fn pinned(world: &mut World, tag: &str) -> String {
    let mut revisions = world.home().ecs.service_revisions.values();
    let images = revisions.find(|it| it.container_images[0].image.ends_with(tag));
    let image = &images.unwrap().container_images[0];
    image.image_digest.clone().unwrap()
}

/// A deleted definition that nothing starts any more stops no run, and its images still count as far
/// as anything tells them (U3).
#[tokio::test]
async fn what_only_the_past_names_stops_no_run() {
    let aws = SimulatedAws::start().await;
    let [before, stopped] = aws.edit(|world| {
        settled(world);
        world.home().ecs.delete_definition("before:1");
        let stopped = definition(world, "stopped");
        let task = world.run_task("prod", &stopped);
        let tasks = &mut world.home().cluster("prod").tasks;
        let task = tasks.get_mut(&task).unwrap();
        task.stop(days_ago(0));
        let digest = task.containers[0].image_digest.clone().unwrap();
        move_tag(world, "stopped");
        world.home().ecs.delete_definition(&stopped);
        world.untagged(APP, 90);
        [pinned(world, "before"), digest]
    });
    // It is deleted after it was listed.
    aws.edit(|world| world.define("leaving", APP, "now"));
    aws.after("ecs:ListTaskDefinitions", 1, |world| {
        world.home().ecs.delete_definition("leaving:1");
    });
    let answer = run(&aws, &CONFIG.replace("referenced", "active")).await;
    assert_deleted!(answer, Completed, 1);
    let left = aws.digests(APP);
    assert!(left.contains(&before) && left.contains(&stopped));
}

/// A definition that is listed as ACTIVE, or by which something starts whose images nothing tells,
/// is none of the past (U4).
#[tokio::test]
async fn a_definition_that_is_needed_and_not_described_stops_the_run() {
    let aws = SimulatedAws::start().await;
    aws.edit(|world| {
        world.define("web", APP, "1.0");
        world.untagged(APP, 90);
    });
    let gone = FaultKind::error(
        400,
        "ClientException",
        "Unable to describe task definition.",
    );
    aws.fault(Fault::on("ecs:DescribeTaskDefinition").kind(gone));
    let answer = run(&aws, &CONFIG.replace("referenced", "active")).await;
    assert_refused!(answer, aws);

    let aws = SimulatedAws::start().await;
    aws.edit(|world| {
        let definition = definition(world, "service");
        let arn = arn(world, &definition);
        let service = world.home().cluster("prod").service("service");
        service.task_definition = Some(arn);
        world.home().ecs.delete_definition(&definition);
        world.untagged(APP, 90);
    });
    let answer = run(&aws, CONFIG).await;
    assert_refused!(answer, aws);
}

/// What ECS has forgotten.
type Forget = fn(&mut World);

/// Cases with whether the repository is left alone, since something may start of which nothing else
/// tells the image.
const FORGOTTEN: [(&str, Forget, bool); 7] = [
    ("a rollback target", |world| forget(world, "before"), false),
    (
        "the deployment",
        |world| world.home().ecs.service_deployments.clear(),
        false,
    ),
    (
        "the revision that runs",
        |world| forget(world, "now"),
        false,
    ),
    (
        "the revision, of which nothing runs",
        forget_what_starts,
        true,
    ),
    ("revision and deployment", forget_all, true),
    (
        "the way back of a deployment under way",
        forget_the_way_back,
        true,
    ),
    ("the definition of a running task", delete_what_runs, true),
];

fn forget(world: &mut World, tag: &str) {
    let revisions = &mut world.home().ecs.service_revisions;
    revisions.retain(|_, it| !it.container_images[0].image.ends_with(tag));
}

fn forget_what_starts(world: &mut World) {
    forget(world, "now");
    let service = world.home().cluster("prod").service("web");
    for revision in &mut service.current_service_revisions {
        revision.running_task_count = 0;
    }
}

fn forget_all(world: &mut World) {
    forget(world, "now");
    world.home().ecs.service_deployments.clear();
    let service = world.home().cluster("prod").service("web");
    service.current_service_revisions.clear();
}

fn forget_the_way_back(world: &mut World) {
    forget(world, "before");
    for deployment in world.home().ecs.service_deployments.values_mut() {
        "IN_PROGRESS".clone_into(&mut deployment.status);
    }
}

fn delete_what_runs(world: &mut World) {
    let definition = definition(world, "task");
    world.run_task("prod", &definition);
    world.home().ecs.delete_definition(&definition);
}

/// What ECS does not describe any more leaves alone the repositories of which it may start an image
/// that nothing else tells, and no others (U3, U4).
#[tokio::test]
async fn what_ecs_has_forgotten_leaves_alone_what_it_may_start() {
    for (case, forget, held) in FORGOTTEN {
        let aws = SimulatedAws::start().await;
        let running = aws.edit(|world| {
            settled(world);
            forget(world);
            for repository in [APP, "other"] {
                world.untagged(repository, 90);
            }
            let mut tasks = world.home().cluster("prod").tasks.values();
            let task = tasks.next().unwrap();
            task.containers[0].image_digest.clone().unwrap()
        });
        let stored = aws.digests(APP).len();
        let answer = run(&aws, CONFIG).await;
        assert!(aws.digests("other").is_empty(), "{case}");
        assert!(aws.digests(APP).contains(&running), "{case}");
        let note = answer.in_use[0].note.as_deref().unwrap_or_default();
        if held {
            assert_deleted!(answer, CompletedWithFailures, 1, "{case}");
            assert_eq!(aws.digests(APP).len(), stored, "{case}");
            assert_eq!(answer.held[0].repository, APP, "{case}");
            assert_contains!(answer.held[0].by[0], "ECS", "describe");
        } else {
            assert_status!(answer, Completed, "{case}");
            assert!(aws.digests(APP).len() < stored, "{case}");
            let is_said = case != "the revision that runs";
            assert_eq!(note.contains("ECS service `web`"), is_said, "{case} {note}");
        }
    }
}
