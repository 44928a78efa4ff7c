//! Moving images to the archive storage class, one call each (A7).
//!
//! ECR archives nothing that an active index names, so an index is archived before its children.

use aws_sdk_ecr::{
    operation::update_image_storage_class::builders::UpdateImageStorageClassFluentBuilder,
    types::{ImageStatus, TargetStorageClass},
};
use futures::future::join_all;

use super::{
    apply::RepositoryApplier,
    attempt::{Attempt, Attempted, once},
    identifier,
    outcome::CallFailure,
    recheck::Rechecked,
};
use crate::{
    aws::{Cause, Clients, Turn},
    image::{Digest, Image},
};

/// Failure code of an image that ECR does not archive.
const REFUSED: &str = "ImageStorageClassUpdateNotSupportedException";

/// Returns the request to move one image to a storage class.
pub(super) fn move_image(
    clients: &Clients,
    repository: &str,
    digest: &Digest,
    to: TargetStorageClass,
) -> UpdateImageStorageClassFluentBuilder {
    clients
        .ecr
        .update_image_storage_class()
        .repository_name(repository)
        .image_id(identifier(digest))
        .target_storage_class(to)
}

impl RepositoryApplier<'_, '_> {
    /// Archives images, all at once.
    pub(super) async fn archive<'p>(&self, rechecked: &Rechecked<'p>) -> Attempt<'p> {
        let images = rechecked.images().iter();
        let attempted = images.map(|&image| async move {
            let attempted = self.archive_one(rechecked.turn(), image).await;
            (image, attempted)
        });
        Attempt {
            images: join_all(attempted).await,
            anonymous: None,
        }
    }

    async fn archive_one(&self, turn: &Turn, image: &Image) -> Attempted {
        let (clients, name) = (self.clients, self.repository.name());
        let request = move_image(clients, name, &image.digest, TargetStorageClass::Archive);
        let request = request.customize().config_override(once()).send();
        match turn.send(name, request).await {
            Ok(answer) if answer.image_status == Some(ImageStatus::Archived) => Attempted::Done,
            Ok(answer) => {
                let status = answer.image_status;
                let status = status.map_or("no status".to_owned(), |it| format!("`{it}`"));
                Attempted::Untold(CallFailure::no_answer(format!(
                    "ECR answered with {status} for an image that was to be archived"
                )))
            }
            Err(error) => match error.cause {
                Cause::ImageNotFound => Attempted::Missing,
                Cause::StorageClassRefused => {
                    Attempted::Refused(CallFailure::new(REFUSED, error.message))
                }
                _ => Attempted::NoAnswer(error),
            },
        }
    }
}
