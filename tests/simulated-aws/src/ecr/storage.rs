//! `UpdateImageStorageClass`: archive and restore.

use crate::ecr::describe::image_not_found;
use crate::ecr::repository::Repository;
use crate::error::{Answer, ApiError, json};
use crate::input::{required, text};
use serde_json::{Value, json as object};
use std::borrow::Cow;

/// Archives or restores an image. A restored one stays `ACTIVATING` until a test calls
/// [`Repository::finish_restores`].
pub(crate) fn update(repository: &mut Repository, body: &Value) -> Answer {
    let target = required(body, "targetStorageClass")?;
    let id = body.get("imageId").unwrap_or(&Value::Null);
    let (digest, tag) = (text(id, "imageDigest"), text(id, "imageTag"));
    let resolved = repository
        .resolve(digest, tag)
        .ok_or_else(|| image_not_found(repository, digest, tag))?;
    let needed = repository.parents(&resolved).iter().any(|parent| {
        repository
            .image(parent)
            .is_some_and(|parent| parent.status != "ARCHIVED")
    });
    if target == "ARCHIVE" && needed {
        return Err(ApiError::new(
            "ImageStorageClassUpdateNotSupportedException",
            format!("The image {resolved} is referenced by a manifest list that is not archived"),
        ));
    }
    let now = repository.now;
    let missing = image_not_found(repository, digest, tag);
    let image = repository.image_mut(&resolved).ok_or(missing)?;
    match target {
        "ARCHIVE" if image.status != "ARCHIVED" => {
            image.status = Cow::Borrowed("ARCHIVED");
            image.archived_at = Some(now);
        }
        "STANDARD" if image.status == "ARCHIVED" => image.status = Cow::Borrowed("ACTIVATING"),
        "ARCHIVE" | "STANDARD" => {}
        _ => {
            return Err(ApiError::invalid(
                "Invalid parameter at 'targetStorageClass'",
            ));
        }
    }
    let status = image.status.clone();
    json(&object!({
        "registryId": repository.location.account,
        "repositoryName": repository.name,
        "imageId": id,
        "imageStatus": status,
    }))
}
