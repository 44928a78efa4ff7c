"""ECR as documented, where moto is simpler: pages, filters, digests, moved tags, delete rules, archive."""

import hashlib
import json
import re
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from moto.core.responses import ActionResult
from moto.ecr.exceptions import ImageNotFoundException, InvalidParameterException
from moto.ecr.models import ECRBackend, Image, Repository
from moto.ecr.responses import ECRResponse

from paging import at_most, page

MAX_IDS = 100
DIGEST = re.compile(r"[0-9a-zA-Z_+.-]+:[0-9a-fA-F]{64}")


def install() -> None:
    ECRBackend.put_image = _put_image(ECRBackend.put_image)
    ECRBackend.batch_delete_image = batch_delete_image
    ECRBackend.batch_get_image = batch_get_image
    ECRResponse.describe_repositories = describe_repositories
    ECRResponse.describe_images = describe_images
    ECRResponse.list_images = list_images
    ECRResponse.update_image_storage_class = update_image_storage_class
    ECRResponse.describe_pull_through_cache_rules = describe_pull_through_cache_rules


# Reading


def describe_repositories(self: ECRResponse) -> ActionResult:
    names = _names(self, "repositoryNames")
    repositories = self.ecr_backend.describe_repositories(self._get_param("registryId"), names)
    return _answer(self, repositories, "repositories", paged=not names)


def describe_images(self: ECRResponse) -> ActionResult:
    repository = _repository(self)
    ids = _names(self, "imageIds")
    wanted = self._get_param("filter") or {}
    if ids:
        found = {image.image_digest: image for image in (_find(repository, one) for one in ids)}
        images = list(found.values())
    else:
        images = [image for image in repository.images if _passes(image, wanted)]
    by_digest = {image.image_digest: image for image in repository.images}
    return _answer(self, [_detail(image, by_digest) for image in images], "imageDetails", paged=not ids)


def describe_pull_through_cache_rules(self: ECRResponse) -> ActionResult:
    return _answer(self, [], "pullThroughCacheRules", paged=True)


def list_images(self: ECRResponse) -> ActionResult:
    wanted = self._get_param("filter") or {}
    ids = []
    for image in _repository(self).images:
        if _passes(image, wanted):
            ids.extend(_image_ids(image))
    return _answer(self, ids, "imageIds", paged=True)


def batch_get_image(
    self: ECRBackend, repository_name: str, registry_id: str | None = None, image_ids: list | None = None
) -> dict[str, Any]:
    repository = self._get_repository(repository_name, registry_id)
    at_most(MAX_IDS, image_ids, "imageIds", InvalidParameterException)
    answer: dict[str, Any] = {"images": [], "failures": []}
    for wanted in image_ids or []:
        try:
            image = _find(repository, wanted)
        except ImageNotFoundException:
            answer["failures"].append(_not_found(wanted))
            continue
        # Reading a manifest is a pull, also for ECR itself.
        image.last_recorded_pull_time = int(time.time())
        answer["images"].append(
            {
                "registryId": image.registry_id,
                "repositoryName": repository.name,
                "imageId": {**wanted, "imageDigest": image.image_digest},
                "imageManifest": image.image_manifest,
                "imageManifestMediaType": image.image_manifest_media_type,
            }
        )
    return answer


# Writing


def _put_image(original: Callable) -> Callable:
    def put_image(
        self: ECRBackend,
        repository_name: str,
        image_manifest: str,
        image_tag: str | None,
        image_manifest_mediatype: str | None = None,
        digest: str | None = None,
    ) -> Image:
        repository = self._get_repository(repository_name)
        manifest = json.loads(image_manifest)
        missing = set(_children(manifest)) - {image.image_digest for image in repository.images}
        if missing:
            raise _error("ReferencedImagesNotFoundException", f"images not found: {sorted(missing)}")
        digest = digest or "sha256:" + hashlib.sha256(image_manifest.encode()).hexdigest()

        if image_tag is not None:
            for old in self._resolve_image_tag_mutability(repository, image_tag):
                if old.image_manifest != image_manifest:
                    _take_tag(old, image_tag)
        image = original(self, repository_name, image_manifest, image_tag, image_manifest_mediatype, digest)
        image.children = _children(manifest)
        image.subject_manifest_digest = manifest.get("subject", {}).get("digest")
        image.artifact_media_type = manifest.get("artifactType") or manifest.get("config", {}).get("mediaType")
        return image

    return put_image


def batch_delete_image(
    self: ECRBackend, repository_name: str, registry_id: str | None = None, image_ids: list | None = None
) -> dict[str, Any]:
    repository = self._get_repository(repository_name, registry_id)
    at_most(MAX_IDS, image_ids, "imageIds", InvalidParameterException)
    # As it was when the call came: an index that goes in the same call still protects its children.
    parents = _parents(repository)
    answer: dict[str, Any] = {"imageIds": [], "failures": []}
    for wanted in image_ids or []:
        invalid_id = _invalid_id(wanted)
        if invalid_id:
            answer["failures"].append(invalid_id)
            continue
        try:
            image = _find(repository, wanted)
        except ImageNotFoundException:
            answer["failures"].append(_not_found(wanted))
            continue
        tag = wanted.get("imageTag")
        if tag and len(image.image_tags) > 1 and "imageDigest" not in wanted:
            _take_tag(image, tag)
            answer["imageIds"].append({"imageDigest": image.image_digest, "imageTag": tag})
        elif image.image_digest in parents:
            text = ", ".join(sorted(parents[image.image_digest]))
            reason = f"Requested image referenced by manifest list: [{text}]"
            answer["failures"].append(_failure(wanted, "ImageReferencedByManifestList", reason))
        else:
            answer["imageIds"].extend(_image_ids(image))
            repository.images.remove(image)
    return answer


def update_image_storage_class(self: ECRResponse) -> ActionResult:
    repository = _repository(self)
    wanted = self._get_param("imageId")
    image = _find(repository, wanted)
    target = self._get_param("targetStorageClass")
    now = int(time.time())
    if target == "ARCHIVE":
        if image.image_digest in _parents(repository, archived=False):
            raise _error("ImageStorageClassUpdateNotSupportedException", "a manifest list names this image")
        image.image_status, image.last_archived_at = "ARCHIVED", now
    elif target == "STANDARD":
        image.image_status, image.last_activated_at = "ACTIVATING", now
    else:
        raise InvalidParameterException(f"targetStorageClass must be ARCHIVE or STANDARD, not {target!r}")
    return ActionResult(
        {
            "registryId": image.registry_id,
            "repositoryName": repository.name,
            "imageId": {"imageDigest": image.image_digest},
            "imageStatus": image.image_status,
        }
    )


# Shared


def _error(code: str, message: str) -> Exception:
    # moto finds an error's service in its class, so an ECR error has to be of a class of moto's ECR.
    error = InvalidParameterException(message)
    error.code = code
    return error


def _repository(response: ECRResponse) -> Repository:
    return response.ecr_backend._get_repository(
        response._get_param("repositoryName"), response._get_param("registryId")
    )


def _find(repository: Repository, wanted: dict[str, str]) -> Image:
    return repository._get_image(wanted.get("imageTag"), wanted.get("imageDigest"))


def _names(response: ECRResponse, parameter: str) -> list | None:
    """A list that asks for these alone: short, and never in pages."""
    names = response._get_param(parameter)
    at_most(MAX_IDS, names, parameter, InvalidParameterException)
    if names and (response._get_param("maxResults") is not None or response._get_param("nextToken") is not None):
        raise InvalidParameterException(f"maxResults and nextToken do not go together with {parameter}")
    return names


def _answer(response: ECRResponse, items: list, key: str, paged: bool) -> ActionResult:
    if not paged:
        return ActionResult({key: items})
    max_results, token = response._get_param("maxResults"), response._get_param("nextToken")
    return ActionResult(page(items, max_results, token, 100, 1000, InvalidParameterException).answer(key))


def _passes(image: Image, wanted: dict[str, str]) -> bool:
    status = wanted.get("imageStatus", "ACTIVE")
    tags = wanted.get("tagStatus", "ANY")
    return status in ("ANY", _status(image)) and tags in ("ANY", "TAGGED" if image.image_tags else "UNTAGGED")


def _status(image: Image) -> str:
    return getattr(image, "image_status", "ACTIVE")


def _children(manifest: dict[str, Any]) -> list[str]:
    return [child["digest"] for child in manifest.get("manifests", [])]


def _parents(repository: Repository, archived: bool = True) -> dict[str, set[str]]:
    parents: dict[str, set[str]] = defaultdict(set)
    for image in repository.images:
        if archived or _status(image) != "ARCHIVED":
            for child in getattr(image, "children", ()):
                parents[child].add(image.image_digest)
    return parents


def _take_tag(image: Image, tag: str) -> None:
    image.remove_tag(tag)
    if not image.image_tags:
        image.image_tag = None


def _image_ids(image: Image) -> list[dict[str, str]]:
    if not image.image_tags:
        return [{"imageDigest": image.image_digest}]
    return [{"imageDigest": image.image_digest, "imageTag": tag} for tag in image.image_tags]


def _detail(image: Image, by_digest: dict[str, Image]) -> dict[str, Any]:
    detail = {
        "registryId": image.registry_id,
        "repositoryName": image.repository_name,
        "imageDigest": image.image_digest,
        "imageTags": list(image.image_tags) or None,
        "imageSizeInBytes": _size(image, by_digest),
        "imagePushedAt": image.image_pushed_at,
        "imageManifestMediaType": image.image_manifest_media_type,
        "artifactMediaType": getattr(image, "artifact_media_type", None),
        "subjectManifestDigest": getattr(image, "subject_manifest_digest", None),
        "lastRecordedPullTime": getattr(image, "last_recorded_pull_time", None),
        "imageStatus": _status(image),
        "lastArchivedAt": getattr(image, "last_archived_at", None),
        "lastActivatedAt": getattr(image, "last_activated_at", None),
    }
    return {key: value for key, value in detail.items() if value is not None}


def _size(image: Image, by_digest: dict[str, Image]) -> int | None:
    """Of an index: the largest of its children's."""
    children = [by_digest[child] for child in getattr(image, "children", ()) if child in by_digest]
    if not children:
        return image.image_size_in_bytes
    return max((_size(child, by_digest) or 0) for child in children)


def _invalid_id(wanted: dict[str, str]) -> dict[str, Any] | None:
    digest = wanted.get("imageDigest")
    if digest is None and wanted.get("imageTag") is None:
        return _failure({}, "MissingDigestAndTag", "both tag and digest cannot be null")
    if digest is not None and not DIGEST.fullmatch(digest):
        return _failure(wanted, "InvalidImageDigest", "an image digest is an algorithm and 64 hexadecimal digits")
    return None


def _not_found(wanted: dict[str, str]) -> dict[str, Any]:
    return _failure(wanted, "ImageNotFound", "Requested image not found")


def _failure(wanted: dict[str, str], code: str, reason: str) -> dict[str, Any]:
    return {"imageId": wanted, "failureCode": code, "failureReason": reason}
