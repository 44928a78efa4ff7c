"""The launcher's own commands, which set what no AWS call can: times, digests, service revisions, faults.

`POST /_ctl/<command>` with a JSON body; the answer is JSON, an error is a 400 with its text.
Every body may name an `account` and a `region`; the defaults are moto's account and eu-west-1.
"""

import hashlib
import json
import threading
import time
from typing import Any

from moto.core import DEFAULT_ACCOUNT_ID
from moto.ecr.models import Image, ecr_backends
from moto.ecs.models import ecs_backends

IMAGE_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
IMAGE_CONFIG = "application/vnd.oci.image.config.v1+json"


class Faults:
    """Answers to give instead of moto's, by operation."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: dict[str, dict[str, Any]] = {}

    def add(self, operation: str, fault: dict[str, Any]) -> None:
        with self._lock:
            self._faults[operation] = fault

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()

    def take(self, operation: str) -> dict[str, Any] | None:
        """The fault for this call. One with no `times` lasts until it is cleared."""
        with self._lock:
            fault = self._faults.get(operation)
            if fault is None or fault.get("times") is None:
                return fault
            if fault["times"] <= 0:
                return None
            fault["times"] -= 1
            return dict(fault)


class Control:
    """One method per command; its keyword arguments are the body."""

    def __init__(self) -> None:
        self.faults = Faults()
        self.calls: list[dict[str, Any]] = []

    def run(self, command: str, body: dict[str, Any]) -> Any:
        return getattr(self, f"do_{command}")(**body)

    def do_image(self, repository: str, attributes: dict, digest: str = "", tag: str = "", **where: str) -> Any:
        """Sets attributes of the images chosen by digest or tag, or of all of a repository."""
        images = _ecr(where).repositories[repository].images
        chosen = [
            image
            for image in images
            if (not digest or image.image_digest == digest) and (not tag or tag in image.image_tags)
        ]
        if not chosen:
            raise LookupError(f"no such image in {repository}: {digest or tag}")
        for image in chosen:
            for name, value in attributes.items():
                setattr(image, name, value)
        return {"images": len(chosen)}

    def do_seed(self, repository: str, count: int, prefix: str = "", oldest_days: int = 365, **where: str) -> Any:
        """Appends small images with rising push times, since PutImage gets slower with every image."""
        target = _ecr(where).repositories[repository]
        now = int(time.time())
        for number in range(count):
            name = f"{prefix}{len(target.images)}"
            config = {"mediaType": IMAGE_CONFIG, "size": 1_000_000, "digest": _digest(name)}
            manifest = {"schemaVersion": 2, "mediaType": IMAGE_MANIFEST, "config": config, "layers": []}
            text = json.dumps(manifest)
            image = Image(target.account_id, name, text, repository, IMAGE_MANIFEST, _digest(text))
            image.image_pushed_at = now - oldest_days * 86_400 * (count - number) // count
            image.artifact_media_type = config["mediaType"]
            target.images.append(image)
        return {"images": len(target.images)}

    def do_task(self, cluster: str, task: str, containers: Any = (), attributes: Any = (), **where: str) -> Any:
        """Sets attributes of a task, and of its containers by position."""
        found = _ecs(where).tasks[cluster][task]
        for name, value in dict(attributes).items():
            setattr(found, name, value)
        for container, changes in zip(found.containers, containers):
            for name, value in changes.items():
                setattr(container, name, value)
        return {"containers": len(found.containers)}

    def do_service(
        self, cluster: str, service: str, attributes: Any = (), revisions: Any = (), deployments: Any = (), **where: str
    ) -> Any:
        """Sets attributes of a service, and adds service revisions and deployments to be described by their ARNs."""
        backend = _ecs(where)
        found = backend.services[f"{cluster}:{service}"]
        for name, value in dict(attributes).items():
            setattr(found, name, value)
        for revision in revisions:
            backend.service_revisions[revision["serviceRevisionArn"]] = revision
        for deployment in deployments:
            backend.service_deployments[deployment["serviceDeploymentArn"]] = deployment
        return {}

    def do_fault(self, operation: str = "", **fault: Any) -> Any:
        """For the next `times` calls: waits `delay` seconds, then fails with `code` and `status`, if given.

        With no operation: ends all faults. Reaches the JSON services (ECR, ECS, SSM) alone.
        """
        if operation:
            self.faults.add(operation, fault)
        else:
            self.faults.clear()
        return {}

    def do_record(self, clear: bool = False) -> Any:
        """Every call so far: account, region, service, action, status of the answer."""
        calls = list(self.calls)
        if clear:
            self.calls.clear()
        return {"calls": calls}


def _digest(text: str) -> str:
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def _ecr(where: dict[str, str]) -> Any:
    return ecr_backends[where.get("account", DEFAULT_ACCOUNT_ID)][where.get("region", "eu-west-1")]


def _ecs(where: dict[str, str]) -> Any:
    return ecs_backends[where.get("account", DEFAULT_ACCOUNT_ID)][where.get("region", "eu-west-1")]
