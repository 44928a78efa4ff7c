//! A registry of a million images fits into a function of 512 MB: what an image takes is counted here, stored and
//! judged, in bytes and in allocations. Counted, not timed: it depends on no machine.

#![allow(clippy::unwrap_used, reason = "a test")]

use allocation_counter::measure;
use ecr_cleanup::{
    config::Config,
    image::{ArtifactType, Digest, Image, MediaType, Registry, RepositoryName, Status, Tag, Time},
    inventory::{Content, Images, Inventory, Repository},
    plan::{Verdict, plan},
    usage::Usage,
};

const REPOSITORIES: u32 = 100;
const IMAGES: u32 = 1_000;
const ALL: i64 = (REPOSITORIES * IMAGES) as i64;

/// A release and its untagged leftover, in turn.
fn image(repository: u32, number: u32) -> Image {
    let mut digest = [0; 32];
    digest[..4].copy_from_slice(&repository.to_be_bytes());
    digest[4..8].copy_from_slice(&number.to_be_bytes());
    let tag = number.is_multiple_of(2).then(|| Tag::new(&format!("2026.11.{number}-main")).unwrap());
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

fn repository(number: u32) -> Repository {
    let images = (0..IMAGES).map(|image_number| image(number, image_number)).collect();
    Repository {
        name: RepositoryName::new(&format!("team/app-{number}")).unwrap(),
        policy: Some(0),
        mutable_tags: true,
        content: Content::Complete(Images { images, ..Images::default() }),
    }
}

#[test]
fn an_image_takes_less_than_400_bytes_and_hardly_an_allocation_while_it_is_judged() {
    let mut inventory = None;
    let stored = measure(|| {
        inventory = Some(Inventory {
            registry: Registry { account: "111111111111".into(), region: "eu-west-1".into() },
            repositories: (0..REPOSITORIES).map(repository).collect(),
        });
    });
    let stored = stored.bytes_current / ALL;
    assert!(stored <= 160, "{stored} bytes an image, stored");

    let config = Config::parse("mode: delete").unwrap();
    let now = Time::from_millis(1_800_000_000_000).unwrap();
    let mut planned = None;
    let judged = measure(|| planned = inventory.take().map(|it| plan(it, &Usage::default(), &config.policies, now)));
    let peak = stored + i64::try_from(judged.bytes_max).unwrap() / ALL;
    assert!(peak <= 400, "{peak} bytes an image, at the most while judging");
    let allocations = i64::try_from(judged.count_total).unwrap() * 100 / ALL;
    assert!(allocations <= 20, "{allocations} allocations for a hundred images");

    let doomed = planned.unwrap().repositories.into_iter().flat_map(|of| of.verdicts).filter(Verdict::deletes).count();
    assert_eq!(
        i64::try_from(doomed).unwrap(),
        ALL - i64::from(REPOSITORIES) * 10,
        "ten releases of each repository stay"
    );
}
