//! Reading the images of a repository, of every status.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ecr::types::{
    DescribeImagesFilter, ImageDetail, ImageIdentifier, ImageStatus, ImageStatusFilter,
};
use aws_smithy_types::DateTime;

use super::{
    BATCH, PAGE, identifier,
    manifests::{read_annotations, read_children},
    readings::Readings,
};
use crate::{
    aws::{ApiError, Cause, Clients, Operation},
    cache::{Cache, IndexManifest},
    image::{Archival, ArtifactType, Digest, Image, MediaType, Status, Tag, Time},
    inventory::{Content, Images, Revisions, Unclear, is_build_cache},
};

/// Reads all images of one repository, and the children of its indexes.
pub(crate) async fn read_images(
    clients: &Clients,
    repository: &str,
    indexes: &Cache<Digest, IndexManifest>,
    revisions: Option<&Cache<Digest, Revisions>>,
    readings: &Readings<'_>,
) -> Result<Content, ApiError> {
    let Listed {
        images,
        unclear,
        unknown,
    } = list(clients, repository).await?;
    let mut unclear = unclear.or(unknown);
    let mut images = Images {
        own_readings: readings.own(&images),
        images,
        ..Images::default()
    };
    if unclear.is_none() {
        unclear = read_children(clients, repository, &mut images, indexes, readings).await;
        tell_build_caches(&mut images);
    }
    if let (Some(revisions), None) = (revisions, &unclear) {
        let known = (indexes, revisions);
        unclear = read_annotations(clients, repository, &mut images, known, readings).await;
    }
    Ok(match unclear {
        None => Content::Complete(images),
        Some(why) => Content::Unclear { images, why },
    })
}

/// Makes artifacts of the indexes that are build caches (K13). ECR calls them indexes.
fn tell_build_caches(images: &mut Images) {
    for image in &mut images.images {
        let children = images.children.get(&image.digest);
        if children.is_some_and(|children| is_build_cache(children)) {
            image.artifact_type = ArtifactType::build_cache();
        }
    }
}

/// The images of a repository by their digests.
#[derive(Debug, Default)]
pub(crate) struct Listed {
    pub(crate) images: Vec<Image>,
    /// Doubt about something in the list that cannot be understood.
    pub(crate) unclear: Option<Unclear>,
    /// An image that may name others, since its media type is not known.
    pub(crate) unknown: Option<Unclear>,
}

/// Lists the images of a repository.
pub(crate) async fn list(clients: &Clients, repository: &str) -> Result<Listed, ApiError> {
    let request = |token| {
        let request = clients.ecr.describe_images().repository_name(repository);
        let request = request.max_results(PAGE).filter(every_status());
        request.set_next_token(token).send()
    };
    // Converted page by page: an image takes a fraction of the memory of what was read.
    let details = clients.list(Operation::DescribeImages, repository, request, |answer| {
        let details = answer.image_details;
        let read = |detail: &ImageDetail| (image_of(detail), media_type_of(detail));
        let images = details.map(|details| details.iter().map(read).collect());
        (images, answer.next_token)
    });
    let (mut unclear, mut unknown) = (None, BTreeMap::new());
    let mut images: BTreeMap<Digest, Image> = BTreeMap::new();
    for (image, media_type) in details.await? {
        match image {
            Ok(image) => {
                if image.media_type == MediaType::Unknown {
                    unknown.insert(image.digest, media_type);
                }
                merge(&mut images, image);
            }
            Err(why) => unclear = unclear.or(Some(why)),
        }
    }
    let unknown = unknown.pop_first().map(|(digest, media_type)| {
        let media_type = media_type.unwrap_or_default();
        Unclear::MediaType { digest, media_type }
    });
    Ok(Listed {
        images: images.into_values().collect(),
        unclear,
        unknown,
    })
}

/// Returns the media type of an image, if it has one that is not known.
fn media_type_of(detail: &ImageDetail) -> Option<Box<str>> {
    let text = detail.image_manifest_media_type()?;
    (MediaType::new(Some(text)) == MediaType::Unknown).then(|| text.into())
}

/// Returns whether a repository is known to have ACTIVE images of all these digests and tags. One
/// page is asked for: of a large repository, that may not be known.
pub(crate) async fn are_active(
    clients: &Clients,
    repository: &str,
    digests: &BTreeSet<Digest>,
    tags: &BTreeSet<&Tag>,
) -> Result<bool, ApiError> {
    const OPERATION: Operation = Operation::ListImages;
    // Without a filter, ECR lists what is ACTIVE.
    let request = clients.ecr.list_images().repository_name(repository);
    let request = request.max_results(PAGE).send();
    let answer = clients.call(OPERATION, repository, request).await?;
    let listed = answer.image_ids();
    let has_digest = |digest: &Digest| {
        let digest = digest.to_string();
        listed
            .iter()
            .any(|id| id.image_digest() == Some(digest.as_str()))
    };
    let has_tag = |tag: &&Tag| listed.iter().any(|id| id.image_tag() == Some(&***tag));
    Ok(digests.iter().all(has_digest) && tags.iter().all(has_tag))
}

/// Describes images by their digests and tags, in one call; `None` if that cannot tell what is
/// stored, such as when one of them does not exist.
pub(crate) async fn find(
    clients: &Clients,
    repository: &str,
    digests: &BTreeSet<Digest>,
    tags: &BTreeSet<&Tag>,
) -> Result<Option<Vec<Image>>, ApiError> {
    const OPERATION: Operation = Operation::DescribeImages;
    if digests.len() + tags.len() > BATCH {
        return Ok(None);
    }
    let by_tag = |tag: &&Tag| ImageIdentifier::builder().image_tag(&***tag).build();
    let ids = digests.iter().map(identifier);
    let ids = ids.chain(tags.iter().map(by_tag)).collect();
    let request = clients.ecr.describe_images().repository_name(repository);
    let request = request.filter(every_status()).set_image_ids(Some(ids));
    let answer = match clients.call(OPERATION, repository, request.send()).await {
        Ok(answer) => answer,
        Err(error) if error.cause == Cause::ImageNotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let details = answer.image_details().iter().map(image_of);
    let Ok(images) = details.collect::<Result<Vec<Image>, Unclear>>() else {
        return Ok(None);
    };
    let has_digest = |digest: &Digest| images.iter().any(|it| it.digest == *digest);
    let has_tag = |tag: &&Tag| images.iter().any(|it| it.tags.contains(tag));
    let is_whole = digests.iter().all(has_digest) && tags.iter().all(has_tag);
    Ok(is_whole.then_some(images))
}

/// Describes at most 100 images again. Images that do not exist any more are left out.
///
/// # Errors
/// Returns an error if a call fails, or an answer leaves out an image without saying that it does
/// not exist.
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
                let start = images.len();
                for detail in answer.image_details() {
                    images.push(image_of(detail).map_err(unusable)?);
                }
                // An image that does not exist is an error: it is never left out.
                let answered = &images[start..];
                let lost = |digest: &&Digest| answered.iter().all(|it| it.digest != **digest);
                if let Some(digest) = digests.iter().find(lost) {
                    let problem = format!("the answer leaves out {digest}, which was asked for");
                    return Err(ApiError::answer(OPERATION, repository, problem));
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
    let digest = detail.image_digest().unwrap_or_default();
    let digest = digest.parse().map_err(|_| Unclear::NoDigest)?;
    let tags = detail.image_tags().iter().map(|tag| Tag::new(tag));
    let tags = tags.collect::<Result<BTreeSet<Tag>, _>>();
    let tags = tags.map_err(|error| Unclear::Tag {
        digest,
        problem: error.to_string(),
    })?;
    let subject = detail.subject_manifest_digest().map(|subject| {
        let parsed = subject.parse().map(Box::new);
        parsed.map_err(|_| Unclear::Subject {
            digest,
            subject: subject.into(),
        })
    });
    let archival = Archival {
        archived_at: time(detail.last_archived_at()),
        restored_at: time(detail.last_activated_at()),
    };
    let pushed_at = time(detail.image_pushed_at());
    let has_archival = archival.archived_at.is_some() || archival.restored_at.is_some();
    Ok(Image {
        digest,
        tags: tags.into_iter().collect(),
        // A restored image is as new as its restoring (K3).
        pushed_at: pushed_at.map(|pushed| archival.restored_at.map_or(pushed, |it| it.max(pushed))),
        pulled_at: time(detail.last_recorded_pull_time()),
        archival: has_archival.then(|| Box::new(archival)),
        bytes: detail
            .image_size_in_bytes()
            .and_then(|bytes| u64::try_from(bytes).ok())
            .unwrap_or_default(),
        media_type: MediaType::new(detail.image_manifest_media_type()),
        artifact_type: artifact_type(detail),
        subject: subject.transpose()?,
        status: match detail.image_status() {
            None | Some(ImageStatus::Active) => Status::Active,
            Some(ImageStatus::Archived) => Status::Archived,
            Some(ImageStatus::Activating) => Status::Restoring,
            Some(_) => Status::Unknown,
        },
    })
}

/// Returns the type of an image. A manifest that is only for artifacts is one, whether or not ECR
/// tells its type.
fn artifact_type(detail: &ImageDetail) -> ArtifactType {
    let told = detail.artifact_media_type().filter(|text| !text.is_empty());
    ArtifactType::new(told.or(detail.image_manifest_media_type()))
}

fn time(time: Option<&DateTime>) -> Option<Time> {
    Time::from_millis(time?.to_millis().ok()?)
}

#[cfg(test)]
mod tests {
    use aws_sdk_ecr::types::builders::ImageDetailBuilder;

    use super::*;

    fn detail() -> ImageDetailBuilder {
        let digest = Digest::from_bytes([7; 32]).to_string();
        ImageDetail::builder().image_digest(digest)
    }

    #[test]
    fn what_ecr_leaves_out_is_unknown_or_absent() {
        let image = image_of(&detail().build()).unwrap();
        let found = (image.pushed_at, image.pulled_at, image.status);
        assert_eq!(found, (None, None, Status::Active));
        assert_eq!(image.media_type, MediaType::Unknown);
        let nameless = image_of(&ImageDetail::builder().build());
        assert_eq!(nameless, Err(Unclear::NoDigest));
        let strange = detail().image_status("FROZEN".into()).build();
        assert_eq!(image_of(&strange).unwrap().status, Status::Unknown);
    }

    /// Older clients push signatures in a manifest of their own type (G5).
    #[test]
    fn an_artifact_manifest_is_an_artifact_without_children() {
        let media_type = "application/vnd.oci.artifact.manifest.v1+json";
        let detail = detail().image_manifest_media_type(media_type);
        for (told, expected) in [
            ("", media_type),
            ("application/spdx+json", "application/spdx+json"),
        ] {
            let image = image_of(&detail.clone().artifact_media_type(told).build()).unwrap();
            assert_eq!(image.media_type, MediaType::Image);
            assert_eq!(image.artifact_type, ArtifactType::Other(expected.into()));
        }
        let docker = "application/vnd.docker.distribution.manifest.v1+json";
        let image = image_of(&detail.image_manifest_media_type(docker).build()).unwrap();
        assert_eq!(image.artifact_type, ArtifactType::ContainerImage);
    }

    #[test]
    fn a_restored_image_is_as_new_as_its_restoring() {
        let detail = detail()
            .image_pushed_at(DateTime::from_secs(100))
            .last_activated_at(DateTime::from_secs(200));
        let pushed_at = image_of(&detail.build()).unwrap().pushed_at;
        assert_eq!(pushed_at, Time::from_millis(200_000));
    }

    #[test]
    fn pages_that_overlap_add_up_their_tags() {
        let mut images = BTreeMap::new();
        for tag in ["a", "b"] {
            merge(
                &mut images,
                image_of(&detail().image_tags(tag).build()).unwrap(),
            );
        }
        let tags = images.values().flat_map(|image| &image.tags);
        assert_eq!(
            tags.map(ToString::to_string).collect::<Vec<_>>(),
            ["a", "b"]
        );
    }
}
