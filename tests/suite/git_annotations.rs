//! Commits that annotations of images name, where tags move (K14).

use std::collections::BTreeMap;

use ecr_cleanup::{plan::Verdict, report::Answer};
use serde_json::json;
use simulated_aws::{Fault, Moment, Push, SimulatedAws, days_ago};

use crate::support::{
    deleted,
    git::Origin,
    line, plan, program, request, run,
    state::{BUCKET, STATE, account, keys, put_object},
};

pub(crate) const CONFIG: &str =
    "{mode: delete, state: 's3://memory/prefix', report: 's3://reports', policies: [
  { repositories: [annotated], delete_unmatched: true, keep: [{ tags: '^none$' }],
    git: { document: 's3://memory/git.json', repository: app, annotation: true, unmapped: ignore,
           keep: [{ branches: '.*', images: { last: 2 } }] } },
  { repositories: ['**'] },
]}";

/// Returns the manifest of an image whose annotation names a commit.
fn annotated(commit: &str, content: &str) -> Push {
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": format!("sha256:{:064}", 0), "size": 2},
        "layers": [],
        "annotations": {"org.opencontainers.image.revision": commit, "content": content},
    });
    Push::manifest(manifest.to_string())
}

/// Images of three commits of `main`, of which the last has the tag, and of one that no ref has.
/// Returns the digests by what they are.
pub(crate) async fn world() -> (SimulatedAws, BTreeMap<&'static str, String>) {
    let origin = Origin::new(Moment::NOW.epoch_milliseconds() / 1000);
    let [oldest, middle, newest] = [200, 100, 50].map(|days| origin.commit("main", days));
    let gone = origin.commit("gone", 90);
    origin.git(&["checkout", "--quiet", "main"], 0);
    origin.git(&["branch", "--quiet", "-D", "gone"], 0);
    let clone = origin.cloned("clone", &["--bare"]);
    let document = origin.export(&clone, &["--name", "app"]).unwrap();
    let mut document: serde_json::Value = serde_json::from_str(&document).unwrap();
    document["generated_at"] = "2026-11-21T11:00:00Z".into();
    let aws = account().await;
    put_object(&aws, BUCKET, "git.json", document.to_string());
    let mut digests = BTreeMap::new();
    aws.edit(|world| {
        let repository = world.home().repository("annotated");
        let mut push = |name, push: Push, days| {
            digests.insert(name, repository.push(push.pushed_at(days_ago(days))));
        };
        push("oldest", annotated(&oldest, "1"), 200);
        push("middle", annotated(&middle, "1"), 100);
        push("gone", annotated(&gone, "1"), 90);
        push("dirty", annotated("1234-dirty", "1"), 90);
        push("plain", Push::image(), 90);
        push("child", annotated(&newest, "arm64"), 50);
        push("tagged", annotated(&newest, "1").tag("main"), 50);
    });
    let child = digests["child"].clone();
    let index = Push::index([&child]).tag("multi").pushed_at(days_ago(50));
    let index = aws.edit(|world| world.home().repository("annotated").push(index));
    digests.insert("index", index);
    (aws, digests)
}

/// Returns what of the repository would be deleted.
async fn candidates(aws: &SimulatedAws, digests: &BTreeMap<&'static str, String>) -> Vec<String> {
    let program = program(aws, CONFIG);
    let planned = program
        .plan(request(ecr_cleanup::config::Mode::Plan))
        .await
        .unwrap();
    let plan = planned.plan();
    let repository = plan
        .repositories()
        .iter()
        .find(|it| &**it.name() == "annotated");
    let images = repository.unwrap().images();
    let deleted = images.filter(|it| matches!(it.verdict, Verdict::Delete(_)));
    let deleted: Vec<String> = deleted.map(|it| it.image.digest.to_string()).collect();
    planned.save_facts().await;
    let names = digests
        .iter()
        .filter(|(_, digest)| deleted.contains(digest));
    names.map(|(name, _)| (*name).to_owned()).collect()
}

#[tokio::test]
async fn an_image_is_of_the_commit_that_its_annotation_names() {
    let (aws, digests) = world().await;
    // Nothing but `unmapped: ignore` leaves what says no commit to the rules.
    let expected = ["dirty", "gone", "oldest", "plain"];
    assert_eq!(candidates(&aws, &digests).await, expected);
    assert!(keys(&aws, BUCKET).contains(&format!("{STATE}/image-revisions.json.gz")));
    let reads = |aws: &SimulatedAws| {
        let calls = aws.calls_to("ecr:BatchGetImage");
        calls
            .iter()
            .filter(|call| format!("{call:?}").contains("annotated"))
            .count()
    };
    // The index, and all others in one call: once in their lifetime.
    assert_eq!(reads(&aws), 2);
    aws.clear_record();
    candidates(&aws, &digests).await;
    assert_eq!(reads(&aws), 0);
}

/// ECR counts the reading of a manifest as a pull, behind which one by others may be hidden.
#[tokio::test]
async fn a_run_that_reads_annotations_deletes_none_of_these_images() {
    let (aws, digests) = world().await;
    let answer = run(&aws, CONFIG).await;
    assert_status!(answer, Completed);
    let gone = deleted(&aws);
    assert!(
        digests.values().all(|digest| !gone.contains(digest)),
        "{gone:?}"
    );
}

#[tokio::test]
async fn annotations_that_cannot_be_read_leave_the_repository_alone() {
    let (aws, _) = world().await;
    aws.fault(
        Fault::denied("ecr:BatchGetImage")
            .matching("annotated")
            .call(2),
    );
    let answer: Answer = plan(&aws, CONFIG).await;
    let failure = answer
        .failures
        .iter()
        .find(|it| it.code == "annotations_not_read");
    assert_contains!(failure.unwrap().message, "the annotations of `sha256:");
    assert_eq!(line(&answer, "annotated").candidates, 0);
}
