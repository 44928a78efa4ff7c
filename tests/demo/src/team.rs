//! A team's account: five repositories, two clusters, and a year of pushes.

use crate::{Account, ImageBuilder, Scenario};

const MB: i64 = 1_000_000;

/// Makes the scenario, for the default rules.
#[must_use]
pub fn team() -> Scenario {
    let mut account = Account::default();
    fill_web(&mut account);
    fill_checkout(&mut account);
    fill_base(&mut account);
    fill_nightly(&mut account);
    // Nothing to delete.
    account.push("docs/site", ImageBuilder::tagged(["1.0"], 300.0));
    account.push("docs/site", ImageBuilder::tagged(["1.1", "latest"], 30.0));
    Scenario::of(
        account,
        &[
            (
                "shop/web",
                &[
                    "2.0.0",
                    "2.1.0",
                    "2.3.0",
                    "2.14.0-SNAPSHOT-1",
                    "2.14.0-SNAPSHOT-2",
                    "2.14.0-SNAPSHOT-3",
                    "left over 50 days ago",
                    "left over 33 days ago",
                    "left over 20 days ago",
                ],
            ),
            (
                "shop/checkout",
                &[
                    "1.1",
                    "signature of 1.1",
                    "1.12-SNAPSHOT-1",
                    "left over 70 days ago",
                ],
            ),
            (
                "platform/base",
                &["1", "1 (amd64)", "1 (arm64)", "child of a deleted index"],
            ),
            ("jobs/nightly", &["0.0", "0.2"]),
        ],
    )
}

/// Fills `web`: what production runs is old, and two tags have moved since somebody started what
/// they named.
fn fill_web(account: &mut Account) {
    let mut push =
        |image: ImageBuilder, megabytes| account.push("shop/web", image.bytes(megabytes * MB));
    let releases: Vec<String> = (0..14)
        .map(|minor| {
            let days = f64::from(185 - 14 * minor);
            push(ImageBuilder::tagged([format!("2.{minor}.0")], days), 180)
        })
        .collect();
    push(
        ImageBuilder::tagged(["stable"], 45.0).label("was stable"),
        175,
    );
    for number in 1..=7 {
        let tag = format!("2.14.0-SNAPSHOT-{number}");
        push(ImageBuilder::tagged([tag], f64::from(9 - number)), 190);
    }
    push(
        ImageBuilder::tagged(["main-SNAPSHOT"], 12.0).label("was main-SNAPSHOT"),
        190,
    );
    for days in [50, 33, 20] {
        let label = format!("left over {days} days ago");
        push(ImageBuilder::untagged(&label, f64::from(days)), 190);
    }
    push(ImageBuilder::untagged("pushed untagged today", 0.5), 190);

    account.tag("shop/web", &releases[13], "latest");
    let [web, latest, stable, preview] =
        ["2.2.0", "latest", "stable", "main-SNAPSHOT"].map(|tag| account.uri("shop/web", tag));
    let web = account.define("web", [web]);
    account.deploy(150.0, "production", "web", &web, 3);
    let latest = account.define("web-staging", [latest]);
    account.deploy(2.0, "staging", "web", &latest, 1);
    let stable = account.define("worker", [stable]);
    account.deploy(44.0, "staging", "worker", &stable, 0);
    account.tag("shop/web", &releases[13], "stable");
    let preview = account.define("preview", [preview]);
    account.run_task(11.0, "staging", &preview);
    let main = ImageBuilder::tagged(["main-SNAPSHOT"], 0.1);
    account.push("shop/web", main.bytes(190 * MB));
}

/// Fills `checkout` with signed releases, of which production pins one by its digest.
fn fill_checkout(account: &mut Account) {
    let mut pinned = String::new();
    for minor in 0..12 {
        let days = f64::from(240 - 20 * minor);
        let release = ImageBuilder::tagged([format!("1.{minor}")], days).bytes(120 * MB);
        let digest = account.push("shop/checkout", release);
        account.sign("shop/checkout", &digest, days);
        if minor == 0 {
            pinned = account.uri("shop/checkout", &digest);
        }
    }
    for number in 1..=6 {
        let tag = format!("1.12-SNAPSHOT-{number}");
        let build = ImageBuilder::tagged([tag], f64::from(20 - 3 * number));
        account.push("shop/checkout", build.bytes(125 * MB));
    }
    let leftover = ImageBuilder::untagged("left over 70 days ago", 70.0);
    account.push("shop/checkout", leftover.bytes(120 * MB));
    let checkout = account.define("checkout", [&pinned, "public.example.com/envoy:1.31"]);
    account.deploy(230.0, "production", "checkout", &checkout, 2);
    account.run_task(3.0, "production", &checkout);
}

/// Releases for two platforms.
fn fill_base(account: &mut Account) {
    for number in 1..=12 {
        let days = f64::from(360 - 28 * number);
        let release = ImageBuilder::tagged([number.to_string()], days);
        account.push_index("platform/base", release.bytes(80 * MB));
    }
    let orphan = ImageBuilder::untagged("child of a deleted index", 380.0);
    account.push("platform/base", orphan.bytes(80 * MB));
    let edge = account.uri("platform/base", "2");
    let edge = account.define("edge", [edge]);
    account.deploy(300.0, "production", "edge", &edge, 1);
}

/// Adds a job that runs once a night, and not now.
fn fill_nightly(account: &mut Account) {
    for minor in 0..13 {
        let days = f64::from(130 - 10 * minor);
        let release = ImageBuilder::tagged([format!("0.{minor}")], days);
        account.push("jobs/nightly", release.bytes(250 * MB));
    }
    let nightly = account.uri("jobs/nightly", "0.1");
    account.define("nightly-report", [nightly]);
}
