//! Images that Git history keeps: the default policies of werf on the history of a real repository,
//! and documents that are not believed (K14).

use std::collections::BTreeMap;

use ecr_cleanup::report::Answer;
use serde_json::Value;
use simulated_aws::{Fault, Moment, SimulatedAws};

use crate::support::{
    WorldExt, deleted,
    git::Origin,
    line, plan, program, run,
    state::{BUCKET, REPORTS, STATE, account, gunzip, keys, object, put_object},
};

const DOCUMENT: &str = "git/app.json";
const GIT: &str = "document: 's3://memory/git/app.json', repository: github.com/org/app";
/// The policies that werf has if none are written.
const WERF: &str = "[
  { tags: '.*', last: 10, images: { last: 1 } },
  { branches: '.*', last: 10, within: 168h, operator: and, images: { last: 2, within: 168h, operator: and } },
  { branches: 'main|master|staging|production', images: { last: 10 } },
]";

/// Returns a configuration with one policy for `git`, whose keep rules keep nothing, and another for
/// the rest.
fn config(git: &str) -> String {
    format!(
        "{{mode: delete, state: 's3://memory/prefix', report: 's3://reports', policies: [
          {{ repositories: [git], delete_unmatched: true, keep: [{{ tags: '^none$' }}], git: {{ {GIT}, {git} }} }},
          {{ repositories: ['**'] }},
        ]}}"
    )
}

/// Commits by name, with their age in days.
type Built = BTreeMap<&'static str, (String, u64)>;

fn commit(origin: &Origin, built: &mut Built, name: &'static str, branch: &str, days: u64) {
    let id = origin.commit(branch, i64::try_from(days).unwrap());
    built.insert(name, (id, days));
}

/// Makes the history, and returns the commits that images are of.
fn history(origin: &Origin) -> Built {
    let mut built = Built::new();
    let git = |arguments: &[&str], days| drop(origin.git(arguments, days));
    let mut on = |name, branch: &str, days| commit(origin, &mut built, name, branch, days);
    on("first", "main", 200);
    on("second", "main", 150);
    git(&["tag", "v2"], 150);
    on("feature", "merged", 140);
    on("feature, head", "merged", 130);
    git(&["checkout", "--quiet", "main"], 0);
    git(
        &["merge", "--quiet", "--no-ff", "-m", "merge", "merged"],
        120,
    );
    git(&["branch", "--quiet", "-d", "merged"], 0);
    on("after the merge", "main", 119);
    on("release", "released", 110);
    git(&["tag", "v1.1"], 110);
    git(&["checkout", "--quiet", "main"], 0);
    git(&["branch", "--quiet", "-D", "released"], 0);
    on("squashed", "squashed", 100);
    on("squashed, lately", "squashed", 20);
    git(&["checkout", "--quiet", "main"], 0);
    git(&["branch", "--quiet", "-D", "squashed"], 0);
    on("stale branch", "stale", 95);
    git(&["checkout", "--quiet", "main"], 0);
    for (name, days) in [
        ("main 8", 90),
        ("main 7", 80),
        ("main 6", 70),
        ("main 5", 60),
        ("main 4", 50),
        ("main 3", 40),
        ("main 2", 30),
        ("main 1", 6),
    ] {
        on(name, "main", days);
    }
    on("active, begun", "active", 5);
    on("active, before", "active", 3);
    on("active, head", "active", 1);
    on("pull request", "pull", 2);
    git(&["update-ref", "refs/pull/7/head", "pull"], 0);
    git(&["checkout", "--quiet", "main"], 0);
    git(&["branch", "--quiet", "-D", "pull"], 0);
    let first = built["first"].0.clone();
    git(&["tag", "-a", "-m", "late", "v1", &first], 4);
    built
}

/// Returns the document of the history, as if it had been exported an hour ago.
fn exported(origin: &Origin) -> Value {
    let mirror = origin.cloned("mirror", &["--mirror"]);
    let text = origin.export(&mirror, &["--name", "github.com/org/app"]);
    let mut document: Value = serde_json::from_str(&text.unwrap()).unwrap();
    document["generated_at"] = "2026-11-21T11:00:00Z".into();
    document
}

fn new_origin() -> Origin {
    Origin::new(Moment::NOW.epoch_milliseconds() / 1000)
}

/// Starts an account with the document and an image of each commit, which was pushed with it.
async fn with_images(document: &Value, built: &Built) -> SimulatedAws {
    let aws = account().await;
    put_object(&aws, BUCKET, DOCUMENT, document.to_string());
    aws.edit(|world| {
        for (id, days) in built.values() {
            world.tagged("git", &format!("app-{}", &id[..9]), *days);
        }
        world.tagged("git", "nightly", 300);
    });
    aws
}

/// Returns the fate of each tag of the repository, and why.
fn fates(aws: &SimulatedAws, answer: &Answer) -> BTreeMap<String, String> {
    let key = format!("{}/images.jsonl.gz", answer.run_id);
    let lines = gunzip(&object(aws, REPORTS, &key).unwrap());
    let lines = lines
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let of_git = lines.filter(|line| line["repository"] == "git");
    let fate = |line: Value| {
        let tag = line["tags"][0].as_str().unwrap().to_owned();
        let why = line["because"][0].as_str().unwrap();
        (
            tag,
            if line["deletes"] == true {
                "deleted".to_owned()
            } else {
                why.to_owned()
            },
        )
    };
    of_git.map(fate).collect()
}

#[tokio::test]
async fn the_default_policies_of_werf_decide_on_a_real_history() {
    let origin = new_origin();
    let built = history(&origin);
    let aws = with_images(&exported(&origin), &built).await;
    let answer = run(&aws, &config(&format!("keep: {WERF}"))).await;
    assert_status!(answer, Completed);
    let fates = fates(&aws, &answer);
    for (name, fate) in [
        // The ten newest images of main, of both sides of the merge.
        ("main 1", "newest image of branch `main`"),
        ("main 2", "2nd newest image of branch `main`"),
        ("main 3", "3rd newest image of branch `main`"),
        ("main 4", "4th newest image of branch `main`"),
        ("main 5", "5th newest image of branch `main`"),
        ("main 6", "6th newest image of branch `main`"),
        ("main 7", "7th newest image of branch `main`"),
        ("main 8", "8th newest image of branch `main`"),
        ("after the merge", "9th newest image of branch `main`"),
        ("feature, head", "10th newest image of branch `main`"),
        ("feature", "deleted"),
        // Tags on old commits, of which one is on no branch any more.
        ("second", "newest image of tag `v2`"),
        ("first", "newest image of tag `v1`"),
        ("release", "newest image of tag `v1.1`"),
        // What was squashed is on no branch: it stays as long as it may be about to be deployed.
        ("squashed", "deleted"),
        (
            "squashed, lately",
            "no branch, tag or pull request has its commit, and it was pushed or pulled within `git.unreachable_grace`",
        ),
        ("stale branch", "deleted"),
        ("active, head", "newest image of branch `active`"),
        ("active, before", "2nd newest image of branch `active`"),
        ("active, begun", "deleted"),
        // These policies have no rule about pull requests.
        ("pull request", "deleted"),
    ] {
        let (id, _) = &built[name];
        assert_eq!(fates[&format!("app-{}", &id[..9])], fate, "{name}");
    }
    assert_eq!(
        fates["nightly"],
        "nothing of it names a commit (`git.unmapped`)"
    );
    assert_eq!(fates.len(), built.len() + 1);
    let of_git = line(&answer, "git");
    assert_eq!(of_git.deleted, 5);
}

/// Policies may share a document, and each may ask for its own part of the history.
#[tokio::test]
async fn a_document_of_several_policies_is_read_once() {
    let origin = new_origin();
    let built = history(&origin);
    let aws = with_images(&exported(&origin), &built).await;
    let policy = |repository: &str, keep: &str| {
        format!(
            "{{ repositories: [{repository}], delete_unmatched: true, keep: [{{ tags: '^none$' }}], git: {{ {GIT}, {keep} }} }}"
        )
    };
    let policies = [
        policy("git", "keep: [{ tags: v2 }]"),
        policy("app", "max_age: 1w, commit: '^(?<commit>none)$'"),
    ];
    let config = format!(
        "{{report: 's3://reports', policies: [{}]}}",
        policies.join(", ")
    );
    let answer = plan(&aws, &config).await;
    let kept = fates(&aws, &answer);
    let kept = kept.values().filter(|fate| fate.contains("image of"));
    assert_eq!(kept.collect::<Vec<_>>(), ["newest image of tag `v2`"]);
    assert_contains!(warnings_of(&answer), "policies[1]: the Git document");
    assert_eq!(aws.count("s3:GetObject"), 1);
}

/// A rule about pull requests and one more about branches keep more, and nothing less.
#[tokio::test]
async fn one_more_rule_keeps_more() {
    let origin = new_origin();
    let built = history(&origin);
    let aws = with_images(&exported(&origin), &built).await;
    let more = WERF.replace(
        "\n]",
        "\n  { pulls: '7', images: { last: 1 } },\n  { branches: 'stale' },\n]",
    );
    let before = plan(&aws, &config(&format!("keep: {WERF}"))).await;
    let after = plan(&aws, &config(&format!("keep: {more}, unmapped: ignore"))).await;
    let (before, after) = (fates(&aws, &before), fates(&aws, &after));
    let changed: Vec<&str> = built
        .iter()
        .filter(|(_, (id, _))| {
            let tag = format!("app-{}", &id[..9]);
            before[&tag] != after[&tag]
        })
        .map(|(name, _)| *name)
        .collect();
    assert_eq!(changed, ["pull request", "stale branch"]);
    assert_eq!(after["nightly"], "deleted");
}

/// A change of a document.
type Change = fn(&mut Value);

/// Whatever is wrong with a document, its repository stays whole, with a warning, and the others are
/// cleaned.
#[tokio::test]
async fn a_document_that_is_not_believed_leaves_its_repository_alone() {
    let origin = new_origin();
    let built = history(&origin);
    let document = exported(&origin);
    let changes: &[(Change, &str)] = &[
        (
            |it| it["generated_at"] = "2026-11-19T11:00:00Z".into(),
            "longer ago than `git.max_age`",
        ),
        (
            |it| it["generated_at"] = "2026-11-21T13:00:00Z".into(),
            "in the future",
        ),
        (|it| it["shallow"] = true.into(), "shallow"),
        (
            |it| it["complete"] = false.into(),
            "does not say that it is complete",
        ),
        (
            |it| it["repository"] = "github.com/org/other".into(),
            "it is of repository `github.com/org/other`",
        ),
        (
            |it| it["default_branch"] = "trunk".into(),
            "no branch `trunk`",
        ),
        (
            |it| drop(it.as_object_mut().unwrap().remove("refs")),
            "malformed: missing field `refs`",
        ),
        (
            |it| it["commits"]["parents"][0][0] = 999.into(),
            "which it does not have",
        ),
        (
            |it| it["commits"]["id"][0] = it["commits"]["id"][1].clone(),
            "is in it twice",
        ),
    ];
    for (change, why) in changes {
        let mut document = document.clone();
        change(&mut document);
        let aws = with_images(&document, &built).await;
        let answer = run(&aws, &config(&format!("keep: {WERF}"))).await;
        assert_left_alone(&aws, &answer, why);
        assert_status!(answer, Completed);
    }
    let aws = with_images(&document, &built).await;
    let answer = run(&aws, &config("commit: '^(?<commit>none)$'")).await;
    assert_left_alone(&aws, &answer, "not one image is of a commit in it");
    for fault in [
        Fault::denied("s3:GetObject").matching(DOCUMENT),
        Fault::denied("s3:GetObject").matching("git-documents"),
    ] {
        let aws = with_images(&document, &built).await;
        aws.fault(fault);
        let answer = run(&aws, &config(&format!("keep: {WERF}"))).await;
        assert_left_alone(&aws, &answer, "it could not be read");
        assert_status!(answer, CompletedWithFailures);
    }
}

fn warnings_of(answer: &Answer) -> String {
    let warnings = answer.warnings.iter().map(ToString::to_string);
    warnings.collect::<Vec<_>>().join("\n")
}

fn assert_left_alone(aws: &SimulatedAws, answer: &Answer, why: &str) {
    let warnings = warnings_of(answer);
    assert!(warnings.contains(why), "{why}: {warnings}");
    assert_contains!(
        warnings,
        "policies[0]: the Git document of its policy is not used"
    );
    assert_contains!(warnings, "1 repository is left alone: `git`");
    assert_eq!(line(answer, "git").deleted, 0, "{why}");
    assert_eq!(deleted(aws).len(), 3, "{why}: the rest is cleaned");
}

/// Half of the branches may go between two runs, and not more: the last accepted sizes count, not
/// those of a document that was refused.
#[tokio::test]
async fn a_document_that_lost_most_of_its_history_is_refused() {
    let origin = new_origin();
    let built = history(&origin);
    let document = exported(&origin);
    let aws = with_images(&document, &built).await;
    let config = config(&format!("keep: {WERF}"));
    let first = run(&aws, &config).await;
    assert_status!(first, Completed);
    assert!(keys(&aws, BUCKET).contains(&format!("{STATE}/git-documents.json.gz")));
    let mut shrunken = document.clone();
    let refs = shrunken["refs"].as_array_mut().unwrap();
    let before = refs.len();
    refs.retain(|it| it["name"] == "refs/heads/main" || it["name"] == "refs/tags/v1");
    put_object(&aws, BUCKET, DOCUMENT, shrunken.to_string());
    aws.edit(|world| drop(world.tagged("git", &format!("app-{}", &built["feature"].0[..9]), 140)));
    for _ in 0..2 {
        let answer = run(&aws, &config).await;
        let warnings = warnings_of(&answer);
        assert_contains!(
            warnings,
            format!("it has 2 refs, less than half of the {before} that")
        );
        assert_eq!(line(&answer, "git").deleted, 0);
    }
    put_object(&aws, BUCKET, DOCUMENT, document.to_string());
    assert_eq!(line(&run(&aws, &config).await, "git").deleted, 1);
    // A person may say that it is right: of this document, and of no other.
    put_object(&aws, BUCKET, DOCUMENT, shrunken.to_string());
    let refused = warnings_of(&run(&aws, &config).await);
    assert_contains!(refused, "`ecr-cleanup accept-use git` accepts it");
    let change = program(&aws, &config).use_change("git").await.unwrap();
    let key = "s3://memory/git/app.json of github.com/org/app";
    let refs = format!("git: refs in {key}");
    let changes: Vec<_> = change.changes().collect();
    assert_eq!(changes, [(refs.as_str(), Some(before), Some(2))]);
    change.accept().await.unwrap();
    let accepted = warnings_of(&run(&aws, &config).await);
    assert!(!accepted.contains("Git document"), "{accepted}");
    let stale = config.replace("keep: [\n", "max_age: 1m, keep: [\n");
    let error = program(&aws, &stale).use_change("git").await.err().unwrap();
    assert_contains!(error.to_string(), "longer ago than `git.max_age`");
}
