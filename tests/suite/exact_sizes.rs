//! Sizes: an upper bound by default, and exact where asked for.

use std::time::Duration;

use ecr_cleanup::{config::Mode, report::ExactBytes};
use serde_json::{Value, json};
use simulated_aws::{CONFIG, MANIFEST, Push, SimulatedAws, days_ago};

use crate::{
    support::{
        program,
        repository_builder::HELM,
        request, set_clock,
        state::{FULL, account, object, put_object},
    },
    trust::command,
};

/// Makes an image of layers that are as large as their numbers.
fn image(layers: &[i64]) -> Push {
    let descriptors: Vec<_> = layers
        .iter()
        .map(|size| json!({"mediaType": "layer", "digest": format!("sha256:{size:064}"), "size": size}))
        .collect();
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": CONFIG, "digest": format!("sha256:{:064x}", layers.len()), "size": 1},
        "layers": descriptors,
    });
    Push::manifest(manifest.to_string())
        .size(layers.iter().sum())
        .pushed_at(days_ago(9))
}

/// Keeps what is called `keep`.
const RULES: &str =
    "{policies: [{repositories: ['**'], delete_unmatched: true, keep: [{tags: '^keep$'}]}]}";

/// Starts an account with images that share layers.
async fn shared() -> SimulatedAws {
    let aws = SimulatedAws::start().await;
    aws.edit(|world| {
        let app = world.home().repository("team/app");
        let old = [app.push(image(&[1000, 200])), app.push(image(&[1000, 30]))];
        app.push(Push::index(old).tag("old").pushed_at(days_ago(9)));
        app.push(image(&[1000, 4, 5]).tag("keep"));
        app.push(image(&[600]).tag("gone").archived_at(days_ago(5)));
        app.push(
            Push::image()
                .artifact_type(HELM)
                .tag("chart")
                .size(7)
                .pushed_at(days_ago(9)),
        );
        world
            .home()
            .repository("other")
            .push(image(&[1000]).tag("old"));
    });
    aws
}

#[tokio::test]
async fn each_layer_is_counted_once_if_that_is_asked_for() {
    let aws = shared().await;
    let program = program(&aws, RULES);
    let planned = program.plan(request(Mode::Plan)).await.unwrap();
    let answer = planned.answer();
    assert_eq!(answer.bytes.scanned, 1200 + 1030 + 1009 + 600 + 7 + 1000);
    assert_eq!(answer.bytes.candidates, 2230 + 1000);
    assert_eq!((answer.counts.artifacts, answer.counts.images), (1, 7));
    let calls = aws.count("ecr:BatchGetImage");
    assert_eq!(calls, 1, "the index, and nothing else");
    let exact = planned.exact_sizes().await.unwrap().unwrap().total;
    // What is archived cannot be read, and the chart of this test names no layer.
    let scanned = 1000 + 200 + 30 + 4 + 5 + 600 + 1000;
    assert_eq!(
        exact,
        ExactBytes {
            scanned,
            candidates: 200 + 30 + 1000,
            manifests_read: 5,
            unread: 1,
            repositories: exact.repositories.clone(),
        }
    );
    let of_each = exact.repositories.values();
    let sums = of_each.fold([0, 0], |sums, [all, freed]| {
        [sums[0] + all, sums[1] + freed]
    });
    assert_eq!(sums, [exact.scanned, exact.candidates]);
    let mut answer = planned.answer();
    assert_contains!(answer.summary, "at most ");
    let size = ecr_cleanup::report::Size(exact.candidates).to_string();
    answer.set_exact(exact, 0.1);
    let headline = format!(": {size}, about $");
    assert_contains!(answer.summary, headline);
    assert_contains!(answer.result, headline);
}

/// With a state store, a manifest is read once, whatever it says (P6).
#[tokio::test]
async fn layers_are_remembered_by_digest() {
    let aws = shared().await;
    aws.edit(|world| {
        world.bucket("memory");
    });
    let rules = RULES.replacen('{', "{state: 's3://memory', ", 1);
    let sizes = async || {
        let program = program(&aws, &rules);
        let planned = program.plan(request(Mode::Plan)).await.unwrap();
        planned.exact_sizes().await.unwrap().unwrap().total
    };
    let first = sizes().await;
    assert_eq!((first.manifests_read, first.unread), (5, 1));
    aws.clear_record();
    let second = sizes().await;
    assert_eq!(aws.count("ecr:BatchGetImage"), 0);
    assert_eq!(
        (second.scanned, second.candidates, second.manifests_read),
        (first.scanned, first.candidates, 0)
    );
    let new = aws.edit(|world| world.home().repository("other").push(image(&[77])));
    let third = sizes().await;
    assert_eq!(
        (third.scanned, third.manifests_read),
        (first.scanned + 77, 1)
    );
    aws.edit(|world| world.home().repository("other").remove(&new));
    assert_eq!(sizes().await.scanned, first.scanned);
    // What cannot be used is left as it is, and everything is read again.
    let layers = "111111111111/eu-west-1/image-layers.json.gz";
    put_object(&aws, "memory", layers, "damaged");
    assert_eq!(sizes().await.manifests_read, first.manifests_read);
    assert_eq!(object(&aws, "memory", layers).unwrap(), b"damaged");
}

/// Runs that write reports remember what each repository stored.
#[tokio::test]
async fn a_repository_grows_by_what_it_stores_more_than_a_month_ago() {
    let aws = account().await;
    let sizes = async |days: u64| {
        set_clock(&aws, Duration::from_hours(24 * days));
        let program = program(&aws, FULL);
        let planned = program.plan(request(Mode::Plan)).await.unwrap();
        let growth = planned.growth(&planned.answer()).await;
        planned.finish().await;
        growth.get("app").copied()
    };
    assert_eq!(sizes(0).await, None);
    aws.edit(|world| {
        let push = Push::image().size(900).tag("more").pushed_at(days_ago(0));
        world.home().repository("app").push(push)
    });
    assert_eq!(sizes(6).await, None);
    assert_eq!(sizes(30).await, Some(900));
    assert_eq!(sizes(45).await, Some(600), "since the first day");
}

/// The page divides the same bytes by what decides.
#[tokio::test]
async fn the_page_shows_the_bytes_that_each_reason_alone_needs() {
    let aws = shared().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report.html");
    let html = format!("--html={}", file.display());
    let config = format!("--config={RULES}");
    let (text, code) = command(&aws, &["plan", "--exact-sizes", &html, &config]).await;
    assert_eq!(code, Some(0), "{text}");
    let page = std::fs::read_to_string(file).unwrap();
    let (_, data) = page.split_once("id=\"data\">").unwrap();
    let data: Value = serde_json::from_str(data.split_once("</script>").unwrap().0).unwrap();
    let reason = |group: &Value| {
        let position = usize::try_from(group["reason"].as_u64().unwrap()).unwrap();
        let reason = &data[0]["reasons"][position];
        let text = reason["text"].as_str().unwrap();
        (text.to_owned(), group["bytes"].as_u64().unwrap())
    };
    let groups = data[0]["repositories"][0]["groups"].as_array().unwrap();
    let mut groups: Vec<_> = groups.iter().map(reason).collect();
    groups.sort();
    let expected = [
        ("archived", 600),
        ("artifact", 0),
        ("layers of several groups", 1000),
        ("no rule keeps it", 230),
        ("rule 1", 9),
    ];
    assert_eq!(
        groups,
        expected.map(|(text, bytes)| (text.to_owned(), bytes))
    );
}
