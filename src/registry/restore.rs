//! Restoring images from the archive, with all that belongs to them.
//!
//! The children of an index are known only when the index is restored, so this goes in rounds. A
//! restore that is interrupted goes on at AWS, and the same command waits for it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_sdk_ecr::types::TargetStorageClass;
use serde::Serialize;
use tokio::time::{Duration, sleep};

use super::{
    archive::move_image,
    images::{describe, read_images},
};
use crate::{
    aws::{ApiError, Cause, Clients},
    cache::Cache,
    image::{Digest, ImageReference, Registry, RepositoryName, Status},
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
    NoImage(ImageReference),
    /// Several registries have it.
    #[error("`{image}` is in several registries: write its host too, one of `{hosts}`")]
    Several {
        /// The image.
        image: ImageReference,
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

/// What was restored for one reference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Restored {
    /// What was asked for.
    pub image: ImageReference,
    /// What came back: the image, its parts, and what refers to them. Empty if all of it was there
    /// already.
    pub digests: BTreeSet<Digest>,
}

/// Restores an image and waits until it can be pulled, looking again after every `pause`; normally
/// AWS takes up to 20 minutes.
pub(crate) async fn restore(
    registries: &BTreeMap<Registry, Clients>,
    image: &ImageReference,
    pause: Duration,
) -> Result<Restored, RestoreError> {
    let clients = find(registries, image).await?;
    let mut restored = Restored {
        image: image.clone(),
        digests: BTreeSet::new(),
    };
    loop {
        let images = read(clients, &image.repository).await?;
        let start =
            digest_of(&images, image).ok_or_else(|| RestoreError::NoImage(image.clone()))?;
        let away = away(&images, start);
        if away.is_empty() {
            return Ok(restored);
        }
        for &(digest, status) in &away {
            if status == Status::Archived {
                move_image(
                    clients,
                    &image.repository,
                    &digest,
                    TargetStorageClass::Standard,
                )
                .await?;
            }
            restored.digests.insert(digest);
        }
        tracing::info!(event = "restoring", repository = %image.repository, images = away.len(), "waiting for the archive");
        wait(
            clients,
            &image.repository,
            away.iter().map(|&(digest, _)| digest).collect(),
            pause,
        )
        .await?;
    }
}

/// The clients of the registry that has the image. One that is named without a host is looked for
/// in all of them.
async fn find<'a>(
    registries: &'a BTreeMap<Registry, Clients>,
    image: &ImageReference,
) -> Result<&'a Clients, RestoreError> {
    if let Some(clients) = image
        .registry
        .as_ref()
        .and_then(|registry| registries.get(registry))
    {
        return Ok(clients);
    }
    if let (1, Some(clients)) = (registries.len(), registries.values().next()) {
        return Ok(clients);
    }
    let mut found = Vec::new();
    for (registry, clients) in registries {
        match read(clients, &image.repository).await {
            Ok(images) if digest_of(&images, image).is_some() => found.push((registry, clients)),
            Ok(_) => {}
            Err(RestoreError::Api(error)) if error.cause == Cause::RepositoryNotFound => {}
            Err(error) => return Err(error),
        }
    }
    match found[..] {
        [] => Err(RestoreError::NoImage(image.clone())),
        [(_, clients)] => Ok(clients),
        _ => Err(RestoreError::Several {
            image: image.clone(),
            hosts: found
                .iter()
                .map(|(registry, _)| registry.host())
                .collect::<Vec<_>>()
                .join("`, `"),
        }),
    }
}

/// The digest of the stored image that a reference means.
fn digest_of(images: &Images, image: &ImageReference) -> Option<Digest> {
    let mut stored = images.images.iter();
    let meant = match (image.digest, &image.tag) {
        (Some(digest), _) => stored.find(|stored| stored.digest == digest),
        (None, tag) => {
            stored.find(|stored| tag.as_ref().is_some_and(|tag| stored.tags.contains(tag)))
        }
    };
    meant.map(|stored| stored.digest)
}

async fn read(clients: &Clients, repository: &RepositoryName) -> Result<Images, RestoreError> {
    match read_images(clients, repository, &Cache::default()).await? {
        Content::Complete(images) => Ok(images),
        Content::Unclear { why, .. } => Err(RestoreError::Unclear {
            repository: repository.clone(),
            why,
        }),
        Content::NotRead(_) | Content::Vanished | Content::Failed(_) => {
            Err(RestoreError::NotRead(repository.clone()))
        }
    }
}

/// What of an image, its parts and whatever refers to them cannot be pulled.
fn away(images: &Images, start: Digest) -> Vec<(Digest, Status)> {
    let mut referrers: HashMap<Digest, Vec<Digest>> = HashMap::new();
    for image in &images.images {
        image
            .subjects()
            .for_each(|subject| referrers.entry(subject).or_default().push(image.digest));
    }
    let status: HashMap<Digest, Status> = images
        .images
        .iter()
        .map(|image| (image.digest, image.status))
        .collect();
    let (mut reached, mut open) = (BTreeSet::from([start]), vec![start]);
    while let Some(digest) = open.pop() {
        let parts = images
            .children
            .get(&digest)
            .into_iter()
            .flatten()
            .map(|child| child.digest);
        let attached = referrers.get(&digest).into_iter().flatten().copied();
        open.extend(parts.chain(attached).filter(|next| reached.insert(*next)));
    }
    let known = reached
        .into_iter()
        .filter_map(|digest| Some((digest, *status.get(&digest)?)));
    known
        .filter(|(_, status)| matches!(status, Status::Archived | Status::Restoring))
        .collect()
}

/// Waits until none of these is on its way any more.
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
            let away = images
                .into_iter()
                .filter(|image| matches!(image.status, Status::Archived | Status::Restoring));
            waiting.extend(away.map(|image| image.digest));
        }
        if waiting.is_empty() {
            return Ok(());
        }
        digests = waiting;
        sleep(pause).await;
    }
}
