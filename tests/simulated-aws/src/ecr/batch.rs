//! `BatchGetImage` and `BatchDeleteImage`: failures of single ids come inside a good answer.

use crate::ecr::describe::ImageId;
use crate::ecr::manifest::{INDEX, MANIFEST_LIST};
use crate::ecr::repository::Repository;
use crate::error::{Answer, json};
use crate::input::{list, required_list, text};
use crate::world::{Deletion, Location, World};
use serde_json::{Value, json as object};

struct Failure {
    code: String,
    reason: String,
}

impl Failure {
    fn new(code: &str, reason: impl Into<String>) -> Self {
        Self {
            code: code.to_owned(),
            reason: reason.into(),
        }
    }

    fn not_found() -> Self {
        Self::new("ImageNotFound", "Requested image not found")
    }

    fn with_id(self, id: &Value) -> Value {
        object!({"imageId": id, "failureCode": self.code, "failureReason": self.reason})
    }
}

/// Returns the digest an id means, by the rules of both calls.
fn resolve(repository: &Repository, id: &Value) -> Result<String, Failure> {
    let (digest, tag) = (text(id, "imageDigest"), text(id, "imageTag"));
    if digest.is_none() && tag.is_none() {
        let reason = "Invalid request parameters: both tag and digest cannot be null";
        return Err(Failure::new("MissingDigestAndTag", reason));
    }
    if digest.is_some_and(|digest| !is_digest(digest)) {
        let reason = "Invalid request parameters: image digest should satisfy the regex \
                      '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'";
        return Err(Failure::new("InvalidImageDigest", reason));
    }
    if let (Some(digest), Some(tag)) = (digest, tag)
        && repository.digest(tag).is_some_and(|owner| owner != digest)
    {
        let reason = "Requested tag and digest do not match";
        return Err(Failure::new("ImageTagDoesNotMatchDigest", reason));
    }
    repository
        .resolve(digest, tag)
        .ok_or_else(Failure::not_found)
}

fn is_digest(text: &str) -> bool {
    text.strip_prefix("sha256:")
        .is_some_and(|hash| hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Reading a manifest is a pull: it moves the pull time, if it is `recorded`.
pub(crate) fn get(
    repository: &mut Repository,
    body: &Value,
    archived: &str,
    recorded: bool,
) -> Answer {
    let ids = required_list(body, "imageIds", 100)?;
    let accepted = list(body, "acceptedMediaTypes", 100)?;
    let (mut images, mut failures) = (Vec::new(), Vec::new());
    for id in ids {
        match read(repository, id, accepted, archived, recorded) {
            Ok(image) => images.push(image),
            Err(failure) => failures.push(failure.with_id(id)),
        }
    }
    json(&object!({"images": images, "failures": failures}))
}

fn read(
    repository: &mut Repository,
    id: &Value,
    accepted: Option<&[Value]>,
    archived: &str,
    recorded: bool,
) -> Result<Value, Failure> {
    let digest = resolve(repository, id)?;
    let (now, seed) = (repository.now, &repository.seed);
    let image = repository
        .images
        .get_mut(&digest)
        .ok_or_else(Failure::not_found)?;
    if let Some(code) = &image.pull_failure {
        return Err(Failure::new(code, "the image cannot be pulled"));
    }
    if image.status == "ARCHIVED" || image.status == "ACTIVATING" {
        return Err(Failure::new(archived, "Requested image is archived"));
    }
    let media_type = image.media_type.as_deref().unwrap_or_default();
    let served = match accepted {
        Some(accepted) => accepted.iter().any(|accepted| accepted == media_type),
        None => media_type != INDEX && media_type != MANIFEST_LIST,
    };
    if !served {
        return Err(Failure::not_found());
    }
    let mut answer = object!({
        "registryId": repository.location.account,
        "repositoryName": repository.name,
        "imageId": {"imageDigest": digest},
        "imageManifest": image.manifest.text(seed),
    });
    if let Some(tag) = id.get("imageTag") {
        answer["imageId"]["imageTag"] = tag.clone();
    }
    if let Some(media_type) = &image.media_type {
        answer["imageManifestMediaType"] = Value::from(media_type.as_ref());
    }
    if recorded {
        image.pulled_at = Some(now);
    }
    Ok(answer)
}

/// Handles the ids one after the other, so that a child that comes after its last index can be
/// deleted in the same call.
pub(crate) fn delete(world: &mut World, location: &Location, body: &Value) -> Answer {
    let ids = required_list(body, "imageIds", 100)?;
    let repository = super::find(world.at(location), body)?;
    let (mut deleted, mut failures) = (Vec::new(), Vec::new());
    for id in ids {
        match delete_one(repository, id) {
            Ok(deletion) => deleted.push(deletion),
            Err(failure) => failures.push(failure.with_id(id)),
        }
    }
    let mut image_ids = Vec::new();
    for Deleted { digest, tags, .. } in &deleted {
        let id = |image_tag| ImageId {
            image_digest: digest,
            image_tag,
        };
        if tags.is_empty() {
            image_ids.push(id(None));
        }
        image_ids.extend(tags.iter().map(|tag| id(Some(tag))));
    }
    let answer = json(&object!({"imageIds": image_ids, "failures": failures}));
    let name = repository.name.clone();
    let images = deleted.into_iter().filter(|deleted| deleted.image);
    world.deletions.extend(images.map(|deleted| Deletion {
        location: location.clone(),
        repository: name.clone(),
        digest: deleted.digest,
        tags: deleted.tags,
    }));
    answer
}

struct Deleted {
    digest: String,
    tags: Vec<String>,
    /// Whether the image went, or only the tag.
    image: bool,
}

fn delete_one(repository: &mut Repository, id: &Value) -> Result<Deleted, Failure> {
    let digest = resolve(repository, id)?;
    let tags = repository
        .image(&digest)
        .map_or(0, |image| image.tags.len());
    if let (Some(tag), None) = (text(id, "imageTag"), text(id, "imageDigest"))
        && tags > 1
    {
        repository.untag(tag);
        return Ok(Deleted {
            digest,
            tags: vec![tag.to_owned()],
            image: false,
        });
    }
    let parents = repository.parents(&digest);
    if !parents.is_empty() {
        let reason = format!(
            "Requested image referenced by manifest list: [{}]",
            parents.join(", ")
        );
        return Err(Failure::new("ImageReferencedByManifestList", reason));
    }
    let tags = repository
        .remove(&digest)
        .map_or(Vec::new(), |image| image.tags);
    Ok(Deleted {
        digest,
        tags,
        image: true,
    })
}
