//! Restoring archived images that something live needs (A7), without waiting for them.

use std::collections::BTreeMap;

use aws_sdk_ecr::types::{ImageStatus, TargetStorageClass};
use futures::{StreamExt, stream};
use tokio::time::Duration;

use super::{CallFailure, archive::move_image};
use crate::{
    aws::{Cause, Clients, Operation},
    image::{Image, Registry},
    plan::{RepositoryKey, RepositoryPlan},
    stop_time::StopTime,
};

/// Number of repositories in which images are restored at once.
const AT_ONCE: usize = 8;

/// Time to restore images in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline<'a> {
    /// Time from which on no more are.
    pub(crate) stop_at: &'a StopTime,
    /// Time after that for answers to calls that were made before.
    pub(crate) in_flight: Duration,
}

/// What became of the archived images of a repository that something live needs.
#[derive(Debug)]
pub(crate) struct Restoring {
    pub(crate) repository: RepositoryKey,
    /// Number of images that are being restored.
    pub(crate) restored: u64,
    /// The first failure, after which no other image of the repository was tried.
    pub(crate) failure: Option<CallFailure>,
}

/// Restores images, those of a repository one after the other.
pub(crate) async fn restore_needed(
    clients: &BTreeMap<Registry, Clients>,
    needed: Vec<(&RepositoryPlan, Vec<&Image>)>,
    deadline: Deadline<'_>,
) -> Vec<Restoring> {
    let repositories = stream::iter(needed).map(|(repository, images)| async move {
        let mut restoring = Restoring {
            repository: repository.key().clone(),
            restored: 0,
            failure: None,
        };
        let clients = clients.get(repository.registry());
        for (clients, image) in clients
            .into_iter()
            .flat_map(|it| images.iter().map(move |image| (it, image)))
        {
            match restore_one(clients, repository, image, deadline).await {
                Ok(restored) => restoring.restored += u64::from(restored),
                Err(failure) => {
                    restoring.failure = Some(failure);
                    break;
                }
            }
        }
        restoring
    });
    repositories.buffer_unordered(AT_ONCE).collect().await
}

/// Restores an image, and returns whether it did: not if there is no time or it is gone.
async fn restore_one(
    clients: &Clients,
    repository: &RepositoryPlan,
    image: &Image,
    deadline: Deadline<'_>,
) -> Result<bool, CallFailure> {
    let name = repository.name();
    let request = move_image(clients, name, &image.digest, TargetStorageClass::Standard).send();
    let call = clients.call(Operation::UpdateImageStorageClass, name, request);
    let Deadline { stop_at, in_flight } = deadline;
    if stop_at.is_over() {
        return Ok(false);
    }
    let answer = stop_at.in_grace(in_flight, call).await;
    let no_time = || CallFailure::no_answer("there was no time to wait for the answer");
    match answer.ok_or_else(no_time)? {
        Ok(answer) if answer.image_status != Some(ImageStatus::Archived) => {
            tracing::info!(
                event = "image_restored",
                registry = %repository.registry(),
                repository = %name,
                digest = %image.digest,
                "restoring an archived image that is in use"
            );
            Ok(true)
        }
        Ok(_) => Err(CallFailure::no_answer("ECR left the image in the archive")),
        Err(error) => match error.cause {
            Cause::ImageNotFound | Cause::RepositoryNotFound => Ok(false),
            _ => Err(CallFailure::of(error)),
        },
    }
}
