"""ECR. Gap: moto has neither the archive nor pull through cache rules, and answers HTTP 500 to calls for them."""

from moto.core.responses import ActionResult
from moto.ecr.responses import ECRResponse


def install() -> None:
    ECRResponse.update_image_storage_class = update_image_storage_class
    ECRResponse.describe_pull_through_cache_rules = lambda self: ActionResult({"pullThroughCacheRules": []})
    ECRResponse.list_pull_time_update_exclusions = lambda self: ActionResult({"pullTimeUpdateExclusions": []})


def update_image_storage_class(self: ECRResponse) -> ActionResult:
    """DescribeImages answers the status from then on."""
    name, wanted = self._get_param("repositoryName"), self._get_param("imageId")
    repository = self.ecr_backend._get_repository(name, self._get_param("registryId"))
    image = repository._get_image(wanted.get("imageTag"), wanted.get("imageDigest"))
    image.image_status = {"ARCHIVE": "ARCHIVED", "STANDARD": "ACTIVATING"}[self._get_param("targetStorageClass")]
    found = {"imageId": {"imageDigest": image.image_digest}, "imageStatus": image.image_status}
    return ActionResult({"registryId": image.registry_id, "repositoryName": repository.name, **found})
