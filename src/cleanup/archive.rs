//! Moving images to the archive storage class, one call each (A7).
//!
//! ECR archives nothing that an active index names, so an index goes before its parts, as it does when deleting.

use aws_sdk_ecr::types::{ImageStatus, TargetStorageClass};

use super::{Cleaning, Failure, Stop};
use crate::{
    aws::{ApiError, Bucket, Clients},
    image::{Digest, Status},
    inventory,
};

const OPERATION: &str = "ecr:UpdateImageStorageClass";
const REFUSED: &str = "ImageStorageClassUpdateNotSupportedException";

/// Moves one image between storage classes; the status that it has then.
pub(super) async fn move_image(
    clients: &Clients,
    repository: &str,
    digest: &Digest,
    to: TargetStorageClass,
) -> Result<Option<ImageStatus>, ApiError> {
    clients.paced(Bucket::EcrStorageClass).await;
    let request = clients
        .ecr
        .update_image_storage_class()
        .repository_name(repository);
    let request = request
        .image_id(inventory::identifier(digest))
        .target_storage_class(to);
    let answer = request
        .send()
        .await
        .map_err(|error| ApiError::new(OPERATION, repository, &error))?;
    Ok(answer.image_status)
}

impl Cleaning<'_, '_> {
    /// Archives images that do not depend on each other, and says which of them are still where they were.
    pub(super) async fn archive(&mut self, batch: &[u32]) -> Result<Vec<u32>, Stop> {
        let mut refused = Vec::new();
        for &index in batch {
            self.check_time()?;
            if let Some(message) = self.archive_one(index).await? {
                refused.push((index, message));
            }
        }
        let mut remaining = Vec::new();
        for (index, _) in refused {
            // The indexes that name it have just gone to the archive; ECR may need a moment to know.
            self.check_time()?;
            if let Some(message) = self.archive_one(index).await? {
                self.outcome.failed.push(Failure {
                    index,
                    code: REFUSED.to_owned(),
                    message,
                });
                remaining.push(index);
            }
        }
        Ok(remaining)
    }

    /// One call. Why ECR refuses to archive this image is returned; anything that is not understood stops the repository.
    async fn archive_one(&mut self, index: u32) -> Result<Option<String>, Stop> {
        let digest = self.repository.stored.images[index as usize].digest;
        let (clients, repository) = (self.clients, &self.repository.name);
        let call = move_image(clients, repository, &digest, TargetStorageClass::Archive);
        let (code, message) = match self.in_time(call).await? {
            Ok(Some(ImageStatus::Archived)) => {
                self.archived(index);
                return Ok(None);
            }
            Ok(status) => {
                let status = status.map_or("no status".to_owned(), |status| {
                    format!("`{}`", status.as_str())
                });
                (
                    "no_answer".to_owned(),
                    format!("ECR answered with {status} for an image that was to be archived"),
                )
            }
            Err(error) if error.is("ImageNotFoundException") => {
                self.outcome.gone.push(index);
                return Ok(None);
            }
            Err(error) if error.is(REFUSED) => return Ok(Some(error.message)),
            Err(error) if error.is("RepositoryNotFoundException") => return Err(Stop::Vanished),
            Err(error) if Stop::if_protected(&error).is_some() => {
                return Err(Stop::from_call(&error));
            }
            Err(error) => (
                error.code.clone().unwrap_or_else(|| "no_answer".to_owned()),
                error.message,
            ),
        };
        // Whether the call was carried out is not known.
        let current = self
            .in_time(inventory::describe(clients, repository, &[digest]))
            .await?;
        if current.is_ok_and(|images| images.iter().any(|image| image.status == Status::Archived)) {
            self.archived(index);
            return Ok(None);
        }
        self.outcome.failed.push(Failure {
            index,
            code: code.clone(),
            message: message.clone(),
        });
        Err(Stop::Failure { code, message })
    }

    fn archived(&mut self, index: u32) {
        let image = &self.repository.stored.images[index as usize];
        let tags: Vec<&str> = image.tags.iter().map(|tag| &**tag).collect();
        tracing::info!(
            event = "image_archived",
            registry = %self.repository.registry,
            repository = %self.repository.name,
            digest = %image.digest,
            tags = tags.join(","),
            bytes = image.bytes,
            "archived an image"
        );
        self.outcome.archived.push(index);
    }
}
