//! `team/app`: every default rule, and old images in use in each of the ways ECS can name one.

use crate::{Account, ImageBuilder, Scenario};

/// Makes the scenario. The default rules keep `latest`, the 5 newest SNAPSHOT images, the 10 newest
/// releases (every other tag), untagged images for a day, and whatever is in use.
#[must_use]
pub fn acceptance() -> Scenario {
    let mut account = Account::default();
    let mut push = |image| account.push("team/app", image);
    push(ImageBuilder::tagged(["latest"], 100.0));
    for number in 1..=8 {
        let tag = format!("1.14-SNAPSHOT-{number}");
        push(ImageBuilder::tagged([tag], f64::from(9 - number)));
    }
    let releases: Vec<String> = (0..14)
        .map(|minor| {
            let days = f64::from(150 - 10 * minor);
            push(ImageBuilder::tagged([format!("1.{minor}")], days))
        })
        .collect();
    push(ImageBuilder::tagged(["prod"], 40.0).label("hotfix, was prod"));
    push(ImageBuilder::untagged("untagged, old", 30.0));
    push(ImageBuilder::untagged("untagged, young", 0.5));

    let by_tag = account.uri("team/app", "1.2");
    let by_tag = account.define("web", [by_tag]);
    account.deploy(100.0, "production", "web", &by_tag, 1);
    let by_digest = account.uri("team/app", &releases[1]);
    let by_digest = account.define("worker", ["example.com/sidecar:1", &by_digest]);
    account.deploy(100.0, "production", "worker", &by_digest, 1);
    // Deregistered, and still what the service starts its tasks from.
    let ecs = &mut account.world.home().ecs;
    ecs.set_status(&by_digest, "INACTIVE");
    let by_moved_tag = account.uri("team/app", "prod");
    let by_moved_tag = account.define("api", [by_moved_tag]);
    account.deploy(35.0, "production", "api", &by_moved_tag, 1);
    account.tag("team/app", &releases[13], "prod");

    let snapshots = ["1.14-SNAPSHOT-1", "1.14-SNAPSHOT-2", "1.14-SNAPSHOT-3"];
    let deleted = [&snapshots[..], &["1.0", "1.3", "untagged, old"]].concat();
    Scenario::of(account, &[("team/app", &deleted)])
}
