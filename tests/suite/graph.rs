//! The image graph: one repository with every kind of edge, and the verdict on each of its images.

use std::collections::BTreeMap;

use ecr_cleanup::{
    guard,
    plan::{self, Archiving, PlanSettings},
};
use jiff::SignedDuration;

use crate::support::repository_builder::{
    ATTESTATION, COSIGN, HELM, NOTATION, RepositoryBuilder, SOCI_V1, SOCI_V2, SPDX, because,
    candidate_names, candidates, digest, hours_ago, inventory, plan_all, plan_one, policies, usage,
};

const DAY: i64 = 24;

/// One repository with every kind of edge that there is. Releases are a week apart, 1.5 is of
/// today's noon minus two days.
fn every_edge() -> RepositoryBuilder {
    let mut repository = RepositoryBuilder::default();
    let ago = |weeks: i64| 2 * DAY + 7 * DAY * weeks;
    // A multi-arch image with BuildKit's attestation, which refers to its platform, and everything
    // attached to it.
    repository.image("1.5/amd64", ago(0) + 1);
    repository.image("1.5/arm64", ago(0) + 1);
    repository
        .image("1.5/provenance", ago(0) + 1)
        .artifact(ATTESTATION)
        .subject("1.5/amd64");
    let parts = [
        "1.5/amd64=linux/amd64",
        "1.5/arm64=linux/arm64",
        "1.5/provenance=attestation",
    ];
    repository.image("1.5", ago(0)).tag("1.5").index(&parts);
    repository
        .image("1.5.sig", ago(0))
        .attached_to("1.5", ".sig");
    repository
        .image("1.5.att", ago(0))
        .attached_to("1.5", ".att")
        .artifact(COSIGN);
    repository
        .image("1.5 notation", ago(0))
        .subject("1.5")
        .artifact(NOTATION);
    repository
        .image("1.5 sbom", ago(0))
        .subject("1.5/arm64")
        .artifact(SPDX);
    repository
        .image("1.5 sbom signature", ago(0))
        .subject("1.5 sbom")
        .artifact(NOTATION);
    // Two indexes that share a part, and an index of indexes.
    repository.image("shared/arm64", ago(2));
    repository.image("1.4/amd64", ago(1));
    repository
        .image("1.4", ago(1))
        .tag("1.4")
        .index(&["1.4/amd64=linux/amd64", "shared/arm64=linux/arm64"]);
    repository.image("1.3/amd64", ago(2));
    repository
        .image("1.3", ago(2))
        .index(&["1.3/amd64=linux/amd64", "shared/arm64=linux/arm64"]);
    repository.image("1.3/windows", ago(2));
    repository
        .image("1.3-all", ago(2))
        .tag("1.3-all")
        .index(&["1.3", "1.3/windows=windows/amd64"]);
    // A plain image whose client kept the list of its referrers under the fallback tag, with a SOCI
    // index of version 1.
    repository.image("1.2", ago(3)).tag("1.2");
    repository
        .image("1.2 sbom", ago(3))
        .subject("1.2")
        .artifact(SPDX);
    repository
        .image("1.2 list", ago(3))
        .attached_to("1.2", "")
        .index(&["1.2 sbom"]);
    repository
        .image("1.2 soci", ago(3))
        .subject("1.2")
        .artifact(SOCI_V1);
    // SOCI of version 2: an index of the plain image and its SOCI manifest.
    repository.image("1.1", ago(4)).tag("1.1");
    repository.image("1.1 soci", ago(4)).artifact(SOCI_V2);
    repository
        .image("1.1-soci", ago(4) - 1)
        .tag("1.1-soci")
        .index(&["1.1=linux/amd64", "1.1 soci"]);
    // A part with a tag of its own.
    repository.image("1.0-amd64", ago(5)).tag("1.0-amd64");
    repository
        .image("1.0", ago(5))
        .tag("1.0")
        .index(&["1.0-amd64=linux/amd64"]);
    // What belongs to nothing that is still there.
    repository
        .image("lost.sig", ago(1))
        .attached_to("lost", ".sig");
    repository
        .image("lost sbom", ago(1))
        .subject("lost")
        .artifact(SPDX);
    repository
        .image("lost sbom signature", ago(1))
        .subject("lost sbom")
        .artifact(NOTATION);
    repository.image("lost/arm64", ago(1));
    repository.image("lost soci", ago(1)).artifact(SOCI_V2);
    // What is no image.
    repository
        .image("chart", ago(6))
        .tag("chart-1.0")
        .artifact(HELM);
    repository
        .image("chart.sig", ago(6))
        .attached_to("chart", ".sig");
    repository
        .image("model", ago(6))
        .artifact("application/vnd.example.model");
    // A push that is going on: parts, then the index, then the tag and the signature.
    repository.image("next/amd64", 0);
    repository
        .image("next sbom", 0)
        .subject("next")
        .artifact(SPDX);
    repository.image("next.sig", 0).attached_to("next", ".sig");
    // Archived long ago.
    repository.image("0.5/amd64", ago(30)).archived(ago(20));
    repository
        .image("0.5", ago(30))
        .tag("0.5")
        .index(&[])
        .archived(ago(20));
    repository
        .image("0.5.sig", ago(30))
        .attached_to("0.5", ".sig")
        .archived(ago(20));
    repository
}

/// The fixture's images, one a line: `+` is kept and `-` deleted, one column for each case of
/// [`CASES`].
const VERDICTS: &str = "
    1.5                  + + + - - - - - - - + -
    1.5/amd64            + + + - - - - - - - + -
    1.5/arm64            + + + - - - - - - - + -
    1.5/provenance       + + + - - - - - - - + -
    1.5.sig              + + + - - - - - - - + -
    1.5.att              + + + - - - - - - - + -
    1.5 notation         + + + - - - - - - - + -
    1.5 sbom             + + + - - - - - - - + -
    1.5 sbom signature   + + + - - - - - - - + -
    1.4                  + - + - - + - - - - - -
    1.4/amd64            + - + - - + - - - - + -
    shared/arm64         + - + - + + - - - - - -
    1.3                  + - - - + + - - - - - -
    1.3/amd64            + - - - + + - - - - - -
    1.3/windows          + - - - + + - - - - - -
    1.3-all              + - - - + + - - - - - -
    1.2                  + - - - - - + - - - - -
    1.2 sbom             + - - - - - + - - - - -
    1.2 list             + - - - - - + - - - - -
    1.2 soci             + - - - - - + - - - - -
    1.1                  + - - - - - - + + - - -
    1.1 soci             + - - - - - - + + - - -
    1.1-soci             + - - - - - - + + - - -
    1.0                  + - - - - - - - - - - +
    1.0-amd64            + - - - - - - - - + - +
    lost.sig             - - - - - - - - - - + -
    lost sbom            - - - - - - - - - - + -
    lost sbom signature  - - - - - - - - - - + -
    lost/arm64           - - - - - - - - - - + -
    lost soci            - - - - - - - - - - + -
    chart                + + + + + + + + + + + +
    chart.sig            + + + + + + + + + + + +
    model                + + + + + + + + + + + +
    next/amd64           + + + + + + + + + + + +
    next sbom            + + + + + + + + + + + +
    next.sig             + + + + + + + + + + + +
    0.5                  + + + + + + + + + + + +
    0.5/amd64            + + + + + + + + + + + +
    0.5.sig              + + + + + + + + + + + +
";

const NOTHING: &str = "{tags: '^nothing$'}";

/// Keep rules and what is in use, by name for a digest and by `repository:tag`.
const CASES: [(&str, &[&str]); 12] = [
    ("{tags: '.', newest: 10}", &[]),
    ("{tags: '.', newest: 1}", &[]),
    ("{tags: '.', newest: 2}", &[]),
    (NOTHING, &[]),
    (NOTHING, &["1.3/windows"]),
    (NOTHING, &["shared/arm64"]),
    (NOTHING, &["team/app:1.2"]),
    (NOTHING, &["1.1"]),
    (NOTHING, &["team/app:1.1-soci"]),
    ("{tags: amd64}", &[]),
    ("{tags: '^1.5$'}, {untagged: true, pushed_within: 10d}", &[]),
    (NOTHING, &["1.0-amd64"]),
];

fn document(rules: &str) -> String {
    format!("policies: [{{repositories: ['**'], delete_unmatched: true, keep: [{rules}]}}]")
}

/// Parts, referrers, signatures, orphans and charts (G1, G2, G3, G4, K8).
#[test]
fn each_image_has_its_verdict() {
    let repository = every_edge();
    let mut verdicts: BTreeMap<&str, String> = repository
        .names()
        .map(|name| (name, String::new()))
        .collect();
    for (rules, uses) in CASES {
        let plan = plan_one(&repository, uses, &document(rules));
        let candidates = candidate_names(&plan, "team/app", &repository);
        for (name, signs) in &mut verdicts {
            signs.push_str(if candidates.iter().any(|candidate| candidate == name) {
                " -"
            } else {
                " +"
            });
        }
    }
    let expected = VERDICTS.trim().lines().map(str::trim);
    let actual: Vec<String> = expected
        .clone()
        .map(|line| {
            let name = line.split_once("  ").map_or(line, |(name, _)| name).trim();
            format!(
                "{name:<20}{}",
                verdicts.remove(name).unwrap_or_else(|| panic!("{name}?"))
            )
        })
        .collect();
    pretty(&expected.map(str::to_owned).collect::<Vec<_>>(), &actual);
    assert!(verdicts.is_empty(), "not in the table: {verdicts:?}");
}

fn pretty(expected: &[String], actual: &[String]) {
    let different: Vec<String> = expected
        .iter()
        .zip(actual)
        .filter(|(expected, actual)| expected.split_whitespace().ne(actual.split_whitespace()))
        .map(|(expected, actual)| format!("expected {expected}\n     got {actual}"))
        .collect();
    assert!(different.is_empty(), "\n{}", different.join("\n"));
}

#[test]
fn reasons_say_what_belongs_to_what() {
    let repository = every_edge();
    let plan = plan_one(
        &repository,
        &[],
        &document("{name: last, tags: '^1', newest: 1}"),
    );
    for (name, expected) in [
        (
            "1.5/arm64",
            "child of team/app:1.5 (linux/arm64), which is kept",
        ),
        (
            "1.5/provenance",
            "child of team/app:1.5 (attestation), which is kept",
        ),
        ("1.5.sig", "signs team/app:1.5, which is kept"),
        ("1.5.att", "attests team/app:1.5, which is kept"),
        ("1.5 notation", "signs team/app:1.5, which is kept"),
        ("1.4", "rank 2 for rule `last` (keeps 1); not in use"),
        (
            "1.4/amd64",
            "child of team/app:1.4 (linux/amd64), which is not kept",
        ),
        ("1.2 sbom", "describes team/app:1.2, which is not kept"),
        (
            "1.2 list",
            "lists the referrers of team/app:1.2, which is not kept",
        ),
        (
            "1.2 soci",
            "indexes the layers of team/app:1.2, which is not kept",
        ),
        ("lost/arm64", "untagged; not in use"),
        (
            "chart",
            "not a container image and attached to none, so no rule applies",
        ),
        ("0.5", "archived"),
    ] {
        assert_eq!(because(&plan, "team/app", name), [expected], "{name}");
    }
    let orphan = [format!(
        "signs {}, which no longer exists",
        digest("lost").short()
    )];
    assert_eq!(because(&plan, "team/app", "lost.sig"), orphan);
    let used = plan_one(&repository, &["shared/arm64"], &document(NOTHING));
    let part = format!(
        "its child team/app@{} is in use",
        digest("shared/arm64").short()
    );
    assert_eq!(because(&used, "team/app", "1.4"), [part]);
}

/// A part without an index is an image like any other (K5).
///
/// Found by the law that one run leaves nothing that a second would delete.
#[test]
fn a_part_that_outlives_its_index_has_a_rank() {
    let mut repository = RepositoryBuilder::default();
    repository.image("new", DAY).tag("2.0");
    repository.image("old", 3 * DAY).tag("1.0");
    repository.image("new index", DAY).index(&["new"]);
    let plan = plan_one(&repository, &[], &document("{tags: '.', newest: 1}"));
    assert_eq!(
        candidate_names(&plan, "team/app", &repository),
        ["new index", "old"]
    );
}

/// It is kept by its rank, and takes none from others (K5).
#[test]
fn a_tagged_image_that_refers_to_another_is_ranked_but_has_no_rank() {
    let mut repository = RepositoryBuilder::default();
    repository.image("patched", DAY).tag("1.1").subject("gone");
    repository.image("plain", 2 * DAY).tag("1.0");
    repository
        .image("old patched", 3 * DAY)
        .tag("0.9")
        .subject("gone");
    let plan = plan_one(&repository, &[], &document("{tags: '.', newest: 1}"));
    assert_eq!(
        candidate_names(&plan, "team/app", &repository),
        ["old patched"]
    );
}

/// Signatures may be stored apart from their images (G2, G3).
#[test]
fn attachments_in_a_repository_of_their_own_follow_their_images_through_every_repository() {
    let mut apps = RepositoryBuilder::default();
    apps.image("used", 9 * DAY).tag("1.0");
    apps.image("unused", 9 * DAY).tag("0.9");
    let mut signatures = RepositoryBuilder::default();
    signatures
        .image("used.sig", 9 * DAY)
        .attached_to("used", ".sig");
    signatures
        .image("unused.sig", 9 * DAY)
        .attached_to("unused", ".sig");
    signatures
        .image("used sbom", 9 * DAY)
        .subject("used")
        .artifact(SPDX);
    let mut more = RepositoryBuilder::default();
    more.image("used.sig.sig", 9 * DAY)
        .attached_to("used.sig", ".sig");
    more.image("unused.sig.sig", 9 * DAY)
        .attached_to("unused.sig", ".sig");
    let repositories = [
        ("apps", &apps),
        ("signatures", &signatures),
        ("a/more", &more),
    ];
    let plan = plan_all(
        &repositories,
        &usage(&["apps:1.0"]),
        &policies(&document(NOTHING)),
        hours_ago(0),
    );
    assert_eq!(candidate_names(&plan, "apps", &apps), ["unused"]);
    assert_eq!(
        candidate_names(&plan, "signatures", &signatures),
        ["unused.sig"]
    );
    assert_eq!(candidate_names(&plan, "a/more", &more), ["unused.sig.sig"]);
}

#[test]
fn what_is_attached_to_a_repository_that_the_guard_skips_is_kept() {
    let mut apps = RepositoryBuilder::default();
    apps.image("unused", 9 * DAY).tag("0.9");
    let mut signatures = RepositoryBuilder::default();
    signatures
        .image("unused.sig", 9 * DAY)
        .attached_to("unused", ".sig");
    signatures.image("other", 9 * DAY).tag("keep-this");
    let (usage, policies) = (usage(&[]), policies(&document("{tags: keep}")));
    let inventory = inventory(&[("apps", &apps), ("signatures", &signatures)]);
    let plan = plan::plan(inventory.clone(), &usage, &policies, hours_ago(0));
    assert_eq!(
        candidate_names(&plan, "signatures", &signatures),
        ["unused.sig"]
    );
    let unvetoed = plan::candidates(inventory, &usage, &policies, hours_ago(0));
    let vetoes = guard::too_many_candidates(&unvetoed, 50);
    let plan = unvetoed.decide(vetoes);
    assert!(candidates(&plan, "apps").is_empty());
    assert!(candidates(&plan, "signatures").is_empty());
}

/// The terms of mode `archive`.
fn archiving(delete_after_days: Option<i64>) -> PlanSettings {
    let delete_after = delete_after_days.map(|days| SignedDuration::from_hours(days * DAY));
    PlanSettings {
        now: hours_ago(0),
        archive: Archiving {
            candidates: true,
            delete_after,
        },
    }
}

/// A multi-arch image that was archived days ago, with its parts and signature.
fn archived(repository: &mut RepositoryBuilder, days: i64) {
    let [name, part, signature] = [
        format!("{days}"),
        format!("{days}/arm64"),
        format!("{days}.sig"),
    ];
    repository
        .image(&part, (days + 100) * DAY)
        .archived(days * DAY);
    repository
        .image(&name, (days + 100) * DAY)
        .tag(&format!("v{days}"))
        .index(&[])
        .archived(days * DAY);
    repository
        .image(&signature, (days + 100) * DAY)
        .attached_to(&name, ".sig")
        .archived(days * DAY);
}

/// Only `archive.delete_after` deletes from the archive (G7).
#[test]
fn archived_images_go_when_the_configuration_says_so_with_what_was_archived_with_them() {
    let mut repository = RepositoryBuilder::default();
    for days in [10, 89, 90, 91, 200] {
        archived(&mut repository, days);
    }
    let policies = policies(&document(NOTHING));
    let candidates_of = |delete_after, uses: &[&str]| {
        candidate_names(
            &plan_all(
                &[("team/app", &repository)],
                &usage(uses),
                &policies,
                archiving(delete_after),
            ),
            "team/app",
            &repository,
        )
    };
    assert!(candidates_of(None, &[]).is_empty());
    assert_eq!(
        candidates_of(Some(90), &[]),
        ["200", "200.sig", "200/arm64", "91", "91.sig", "91/arm64"]
    );
    // What it names is not known, and so not known to be unneeded.
    assert_eq!(
        candidates_of(Some(90), &["team/app:v200"]),
        ["91", "91.sig"]
    );
    assert_eq!(
        candidates_of(Some(90), &["91/arm64"]),
        ["200", "200.sig", "200/arm64", "91", "91.sig"]
    );
}

#[test]
fn what_the_rules_would_keep_is_not_deleted_from_the_archive() {
    let mut repository = RepositoryBuilder::default();
    archived(&mut repository, 100);
    repository.image("active", DAY).tag("v1");
    let candidates_of = |rules: &str| {
        let (policies, terms) = (policies(&document(rules)), archiving(Some(90)));
        candidate_names(
            &plan_all(&[("team/app", &repository)], &usage(&[]), &policies, terms),
            "team/app",
            &repository,
        )
    };
    assert!(candidates_of("{tags: '^v1'}").is_empty());
    assert!(candidates_of("{tags: '^v', newest: 2}").is_empty());
    assert_eq!(
        candidates_of("{tags: '^v', newest: 1}"),
        ["100", "100.sig", "100/arm64"]
    );
}

#[test]
fn aws_charges_for_ninety_days_of_archive() {
    let mut repository = RepositoryBuilder::default();
    archived(&mut repository, 89);
    archived(&mut repository, 90);
    let plan = plan_all(
        &[("team/app", &repository)],
        &usage(&[]),
        &policies(&document(NOTHING)),
        archiving(Some(30)),
    );
    let early = "archived since 2026-08-24T12:00:00Z, longer than `archive.delete_after`; not in use; AWS charges for it \
                 until 2026-11-22T12:00:00Z (at least 90 days)";
    assert_eq!(because(&plan, "team/app", "89"), [early]);
    let late =
        "archived since 2026-08-23T12:00:00Z, longer than `archive.delete_after`; not in use";
    assert_eq!(because(&plan, "team/app", "90"), [late]);
}

/// An interrupted run has archived an index and not yet its part and its signature.
#[test]
fn archiving_goes_on_where_it_was_interrupted() {
    let mut repository = RepositoryBuilder::default();
    repository.image("1.0/arm64", 9 * DAY);
    repository
        .image("1.0", 9 * DAY)
        .tag("1.0")
        .index(&[])
        .archived(0);
    repository
        .image("1.0.sig", 9 * DAY)
        .attached_to("1.0", ".sig");
    repository.image("2.0", 9 * DAY).tag("2.0");
    repository
        .image("2.0 sbom", 9 * DAY)
        .subject("2.0")
        .artifact(SPDX)
        .archived(0);
    repository
        .image("2.0 sbom signature", 9 * DAY)
        .subject("2.0 sbom")
        .artifact(NOTATION);
    let policies = policies(&document("{tags: '^2'}"));
    let candidates_of = |terms: PlanSettings| {
        candidate_names(
            &plan_all(&[("team/app", &repository)], &usage(&[]), &policies, terms),
            "team/app",
            &repository,
        )
    };
    assert_eq!(candidates_of(archiving(None)), ["1.0.sig", "1.0/arm64"]);
    assert!(
        candidates_of(hours_ago(0).into()).is_empty(),
        "but nothing of it is deleted"
    );
}

#[test]
fn an_archived_index_holds_back_only_what_it_may_name() {
    let mut repository = RepositoryBuilder::default();
    repository.image("before", 20 * DAY);
    repository
        .image("index", 19 * DAY)
        .tag("1.0")
        .index(&[])
        .archived(5 * DAY);
    repository.image("after", 18 * DAY);
    repository.image("restored", 10 * DAY).restored(15 * DAY);
    repository.image("restored part", 3 * DAY).restored(5 * DAY);
    let plan = plan_one(&repository, &[], &document(NOTHING));
    assert_eq!(
        candidate_names(&plan, "team/app", &repository),
        ["after", "restored"]
    );
}
