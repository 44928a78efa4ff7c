//! One call to delete, and everything it may answer (A4).

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use super::{BATCH, Cleaning, Failure, Stop};
use crate::{
    aws::{ApiError, Bucket, CallCounter, Calls, Counting},
    image::Digest,
    inventory,
};

const OPERATION: &str = "ecr:BatchDeleteImage";
const NOT_FOUND: &str = "ImageNotFound";
const REFERENCED: &str = "ImageReferencedByManifestList";

/// What became of the images of a call.
#[derive(Default)]
struct Answer {
    deleted: HashSet<Digest>,
    failures: HashMap<Digest, (String, String)>,
    /// Failures that name no image.
    anonymous: Option<(String, String)>,
    /// Whether an attempt before this answer may have been carried out, its own answer lost.
    tried_before: bool,
}

impl Cleaning<'_, '_> {
    /// Deletes at most 100 images that do not depend on each other, and says which of them are still there.
    pub(super) async fn delete(&mut self, batch: &[u32]) -> Result<Vec<u32>, Stop> {
        let refused = self.delete_once(batch).await?;
        if refused.is_empty() {
            return Ok(Vec::new());
        }
        // Its parents have just gone; ECR may need a moment to know.
        self.check_time()?;
        let refused = self.delete_once(&refused).await?;
        for &index in &refused {
            let message =
                "an index that still exists names it; it goes in the run after that index"
                    .to_owned();
            self.outcome.failed.push(Failure {
                index,
                code: REFERENCED.to_owned(),
                message,
            });
        }
        Ok(refused)
    }

    /// One call. What it refuses since an index names it is returned; anything that is not understood stops the
    /// repository.
    async fn delete_once(&mut self, batch: &[u32]) -> Result<Vec<u32>, Stop> {
        debug_assert!(batch.len() <= BATCH);
        let digests: Vec<(u32, Digest)> = batch
            .iter()
            .map(|&index| (index, self.repository.stored.images[index as usize].digest))
            .collect();
        let answer = match self
            .in_time(self.call(digests.iter().map(|(_, digest)| digest)))
            .await?
        {
            Ok(answer) => answer,
            // Whether the call was carried out is not known, unless it was denied.
            Err(error) => {
                if let Some(protected) = Stop::if_protected(&error) {
                    return Err(protected);
                }
                return self
                    .settle(
                        &digests,
                        &error.code.clone().unwrap_or_else(|| "no_answer".to_owned()),
                        &error.message,
                    )
                    .await;
            }
        };
        let (mut refused, mut open) = (Vec::new(), Vec::new());
        let mut stop = None;
        for &(index, digest) in &digests {
            match answer.failures.get(&digest) {
                None if answer.deleted.contains(&digest) => self.deleted(index),
                None => open.push((index, digest)),
                // It was there a moment ago: the attempt without an answer deleted it.
                Some((code, _)) if code == NOT_FOUND && answer.tried_before => self.deleted(index),
                Some((code, _)) if code == NOT_FOUND => self.outcome.gone.push(index),
                Some((code, _)) if code == REFERENCED => refused.push(index),
                Some((code, message)) => {
                    stop = stop.or_else(|| {
                        Some(Stop::Failure {
                            code: code.clone(),
                            message: message.clone(),
                        })
                    });
                    self.outcome.failed.push(Failure {
                        index,
                        code: code.clone(),
                        message: message.clone(),
                    });
                }
            }
        }
        if let Some((code, message)) = answer.anonymous {
            stop = stop.or(Some(Stop::Failure { code, message }));
        }
        if !open.is_empty() {
            let message = "ECR neither deleted it nor said why not";
            self.settle(&open, "no_answer", message).await?;
        }
        stop.map_or(Ok(refused), Err)
    }

    /// Looks up once more what became of images: those that are gone were deleted, those that are not failed, and
    /// stop the repository.
    async fn settle(
        &mut self,
        open: &[(u32, Digest)],
        code: &str,
        message: &str,
    ) -> Result<Vec<u32>, Stop> {
        let digests: Vec<Digest> = open.iter().map(|&(_, digest)| digest).collect();
        let described = inventory::describe(self.clients, &self.repository.name, &digests);
        let there = match self.in_time(described).await? {
            Ok(images) => images
                .into_iter()
                .map(|image| image.digest)
                .collect::<HashSet<_>>(),
            Err(error) if error.is("RepositoryNotFoundException") => return Err(Stop::Vanished),
            Err(_) => digests.into_iter().collect(),
        };
        for &(index, digest) in open {
            if there.contains(&digest) {
                let (code, message) = (code.to_owned(), message.to_owned());
                self.outcome.failed.push(Failure {
                    index,
                    code,
                    message,
                });
            } else {
                self.deleted(index);
            }
        }
        if there.is_empty() {
            Ok(Vec::new())
        } else {
            Err(Stop::Failure {
                code: code.to_owned(),
                message: message.to_owned(),
            })
        }
    }

    fn deleted(&mut self, index: u32) {
        let image = &self.repository.stored.images[index as usize];
        let tags: Vec<&str> = image.tags.iter().map(|tag| &**tag).collect();
        tracing::info!(
            event = "image_deleted",
            registry = %self.repository.registry,
            repository = %self.repository.name,
            digest = %image.digest,
            tags = tags.join(","),
            bytes = image.bytes,
            "deleted an image"
        );
        self.outcome.deleted.push(index);
    }

    async fn call(&self, digests: impl Iterator<Item = &Digest>) -> Result<Answer, ApiError> {
        let (clients, repository) = (self.clients, &self.repository.name);
        clients.paced(Bucket::EcrDelete).await;
        let ids = digests.map(inventory::identifier).collect();
        let request = clients
            .ecr
            .batch_delete_image()
            .repository_name(&**repository)
            .set_image_ids(Some(ids));
        let attempts = Arc::new(CallCounter::default());
        let output = request
            .customize()
            .interceptor(Counting(Arc::clone(&attempts)))
            .send()
            .await;
        let output = output.map_err(|error| ApiError::new(OPERATION, repository, &error))?;
        let Calls { sent, throttled } = attempts.so_far();
        let mut answer = Answer {
            tried_before: sent - throttled > 1,
            ..Answer::default()
        };
        answer.deleted.extend(
            output
                .image_ids()
                .iter()
                .filter_map(|id| id.image_digest()?.parse::<Digest>().ok()),
        );
        for failure in output.failures() {
            let code = failure
                .failure_code()
                .map_or("no_code", |code| code.as_str())
                .to_owned();
            let reason = failure
                .failure_reason()
                .unwrap_or("no reason given")
                .to_owned();
            match failure
                .image_id()
                .and_then(|id| id.image_digest()?.parse().ok())
            {
                Some(digest) => {
                    answer.failures.insert(digest, (code, reason));
                }
                None => answer.anonymous = Some((code, reason)),
            }
        }
        Ok(answer)
    }
}
