//! `PutImage`.

use crate::ecr::push::Push;
use crate::ecr::repository::Repository;
use crate::error::{Answer, ApiError, json};
use crate::input::{required, text};
use serde_json::{Value, json as object};

pub(crate) fn image(repository: &mut Repository, body: &Value) -> Answer {
    let manifest = required(body, "imageManifest")?;
    let tag = text(body, "imageTag");
    let mut push = Push::manifest(manifest);
    if let Some(tag) = tag {
        push = push.tag(tag);
    }
    let built = push.build(repository, 0);
    if text(body, "imageDigest").is_some_and(|digest| digest != built.digest) {
        return Err(ApiError::new(
            "ImageDigestDoesNotMatchException",
            "The digest of the manifest is not the digest given",
        ));
    }
    if let Some(child) = built
        .children
        .iter()
        .find(|child| !repository.contains(child))
    {
        return Err(ApiError::new(
            "ReferencedImagesNotFoundException",
            format!("Images with digests '{child}' required for pushing image do not exist"),
        ));
    }
    let owner = tag.and_then(|tag| repository.digest(tag));
    let archived = |digest: &str| {
        repository
            .image(digest)
            .is_some_and(|image| image.status != "ACTIVE")
    };
    let same =
        owner == Some(&built.digest) || (tag.is_none() && repository.contains(&built.digest));
    if same && !archived(&built.digest) {
        return Err(ApiError::new(
            "ImageAlreadyExistsException",
            "Image with this digest and tag already exists",
        ));
    }
    if owner.is_some_and(|owner| owner != built.digest)
        && repository.tag_mutability.starts_with("IMMUTABLE")
    {
        return Err(ApiError::new(
            "ImageTagAlreadyExistsException",
            "The image tag already exists and cannot be overwritten because the repository is immutable",
        ));
    }
    let digest = repository.store(built);
    let media_type = repository
        .image(&digest)
        .and_then(|image| image.media_type.clone());
    json(&object!({"image": {
        "registryId": repository.location.account,
        "repositoryName": repository.name,
        "imageId": {"imageDigest": digest, "imageTag": tag},
        "imageManifest": manifest,
        "imageManifestMediaType": media_type,
    }}))
}
