//! Deleting a batch of images, with everything that ECR may answer (A4).

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use super::{
    BATCH, Stop, apply::RepositoryApplier, identifier, images::describe, outcome::failure_code,
};
use crate::{
    aws::{ApiError, CallCounter, Calls, Cause, CountInterceptor, Operation},
    image::{Digest, Image},
};

const NOT_FOUND: &str = "ImageNotFound";
const REFERENCED: &str = "ImageReferencedByManifestList";

#[derive(Default)]
struct Answer {
    deleted: HashSet<Digest>,
    failures: HashMap<Digest, (String, String)>,
    /// Failure that names no image.
    anonymous: Option<(String, String)>,
    /// Whether an attempt before this answer may have been carried out.
    tried_before: bool,
}

impl RepositoryApplier<'_, '_> {
    /// Deletes at most 100 images that do not depend on each other, and returns those that remain.
    pub(super) async fn delete(&mut self, batch: &[&Image]) -> Result<Vec<Digest>, Stop> {
        let refused = self.delete_once(batch).await?;
        if refused.is_empty() {
            return Ok(Vec::new());
        }
        // Their parents were deleted a moment ago: ECR may need some time to know.
        self.check_time()?;
        let refused = self.delete_once(&refused).await?;
        for image in &refused {
            let message =
                "an index that still exists names it; it is deleted in the run after that index";
            self.outcome.fail(image.digest, REFERENCED, message);
        }
        Ok(refused.iter().map(|image| image.digest).collect())
    }

    /// Makes one call, and returns the images that ECR refuses to delete since an index names them.
    async fn delete_once<'i>(&mut self, batch: &[&'i Image]) -> Result<Vec<&'i Image>, Stop> {
        debug_assert!(batch.len() <= BATCH);
        let answer = match self.in_time(self.call(batch)).await? {
            Ok(answer) => answer,
            Err(error) if error.cause == Cause::ExplicitDeny => {
                return Err(Stop::from_call(&error));
            }
            Err(error) => {
                // Whether the call was carried out is not known.
                let code = failure_code(&error);
                self.settle(batch, &code, &error.message).await?;
                return Ok(Vec::new());
            }
        };
        let (mut refused, mut open) = (Vec::new(), Vec::new());
        let mut stop = None;
        for &image in batch {
            match answer.failures.get(&image.digest) {
                None if answer.deleted.contains(&image.digest) => self.deleted(image),
                None => open.push(image),
                // It existed a moment ago: the attempt without an answer deleted it.
                Some((code, _)) if code == NOT_FOUND && answer.tried_before => self.deleted(image),
                Some((code, _)) if code == NOT_FOUND => self.outcome.missing.push(image.digest),
                Some((code, _)) if code == REFERENCED => refused.push(image),
                Some((code, message)) => {
                    stop.get_or_insert_with(|| Stop::failure(code, message));
                    self.outcome.fail(image.digest, code, message);
                }
            }
        }
        if let Some((code, message)) = answer.anonymous {
            stop.get_or_insert(Stop::Failure { code, message });
        }
        if !open.is_empty() {
            let message = "ECR neither deleted it nor said why not";
            self.settle(&open, "no_answer", message).await?;
        }
        stop.map_or(Ok(refused), Err)
    }

    /// Describes images whose deletion has no clear answer: those that are missing were deleted,
    /// the others failed and stop the repository.
    async fn settle(&mut self, open: &[&Image], code: &str, message: &str) -> Result<(), Stop> {
        let digests: Vec<Digest> = open.iter().map(|image| image.digest).collect();
        let described = describe(self.clients, self.repository.name(), &digests);
        let existing: HashSet<Digest> = match self.in_time(described).await? {
            Ok(images) => images.into_iter().map(|image| image.digest).collect(),
            Err(error) if error.cause == Cause::RepositoryNotFound => return Err(Stop::Vanished),
            Err(_) => digests.into_iter().collect(),
        };
        for image in open {
            if existing.contains(&image.digest) {
                self.outcome.fail(image.digest, code, message);
            } else {
                self.deleted(image);
            }
        }
        if !existing.is_empty() {
            return Err(Stop::failure(code, message));
        }
        Ok(())
    }

    fn deleted(&mut self, image: &Image) {
        self.log("image_deleted", image, "deleted an image");
        self.outcome.deleted.push(image.digest);
    }

    async fn call(&self, images: &[&Image]) -> Result<Answer, ApiError> {
        let name = self.repository.name();
        let ids = images.iter().map(|image| identifier(&image.digest));
        let attempts = Arc::new(CallCounter::default());
        let request = self.clients.ecr.batch_delete_image();
        let request = request
            .repository_name(&**name)
            .set_image_ids(Some(ids.collect()));
        let counter = CountInterceptor(Arc::clone(&attempts));
        let request = request.customize().interceptor(counter).send();
        let operation = Operation::BatchDeleteImage;
        let output = self.clients.call(operation, name, request).await?;
        let Calls { sent, throttled } = attempts.so_far();
        let mut answer = Answer {
            tried_before: sent - throttled > 1,
            ..Answer::default()
        };
        let deleted = output.image_ids().iter();
        let deleted = deleted.filter_map(|id| id.image_digest()?.parse::<Digest>().ok());
        answer.deleted.extend(deleted);
        for failure in output.failures() {
            let code = failure.failure_code().map_or("no_code", |it| it.as_str());
            let reason = failure.failure_reason().unwrap_or("no reason given");
            let failed = (code.to_owned(), reason.to_owned());
            let image = failure.image_id();
            match image.and_then(|id| id.image_digest()?.parse().ok()) {
                Some(digest) => drop(answer.failures.insert(digest, failed)),
                None => answer.anonymous = Some(failed),
            }
        }
        Ok(answer)
    }
}
