//! What clusters tell of the time before the first run (K9).

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use simulated_cluster::SimulatedCluster;
use std::time::Duration;

use super::{
    objects::{image, object, secret, template},
    world::{CONFIG, one_cluster, program, push, run},
};
use crate::support::{
    set_clock,
    state::{BUCKET, STATE, gunzip, object as stored_object},
};

const DAY: Duration = Duration::from_hours(24);

/// Returns an object of a Deployment or the like, of this image.
fn revision(kind: &str, name: &str, image: &str, created_at: &str) -> Value {
    let template = template(image);
    let rest = match kind {
        "ReplicaSet" => json!({"spec": {"replicas": 0, "template": template}}),
        _ => json!({"revision": 1, "data": {"spec": {"template": template}}}),
    };
    let mut object = object("apps/v1", kind, "shop", name, rest);
    object["metadata"]["creationTimestamp"] = created_at.into();
    object
}

/// Applies what is kept of the past, of the images that this returns for a tag.
fn apply(prod: &SimulatedCluster, image: impl Fn(&str) -> String) {
    for (kind, name, tag, day) in [
        ("ReplicaSet", "web-1", "first", "01"),
        ("ControllerRevision", "db-1", "second", "10"),
        ("ReplicaSet", "web-2", "third", "20"),
    ] {
        let created_at = format!("2026-09-{day}T10:00:00Z");
        prod.apply(revision(kind, name, &image(tag), &created_at));
    }
    let release = json!({
        "name": "web", "version": 2, "manifest": format!("image: {}", image("fourth")),
        "info": {"status": "superseded", "last_deployed": "2026-09-30T10:00:00.123456789+02:00"},
    });
    let stored = BASE64_STANDARD.encode(BASE64_STANDARD.encode(release.to_string()));
    prod.apply(secret("sh.helm.release.v1.web.v2", &stored));
}

/// Old revisions were used when they were made, and count from the first run on.
#[tokio::test]
async fn old_revisions_tell_of_the_time_before_the_first_run() {
    let (aws, prod) = one_cluster().await;
    let config = CONFIG
        .replace("mode: delete", "mode: delete\nstate: 's3://memory/prefix'")
        .replace("ecs: false", "ecs: false, eks: { helm_history: true }")
        .replace(
            "allow_no_usage: true",
            "allow_no_usage: true, max_usage_drop_percent: 100",
        )
        .replace("{ tags: '.', newest: 1 }", "{ newest: 3, by: used }");
    aws.edit(|world| {
        world.bucket(BUCKET);
    });
    for tag in ["first", "second", "third", "fourth", "never"] {
        push(&aws, tag);
    }
    apply(&prod, image);
    let ran = run(&program(&aws, &config)).await;
    assert_contains!(ran.why("never"), "the use ledger is 0 days old");
    let ledger =
        gunzip(&stored_object(&aws, BUCKET, &format!("{STATE}/use-ledger.json.gz")).unwrap());
    assert_contains!(
        ledger,
        "Helm release `shop/web revision 2` in cluster `prod`"
    );

    // Of what these four used the API tells nothing any more.
    apply(&prod, |_| "registry.k8s.io/pause:3".to_owned());
    for day in [10, 20] {
        set_clock(&aws, DAY * day);
        assert_eq!(run(&program(&aws, &config)).await.answer.counts.deleted, 0);
    }
    set_clock(&aws, DAY * 30);
    let ran = run(&program(&aws, &config)).await;
    assert_eq!(aws.tags("app"), ["fourth", "second", "third"]);
    let third = "rank 2 of 3; last used by ReplicaSet `shop/web-2` in cluster `prod` at 2026-09-20T10:00:00Z";
    assert_contains!(ran.why("third"), third);
}
