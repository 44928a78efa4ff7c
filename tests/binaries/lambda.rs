//! What Lambda uses is kept while that source is on.

use demo::{Account as Builder, ImageBuilder};
use serde_json::{Value, json};
use simulated_aws::{FunctionVersion, SimulatedAws};

use crate::support::{environment, run};

/// Deletes what nobody needs, and returns the report.
async fn clean(aws: &SimulatedAws, in_use: Value) -> Value {
    let config = json!({
        "mode": "delete",
        "policies": [{"repositories": ["**"], "keep": [{"tags": "^kept$"}], "delete_unmatched": true}],
        "in_use": in_use,
    });
    let arguments = ["run", "--yes", "--output", "json"];
    let ended = run(&arguments, environment(aws, &config.to_string())).await;
    ended.json(0)
}

#[tokio::test]
async fn a_function_keeps_its_image() {
    let mut account = Builder::default();
    for tag in ["used", "unused", "kept"] {
        account.push("app", ImageBuilder::tagged([tag], 90.0));
    }
    let kept = account.uri("app", "kept");
    account.define("somebody", [kept]);
    account.world.home().deploy_function("image", "app", "used");
    let zip = account.world.home().functions.entry("zip".to_owned());
    let versions = &mut zip.or_default().versions;
    versions.insert("$LATEST".to_owned(), FunctionVersion::zip());
    let aws = SimulatedAws::builder().world(account.world).start().await;

    let answer = clean(&aws, json!({"eks": false})).await;
    assert_eq!(aws.tags("app"), ["kept", "used"]);
    let sources = answer["in_use"].as_array().unwrap().iter();
    let lines: Vec<&Value> = sources.filter(|line| line["source"] == "lambda").collect();
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["complete"], true);
    assert!(lines[0]["references"].as_u64().unwrap() >= 1);
    // A function of a zip file has no image to ask for.
    let calls = aws.calls_to("lambda:GetFunction");
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0].body["FunctionName"], "image");

    clean(&aws, json!({"eks": false, "lambda": false})).await;
    assert_eq!(aws.tags("app"), ["kept"]);
}
