//! Moving images to the archive storage class, one call each (A7).
//!
//! ECR archives nothing that an active index names, so an index is archived before its children.

use aws_sdk_ecr::types::{ImageStatus, TargetStorageClass};

use super::{Stop, apply::RepositoryApplier, identifier, images::describe, outcome::failure_code};
use crate::{
    aws::{ApiError, Cause, Clients, Operation},
    image::{Digest, Image, Status},
};

/// Failure code of an image that ECR does not archive.
const REFUSED: &str = "ImageStorageClassUpdateNotSupportedException";

/// Moves one image to a storage class, and returns the status that it has then.
pub(super) async fn move_image(
    clients: &Clients,
    repository: &str,
    digest: &Digest,
    to: TargetStorageClass,
) -> Result<Option<ImageStatus>, ApiError> {
    let request = clients
        .ecr
        .update_image_storage_class()
        .repository_name(repository)
        .image_id(identifier(digest))
        .target_storage_class(to);
    let operation = Operation::UpdateImageStorageClass;
    let answer = clients.call(operation, repository, request.send()).await?;
    Ok(answer.image_status)
}

impl RepositoryApplier<'_, '_> {
    /// Archives images that do not depend on each other, and returns those that remain active.
    pub(super) async fn archive(&mut self, images: &[&Image]) -> Result<Vec<Digest>, Stop> {
        let mut refused = Vec::new();
        for &image in images {
            self.check_time()?;
            if self.archive_one(image).await?.is_some() {
                refused.push(image);
            }
        }
        let mut remaining = Vec::new();
        for image in refused {
            // The indexes that name it were archived a moment ago: ECR may need some time to know.
            self.check_time()?;
            if let Some(message) = self.archive_one(image).await? {
                self.outcome.fail(image.digest, REFUSED, &message);
                remaining.push(image.digest);
            }
        }
        Ok(remaining)
    }

    /// Makes one call, and returns why ECR refuses to archive the image, if it does.
    async fn archive_one(&mut self, image: &Image) -> Result<Option<String>, Stop> {
        let (clients, repository) = (self.clients, self.repository.name());
        let call = move_image(
            clients,
            repository,
            &image.digest,
            TargetStorageClass::Archive,
        );
        let (code, message) = match self.in_time(call).await? {
            Ok(Some(ImageStatus::Archived)) => {
                self.archived(image);
                return Ok(None);
            }
            Ok(status) => {
                let status = status.map_or("no status".to_owned(), |it| format!("`{it}`"));
                (
                    "no_answer".to_owned(),
                    format!("ECR answered with {status} for an image that was to be archived"),
                )
            }
            Err(error) => match error.cause {
                Cause::ImageNotFound => {
                    self.outcome.missing.push(image.digest);
                    return Ok(None);
                }
                Cause::StorageClassRefused => return Ok(Some(error.message)),
                Cause::RepositoryNotFound | Cause::ExplicitDeny => {
                    return Err(Stop::from_call(&error));
                }
                _ => (failure_code(&error), error.message),
            },
        };
        // Whether the call was carried out is not known.
        let digests = [image.digest];
        let current = self
            .in_time(describe(clients, repository, &digests))
            .await?;
        if current.is_ok_and(|images| images.iter().any(|it| it.status == Status::Archived)) {
            self.archived(image);
            return Ok(None);
        }
        self.outcome.fail(image.digest, &code, &message);
        Err(Stop::Failure { code, message })
    }

    fn archived(&mut self, image: &Image) {
        self.log("image_archived", image, "archived an image");
        self.outcome.archived.push(image.digest);
    }
}
