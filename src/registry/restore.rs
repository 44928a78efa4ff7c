//! Restoring images from the archive, with all that belongs to them.
//!
//! The children of an index are known only when the index is restored, so that it takes
//! several rounds. A restore that is interrupted continues at AWS, and the same command waits for
//! it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_sdk_ecr::types::TargetStorageClass;
use serde::Serialize;
use tokio::time::{Duration, sleep};

use super::{
    archive::move_image,
    images::{describe, read_images},
    readings::{Known, Readings},
};
use crate::{
    aws::{ApiError, Cause, Clients, Operation},
    image::{Digest, Image, ImageReference, Registry, RepositoryName, Status, TypedImage},
    inventory::{Content, Images, Unclear},
};

/// A restore that cannot be made or was not completed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    /// A call failed.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// There is no such image.
    #[error("no image is `{0}`")]
    NoImage(String),
    /// Several images begin with it.
    #[error("`{0}` is the beginning of several digests; write more of it")]
    Ambiguous(String),
    /// Several registries have it.
    #[error("`{image}` is in several registries: write its host too, one of `{hosts}`")]
    Several {
        /// The image.
        image: String,
        /// The hosts of these registries.
        hosts: String,
    },
    /// There is a doubt about the images of the repository.
    #[error("`{repository}` cannot be read: {why}")]
    Unclear {
        /// Repository.
        repository: RepositoryName,
        /// Doubt.
        why: Unclear,
    },
    /// The repository was not read.
    #[error("`{0}` cannot be read: it was not read")]
    NotRead(RepositoryName),
}

/// Images that were restored for one reference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Restored {
    /// Reference that was asked for.
    pub image: ImageReference,
    /// Digests that came back: the image, its parts, and what refers to them. Empty if all of it
    /// was there already.
    pub digests: BTreeSet<Digest>,
}

type Location<'a> = (&'a Registry, &'a Clients);

/// Restores an image and waits until it can be pulled, looking again after every `pause`; normally
/// AWS takes up to 20 minutes.
pub(crate) async fn restore(
    registries: &BTreeMap<Registry, Clients>,
    image: &TypedImage,
    pause: Duration,
    known: Known<'_>,
) -> Result<Restored, RestoreError> {
    let location = find(registries, image, known).await?;
    let clients = location.1;
    let repository = &image.reference.repository;
    let mut restored = Restored {
        image: image.reference.clone(),
        digests: BTreeSet::new(),
    };
    loop {
        let images = read(location, repository, known).await?;
        let start = digest_of(&images, image)?;
        let away = away(&images, start);
        if away.is_empty() {
            return Ok(restored);
        }
        for image in &away {
            if image.status == Status::Archived {
                let to = TargetStorageClass::Standard;
                let request = move_image(clients, repository, &image.digest, to).send();
                let operation = Operation::UpdateImageStorageClass;
                clients.call(operation, repository, request).await?;
            }
        }
        let digests: Vec<Digest> = away.iter().map(|image| image.digest).collect();
        restored.digests.extend(&digests);
        tracing::info!(event = "restoring", repository = %repository, images = away.len(), "waiting for the archive");
        wait(clients, repository, digests, pause).await?;
    }
}

/// Returns the clients of the registry that has the image. One that is named without a host is
/// looked for in all of them.
async fn find<'a>(
    registries: &'a BTreeMap<Registry, Clients>,
    image: &TypedImage,
    known: Known<'_>,
) -> Result<Location<'a>, RestoreError> {
    let named = image.reference.registry.as_ref();
    if let Some(location) = named.and_then(|registry| registries.get_key_value(registry)) {
        return Ok(location);
    }
    if let (1, Some(location)) = (registries.len(), registries.iter().next()) {
        return Ok(location);
    }
    let mut found = Vec::new();
    for location in registries {
        match read(location, &image.reference.repository, known).await {
            Ok(images) if digest_of(&images, image).is_ok() => found.push(location),
            Ok(_) => {}
            Err(RestoreError::Api(error)) if error.cause == Cause::RepositoryNotFound => {}
            Err(error) => return Err(error),
        }
    }
    let image = image.to_string();
    match found[..] {
        [] => Err(RestoreError::NoImage(image)),
        [location] => Ok(location),
        _ => {
            let hosts: Vec<String> = found.iter().map(|(registry, _)| registry.host()).collect();
            let hosts = hosts.join("`, `");
            Err(RestoreError::Several { image, hosts })
        }
    }
}

/// Returns the digest of the one stored image that is meant.
fn digest_of(images: &Images, image: &TypedImage) -> Result<Digest, RestoreError> {
    let mut meant = images.images.iter().filter(|stored| image.names(stored));
    match (meant.next(), meant.next()) {
        (Some(stored), None) => Ok(stored.digest),
        (Some(_), Some(_)) => Err(RestoreError::Ambiguous(image.to_string())),
        (None, _) => Err(RestoreError::NoImage(image.to_string())),
    }
}

async fn read(
    (registry, clients): Location<'_>,
    repository: &RepositoryName,
    known: Known<'_>,
) -> Result<Images, RestoreError> {
    let readings = Readings::of(known, registry, repository);
    let indexes = known.indexes(registry);
    match read_images(clients, repository, indexes, None, &readings).await? {
        Content::Complete(images) => Ok(images),
        Content::Unclear { why, .. } => Err(RestoreError::Unclear {
            repository: repository.clone(),
            why,
        }),
        Content::NotRead(_) | Content::TagsUnread(_) | Content::Vanished | Content::Failed(_) => {
            Err(RestoreError::NotRead(repository.clone()))
        }
    }
}

/// Returns which of an image, its children and what refers to them cannot be pulled.
fn away(images: &Images, start: Digest) -> Vec<&Image> {
    let mut referrers: HashMap<Digest, Vec<Digest>> = HashMap::new();
    for image in &images.images {
        for subject in image.subjects() {
            referrers.entry(subject).or_default().push(image.digest);
        }
    }
    let (mut reached, mut open) = (BTreeSet::from([start]), vec![start]);
    while let Some(digest) = open.pop() {
        let children = images.children.get(&digest).into_iter().flatten();
        let children = children.map(|child| child.digest);
        let attached = referrers.get(&digest).into_iter().flatten().copied();
        let related = children.chain(attached);
        open.extend(related.filter(|next| reached.insert(*next)));
    }
    let stored = images.images.iter();
    stored
        .filter(|image| reached.contains(&image.digest) && is_away(image))
        .collect()
}

fn is_away(image: &Image) -> bool {
    matches!(image.status, Status::Archived | Status::Restoring)
}

/// Waits until none of these images is being restored any more.
async fn wait(
    clients: &Clients,
    repository: &RepositoryName,
    mut digests: Vec<Digest>,
    pause: Duration,
) -> Result<(), RestoreError> {
    loop {
        let mut waiting = Vec::new();
        for batch in digests.chunks(super::BATCH) {
            let images = describe(clients, repository, batch).await?;
            let away = images.iter().filter(|image| is_away(image));
            waiting.extend(away.map(|image| image.digest));
        }
        if waiting.is_empty() {
            return Ok(());
        }
        digests = waiting;
        sleep(pause).await;
    }
}
