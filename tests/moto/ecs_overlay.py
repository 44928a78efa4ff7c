"""ECS. Gap: moto has neither service revisions nor service deployments, and answers HTTP 500 to calls for them."""

from collections.abc import Callable

from moto.core.responses import ActionResult
from moto.ecs.models import EC2ContainerServiceBackend
from moto.ecs.responses import EC2ContainerServiceResponse


def install() -> None:
    # Filled by the control command `service`.
    EC2ContainerServiceBackend.service_revisions = property(lambda self: self.__dict__.setdefault("_revisions", {}))
    EC2ContainerServiceBackend.service_deployments = property(lambda self: self.__dict__.setdefault("_deployments", {}))
    response = EC2ContainerServiceResponse
    response.describe_service_revisions = _by_arn("service_revisions", "serviceRevisionArns", "serviceRevisions")
    response.describe_service_deployments = _by_arn(
        "service_deployments", "serviceDeploymentArns", "serviceDeployments"
    )


def _by_arn(store: str, parameter: str, key: str) -> Callable:
    def describe(self: EC2ContainerServiceResponse) -> ActionResult:
        known, arns = getattr(self.ecs_backend, store), self._get_param(parameter)
        failures = [{"arn": arn, "reason": "MISSING"} for arn in arns if arn not in known]
        return ActionResult({key: [known[arn] for arn in arns if arn in known], "failures": failures})

    return describe
