//! Reading the images of a repository, of every status.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ecr::types::{
    DescribeImagesFilter, ImageDetail, ImageIdentifier, ImageStatus, ImageStatusFilter,
};
use aws_smithy_types::DateTime;

use super::{manifests::read_children, repositories::PAGE};
use crate::{
    aws::{ApiError, Cause, Clients, Operation},
    cache::Cache,
    image::{Archival, ArtifactType, Digest, Image, MediaType, Status, Tag, Time},
    inventory::{Child, Content, Images, Unclear},
};

/// Reads all images of one repository, and the children of its indexes.
pub(crate) async fn read_images(
    clients: &Clients,
    repository: &str,
    indexes: &Cache<Digest, Vec<Child>>,
) -> Result<Content, ApiError> {
    let (images, mut unclear) = list(clients, repository).await?;
    let mut images = Images {
        images,
        ..Images::default()
    };
    if let Some(image) = images
        .images
        .iter()
        .find(|image| matches!(image.media_type, MediaType::Unknown(_)))
        && let MediaType::Unknown(media_type) = &image.media_type
    {
        unclear = unclear.or(Some(Unclear::MediaType {
            digest: image.digest,
            media_type: media_type.clone(),
        }));
    }
    if unclear.is_none() {
        unclear = read_children(clients, repository, &mut images, indexes).await;
    }
    Ok(match unclear {
        None => Content::Complete(images),
        Some(why) => Content::Unclear { images, why },
    })
}

/// Lists the images of a repository by their digests, with what of the list cannot be understood.
pub(crate) async fn list(
    clients: &Clients,
    repository: &str,
) -> Result<(Vec<Image>, Option<Unclear>), ApiError> {
    let request = |token| {
        let request = clients.ecr.describe_images().repository_name(repository);
        let request = request.max_results(PAGE).filter(every_status());
        request.set_next_token(token).send()
    };
    // Converted page by page: an image takes a fraction of the memory of what was read.
    let details = clients.list(Operation::DescribeImages, repository, request, |answer| {
        let details = answer.image_details;
        let images = details.map(|details| details.iter().map(image_of).collect());
        (images, answer.next_token)
    });
    let mut unclear = None;
    let mut images: BTreeMap<Digest, Image> = BTreeMap::new();
    for detail in details.await? {
        match detail {
            Ok(image) => merge(&mut images, image),
            Err(why) => unclear = unclear.or(Some(why)),
        }
    }
    Ok((images.into_values().collect(), unclear))
}

/// Describes at most 100 images again. Images that do not exist any more are left out.
pub(crate) async fn describe(
    clients: &Clients,
    repository: &str,
    digests: &[Digest],
) -> Result<Vec<Image>, ApiError> {
    const OPERATION: Operation = Operation::DescribeImages;
    let unusable = |why: Unclear| ApiError::answer(OPERATION, repository, why.to_string());
    // One image that does not exist makes the whole call fail, without saying surely which: halves
    // find it.
    let mut pending = vec![digests];
    let mut images = Vec::with_capacity(digests.len());
    while let Some(digests) = pending.pop() {
        let request = clients.ecr.describe_images().repository_name(repository);
        let ids = digests.iter().map(identifier).collect();
        let request = request.filter(every_status()).set_image_ids(Some(ids));
        match clients.call(OPERATION, repository, request.send()).await {
            Ok(answer) => {
                for detail in answer.image_details() {
                    images.push(image_of(detail).map_err(unusable)?);
                }
            }
            Err(error) if error.cause == Cause::ImageNotFound => {
                if digests.len() > 1 {
                    let (left, right) = digests.split_at(digests.len() / 2);
                    pending.extend([left, right]);
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(images)
}

/// Returns how a call names an image: by digest alone.
pub(crate) fn identifier(digest: &Digest) -> ImageIdentifier {
    ImageIdentifier::builder()
        .image_digest(digest.to_string())
        .build()
}

/// Returns the filter without which only active images are described.
fn every_status() -> DescribeImagesFilter {
    DescribeImagesFilter::builder()
        .image_status(ImageStatusFilter::Any)
        .build()
}

/// Adds an image. A digest that two pages report is one image with the tags of both: while images
/// are pushed, pages may overlap.
fn merge(images: &mut BTreeMap<Digest, Image>, image: Image) {
    if let Some(known) = images.get_mut(&image.digest) {
        let tags: BTreeSet<Tag> = known.tags.iter().chain(&image.tags).cloned().collect();
        known.tags = tags.into_iter().collect();
    } else {
        images.insert(image.digest, image);
    }
}

/// Reads an image from its description.
fn image_of(detail: &ImageDetail) -> Result<Image, Unclear> {
    let digest = detail
        .image_digest()
        .unwrap_or_default()
        .parse()
        .map_err(|_| Unclear::NoDigest)?;
    let tags: Result<BTreeSet<Tag>, _> = detail
        .image_tags()
        .iter()
        .map(|tag| Tag::new(tag))
        .collect();
    let tags = tags.map_err(|error| Unclear::Tag {
        digest,
        problem: error.to_string(),
    })?;
    let subject = match detail.subject_manifest_digest() {
        None => None,
        Some(subject) => {
            let subject = subject.parse().map_err(|_| Unclear::Subject {
                digest,
                subject: subject.into(),
            })?;
            Some(Box::new(subject))
        }
    };
    // A restored image is as new as its restoring (K3).
    let pushed_at = time(detail.image_pushed_at())
        .map(|pushed| Some(pushed).max(time(detail.last_activated_at())));
    let archival = Archival {
        archived_at: time(detail.last_archived_at()),
        restored_at: time(detail.last_activated_at()),
    };
    Ok(Image {
        digest,
        tags: tags.into_iter().collect(),
        pushed_at: pushed_at.flatten(),
        pulled_at: time(detail.last_recorded_pull_time()),
        archival: (archival.archived_at.is_some() || archival.restored_at.is_some())
            .then(|| Box::new(archival)),
        bytes: detail
            .image_size_in_bytes()
            .and_then(|bytes| u64::try_from(bytes).ok())
            .unwrap_or_default(),
        media_type: MediaType::new(detail.image_manifest_media_type()),
        artifact_type: ArtifactType::new(detail.artifact_media_type()),
        subject,
        status: match detail.image_status() {
            None | Some(ImageStatus::Active) => Status::Active,
            Some(ImageStatus::Archived) => Status::Archived,
            Some(ImageStatus::Activating) => Status::Restoring,
            Some(_) => Status::Unknown,
        },
    })
}

fn time(time: Option<&DateTime>) -> Option<Time> {
    Time::from_millis(time?.to_millis().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ecr_leaves_out_is_unknown_or_absent() {
        let digest = Digest::from_bytes([7; 32]);
        let bare = ImageDetail::builder()
            .image_digest(digest.to_string())
            .build();
        let image = image_of(&bare).unwrap();
        assert_eq!(
            (image.pushed_at, image.pulled_at, image.status),
            (None, None, Status::Active)
        );
        assert!(matches!(image.media_type, MediaType::Unknown(_)));
        assert_eq!(
            image_of(&ImageDetail::builder().build()),
            Err(Unclear::NoDigest)
        );
        let strange = ImageDetail::builder()
            .image_digest(digest.to_string())
            .image_status("FROZEN".into())
            .build();
        assert_eq!(image_of(&strange).unwrap().status, Status::Unknown);
    }

    #[test]
    fn a_restored_image_is_as_new_as_its_restoring() {
        let digest = Digest::from_bytes([7; 32]);
        let detail = ImageDetail::builder()
            .image_digest(digest.to_string())
            .image_pushed_at(DateTime::from_secs(100))
            .last_activated_at(DateTime::from_secs(200))
            .build();
        assert_eq!(
            image_of(&detail).unwrap().pushed_at,
            Time::from_millis(200_000)
        );
    }

    #[test]
    fn pages_that_overlap_add_up_their_tags() {
        let detail = |tag: &str| {
            let digest = Digest::from_bytes([7; 32]).to_string();
            image_of(
                &ImageDetail::builder()
                    .image_digest(digest)
                    .image_tags(tag)
                    .build(),
            )
            .unwrap()
        };
        let mut images = BTreeMap::new();
        merge(&mut images, detail("a"));
        merge(&mut images, detail("b"));
        let tags: Vec<_> = images
            .values()
            .flat_map(|image| &image.tags)
            .map(ToString::to_string)
            .collect();
        assert_eq!(tags, ["a", "b"]);
    }
}
