//! Which images are attachments (K5).

use crate::support::repository_builder::{RepositoryBuilder, candidate_names, plan_one};

const NOTHING: &str = "{tags: '^nothing$'}";

fn document(rules: &str) -> String {
    format!("policies: [{{repositories: ['**'], delete_unmatched: true, keep: [{rules}]}}]")
}

/// Returns the names of what these rules delete of one repository, sorted.
fn deletes(images: &str, rules: &str) -> String {
    let repository = RepositoryBuilder::read(images);
    let plan = plan_one(&repository, &[], &document(rules));
    candidate_names(&plan, "team/app", &repository).join(", ")
}

/// Images whose tags name digests, and that are images all the same.
const MIRRORED: &str = "
    9d own | attached own +
    9d own imgpkg | attached own imgpkg + .imgpkg
    9d own signature | attached own signature + .sig
    9d own subject | tag 0.1 | subject own subject
    9d source | attached elsewhere +
    9d source imgpkg | attached elsewhere + .imgpkg
    9d amd64
    9d own index | attached own index + | index amd64=linux/amd64
    9d source index | attached index elsewhere + | index amd64=linux/amd64
    9d converted | attached elsewhere + -soci | index amd64=linux/amd64, soci
    9d soci | artifact application/vnd.amazon.soci.index.v2+json
    9d no platform | attached another elsewhere + | index amd64
    9d unknown child | attached a third elsewhere + | index gone
";

/// Mirrors and relocation tools tag images by digests (K5).
#[test]
fn an_image_is_no_attachment_because_a_tag_of_it_names_a_digest() {
    assert_eq!(deletes(MIRRORED, "{tags: '.', newest: 11}"), "");
    assert_eq!(deletes(MIRRORED, "{tags: '^sha256-|^0'}"), "");
    // It takes a rank, too.
    let newer = "1d new | attached new +\n2d old | tag 1.0";
    assert_eq!(deletes(newer, "{tags: '.', newest: 1}"), "old");
}

/// Attachments of `app`, by signature tags of every kind.
const ATTACHED: &str = "
    9d app | tag 1.0
    1d signature | attached app + .sig
    1d attestation | attached app + .att
    1d sbom | attached app + .sbom
    1d bundle | attached app + .bundle | artifact application/vnd.dev.sigstore.bundle.v0.3+json
    1d soci | attached app + .soci | artifact application/vnd.amazon.soci.index.v1+json
    1d referrer | subject app | artifact application/spdx+json
    1d list | attached app + | index referrer, gone=application/spdx+json
    1d empty | attached app + .list | index
    1d attestations | attached app + -provenance | index gone=attestation
";

/// Whatever can run only has a signature tag with one of the known endings (K5).
#[test]
fn an_artifact_or_an_index_of_artifacts_is_attached_by_its_tag() {
    assert_eq!(deletes(ATTACHED, "{tags: '.', newest: 1}"), "");
    let all =
        "app, attestation, attestations, bundle, empty, list, referrer, sbom, signature, soci";
    assert_eq!(deletes(ATTACHED, NOTHING), all);
    assert_eq!(
        deletes(ATTACHED, "{tags: sha256}"),
        all,
        "no rule matches signature tags"
    );
    let untagged = "{untagged: true, pushed_within: 2d}";
    assert_eq!(
        deletes(ATTACHED, untagged),
        "app",
        "to rules they are untagged"
    );
}

/// A tag of its own gives it a rank, and takes none from others (K5).
#[test]
fn a_second_tag_of_a_signature_pushes_no_release_out() {
    let images = "
        1d signature | attached old + .sig | tag latest-x
        1d referrer | subject old | tag latest-y
        2d new | tag 1.1
        3d old | tag 1.0
        3d old signature | attached gone + .sig | tag 0.9";
    assert_eq!(
        deletes(images, "{tags: '.', newest: 1}"),
        "old, old signature"
    );
    let groups = "{tags: '^(?<name>.+?)[.-]', per: name, newest_groups: 1}";
    let deleted = deletes(images, groups);
    assert_eq!(deleted, "old signature", "nor is it a group");
}

/// What may be an attachment for all that is known stays with its image (G3).
#[test]
fn an_image_in_doubt_stays_with_the_image_that_its_tag_names() {
    let images = "
        9d app | tag 1.0
        9d vex | attached app + .vex
        9d other | attached gone + .vex";
    assert_eq!(deletes(images, "{tags: '^1'}"), "other");
}
