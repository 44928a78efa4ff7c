//! Two hundred multi-arch images with everything that is attached to images, half of them in use.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use simulated_aws::{Fault, FaultKind, INDEX, MANIFEST, Push, SimulatedAws, World, days_ago};

use crate::support::{
    failures,
    repository_builder::{ATTESTATION, NOTATION, SPDX},
    run,
};

const IMAGES: u32 = 200;
const OTHER: &str = "111111111111.dkr.ecr.eu-west-1.amazonaws.com/other:1";
const DELETE: &str = "mode: delete\npolicies: [{repositories: ['**'], delete_unmatched: true, keep: [{tags: '^keep$'}]}]";

/// Fills `team/app`: images by whether they are in use, with the digests of all that belongs to
/// them.
fn fill(world: &mut World) -> BTreeMap<bool, BTreeSet<String>> {
    let mut expected: BTreeMap<bool, BTreeSet<String>> = BTreeMap::new();
    for number in 0..IMAGES {
        let days = u64::from(10 + number);
        let app = world.home().repository("team/app");
        let mut push = |push: Push| app.push(push.pushed_at(days_ago(days)));
        let platforms = [push(Push::image()), push(Push::image())];
        let provenance = Push::image().artifact_type(ATTESTATION);
        let provenance = push(provenance.subject(&platforms[0]));
        let descriptor = |digest: &str, platform: &str| {
            let (os, architecture) = platform.split_once('/').unwrap();
            let platform = json!({"os": os, "architecture": architecture});
            json!({"mediaType": MANIFEST, "digest": digest, "size": 1, "platform": platform})
        };
        let mut attestation = descriptor(&provenance, "unknown/unknown");
        attestation["annotations"] = json!({"vnd.docker.reference.type": "attestation-manifest"});
        let manifests = [
            descriptor(&platforms[0], "linux/amd64"),
            descriptor(&platforms[1], "linux/arm64"),
            attestation,
        ];
        let manifest = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests});
        let index = push(Push::manifest(manifest.to_string()).tag(format!("1.{number}")));
        let hex = index.strip_prefix("sha256:").unwrap().to_owned();
        let signature = push(Push::image().tag(format!("sha256-{hex}.sig")));
        let attested = push(Push::image().tag(format!("sha256-{hex}.att")));
        let sbom = push(Push::image().artifact_type(SPDX).subject(&platforms[1]));
        let signed = push(Push::image().artifact_type(NOTATION).subject(&sbom));
        let uri = app.uri();
        let used = number % 2 == 0;
        if used {
            // By tag, by the index's digest, and by a platform's.
            let image = match number % 3 {
                0 => format!("{uri}:1.{number}"),
                1 => format!("{uri}@{index}"),
                _ => format!("{uri}@{}", platforms[0]),
            };
            world.home().ecs.register(&format!("app-{number}"), [image]);
        }
        let of_used = expected.entry(used).or_default();
        of_used.extend([index, provenance, signature, attested, sbom, signed]);
        of_used.extend(platforms);
    }
    expected
}

#[tokio::test]
async fn the_unused_half_is_deleted_with_everything_attached_in_one_run() {
    let aws = SimulatedAws::start().await;
    let expected = aws.edit(fill);
    let answer = run(&aws, DELETE).await;
    assert_deleted!(answer, Completed, u64::from(IMAGES / 2 * 8));
    let left: BTreeSet<_> = aws.digests("team/app").into_iter().collect();
    assert_eq!(left, expected[&true]);
    let deleted = aws.deletions().into_iter().map(|it| it.digest);
    let deleted: Vec<String> = deleted.collect();
    let distinct: BTreeSet<_> = deleted.iter().cloned().collect();
    assert_eq!(distinct, expected[&false]);
    assert_eq!(deleted.len(), expected[&false].len(), "nothing twice");
    // Nothing was asked for twice, so nothing was refused.
    let asked = aws.calls_to("ecr:BatchDeleteImage");
    let asked = asked
        .iter()
        .flat_map(|it| it.body["imageIds"].as_array().unwrap());
    assert_eq!(asked.count(), deleted.len());
    assert!(answer.failures.is_empty(), "{:?}", answer.failures);
    let calls = aws.count("ecr:BatchGetImage");
    assert_eq!(calls, 2, "one call for 100 indexes");
    aws.clear_record();
    assert_eq!(run(&aws, DELETE).await.counts.candidates, 0);
    assert!(aws.mutations().is_empty());
}

/// The parts of an image come first, its index later, whenever in the run that is.
#[tokio::test]
async fn what_is_pushed_while_the_run_is_on_is_untouched() {
    for (operation, call) in [
        ("ecr:DescribeImages", 1),
        ("ecr:BatchGetImage", 1),
        ("ecr:DescribeImages", 3),
        ("ecr:BatchDeleteImage", 2),
    ] {
        let aws = SimulatedAws::start().await;
        let expected = aws.edit(fill);
        aws.before(operation, call, |world| {
            let app = world.home().repository("team/app");
            for n in 1..=3 {
                app.push(Push::image().content(format!("new part {n}")));
            }
        });
        aws.after("ecr:BatchDeleteImage", call + 2, |world| {
            let app = world.home().repository("team/app");
            let parts = [1, 2, 3].map(|n| app.push(Push::image().content(format!("new part {n}"))));
            app.push(Push::index(parts).tag("new"));
        });
        let answer = run(&aws, DELETE).await;
        assert_status!(answer, Completed, "{operation}");
        let left: BTreeSet<String> = aws.digests("team/app").into_iter().collect();
        assert_eq!(left.len(), expected[&true].len() + 4, "{operation}");
        assert!(expected[&true].is_subset(&left), "{operation}");
        let tags = aws.tags("team/app");
        assert!(tags.contains(&"new".to_owned()), "{operation}");
    }
}

/// An index over images that are about to be deleted is pushed at the last moment: ECR refuses, and
/// they are kept.
#[tokio::test]
async fn an_index_pushed_over_candidate_parts_at_the_last_moment_keeps_them() {
    let aws = SimulatedAws::start().await;
    let part = aws.edit(|world| {
        world.home().ecs.register("other", [OTHER]);
        let app = world.home().repository("team/app");
        let part = app.push(Push::image().pushed_at(days_ago(9)));
        let sbom = Push::image().subject(&part).artifact_type(SPDX);
        app.push(sbom.pushed_at(days_ago(9)));
        part
    });
    let pushed = part.clone();
    aws.before("ecr:BatchDeleteImage", 1, move |world| {
        let app = world.home().repository("team/app");
        app.push(Push::index([pushed]).tag("new"));
    });
    let answer = run(&aws, DELETE).await;
    assert_status!(answer, CompletedWithFailures);
    assert_eq!(answer.failures[0].code, "ImageReferencedByManifestList");
    let left = aws.digests("team/app").len();
    assert_eq!(left, 3, "what refers to it is kept with it");
}

#[tokio::test]
async fn an_index_that_cannot_be_read_leaves_its_repository_alone() {
    let aws = SimulatedAws::start().await;
    aws.edit(fill);
    aws.fault(Fault::on("ecr:BatchGetImage").kind(FaultKind::fail_item("ImageInaccessible")));
    let answer = run(&aws, DELETE).await;
    assert_eq!(answer.counts.candidates, 0);
    assert_contains!(
        failures(&answer, "index_not_read").message,
        "ImageInaccessible"
    );
    assert!(aws.mutations().is_empty());
}

/// The program's own reading moves the pull time of an index, so that only its parts tell that
/// somebody else pulled it.
#[tokio::test]
async fn all_of_an_image_is_rechecked_even_if_not_all_of_it_may_be_deleted() {
    for limit in [1, 3] {
        let aws = SimulatedAws::start().await;
        let image = aws.edit(|world| {
            world.home().ecs.register("other", [OTHER]);
            let app = world.home().repository("team/app");
            let parts = [0, 1].map(|_| app.push(Push::image().pushed_at(days_ago(9))));
            app.push(Push::index(parts).tag("old").pushed_at(days_ago(9)));
            format!("{}:old", app.uri())
        });
        aws.after("ecr:BatchGetImage", 1, move |world| {
            world.pull(&image).unwrap();
        });
        let document = format!("{DELETE}\nguards: {{max_deletions_per_run: {limit}}}");
        let answer = run(&aws, &document).await;
        assert_eq!(answer.counts.candidates, 3, "{limit}");
        assert_eq!(answer.counts.deleted, 0, "{limit}");
        assert_eq!(aws.digests("team/app").len(), 3, "{limit}");
    }
}
