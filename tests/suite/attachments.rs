//! Which images are attachments (K5), and what becomes of those whose image is elsewhere (G2).

use ecr_cleanup::{
    config::Mode,
    image::RepositoryName,
    inventory::{Content, Images, Inventory, NotRead, Repository, Unclear},
    pipeline::Request,
    plan::{Plan, plan},
    policy::RepositoryGlobs,
};
use proptest::{collection::vec, prelude::*};
use serde_json::json;
use simulated_aws::{Fault, FaultKind, Push, SimulatedAws, days_ago};

use crate::support::{
    WorldExt, answer, deleted, program,
    repository_builder::{
        RepositoryBuilder, SPDX, candidate_names, hours_ago, inventory, plan_all, plan_one,
        policies, usage,
    },
    request, run,
};

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

/// Returns a registry with these repositories, and `apps` with this content.
fn with(builders: &[(&str, &RepositoryBuilder)], content: Content) -> Inventory {
    let mut inventory = inventory(builders);
    inventory.repositories.push(Repository {
        name: RepositoryName::new("apps").unwrap(),
        policy: Some(0),
        mutable_tags: true,
        content,
    });
    inventory
}

fn plan_nothing(inventory: Inventory) -> Plan {
    let (usage, policies) = (usage(&[]), policies(&document("{tags: keep}")));
    plan(inventory, &usage, &policies, hours_ago(0))
}

const SIGNATURES: &str = "
    9d signature | attached lost + .sig
    9d sbom | subject lost | artifact application/spdx+json
    9d sbom signature | attached sbom + .sig
    9d moved signature";

/// The image may be in what was not read (G2).
#[test]
fn an_attachment_stays_while_its_image_may_be_in_a_repository_that_is_not_known() {
    let mixed = format!("{SIGNATURES}\n9d image | tag keep-1");
    let doomed = RepositoryBuilder::read("9d lost | tag 0.9");
    let unclear = Unclear::NoDigest;
    for signatures in [SIGNATURES, &mixed] {
        let shared = RepositoryBuilder::read(signatures);
        for (content, known) in [
            (Content::NotRead(NotRead::NoPolicy), false),
            (Content::NotRead(NotRead::Policy { policy: 0 }), false),
            (Content::NotRead(NotRead::PullThroughCache), false),
            (Content::NotRead(NotRead::NotAsked), false),
            (Content::TagsUnread("denied".to_owned()), false),
            (Content::Failed("denied".to_owned()), false),
            (
                Content::Unclear {
                    images: Images::default(),
                    why: unclear.clone(),
                },
                false,
            ),
            (Content::Vanished, true),
            (Content::Complete(Images::default()), true),
        ] {
            let case = format!("{content:?} {signatures}");
            let orphans = known && signatures == mixed;
            let expected: &[&str] = if orphans {
                &["moved signature", "sbom", "sbom signature", "signature"]
            } else {
                &["moved signature"]
            };
            let plan = plan_nothing(with(&[("shared", &shared)], content.clone()));
            assert_eq!(
                candidate_names(&plan, "shared", &shared),
                expected,
                "{case}"
            );
            // Another copy of the image is deleted.
            let both = [("shared", &shared), ("more", &doomed)];
            let plan = plan_nothing(with(&both, content));
            let names = candidate_names(&plan, "shared", &shared);
            let expected = if known { 4 } else { 1 };
            assert_eq!(names.len(), expected, "{case}: {names:?}");
        }
    }
}

/// Every image is one of these by its number: a tagged one, a signature by tag, a referrer.
fn image(repository: &mut RepositoryBuilder, (kind, name, of): (u8, usize, usize)) {
    const NAMES: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let image = repository.image(NAMES[name], 9 * 24);
    match kind {
        0 => image.tag(&format!("v{name}")),
        1 => image.attached_to(NAMES[of], ".sig"),
        2 => image.subject(NAMES[of]),
        _ => image,
    };
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// What one repository holds never makes a run that leaves it out delete more.
    #[test]
    fn a_narrowed_run_deletes_a_subset(
        images in vec((0_usize..3, 0_u8..4, 0_usize..8, 0_usize..8), 1..16),
        used in 0_usize..8,
        asked in 1_u8..7,
    ) {
        let mut builders = [(); 3].map(|()| RepositoryBuilder::default());
        let mut seen = std::collections::BTreeSet::new();
        for (repository, kind, name, of) in images {
            if seen.insert((repository, name)) {
                image(&mut builders[repository], (kind, name, of));
            }
        }
        let names = ["aa", "bb", "cc"];
        let all: Vec<_> = names.into_iter().zip(&builders).collect();
        let used = usage(&[["a", "b", "c", "d", "e", "f", "g", "h"][used]]);
        let policies = policies(&document("{tags: '[0-3]'}"));
        let full = plan_all(&all, &used, &policies, hours_ago(0));
        let mut narrowed = inventory(&all);
        for (position, repository) in narrowed.repositories.iter_mut().enumerate() {
            if asked & (1 << position) == 0 {
                repository.content = Content::NotRead(NotRead::NotAsked);
            }
        }
        let narrowed = plan(narrowed, &used, &policies, hours_ago(0));
        for (name, builder) in all {
            let of_full = candidate_names(&full, name, builder);
            for candidate in candidate_names(&narrowed, name, builder) {
                prop_assert!(of_full.contains(&candidate), "{}: {}", name, candidate);
            }
        }
    }
}

/// The image in use is in a repository that the run does not look at (G2).
#[tokio::test]
async fn the_signature_of_an_image_in_use_stays_wherever_the_image_is() {
    for (left_alone, asked) in [("apps", None), ("none", Some("shared"))] {
        let aws = SimulatedAws::start().await;
        aws.edit(|world| {
            let image = world.tagged("apps", "1.0", 9);
            world.define("app", "apps", "1.0");
            world.tagged("shared", "keep-1", 9);
            let shared = world.home().repository("shared");
            let tag = format!("{}.sig", image.replace(':', "-"));
            shared.push(Push::image().tag(tag).pushed_at(days_ago(9)));
            shared.push(Push::image().subject(&image).pushed_at(days_ago(9)));
        });
        let config = format!(
            "mode: delete\npolicies: [{{repositories: [{left_alone}], leave_alone: true}}, \
             {{repositories: ['**'], keep: [{{tags: '^keep'}}]}}]"
        );
        let globs = asked.map(|name: &str| RepositoryGlobs::new(&[name.to_owned()]).unwrap());
        let request = Request {
            only: globs,
            ..request(Mode::Delete)
        };
        let answer = answer(&program(&aws, &config), request).await.unwrap();
        assert_deleted!(answer, Completed, 0, "{left_alone}");
        assert_eq!(deleted(&aws), [""; 0]);
    }
}

/// Signatures in a repository of their own go after their images, and only if those are gone (G2).
#[tokio::test]
async fn a_signature_stays_if_its_image_could_not_be_deleted() {
    for (fault, expected) in [
        (None, 4),
        (Some(FaultKind::error(400, "SomethingNew", "what?")), 0),
    ] {
        let aws = SimulatedAws::start().await;
        aws.edit(|world| {
            world.in_use_elsewhere();
            let image = world.tagged("team/zebra", "1.0", 9);
            let mut subject = image;
            // The signatures come first by name, and are signed themselves.
            for repository in ["signatures", "attestations"] {
                let tag = format!("{}.sig", subject.replace(':', "-"));
                let push = Push::image().tag(tag).pushed_at(days_ago(9));
                subject = world.home().repository(repository).push(push);
            }
            let referrer = Push::image().subject(&subject).artifact_type(SPDX);
            let signatures = world.home().repository("a/third");
            signatures.push(referrer.pushed_at(days_ago(9)));
        });
        if let Some(kind) = fault.clone() {
            aws.fault(
                Fault::on("ecr:BatchDeleteImage")
                    .matching("zebra")
                    .kind(kind),
            );
        }
        let answer = run(&aws, &format!("mode: delete\n{}", document(NOTHING))).await;
        assert_eq!(answer.counts.candidates, 4, "{fault:?}");
        assert_eq!(answer.counts.deleted, expected, "{fault:?}");
        let deleted = aws.deletions().into_iter().map(|it| it.repository);
        let order = ["team/zebra", "signatures", "attestations", "a/third"];
        let order = if fault.is_none() { &order[..] } else { &[] };
        assert_eq!(deleted.collect::<Vec<_>>(), order);
    }
}

/// A build cache, as a manifest or as an index, of which the tag moves with every build (K13).
#[tokio::test]
async fn build_caches_take_no_rank_and_go_with_their_tag() {
    const CONFIG: &str = "application/vnd.buildkit.cacheconfig.v0";
    let part = |media_type: &str| json!({"mediaType": media_type, "digest": format!("sha256:{:064}", 7), "size": 1});
    let manifest = |number: u64| {
        let layers = [part("application/vnd.oci.image.layer.v1.tar+gzip")];
        let media_type = "application/vnd.oci.image.manifest.v1+json";
        let manifest = json!({"schemaVersion": 2, "mediaType": media_type, "config": part(CONFIG), "layers": layers, "number": number});
        Push::manifest(manifest.to_string())
    };
    let index = |number: u64| {
        let parts = [
            part("application/vnd.oci.image.layer.v1.tar+gzip"),
            part(CONFIG),
        ];
        let media_type = "application/vnd.oci.image.index.v1+json";
        let index = json!({"schemaVersion": 2, "mediaType": media_type, "manifests": parts, "number": number});
        Push::manifest(index.to_string())
    };
    let aws = SimulatedAws::start().await;
    let mut lost = aws.edit(|world| {
        world.in_use_elsewhere();
        world.tagged("team/app", "1.0", 80);
        let app = world.home().repository("team/app");
        for push in [manifest(1).tag("cache-1"), index(2).tag("cache-2")] {
            app.push(push.pushed_at(days_ago(5)));
        }
        for push in [manifest(3), index(4)] {
            app.push(push.pushed_at(simulated_aws::hours_ago(2)));
        }
        [manifest(5), index(6)].map(|push| app.push(push.pushed_at(days_ago(90))))
    });
    lost.sort();
    let rules = "keep: [{tags: '.', newest: 1}, {untagged: true, pushed_within: 1d}]";
    let config = format!("{{mode: delete, policies: [{{repositories: ['**'], {rules}}}]}}");
    let answer = run(&aws, &config).await;
    assert_deleted!(answer, Completed, 2);
    assert_eq!(deleted(&aws), lost);
    assert_eq!(answer.counts.artifacts, 2);
}
