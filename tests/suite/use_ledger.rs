//! Keep rules about the past: what was used lately, and which tags are new (K9).

use std::time::Duration;

use ecr_cleanup::report::Answer;
use serde_json::json;
use simulated_aws::{Push, SimulatedAws, World};

use crate::support::{
    HOST, WorldExt,
    assertions::assert_warns,
    plan, run, set_clock,
    state::{BUCKET, STATE, guards, gunzip, gzip, object, put_object},
};

const DAY: Duration = Duration::from_hours(24);
/// Builds of a day.
const BUILDS: u32 = 100;

/// Returns a configuration with these rules, that counts only what runs.
fn config(rules: &str) -> String {
    format!(
        "{{mode: delete, state: 's3://memory/prefix', \
         policies: [{{repositories: ['**'], keep: [{rules}]}}], \
         in_use: {{ecs: {{task_definitions: referenced}}, eks: false, lambda: false}}}}"
    )
}

fn ledger_key() -> String {
    format!("{STATE}/use-ledger.json.gz")
}

/// Starts an account whose service runs `app:first`.
async fn account() -> SimulatedAws {
    let aws = SimulatedAws::start().await;
    aws.edit(|world| {
        world.bucket(BUCKET);
        world.home().script_nothing();
        world.tagged("app", "first", 200);
        deploy(world, "first");
    });
    aws
}

/// Registers a task definition for this tag, and deploys it.
fn deploy(world: &mut World, tag: &str) {
    let definition = world.define("web", "app", tag);
    world.deploy("prod", "web", &definition);
}

fn build(world: &mut World, tag: &str) {
    let push = Push::image().content(tag).tag(tag);
    world.home().repository("app").push(push);
}

/// Runs on this day.
async fn run_on(aws: &SimulatedAws, day: u32, config: &str) -> Answer {
    set_clock(aws, DAY * day);
    run(aws, config).await
}

#[tokio::test]
async fn the_last_five_that_were_deployed_survive_a_hundred_builds_a_day() {
    let aws = account().await;
    let config = config("{name: deployed, newest: 5, by: used}, {name: fresh, pushed_within: 1d}");
    let deployed = |day: &u32| day.is_multiple_of(5) && *day <= 35;
    let mut deleted = 0;
    for day in 1..=40 {
        set_clock(&aws, DAY * day);
        aws.edit(|world| {
            for number in 0..BUILDS {
                build(world, &format!("build-{day}-{number}"));
            }
            if deployed(&day) {
                deploy(world, &format!("build-{day}-50"));
            }
        });
        let answer = run_on(&aws, day, &config).await;
        assert_eq!(answer.counts.failed, 0);
        deleted = answer.counts.deleted;
        if day <= 30 {
            let age = format!("the use ledger is {} day", day - 1);
            assert_warns(&answer, &age);
            assert_eq!(deleted, 0, "day {day}: the ledger is too young");
        }
    }
    assert!(deleted > 0);
    let mut kept: Vec<String> = (15..=35)
        .step_by(5)
        .map(|day| format!("build-{day}-50"))
        .collect();
    for day in 39..=40 {
        kept.extend((0..BUILDS).map(|number| format!("build-{day}-{number}")));
    }
    kept.sort_unstable();
    assert_eq!(aws.tags("app"), kept);
}

/// A lost ledger is a young one, and a young one keeps.
#[tokio::test]
async fn a_ledger_that_was_lost_keeps_what_it_may_be_about() {
    let aws = account().await;
    let config = config("{name: lately, used_within: 10d}");
    aws.edit(|world| {
        world.tagged("app", "never", 100);
        world.untagged("app", 100);
    });
    for day in [0, 5] {
        assert_eq!(run_on(&aws, day, &config).await.counts.deleted, 0);
    }
    assert!(object(&aws, BUCKET, &ledger_key()).is_some());
    aws.edit(|world| world.bucket(BUCKET).remove(&ledger_key()));
    for day in [9, 10, 18] {
        let answer = run_on(&aws, day, &config).await;
        assert_eq!(answer.counts.deleted, 0, "day {day}");
        assert_warns(&answer, "kept: `lately`");
    }
    assert_eq!(run_on(&aws, 19, &config).await.counts.deleted, 2);
    assert_eq!(aws.tags("app"), ["first"]);
}

/// What a source tells of the past counts from the first run on: here the revision before the last
/// deployment, which ended before that run.
#[tokio::test]
async fn the_first_run_knows_of_deployments_before_it() {
    let aws = account().await;
    let config = config("{name: deployed, newest: 2, by: used}");
    aws.edit(|world| {
        for tag in ["second", "never"] {
            world.tagged("app", tag, 100);
        }
        deploy(world, "second");
    });
    run_on(&aws, 2, &config).await;
    // From now on the service tells nothing of its past.
    aws.edit(|world| {
        let service = world.home().cluster("prod").service("web");
        service.current_service_deployment = None;
        service.deployments.truncate(1);
    });
    for day in [10, 20, 30] {
        assert_eq!(run_on(&aws, day, &config).await.counts.deleted, 0);
    }
    assert_eq!(run_on(&aws, 32, &config).await.counts.deleted, 1);
    assert_eq!(aws.tags("app"), ["first", "second"]);
    let ledger = gunzip(&object(&aws, BUCKET, &ledger_key()).unwrap());
    assert_contains!(ledger, "ECS service `web` in cluster `prod`");
}

/// A tag that comes to an old image makes it new.
#[tokio::test]
async fn a_promoted_image_is_new() {
    for (rules, kept) in [
        ("{name: promoted, tags: '^prod$', tagged_within: 14d}", true),
        ("{name: promoted, tagged_within: 14d}", true),
        ("{name: promoted, newest: 1, by: tagged}", true),
        (
            "{name: promoted, tags: '^build', tagged_within: 14d}",
            false,
        ),
        ("{name: pushed, pushed_within: 14d}, {newest: 1}", false),
    ] {
        let aws = account().await;
        let config = config(rules);
        let image = aws.edit(|world| {
            world.tagged("app", "build-2", 90);
            world.tagged("app", "build-1", 100)
        });
        for day in [0, 10, 20, 30] {
            run_on(&aws, day, &config).await;
            aws.edit(|world| {
                let app = world.home().repository("app");
                if day == 10 && app.contains(&image) {
                    app.tag(&image, "prod");
                }
            });
        }
        assert_eq!(aws.digests("app").contains(&image), kept, "{rules}");
        assert!(!aws.tags("app").contains(&"build-2".to_owned()) || rules.contains("pushed"));
    }
}

/// A ledger that a rule needs is a memory that must not look like an empty one; else it stops
/// nothing, and is not written over.
#[tokio::test]
async fn a_ledger_that_cannot_be_read_refuses_where_a_rule_needs_it() {
    let newer = json!({"schema": "ecr-cleanup/use-ledger", "number": 2, "content": {}});
    for content in [b"damaged".to_vec(), gzip(&newer.to_string())] {
        let aws = account().await;
        aws.edit(|world| world.untagged("app", 100));
        put_object(&aws, BUCKET, &ledger_key(), content.clone());
        let answer = run(&aws, &config("{name: lately, used_within: 1d}")).await;
        assert_refused!(answer, aws);
        assert_eq!(guards(&answer), ["state_unreadable"]);
        let answer = run(&aws, &config("{tags: '.'}")).await;
        assert_deleted!(answer, Completed, 1);
        assert_warns(&answer, "use-ledger.json.gz");
        assert_eq!(object(&aws, BUCKET, &ledger_key()), Some(content));
    }
}

/// The ledger grows whatever the rules are, and by plans too; what another run wrote meanwhile
/// stays.
#[tokio::test]
async fn every_run_writes_what_it_saw() {
    let aws = account().await;
    let digest = aws.edit(|world| world.tagged("app", "second", 50));
    plan(&aws, &config("{tags: '.'}")).await;
    aws.edit(|world| deploy(world, "second"));
    let (a, b) = (config("{tags: '.'}"), config("{tags: 's'}"));
    tokio::join!(plan(&aws, &a), plan(&aws, &b));
    let ledger = gunzip(&object(&aws, BUCKET, &ledger_key()).unwrap());
    let first = aws.read(|world| {
        let app = &world.regions.values().next().unwrap().ecr.repositories["app"];
        app.digest("first").unwrap().to_owned()
    });
    assert_contains!(ledger, first);
    assert_contains!(ledger, digest);
    assert!(!ledger.contains(HOST), "{ledger}");
}
