//! Reading manifests. ECR counts that as a pull.

use std::{collections::BTreeMap, error::Error};

use aws_sdk_ecr::types::ImageIdentifier;
use sha2::{Digest as _, Sha256};

use super::{BATCH, identifier, readings::Readings};
use crate::{
    aws::{ApiError, Clients, Operation},
    cache::{Cache, IndexManifest},
    image::{ArtifactType, Digest, Image, MANIFEST_MEDIA_TYPES, MediaType, Status},
    inventory::{self, Child, Images, Revisions, Unclear},
};

/// Reason for which the manifest of an image cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum ManifestError {
    #[error(transparent)]
    Malformed(#[from] inventory::ManifestError),
    #[error("{code}: {reason}")]
    Failed { code: String, reason: String },
    #[error("`ecr:BatchGetImage` did not answer for it")]
    NotAnswered,
    #[error("its manifest does not have its digest")]
    Altered,
}

/// Reads the manifest of every index whose children are not known, and returns what could not be
/// read. An archived index cannot be read, but may have been read before.
pub(super) async fn read_children(
    clients: &Clients,
    repository: &str,
    images: &mut Images,
    known: &Cache<Digest, IndexManifest>,
    readings: &Readings<'_>,
) -> Option<Unclear> {
    let is_index = |image: &&Image| image.media_type == MediaType::Index;
    let mut unknown = Vec::new();
    for image in images.images.iter().filter(is_index) {
        let manifest = known.get(&image.digest);
        match manifest.and_then(|manifest| children(&image.digest, &manifest.text()).ok()) {
            Some(children) => {
                images.children.insert(image.digest, children);
            }
            None if image.status == Status::Active => unknown.push(image),
            None => {}
        }
    }
    let start = clients.now();
    for batch in unknown.chunks(BATCH) {
        let unread = |digest: Digest, error: &dyn Error| Unclear::Unread {
            digest,
            problem: error.to_string(),
        };
        let mut manifests = match manifests(clients, repository, batch, readings).await {
            Ok(manifests) => manifests,
            Err(error) => return Some(unread(batch[0].digest, &error)),
        };
        images.manifests_read = Some(start..=clients.now());
        for digest in batch.iter().map(|image| image.digest) {
            let manifest = manifests.remove(&digest);
            let read = manifest
                .unwrap_or(Err(ManifestError::NotAnswered))
                .and_then(|manifest| Ok((children(&digest, &manifest)?, manifest)));
            match read {
                Ok((children, manifest)) => {
                    known.learn(digest, (&*manifest).into());
                    images.children.insert(digest, children);
                }
                Err(ManifestError::Malformed(error)) => {
                    let problem = error.to_string();
                    return Some(Unclear::Index { digest, problem });
                }
                Err(error) => return Some(unread(digest, &error)),
            }
        }
    }
    None
}

/// Returns the children of an index by its manifest, whose digest is what the index is called.
fn children(index: &Digest, manifest: &str) -> Result<Vec<Child>, ManifestError> {
    if !is_of(manifest, index) {
        return Err(ManifestError::Altered);
    }
    Ok(inventory::children(manifest)?)
}

fn is_of(manifest: &str, digest: &Digest) -> bool {
    Digest::from_bytes(Sha256::digest(manifest).into()) == *digest
}

/// Reads the annotations of every image where they are not known, those of indexes from the manifests
/// that are: `known` has these and the annotations that were read before. An image that cannot be
/// read, such as an archived one, is left out.
pub(super) async fn read_annotations(
    clients: &Clients,
    repository: &str,
    images: &mut Images,
    known: (&Cache<Digest, IndexManifest>, &Cache<Digest, Revisions>),
    readings: &Readings<'_>,
) -> Option<Unclear> {
    let (indexes, known) = known;
    let mut unknown = Vec::new();
    for image in &images.images {
        let revisions = match image.media_type {
            MediaType::Index => {
                let manifest = indexes.get(&image.digest);
                manifest.and_then(|manifest| inventory::revisions(&manifest.text()))
            }
            _ if image.artifact_type != ArtifactType::ContainerImage => continue,
            _ => known.get(&image.digest),
        };
        match revisions {
            Some(revisions) => {
                images.revisions.insert(image.digest, revisions);
            }
            None if image.media_type == MediaType::Image && image.status == Status::Active => {
                unknown.push(image);
            }
            None => {}
        }
    }
    for batch in unknown.chunks(BATCH) {
        let manifests = match manifests(clients, repository, batch, readings).await {
            Ok(manifests) => manifests,
            Err(error) => {
                let (digest, problem) = (batch[0].digest, error.to_string());
                return Some(Unclear::Annotations { digest, problem });
            }
        };
        for (digest, manifest) in manifests {
            let manifest = manifest.ok().filter(|manifest| is_of(manifest, &digest));
            if let Some(revisions) = manifest.and_then(|manifest| inventory::revisions(&manifest)) {
                known.learn(digest, revisions.clone());
                images.revisions.insert(digest, revisions);
            }
        }
    }
    None
}

/// Reads the manifests of at most 100 images.
pub(super) async fn manifests(
    clients: &Clients,
    repository: &str,
    images: &[&Image],
    readings: &Readings<'_>,
) -> Result<BTreeMap<Digest, Result<String, ManifestError>>, ApiError> {
    let ids = images.iter().map(|image| identifier(&image.digest));
    let request = clients.ecr.batch_get_image().repository_name(repository);
    let request = request
        .set_image_ids(Some(ids.collect()))
        .set_accepted_media_types(Some(MANIFEST_MEDIA_TYPES.map(str::to_owned).to_vec()));
    let (request, from) = (request.send(), clients.now());
    let answer = clients.call(Operation::BatchGetImage, repository, request);
    let answer = answer.await;
    readings.record(images, from, clients.now());
    let answer = answer?;
    let digest_of = |id: Option<&ImageIdentifier>| id?.image_digest()?.parse::<Digest>().ok();
    let mut manifests = BTreeMap::new();
    for failure in answer.failures() {
        if let Some(digest) = digest_of(failure.image_id()) {
            let code = failure
                .failure_code()
                .map_or("no code", |code| code.as_str());
            let reason = failure.failure_reason().unwrap_or("no reason given");
            let failed = ManifestError::Failed {
                code: code.to_owned(),
                reason: reason.to_owned(),
            };
            manifests.insert(digest, Err(failed));
        }
    }
    for image in answer.images() {
        let manifest = image
            .image_manifest()
            .map(|manifest| Ok(manifest.to_owned()));
        manifests.extend(digest_of(image.image_id()).zip(manifest));
    }
    Ok(manifests)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_is_that_of_its_digest_or_none() {
        let manifest = r#"{"manifests": []}"#;
        let digest = Digest::from_bytes(Sha256::digest(manifest).into());
        assert_eq!(children(&digest, manifest).unwrap(), []);
        for (digest, manifest) in [
            (digest, r#"{"manifests":[]}"#),
            (Digest::from_bytes([1; 32]), manifest),
        ] {
            let read = children(&digest, manifest);
            assert!(matches!(read, Err(ManifestError::Altered)));
        }
    }
}
