"""The launcher's own commands, which set what no AWS call can: push times, service revisions, faults; and the record.

`POST /_ctl/<command>` with a JSON body; the answer is JSON, an error is a 400 with its text.
The account is moto's own unless the body names another; the Region is eu-west-1.
"""

from typing import Any

from moto.core import DEFAULT_ACCOUNT_ID
from moto.ecr.models import ecr_backends
from moto.ecs.models import ecs_backends

REGION = "eu-west-1"


class Control:
    """One method per command; its keyword arguments are the body."""

    def __init__(self) -> None:
        self.faults: dict[str, dict[str, Any]] = {}
        self.calls: list[dict[str, Any]] = []

    def run(self, command: str, body: dict[str, Any]) -> Any:
        return getattr(self, f"do_{command}")(**body)

    def do_image(self, repository: str, digest: str, pushed_at: int, account: str = DEFAULT_ACCOUNT_ID) -> Any:
        """Sets the push time of an image, in seconds since the epoch."""
        [image] = [
            image
            for image in ecr_backends[account][REGION].repositories[repository].images
            if image.image_digest == digest
        ]
        image.image_pushed_at = pushed_at
        return {}

    def do_service(
        self,
        cluster: str,
        service: str,
        attributes: Any = (),
        revisions: Any = (),
        deployments: Any = (),
        account: str = DEFAULT_ACCOUNT_ID,
    ) -> Any:
        """Sets attributes of a service, and adds service revisions and deployments to be described by their ARNs."""
        backend = ecs_backends[account][REGION]
        for name, value in dict(attributes).items():
            setattr(backend.services[f"{cluster}:{service}"], name, value)
        for revision in revisions:
            backend.service_revisions[revision["serviceRevisionArn"]] = revision
        for deployment in deployments:
            backend.service_deployments[deployment["serviceDeploymentArn"]] = deployment
        return {}

    def do_fault(self, operation: str = "", code: str = "") -> Any:
        """Fails all calls to an operation of a JSON service with this code. With no operation: ends all faults."""
        if operation:
            self.faults[operation] = {"__type": code, "message": "a fault on purpose"}
        else:
            self.faults.clear()
        return {}

    def do_record(self, clear: bool = False) -> Any:
        """Every call so far: account, region, service, action, status of the answer."""
        calls = list(self.calls)
        if clear:
            self.calls.clear()
        return {"calls": calls}
