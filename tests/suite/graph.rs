//! The image graph: one repository with every kind of edge, and the verdict on each of its images.

use std::collections::BTreeMap;

use ecr_cleanup::{
    guard,
    plan::{self, Archiving, PlanSettings},
};
use jiff::SignedDuration;

use crate::support::repository_builder::{
    RepositoryBuilder, because, candidate_names, candidates, digest, hours_ago, inventory,
    plan_all, plan_one, policies, usage,
};

const DAY: i64 = 24;
const APP: &str = "team/app";

/// One repository with every kind of edge that there is. Releases are a week apart, 1.5 is of
/// today's noon minus two days.
const EVERY_EDGE: &str = "
    # A multi-arch image with BuildKit's attestation, which refers to its platform, and everything
    # attached to it.
    2d1h    1.5/amd64
    2d1h    1.5/arm64
    2d1h    1.5/provenance | artifact application/vnd.docker.attestation.manifest.v1+json \
                           | subject 1.5/amd64
    2d      1.5            | tag 1.5 \
                           | index 1.5/amd64=linux/amd64, 1.5/arm64=linux/arm64, \
                                   1.5/provenance=attestation
    2d      1.5.sig        | attached 1.5 + .sig
    2d      1.5.att        | attached 1.5 + .att \
                           | artifact application/vnd.dev.cosign.artifact.sig.v1+json
    2d      1.5 notation   | subject 1.5 | artifact application/vnd.cncf.notary.signature
    2d      1.5 sbom       | subject 1.5/arm64 | artifact application/spdx+json
    2d      1.5 sbom signature | subject 1.5 sbom | artifact application/vnd.cncf.notary.signature
    # Two indexes that share a part, and an index of indexes.
    16d     shared/arm64
    9d      1.4/amd64
    9d      1.4            | tag 1.4 | index 1.4/amd64=linux/amd64, shared/arm64=linux/arm64
    16d     1.3/amd64
    16d     1.3            | index 1.3/amd64=linux/amd64, shared/arm64=linux/arm64
    16d     1.3/windows
    16d     1.3-all        | tag 1.3-all | index 1.3, 1.3/windows=windows/amd64
    # A plain image whose client kept the list of its referrers under the fallback tag, with a SOCI
    # index of version 1.
    23d     1.2            | tag 1.2
    23d     1.2 sbom       | subject 1.2 | artifact application/spdx+json
    23d     1.2 list       | attached 1.2 + | index 1.2 sbom
    23d     1.2 soci       | subject 1.2 | artifact application/vnd.amazon.soci.index.v1+json
    # SOCI of version 2: an index of the plain image and its SOCI manifest.
    30d     1.1            | tag 1.1
    30d     1.1 soci       | artifact application/vnd.amazon.soci.index.v2+json
    29d23h  1.1-soci       | tag 1.1-soci | index 1.1=linux/amd64, 1.1 soci
    # A part with a tag of its own.
    37d     1.0-amd64      | tag 1.0-amd64
    37d     1.0            | tag 1.0 | index 1.0-amd64=linux/amd64
    # What belongs to nothing that is still there.
    9d      lost.sig       | attached lost + .sig
    9d      lost sbom      | subject lost | artifact application/spdx+json
    9d      lost sbom signature | subject lost sbom | artifact application/vnd.cncf.notary.signature
    9d      lost/arm64
    9d      lost soci      | artifact application/vnd.amazon.soci.index.v2+json
    # What is no image.
    44d     chart          | tag chart-1.0 | artifact application/vnd.cncf.helm.config.v1+json
    44d     chart.sig      | attached chart + .sig
    44d     model          | artifact application/vnd.example.model
    # A push that is going on: parts, then the index, then the tag and the signature.
    0d      next/amd64
    0d      next sbom      | subject next | artifact application/spdx+json
    0d      next.sig       | attached next + .sig
    # Archived long ago.
    212d    0.5/amd64      | archived 142d
    212d    0.5            | tag 0.5 | index | archived 142d
    212d    0.5.sig        | attached 0.5 + .sig | archived 142d
";

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

/// Returns the names of what is deleted, sorted.
fn deleted(
    repository: &RepositoryBuilder,
    uses: &[&str],
    rules: &str,
    settings: impl Into<PlanSettings>,
) -> String {
    let (usage, policies) = (usage(uses), policies(&document(rules)));
    let plan = plan_all(&[(APP, repository)], &usage, &policies, settings);
    candidate_names(&plan, APP, repository).join(", ")
}

/// Parts, referrers, signatures, orphans and charts (G1, G2, G3, G4, K8).
#[test]
fn each_image_has_its_verdict() {
    let repository = RepositoryBuilder::read(EVERY_EDGE);
    let mut verdicts: BTreeMap<&str, String> = repository
        .names()
        .map(|name| (name, format!("{name:<20}")))
        .collect();
    for (rules, uses) in CASES {
        let plan = plan_one(&repository, uses, &document(rules));
        let candidates = candidate_names(&plan, APP, &repository);
        for (name, signs) in &mut verdicts {
            let deleted = candidates.iter().any(|candidate| candidate == name);
            signs.push_str(if deleted { " -" } else { " +" });
        }
    }
    let expected = VERDICTS.trim().lines().map(str::trim);
    let different: Vec<String> = expected
        .filter_map(|line| {
            let name = line.split_once("  ").map_or(line, |(name, _)| name);
            let actual = verdicts.remove(name).unwrap_or_else(|| panic!("{name}?"));
            let same = line.split_whitespace().eq(actual.split_whitespace());
            (!same).then(|| format!("expected {line}\n     got {actual}"))
        })
        .collect();
    assert!(different.is_empty(), "\n{}", different.join("\n"));
    assert!(verdicts.is_empty(), "not in the table: {verdicts:?}");
}

const REASONS: &str = "
    1.5/arm64      | child of team/app:1.5 (linux/arm64), which is kept
    1.5/provenance | child of team/app:1.5 (attestation), which is kept
    1.5.sig        | signs team/app:1.5, which is kept
    1.5.att        | attests team/app:1.5, which is kept
    1.5 notation   | signs team/app:1.5, which is kept
    1.4            | rank 2 for rule `last` (keeps 1); not in use
    1.4/amd64      | child of team/app:1.4 (linux/amd64), which is not kept
    1.2 sbom       | describes team/app:1.2, which is not kept
    1.2 list       | lists the referrers of team/app:1.2, which is not kept
    1.2 soci       | indexes the layers of team/app:1.2, which is not kept
    lost/arm64     | untagged; not in use
    chart          | not a container image and attached to none, and no rule is about such artifacts
    0.5            | archived
";

#[test]
fn reasons_say_what_belongs_to_what() {
    let repository = RepositoryBuilder::read(EVERY_EDGE);
    let document_of_one = document("{name: last, tags: '^1', newest: 1}");
    let plan = plan_one(&repository, &[], &document_of_one);
    for (name, expected) in REASONS.lines().filter_map(|line| line.split_once('|')) {
        let because = because(&plan, APP, name.trim());
        assert_eq!(because, [expected.trim()], "{name}");
    }
    let lost = digest("lost").short();
    let orphan = [format!("signs {lost}, which no longer exists")];
    assert_eq!(because(&plan, APP, "lost.sig"), orphan);
    let used = plan_one(&repository, &["shared/arm64"], &document(NOTHING));
    let shared = digest("shared/arm64").short();
    let part = [format!("its child team/app@{shared} is in use")];
    assert_eq!(because(&used, APP, "1.4"), part);
}

/// A part without an index is an image like any other (K5).
///
/// Found by the law that one run leaves nothing that a second would delete.
#[test]
fn a_part_that_outlives_its_index_has_a_rank() {
    let repository = RepositoryBuilder::read(
        "1d new | tag 2.0
         3d old | tag 1.0
         1d new index | index new",
    );
    let deleted = deleted(&repository, &[], "{tags: '.', newest: 1}", hours_ago(0));
    assert_eq!(deleted, "new index, old");
}

/// It is kept by its rank, and takes none from others (K5).
#[test]
fn a_tagged_image_that_refers_to_another_is_ranked_but_has_no_rank() {
    let repository = RepositoryBuilder::read(
        "1d patched | tag 1.1 | subject gone
         2d plain | tag 1.0
         3d old patched | tag 0.9 | subject gone",
    );
    let deleted = deleted(&repository, &[], "{tags: '.', newest: 1}", hours_ago(0));
    assert_eq!(deleted, "old patched");
}

/// Signatures may be stored apart from their images (G2, G3).
#[test]
fn attachments_in_a_repository_of_their_own_follow_their_images_through_every_repository() {
    let apps = RepositoryBuilder::read("9d used | tag 1.0\n9d unused | tag 0.9");
    let signatures = RepositoryBuilder::read(
        "9d used.sig | attached used + .sig
         9d unused.sig | attached unused + .sig
         9d used sbom | subject used | artifact application/spdx+json",
    );
    let more = RepositoryBuilder::read(
        "9d used.sig.sig | attached used.sig + .sig
         9d unused.sig.sig | attached unused.sig + .sig",
    );
    let all = [
        ("apps", &apps),
        ("signatures", &signatures),
        ("a/more", &more),
    ];
    let (usage, policies) = (usage(&["apps:1.0"]), policies(&document(NOTHING)));
    let plan = plan_all(&all, &usage, &policies, hours_ago(0));
    for (name, builder) in all {
        let expected = match name {
            "apps" => "unused",
            "signatures" => "unused.sig",
            _ => "unused.sig.sig",
        };
        assert_eq!(candidate_names(&plan, name, builder), [expected]);
    }
}

#[test]
fn what_is_attached_to_a_repository_that_the_guard_skips_is_kept() {
    let apps = RepositoryBuilder::read("9d unused | tag 0.9");
    let signatures = RepositoryBuilder::read(
        "9d unused.sig | attached unused + .sig
         9d other | tag keep-this",
    );
    let (usage, policies) = (usage(&[]), policies(&document("{tags: keep}")));
    let inventory = inventory(&[("apps", &apps), ("signatures", &signatures)]);
    let plan = plan::plan(inventory.clone(), &usage, &policies, hours_ago(0));
    let names = candidate_names(&plan, "signatures", &signatures);
    assert_eq!(names, ["unused.sig"]);
    let unvetoed = plan::candidates(inventory, &usage, &policies, hours_ago(0));
    let vetoes = guard::too_many_candidates(&unvetoed, 50);
    let plan = unvetoed.decide(vetoes);
    assert!(candidates(&plan, "apps").is_empty());
    assert!(candidates(&plan, "signatures").is_empty());
}

/// Returns the terms of mode `archive`.
fn archiving(delete_after_days: Option<i64>) -> PlanSettings {
    let delete_after = delete_after_days.map(|days| SignedDuration::from_hours(days * DAY));
    PlanSettings {
        archive: Archiving {
            candidates: true,
            delete_after,
        },
        ..hours_ago(0).into()
    }
}

/// Multi-arch images that were archived so many days ago, each with a part and a signature.
fn archived(days: &[i64]) -> RepositoryBuilder {
    let images = days.iter().map(|days| {
        let (pushed, archived) = (days + 100, format!("archived {days}d"));
        format!(
            "{pushed}d {days}/arm64 | {archived}
             {pushed}d {days} | tag v{days} | index | {archived}
             {pushed}d {days}.sig | attached {days} + .sig | {archived}\n"
        )
    });
    RepositoryBuilder::read(&images.collect::<String>())
}

/// Only `archive.delete_after` deletes from the archive (G7).
#[test]
fn archived_images_go_when_the_configuration_says_so_with_what_was_archived_with_them() {
    let repository = archived(&[10, 89, 90, 91, 200]);
    let deleted = |after, uses: &[&str]| deleted(&repository, uses, NOTHING, archiving(after));
    assert_eq!(deleted(None, &[]), "");
    let all = "200, 200.sig, 200/arm64, 91, 91.sig, 91/arm64";
    assert_eq!(deleted(Some(90), &[]), all);
    // What it names is not known, but it is older than what was pushed later.
    let later = "91, 91.sig, 91/arm64";
    assert_eq!(deleted(Some(90), &["team/app:v200"]), later);
    let others = "200, 200.sig, 200/arm64, 91, 91.sig";
    assert_eq!(deleted(Some(90), &["91/arm64"]), others);
}

#[test]
fn what_the_rules_would_keep_is_not_deleted_from_the_archive() {
    let mut repository = archived(&[100]);
    repository.image("active", DAY).tag("v1");
    let deleted = |rules| deleted(&repository, &[], rules, archiving(Some(90)));
    assert_eq!(deleted("{tags: '^v1'}"), "");
    assert_eq!(deleted("{tags: '^v', newest: 2}"), "");
    let expected = "100, 100.sig, 100/arm64";
    assert_eq!(deleted("{tags: '^v', newest: 1}"), expected);
}

#[test]
fn aws_charges_for_ninety_days_of_archive() {
    let repositories = [(APP, &archived(&[89, 90]))];
    let (usage, policies) = (usage(&[]), policies(&document(NOTHING)));
    let plan = plan_all(&repositories, &usage, &policies, archiving(Some(30)));
    let early = "archived since 2026-08-24T12:00:00Z, longer than `archive.delete_after`; \
                 not in use; AWS charges for it until 2026-11-22T12:00:00Z (at least 90 days)";
    assert_eq!(because(&plan, APP, "89"), [early]);
    let late =
        "archived since 2026-08-23T12:00:00Z, longer than `archive.delete_after`; not in use";
    assert_eq!(because(&plan, APP, "90"), [late]);
}

/// An interrupted run has archived an index and not yet its part and its signature.
#[test]
fn archiving_goes_on_where_it_was_interrupted() {
    let repository = RepositoryBuilder::read(
        "9d 1.0/arm64
         9d 1.0 | tag 1.0 | index | archived 0d
         9d 1.0.sig | attached 1.0 + .sig
         9d 2.0 | tag 2.0
         9d 2.0 sbom | subject 2.0 | artifact application/spdx+json | archived 0d
         9d 2.0 sbom signature | subject 2.0 sbom | artifact application/vnd.cncf.notary.signature",
    );
    let deleted = |settings| deleted(&repository, &[], "{tags: '^2'}", settings);
    assert_eq!(deleted(archiving(None)), "1.0.sig, 1.0/arm64");
    let nothing = deleted(hours_ago(0).into());
    assert_eq!(nothing, "", "but nothing of it is deleted");
}

#[test]
fn an_archived_index_holds_back_only_what_it_may_name() {
    let repository = RepositoryBuilder::read(
        "20d before
         19d index | tag 1.0 | index | archived 5d
         18d after
         10d restored | restored 15d
         3d restored part | restored 5d",
    );
    let deleted = deleted(&repository, &[], NOTHING, hours_ago(0));
    assert_eq!(deleted, "after, restored");
}

/// Images of a repository with an archived index that is kept, and what is deleted of them.
const ARCHIVED_INDEX: [(&str, &str); 7] = [
    // Two releases share a platform, and only the newer one can be read.
    (
        "200d shared
         200d old | tag 0.9 | index | archived 100d
         9d new/amd64
         9d new | tag 1.0 | index new/amd64, shared",
        "new, new/amd64",
    ),
    // A child with a tag of its own, and one that something is attached to.
    (
        "200d amd64 | tag 0.9-amd64
         200d sbom | subject amd64 | artifact application/spdx+json
         200d provenance | subject gone | artifact application/vnd.docker.attestation.manifest.v1+json
         200d old | tag 0.9 | index | archived 100d
         190d later | tag 0.9.1",
        "later",
    ),
    // An index of indexes: what the inner one names is not known either.
    (
        "201d part
         200d inner | tag inner | index | archived 100d
         200d outer | index | archived 100d
         199d later",
        "later",
    ),
    // Its children are known from an earlier run.
    (
        "200d part
         200d other
         200d tagged | tag 0.9-amd64
         200d old | tag 0.9 | archived 100d | index part, tagged",
        "other",
    ),
    // One index is too old to name an image, and the other was active when that was archived.
    (
        "150d between | archived 125d
         200d with | archived 130d
         200d old | tag used | index | archived 130d
         120d new | index | archived 100d",
        "between",
    ),
    // What is kept by an archived index may itself name more, whether that is known or not.
    (
        "200d part
         200d inner | archived 120d | index part
         200d outer | tag used | index | archived 130d",
        "",
    ),
    (
        "201d part
         200d inner | index | archived 120d
         200d outer | tag used | archived 120d | index inner
         199d later",
        "later",
    ),
];

/// What an archived index names stays as long as it does, as far as it can be told (G7).
#[test]
fn an_archived_index_that_is_kept_keeps_what_it_may_name() {
    let settings = PlanSettings {
        archive: Archiving {
            candidates: false,
            delete_after: Some(SignedDuration::from_hours(DAY * 115)),
        },
        ..hours_ago(0).into()
    };
    for (images, expected) in ARCHIVED_INDEX {
        let repository = RepositoryBuilder::read(images);
        let deleted = deleted(&repository, &["team/app:used"], NOTHING, settings);
        assert_eq!(deleted, expected, "{images}");
    }
}
