//! Keep rules and uses, each on a repository made for it, by the planner alone.

use crate::support::{
    HOST,
    repository_builder::{
        RepositoryBuilder, candidate_names, digest, hours_ago, plan_all, plan_one, policies,
        usage_of,
    },
};

const DAY: i64 = 24;
/// Keeps nothing.
const NOTHING: &str = "{tags: '^$'}";

fn document(rules: &str) -> String {
    format!("policies: [{{repositories: ['**'], delete_unmatched: true, keep: [{rules}]}}]")
}

/// Returns the names of the images that these rules keep.
fn kept(repository: &RepositoryBuilder, rules: &str) -> Vec<String> {
    let plan = plan_one(repository, &[], &document(rules));
    let candidates = candidate_names(&plan, "team/app", repository);
    let mut kept: Vec<String> = repository.names().map(ToOwned::to_owned).collect();
    kept.retain(|name| !candidates.contains(name));
    kept.sort_unstable();
    kept
}

/// A rule keeps what meets all of its conditions, and nothing else (K2).
#[test]
fn a_rule_keeps_what_meets_all_its_conditions() {
    let mut repository = RepositoryBuilder::read(
        "9d main old | tag main-1.10
         3d main new | tag main-1.9
         5d fix | tag fix-1.2
         7d both | tag fix-1.1 | tag fix-1.1-SNAPSHOT
         4d snapshot | tag main-SNAPSHOT
         2d untagged",
    );
    repository.image("pulled", 30 * DAY).pulled(DAY);
    for (rule, expected) in [
        ("{tags: fix}", &["both", "fix"][..]),
        (
            "{tags: 'fix|main', except: SNAPSHOT, newest: 2}",
            &["fix", "main new"],
        ),
        ("{tags: 'fix-1.1', except: SNAPSHOT}", &["both"]),
        ("{untagged: true}", &["pulled", "untagged"]),
        ("{untagged: true, pushed_within: 3d}", &["untagged"]),
        ("{pushed_within: 3d}", &["main new", "untagged"]),
        ("{pulled_within: 3d}", &["main new", "pulled", "untagged"]),
        (
            "{tags: '^(?<branch>fix|main)-1', newest: 1, per: branch}",
            &["fix", "main new"],
        ),
        (
            "{tags: '^(?<branch>fix|main)-1', newest_groups: 1, per: branch}",
            &["main new", "main old"],
        ),
        ("{tags: '^main-1', newest: 1, by: version}", &["main old"]),
        ("{all_tags: [fix, SNAPSHOT]}", &["both"]),
        ("{all_tags: ['^(main|fix)-1'], newest: 1}", &["main new"]),
        ("{all_tags: [fix], no_tag: SNAPSHOT}", &["fix"]),
        ("{tags: SNAPSHOT, all_tags: ['^main']}", &["snapshot"]),
        (
            "{no_tag: 'SNAPSHOT|fix'}",
            &["main new", "main old", "pulled", "untagged"],
        ),
        ("{no_tag: main, newest: 1}", &["untagged"]),
    ] {
        assert_eq!(kept(&repository, rule), expected, "{rule}");
    }
}

/// The last pushed is the newest, equal times order by digest, and restoring counts as a push (K3).
#[test]
fn newest_is_what_was_pushed_or_restored_last() {
    let mut repository = RepositoryBuilder::read("5d a | tag 1\n5d b | tag 2\n6d c | tag 3");
    let mut names = ["a", "b"];
    names.sort_by_key(|name| digest(name));
    let [first, second] = names;
    assert_eq!(kept(&repository, "{tags: '.', newest: 1}"), [first]);
    let restored = repository.image("restored", 4 * DAY).tag("0");
    restored.restored(50 * DAY);
    assert_eq!(kept(&repository, "{tags: '.', newest: 1}"), ["restored"]);
    let mut expected = vec![first, second, "restored"];
    expected.sort_unstable();
    assert_eq!(kept(&repository, "{tags: '.', newest: 3}"), expected);
}

/// A runtime pulls an index and then one platform; the next pull of the platform may be by its own
/// digest (K12).
#[test]
fn a_pull_of_a_child_is_a_pull_of_its_indexes() {
    let repository = RepositoryBuilder::read(
        "90d amd64 | pulled 2d
         90d arm64 | pulled 40d
         90d one | tag v1 | index amd64=linux/amd64, arm64=linux/arm64 | pulled 50d
         90d outer | tag v2 | index one
         90d other | tag v3 | index arm64=linux/arm64
         90d own | tag v4 | index arm64=linux/arm64 | pulled 1d",
    );
    let kept = |within| {
        kept(
            &repository,
            &format!("{{tags: '^v', pulled_within: {within}}}"),
        )
    };
    // That of `own` may be this program's reading of it.
    assert_eq!(kept("3d"), ["amd64", "arm64", "one", "outer"]);
    assert_eq!(kept("1d"), [""; 0]);
}

/// What was pulled last ranks first; what was never pulled has the rank of its push (K3).
#[test]
fn the_newest_by_pull_is_what_was_pulled_last() {
    let repository = RepositoryBuilder::read(
        "90d amd64 | pulled 2d
         90d index | tag v1 | index amd64=linux/amd64
         50d pulled | tag v2 | pulled 4d
         5d pushed | tag v3
         3d new | tag v4 | pulled 6d",
    );
    for (newest, expected) in [
        (1, &["amd64", "index"][..]),
        (2, &["amd64", "index", "pulled"]),
        (3, &["amd64", "index", "pulled", "pushed"]),
    ] {
        let rule = format!("{{newest: {newest}, by: pulled}}");
        assert_eq!(kept(&repository, &rule), expected, "{rule}");
    }
}

/// A regular expression names the version in a tag; a tag that it does not match has none (K10).
#[test]
fn the_version_is_the_group_that_is_named_so() {
    let repository = RepositoryBuilder::read(
        "1d a | tag build-7-of-1.9
         2d b | tag build-6-of-1.10
         3d c | tag build-8-of-1.2
         4d d | tag nightly-2030",
    );
    let rule = "{tags: '.', newest: 1, by: version, version: 'of-(?<version>.+)'}";
    assert_eq!(kept(&repository, rule), ["b", "d"]);
}

/// So many of the newest stay, whatever the rules say; to K7 they are nothing (K9).
#[test]
fn a_repository_need_not_be_emptied() {
    let repository = RepositoryBuilder::read(
        "40d a | tag 1 | tag latest\n50d b | tag 2\n60d c | tag 3\n70d used | tag 4",
    );
    let kept = |least: u32, rule: &str, unmatched: bool| {
        let document = format!(
            "policies: [{{repositories: ['**'], keep_at_least: {least}, delete_unmatched: {unmatched}, keep: [{rule}]}}]"
        );
        let plan = plan_one(&repository, &["used"], &document);
        let candidates = candidate_names(&plan, "team/app", &repository);
        let mut kept: Vec<_> = repository.names().map(ToOwned::to_owned).collect();
        kept.retain(|name| !candidates.contains(name));
        kept.sort_unstable();
        kept.join(" ")
    };
    let young = "{pushed_within: 30d}";
    assert_eq!(kept(0, young, false), "used");
    assert_eq!(kept(2, young, false), "a b used");
    assert_eq!(kept(9, young, false), "a b c used");
    // A rule about no tag of it leaves it alone, all the same.
    assert_eq!(kept(1, "{tags: nothing}", false), "a b c used");
    assert_eq!(kept(1, "{tags: nothing}", true), "a used");
}

/// Images and artifacts: charts, one of them signed, a build cache, and an index with its parts.
const MIXED: &str = "
    1d image | tag 2.0
    9d old image | tag 1.0
    9d loose
    2d chart | tag 0.3 | artifact application/vnd.cncf.helm.config.v1+json
    5d middle chart | tag 0.2 | artifact application/vnd.cncf.helm.config.v1+json
    9d old chart | tag 0.1 | artifact application/vnd.cncf.helm.config.v1+json
    9d signature | attached old chart + .sig
    9d provenance | subject old chart | artifact application/vnd.in-toto+json
    9d loose chart | artifact application/vnd.cncf.helm.config.v1+json
    9d cache | tag cache-main | artifact application/vnd.buildkit.cacheconfig.v0
    9d lost cache | artifact application/vnd.buildkit.cacheconfig.v0
";

/// Artifacts are judged by rules about artifacts of their type and by no others, which say nothing of
/// images; what belongs to an artifact goes with it (K5, K7, K8, K13).
#[test]
fn rules_about_artifacts_rank_these_and_no_images() {
    let repository = RepositoryBuilder::read(MIXED);
    let deletes = |rules: &str| {
        let document =
            format!("policies: [{{repositories: ['**'], keep: [{rules}], keep_at_least: 1}}]");
        let plan = plan_one(&repository, &[], &document);
        candidate_names(&plan, "team/app", &repository).join(", ")
    };
    for (rules, expected) in [
        // Without such a rule, they are left alone.
        ("{newest: 1}", "loose, lost cache, old image"),
        // With nothing else, images are.
        (
            "{artifacts: true, newest: 2}",
            "cache, loose chart, old chart, provenance, signature",
        ),
        (
            "{artifacts: true, type: '*.helm.*', newest: 1}",
            "loose chart, middle chart, old chart, provenance, signature",
        ),
        ("{artifacts: true, type: '*helm'}", ""),
        // Rules about images are none about artifacts, in whatever order.
        (
            "{tags: '.'}, {artifacts: true, type: '*buildkit*', pushed_within: 3d}",
            "cache, loose, lost cache",
        ),
        (
            "{artifacts: true, tags: '^0.1'}, {newest: 1}",
            "cache, chart, loose, loose chart, lost cache, middle chart, old image",
        ),
        // A rule about no tag of an image leaves images alone, and artifacts are judged.
        (
            "{tags: '^0'}, {artifacts: true, newest: 2}",
            "cache, loose chart, old chart, provenance, signature",
        ),
        (
            "{artifacts: true, untagged: true}",
            "cache, chart, middle chart, old chart, provenance, signature",
        ),
        (
            "{artifacts: true, tags: '^(?<minor>0)', newest: 1, per: minor, by: version}",
            "cache, loose chart, middle chart, old chart, provenance, signature",
        ),
    ] {
        assert_eq!(deletes(rules), expected, "{rules}");
    }
}

/// The name of an image, its tags, and which of them `newest: 1` by version keeps.
const VERSIONS: [(&str, &[&str]); 6] = [
    (
        "1d a | tag 1.3.0 | tag sha-9f31c02\n2d b | tag 1.4.0",
        &["b"],
    ),
    ("1d a | tag java21-v9\n2d b | tag java21-v10", &["b"]),
    ("1d a | tag 1.0.0-rc9\n2d b | tag 1.0.0-rc10", &["b"]),
    ("1d a | tag v1.2.3\n2d b | tag v1.2.3-12-gabcdef0", &["b"]),
    // Without a version it is kept, and takes no rank.
    (
        "1d a | tag sha-9f31c02\n2d b | tag 1.0.0\n3d c | tag 0.9",
        &["a", "b"],
    ),
    // What else an image is called does not matter where it has a version.
    ("1d a | tag 1.0.0 | tag stable\n2d b | tag 1.1.0", &["b"]),
];

/// Images are ranked by the version in their tags (K10).
#[test]
fn the_newest_by_version_is_the_highest() {
    for (images, expected) in VERSIONS {
        let repository = RepositoryBuilder::read(images);
        let kept = kept(&repository, "{tags: '.', newest: 1, by: version}");
        assert_eq!(kept, expected, "{images}");
    }
}

/// Many tags of an image give it one rank, and what another rule keeps has its rank all the same
/// (K4).
#[test]
fn an_image_has_one_rank_in_a_rule_whatever_else_keeps_it() {
    let repository = RepositoryBuilder::read(
        "1d a | tag 1 | tag 1.0 | tag 1.0.0
         2d b | tag 0.9
         3d c | tag 0.8",
    );
    assert_eq!(kept(&repository, "{tags: '.', newest: 2}"), ["a", "b"]);
    let kept = kept(&repository, "{tags: '^1$'}, {tags: '.', newest: 2}");
    assert_eq!(kept, ["a", "b"]);
    let used = plan_one(&repository, &["a"], &document("{tags: '.', newest: 2}"));
    assert_eq!(candidate_names(&used, "team/app", &repository), ["c"]);
}

/// A tag that is kept keeps the image, whatever its other tags are (K6).
#[test]
fn one_kept_tag_keeps_the_image_with_all_its_tags() {
    let images = "9d a | tag 1.0 | tag broken | tag stable
9d b | tag broken-2";
    let repository = RepositoryBuilder::read(images);
    assert_eq!(kept(&repository, "{tags: '^stable$'}"), ["a"]);
}

/// A reference, and what is deleted with it in use: of `team/app` and of `team/app-copy`.
const USES: &str = "
    $HOST/team/app:1.0         | latest, other      | latest, one, other
    $ELSEWHERE/team/app:1.0    | latest, other      | latest, one, other
    $HOST/team/app             | one, other         | latest, one, other
    $HOST/team/ap:1.0          | latest, one, other | latest, one, other
    $HOST/team/app@$OTHER      | latest, one        | latest, one
    $HOST/team/app:1.0@$OTHER  | latest             | latest, one
    $OTHER                     | latest, one        | latest, one
";

/// A tag protects under its repository's whole name in any account and Region, a digest wherever it
/// is (U1).
#[test]
fn a_use_protects_by_tag_in_its_repository_and_by_digest_everywhere() {
    let elsewhere = "999999999999.dkr.ecr.us-east-1.amazonaws.com";
    let repository = RepositoryBuilder::read(
        "9d one | tag 1.0
         9d latest | tag latest
         9d other | tag 0.1",
    );
    let uses = USES.replace("$HOST", HOST).replace("$ELSEWHERE", elsewhere);
    let uses = uses.replace("$OTHER", &digest("other").to_string());
    for line in uses.trim().lines() {
        let mut columns = line.split('|').map(str::trim);
        let [reference, app, copy] = [(); 3].map(|()| columns.next().unwrap());
        let plan = plan_all(
            &[("team/app", &repository), ("team/app-copy", &repository)],
            &usage_of([reference.to_owned()]),
            &policies(&document(NOTHING)),
            hours_ago(0),
        );
        for (name, expected) in [("team/app", app), ("team/app-copy", copy)] {
            let deleted = candidate_names(&plan, name, &repository).join(", ");
            assert_eq!(deleted, expected, "{name}: {reference}");
        }
    }
}
