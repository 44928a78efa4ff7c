//! Deleting a batch of images, with everything that ECR may answer (A4).

use std::collections::{HashMap, HashSet};

use aws_sdk_ecr::operation::batch_delete_image::BatchDeleteImageOutput;

use super::{
    apply::RepositoryApplier,
    attempt::{Attempt, Attempted, once},
    identifier,
    outcome::CallFailure,
    recheck::Rechecked,
};
use crate::image::{Digest, Image};

const NOT_FOUND: &str = "ImageNotFound";
const REFERENCED: &str = "ImageReferencedByManifestList";

impl RepositoryApplier<'_, '_> {
    /// Deletes images by one call.
    pub(super) async fn delete<'p>(&self, rechecked: &Rechecked<'p>) -> Attempt<'p> {
        let (name, images) = (self.repository.name(), rechecked.images());
        let ids = images.iter().map(|image| identifier(&image.digest));
        let request = self.clients.ecr.batch_delete_image();
        let request = request
            .repository_name(&**name)
            .set_image_ids(Some(ids.collect()));
        let request = request.customize().config_override(once()).send();
        match rechecked.turn().send(name, request).await {
            Ok(output) => attempt(images, &output),
            Err(error) => Attempt {
                images: images
                    .iter()
                    .map(|&image| (image, Attempted::NoAnswer(error.clone())))
                    .collect(),
                anonymous: None,
            },
        }
    }
}

/// Returns what an answer says of each image.
fn attempt<'p>(images: &[&'p Image], output: &BatchDeleteImageOutput) -> Attempt<'p> {
    let deleted = output.image_ids().iter();
    let deleted: HashSet<Digest> = deleted
        .filter_map(|id| id.image_digest()?.parse().ok())
        .collect();
    let (mut failures, mut anonymous) = (HashMap::new(), None);
    for failure in output.failures() {
        let code = failure.failure_code().map_or("no_code", |it| it.as_str());
        let reason = failure.failure_reason().unwrap_or("no reason given");
        let failed = CallFailure::new(code, reason);
        let image = failure.image_id();
        match image.and_then(|id| id.image_digest()?.parse::<Digest>().ok()) {
            Some(digest) => drop(failures.insert(digest, failed)),
            None => anonymous = Some(failed),
        }
    }
    let attempted = |&image: &&'p Image| {
        let attempted = match failures.remove(&image.digest) {
            None if deleted.contains(&image.digest) => Attempted::Done,
            None => Attempted::Untold(CallFailure::no_answer(
                "ECR neither deleted it nor said why not",
            )),
            Some(failure) if failure.code == NOT_FOUND => Attempted::Missing,
            Some(failure) if failure.code == REFERENCED => Attempted::Refused(CallFailure {
                message:
                    "an index that still exists names it; it is deleted in the run after that index"
                        .to_owned(),
                ..failure
            }),
            Some(failure) => Attempted::Failed(failure),
        };
        (image, attempted)
    };
    Attempt {
        images: images.iter().map(attempted).collect(),
        anonymous,
    }
}
