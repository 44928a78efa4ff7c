//! The command that exports the history of a clone.

use std::{
    fs,
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use ecr_cleanup::policy::git::Document;

use crate::support::{
    SECRET,
    git::{Origin, git},
    state::{BUCKET, account, gunzip, object},
};

const NOW: i64 = 1_795_262_400;
const DAY: i64 = 86_400;

fn parsed(text: &str) -> Document {
    serde_json::from_str(text).unwrap()
}

/// Returns a line for each ref: its name, the id and the age in days.
fn refs(document: &Document) -> Vec<String> {
    let line = |it: &ecr_cleanup::policy::git::DocumentRef| {
        let id = document.commits.id[usize::try_from(it.commit).unwrap()];
        format!("{} {id} {}", it.name, (NOW - it.time) / DAY)
    };
    document.refs.iter().map(line).collect()
}

/// A merge, a branch that is gone, an annotated tag on an old commit, and a tag of a file.
fn origin() -> (Origin, [String; 4]) {
    let origin = Origin::new(NOW);
    let first = origin.commit("main", 50);
    let feature = origin.commit("feature/a", 40);
    origin.git(&["checkout", "--quiet", "main"], 0);
    let merge = ["merge", "--quiet", "--no-ff", "-m", "merge", "feature/a"];
    origin.git(&merge, 30);
    let merged = origin.git(&["rev-parse", "HEAD"], 0);
    let dropped = origin.commit("dropped", 20);
    origin.git(&["checkout", "--quiet", "main"], 0);
    origin.git(&["update-ref", "refs/pull/7/head", &dropped], 0);
    origin.git(&["branch", "--quiet", "-D", "dropped"], 0);
    origin.git(&["tag", "-a", "-m", "late", "v1", &first], 10);
    origin.git(&["tag", "light", &feature], 0);
    let file = origin.path("origin").join("file");
    fs::write(file, "content").unwrap();
    let blob = origin.git(&["hash-object", "-w", "file"], 0);
    origin.git(&["tag", "blob", &blob], 0);
    (origin, [first, feature, merged, dropped])
}

#[test]
fn every_kind_of_clone_gives_the_same_history() {
    let (origin, [first, feature, merged, dropped]) = origin();
    let mut expected = vec![
        format!("refs/heads/feature/a {feature} 40"),
        format!("refs/heads/main {merged} 30"),
        format!("refs/tags/light {feature} 40"),
        format!("refs/tags/v1 {first} 10"),
    ];
    for (name, options) in [
        ("full", &[][..]),
        ("bare", &["--bare"]),
        ("treeless", &["--bare", "--filter=tree:0"]),
    ] {
        let clone = origin.cloned(name, options);
        let document = parsed(
            &origin
                .export(&clone, &["--name", "github.com/org/app"])
                .unwrap(),
        );
        assert_eq!(refs(&document), expected, "{name}");
        assert_eq!(document.repository, "github.com/org/app");
        assert_eq!(document.default_branch, "main");
        assert_eq!(
            (document.complete, document.shallow, document.since),
            (true, false, None)
        );
        let ids: Vec<String> = document
            .commits
            .id
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(ids, [merged.as_str(), &feature, &first]);
        assert_eq!(document.commits.parents, [vec![2, 1], vec![2], vec![]]);
    }
    // A mirror has the pull requests too, with what no branch has.
    let mirror = origin.cloned("mirror", &["--mirror"]);
    let document = parsed(&origin.export(&mirror, &[]).unwrap());
    expected.insert(2, format!("refs/pull/7/head {dropped} 20"));
    assert_eq!(refs(&document), expected);
    assert!(
        document.repository.ends_with("/origin"),
        "{}",
        document.repository
    );
}

/// A change of the remote or of a clone after it was cloned.
type Change = fn(&Origin, &Path);

/// Options of a clone and changes, each with what the refusal says. Each makes an image look as if
/// nobody had its commit.
const CHANGES: &[(&[&str], Change, &str)] = &[
    (&["--depth", "1"], |_, _| (), "the clone is shallow"),
    (
        &["--bare", "--depth", "1"],
        |_, _| (),
        "the clone is shallow",
    ),
    (
        &[],
        |origin, _| drop(origin.commit("main", 1)),
        "1 ref differs from the remote",
    ),
    (
        &[],
        |origin, _| drop(origin.commit("new", 1)),
        "`refs/heads/new` is missing in the clone",
    ),
    (
        &["--bare"],
        |origin, _| drop(origin.git(&["branch", "-D", "feature/a"], 0)),
        "and missing in the remote",
    ),
    (
        &["--single-branch"],
        |_, _| (),
        "`refs/heads/feature/a` is missing in the clone",
    ),
    (&["--no-tags"], |_, _| (), "3 refs differ from the remote"),
    (
        &["--mirror"],
        |origin, _| drop(origin.git(&["update-ref", "refs/pull/8/head", "main"], 0)),
        "`refs/pull/8/head` is missing in the clone",
    ),
    (
        &["--mirror"],
        |origin, _| drop(origin.git(&["update-ref", "-d", "refs/pull/7/head"], 0)),
        "1 ref differs from the remote",
    ),
    (
        &[],
        |_, clone| drop(git(clone, &["tag", "mine", "HEAD"], NOW)),
        "`refs/tags/mine` is at",
    ),
    (
        &[],
        |origin, _| fs::remove_dir_all(origin.path("origin")).unwrap(),
        "`git ls-remote",
    ),
    (
        &[],
        |_, clone| fs::remove_dir_all(clone.join(".git")).unwrap(),
        "is no Git clone",
    ),
    (
        &[],
        |_, clone| fs::write(clone.join(".git/refs/remotes/origin/x"), "1".repeat(40)).unwrap(),
        "`refs/heads/x` cannot be peeled",
    ),
    (
        &[],
        |_, clone| fs::write(clone.join(".git/refs/remotes/origin/x"), "no id").unwrap(),
        "a ref cannot be read",
    ),
];

#[test]
fn a_clone_that_lacks_something_is_refused() {
    for (number, (options, change, error)) in CHANGES.iter().enumerate() {
        let (origin, _) = origin();
        let clone = origin.cloned(&format!("clone-{number}"), options);
        change(&origin, &clone);
        let refused = origin.export(&clone, &[]).unwrap_err();
        assert!(refused.contains(error), "{error}: {refused}");
    }
}

/// A commit has the parents that it was made with, whatever the clone says besides.
#[test]
fn replaced_commits_do_not_count() {
    let (origin, [first, feature, merged, _]) = origin();
    let clone = origin.cloned("clone", &["--bare"]);
    git(&clone, &["replace", "--graft", &merged], NOW);
    let document = parsed(&origin.export(&clone, &[]).unwrap());
    let ids: Vec<String> = document
        .commits
        .id
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(ids, [merged, feature, first]);
}

/// What is wrong with the arguments is said before anything is read.
#[test]
fn wrong_arguments_are_refused() {
    for (arguments, error) in [
        (
            &["--to", "s3://bucket/*.json"][..],
            "`s3://BUCKET/KEY` of one object",
        ),
        (&["--to", "s3://bucket"], "expected `s3://BUCKET/KEY`"),
        (&["--to", "git.json"], "expected `s3://BUCKET/KEY`"),
        (&[], "--to <s3://BUCKET/KEY>"),
        (
            &["--to", "s3://bucket/a", "--out", "b"],
            "cannot be used with",
        ),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ecr-cleanup"));
        let output = command
            .args(["git", "export", "clone"])
            .args(arguments)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains(error), "{arguments:?}: {said}");
    }
}

/// Of a huge history, old commits are left out, but never the newest of a ref.
#[test]
fn a_huge_history_is_cut_to_a_slice() {
    let origin = Origin::new(NOW);
    let mut stream = String::new();
    for number in 0..260_i64 {
        let time = 1_000_000_000 + number * DAY;
        stream += &format!("commit refs/heads/main\ncommitter x <x> {time} +0000\ndata 0\n");
    }
    let mut import = Command::new("git");
    let import = import.arg("-C").arg(origin.path("origin"));
    let import = import
        .args(["fast-import", "--quiet"])
        .stdin(Stdio::piped());
    let mut running = import.spawn().unwrap();
    running
        .stdin
        .take()
        .unwrap()
        .write_all(stream.as_bytes())
        .unwrap();
    assert!(running.wait().unwrap().success());
    let clone = origin.cloned("clone", &["--bare"]);
    let whole = parsed(&origin.export(&clone, &["--max-commits", "260"]).unwrap());
    assert_eq!((whole.commits.id.len(), whole.since), (260, None));
    let slice = parsed(&origin.export(&clone, &["--max-commits", "259"]).unwrap());
    assert_eq!(slice.commits.id, whole.commits.id[..200]);
    assert_eq!(slice.commits.parents[199], [-1]);
    assert!(slice.since.is_some());
}

#[tokio::test]
async fn the_document_is_written_to_s3() {
    let (origin, _) = origin();
    let clone = origin.cloned("clone", &["--bare"]);
    let aws = account().await;
    let mut command = Command::new(env!("CARGO_BIN_EXE_ecr-cleanup"));
    command.args(["git", "export"]).arg(&clone);
    command.args([
        "--to",
        "s3://memory/git/app.json.gz",
        "--name",
        "github.com/org/app",
    ]);
    command.env("AWS_ENDPOINT_URL", aws.endpoint());
    command.env("AWS_REGION", "eu-west-1");
    command.env("AWS_ACCESS_KEY_ID", "AKIAHOME");
    command.env("AWS_SECRET_ACCESS_KEY", SECRET);
    let run = tokio::task::spawn_blocking(move || command.output().unwrap());
    let output = run.await.unwrap();
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "Exported 3 commits and 4 refs of `github.com/org/app` to `s3://memory/git/app.json.gz`.\n",
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let bytes = object(&aws, BUCKET, "git/app.json.gz").unwrap();
    let text = gunzip(&bytes);
    assert_eq!(parsed(&text).refs.len(), 4);
    assert_eq!(aws.count("s3:PutObject"), 1);
}
