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

/// Makes a repository of images with these names, tags and ages in days.
fn tagged(images: &[(&str, &[&str], i64)]) -> RepositoryBuilder {
    let mut repository = RepositoryBuilder::default();
    for (name, tags, days) in images {
        let mut image = repository.image(name, days * DAY);
        for tag in *tags {
            image = image.tag(tag);
        }
    }
    repository
}

/// A rule keeps what meets all of its conditions, and nothing else (K2).
#[test]
fn a_rule_keeps_what_meets_all_its_conditions() {
    let mut repository = tagged(&[
        ("main old", &["main-1.10"], 9),
        ("main new", &["main-1.9"], 3),
        ("fix", &["fix-1.2"], 5),
        ("both", &["fix-1.1", "fix-1.1-SNAPSHOT"], 7),
        ("snapshot", &["main-SNAPSHOT"], 4),
        ("untagged", &[], 2),
    ]);
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
    ] {
        assert_eq!(kept(&repository, rule), expected, "{rule}");
    }
}

/// The last pushed is the newest, equal times order by digest, and restoring counts as a push (K3).
#[test]
fn newest_is_what_was_pushed_or_restored_last() {
    let mut repository = tagged(&[("a", &["1"], 5), ("b", &["2"], 5), ("c", &["3"], 6)]);
    let (first, second) = if digest("a") < digest("b") {
        ("a", "b")
    } else {
        ("b", "a")
    };
    assert_eq!(kept(&repository, "{tags: '.', newest: 1}"), [first]);
    repository
        .image("restored", 4 * DAY)
        .tag("0")
        .restored(50 * DAY);
    assert_eq!(kept(&repository, "{tags: '.', newest: 1}"), ["restored"]);
    let mut expected = vec![first, second, "restored"];
    expected.sort_unstable();
    assert_eq!(kept(&repository, "{tags: '.', newest: 3}"), expected);
}

/// Many tags of an image give it one rank, and what another rule keeps has its rank all the same
/// (K4).
#[test]
fn an_image_has_one_rank_in_a_rule_whatever_else_keeps_it() {
    let repository = tagged(&[
        ("a", &["1", "1.0", "1.0.0"], 1),
        ("b", &["0.9"], 2),
        ("c", &["0.8"], 3),
    ]);
    assert_eq!(kept(&repository, "{tags: '.', newest: 2}"), ["a", "b"]);
    assert_eq!(
        kept(&repository, "{tags: '^1$'}, {tags: '.', newest: 2}"),
        ["a", "b"]
    );
    let used = plan_one(&repository, &["a"], &document("{tags: '.', newest: 2}"));
    assert_eq!(candidate_names(&used, "team/app", &repository), ["c"]);
}

/// A tag that is kept keeps the image, whatever its other tags are (K6).
#[test]
fn one_kept_tag_keeps_the_image_with_all_its_tags() {
    let repository = tagged(&[
        ("a", &["1.0", "broken", "stable"], 9),
        ("b", &["broken-2"], 9),
    ]);
    assert_eq!(kept(&repository, "{tags: '^stable$'}"), ["a"]);
}

/// A tag protects under its repository's whole name in any account and Region, a digest wherever it
/// is (U1).
#[test]
fn a_use_protects_by_tag_in_its_repository_and_by_digest_everywhere() {
    let elsewhere = "999999999999.dkr.ecr.us-east-1.amazonaws.com";
    let repository = tagged(&[
        ("one", &["1.0"], 9),
        ("latest", &["latest"], 9),
        ("other", &["0.1"], 9),
    ]);
    for (reference, app, copy) in [
        (
            format!("{HOST}/team/app:1.0"),
            &["latest", "other"][..],
            &["latest", "one", "other"][..],
        ),
        (
            format!("{elsewhere}/team/app:1.0"),
            &["latest", "other"],
            &["latest", "one", "other"],
        ),
        (
            format!("{HOST}/team/app"),
            &["one", "other"],
            &["latest", "one", "other"],
        ),
        (
            format!("{HOST}/team/ap:1.0"),
            &["latest", "one", "other"],
            &["latest", "one", "other"],
        ),
        (
            format!("{HOST}/team/app@{}", digest("other")),
            &["latest", "one"],
            &["latest", "one"],
        ),
        (
            format!("{HOST}/team/app:1.0@{}", digest("other")),
            &["latest"],
            &["latest", "one"],
        ),
        (
            digest("other").to_string(),
            &["latest", "one"],
            &["latest", "one"],
        ),
    ] {
        let plan = plan_all(
            &[("team/app", &repository), ("team/app-copy", &repository)],
            &usage_of([reference.clone()]),
            &policies(&document(NOTHING)),
            hours_ago(0),
        );
        assert_eq!(
            candidate_names(&plan, "team/app", &repository),
            app,
            "{reference}"
        );
        assert_eq!(
            candidate_names(&plan, "team/app-copy", &repository),
            copy,
            "{reference}"
        );
    }
}
