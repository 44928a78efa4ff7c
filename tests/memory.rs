//! A registry of a million images whose tags recur fits into a function of 256 MB: what an image takes is counted
//! here, stored and planned, in bytes and in allocations. Counted, not timed: it depends on no
//! machine.

#![allow(clippy::unwrap_used, reason = "a test")]

use allocation_counter::measure;
use ecr_cleanup::{
    config::Config,
    evidence::UsageIndex,
    image::{
        ArtifactType, Digest, Image, KnownTags, MediaType, Registry, RepositoryName, Status, Tag,
        Time,
    },
    inventory::{Content, Images, Inventory, Repository, children},
    plan::{RepositoryPlan, plan},
};

const REPOSITORIES: u32 = 100;
const IMAGES: u32 = 1_000;
const ALL: i64 = (REPOSITORIES * IMAGES) as i64;

/// Returns a release and its untagged leftover, in turn.
fn image(repository: u32, number: u32) -> Image {
    let mut digest = [0; 32];
    digest[..4].copy_from_slice(&repository.to_be_bytes());
    digest[4..8].copy_from_slice(&number.to_be_bytes());
    let tag = number
        .is_multiple_of(2)
        .then(|| Tag::new(&format!("2026.11.{number}-main")).unwrap());
    Image {
        digest: Digest::from_bytes(digest),
        tags: tag.into_iter().collect(),
        pushed_at: Time::from_millis(1_700_000_000_000 + i64::from(number)),
        pulled_at: None,
        bytes: 50_000_000,
        media_type: MediaType::Image,
        artifact_type: ArtifactType::ContainerImage,
        subject: None,
        archival: None,
        status: Status::Active,
    }
}

/// Returns a repository whose tags others have too.
fn repository(number: u32, known: &mut KnownTags) -> Repository {
    let images = (0..IMAGES).map(|image_number| image(number, image_number));
    let mut images: Vec<Image> = images.collect();
    for image in &mut images {
        known.share(&mut image.tags);
    }
    Repository {
        name: RepositoryName::new(&format!("team/app-{number}")).unwrap(),
        policy: Some(0),
        mutable_tags: true,
        content: Content::Complete(Images {
            images,
            ..Images::default()
        }),
    }
}

/// Returns what is deleted of a registry, and how many bytes its planning takes at the most, and
/// allocations for a hundred images.
fn planned(document: &str) -> (usize, i64, i64) {
    let mut inventory = None;
    let stored = measure(|| {
        let mut known = KnownTags::default();
        inventory = Some(Inventory {
            registry: Registry {
                account: "111111111111".parse().unwrap(),
                region: "eu-west-1".parse().unwrap(),
            },
            repositories: (0..REPOSITORIES)
                .map(|number| repository(number, &mut known))
                .collect(),
        });
    });
    let stored = stored.bytes_current / ALL;
    assert!(stored <= 100, "{stored} bytes an image, stored");

    let config = Config::parse(document).unwrap();
    let now = Time::from_millis(1_800_000_000_000).unwrap();
    let mut planned = None;
    let measured = measure(|| {
        planned = inventory
            .take()
            .map(|it| plan(it, &UsageIndex::default(), &config.policies, now));
    });
    let candidates = planned
        .unwrap()
        .repositories()
        .iter()
        .flat_map(RepositoryPlan::candidates)
        .count();
    let [bytes, allocations] =
        [measured.bytes_max, measured.count_total].map(|it| i64::try_from(it).unwrap());
    (candidates, stored + bytes / ALL, allocations * 100 / ALL)
}

#[test]
fn a_candidate_takes_little_memory_and_hardly_an_allocation() {
    let (candidates, bytes, allocations) = planned("mode: delete");
    assert_eq!(
        candidates,
        (IMAGES * REPOSITORIES - REPOSITORIES * 10) as usize,
        "ten releases of each repository are kept"
    );
    assert!(bytes <= 150, "{bytes} bytes an image");
    assert!(
        allocations <= 20,
        "{allocations} allocations for a hundred images"
    );
}

#[test]
fn an_image_that_is_kept_takes_little_more() {
    let (candidates, bytes, allocations) =
        planned("policies: [{ repositories: ['**'], keep: [{ newest: 100000 }] }]");
    assert_eq!(candidates, 0);
    assert!(bytes <= 150, "{bytes} bytes an image");
    assert!(
        allocations <= 250,
        "{allocations} allocations for a hundred images"
    );
}

/// An index is read from a text that is several times as large.
#[test]
fn what_an_index_names_takes_no_more_than_it_needs() {
    let part = |number: u8| {
        let digest = Digest::from_bytes([number; 32]);
        format!(
            r#"{{"digest": "{digest}", "platform": {{"os": "linux", "architecture": "arm64"}}, "size": {number}}}"#
        )
    };
    let manifest = format!(r#"{{"manifests": [{}, {}]}}"#, part(1), part(2));
    // What is known of platforms is kept once.
    children(&manifest).unwrap();
    let mut read = None;
    let measured = measure(|| read = children(&manifest).ok());
    assert_eq!(read.unwrap().len(), 2);
    let bytes = measured.bytes_current;
    assert!(bytes <= 80, "{bytes} bytes");
}
