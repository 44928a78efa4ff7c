"""An AWS account in moto, filled as teams fill theirs: repositories, images, ECS clusters.

Push times, which no call can set, go through the launcher's control endpoint; on a plain moto,
`Account(endpoint, overlay=False)`, they are left as moto makes them.
"""

import hashlib
import json
import time
import urllib.error
import urllib.request
from typing import Any

import boto3
from botocore.config import Config

ACCOUNT_ID = "123456789012"
REGION = "eu-west-1"
HOST = f"{ACCOUNT_ID}.dkr.ecr.{REGION}.amazonaws.com"

IMAGE_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
IMAGE_INDEX = "application/vnd.oci.image.index.v1+json"
IMAGE_CONFIG = "application/vnd.oci.image.config.v1+json"

# What a program under test needs in its environment to reach the emulator, and nothing of this machine.
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "example",
    "AWS_REGION": REGION,
    "AWS_DEFAULT_REGION": REGION,
    "AWS_EC2_METADATA_DISABLED": "true",
}

Image = tuple[str, str]  # repository, digest


class Account:
    account_id = ACCOUNT_ID
    credentials = {
        "aws_access_key_id": CREDENTIALS["AWS_ACCESS_KEY_ID"],
        "aws_secret_access_key": CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
    }

    def __init__(self, endpoint: str, overlay: bool = True) -> None:
        self.endpoint = endpoint
        self.overlay = overlay
        self.now = int(time.time())
        self.ecr = self.client("ecr")
        self.ecs = self.client("ecs")
        self.labels: dict[Image, str] = {}

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name=REGION,
            **self.credentials,
            config=Config(retries={"total_max_attempts": 1}),
        )

    def environment(self) -> dict[str, str]:
        return {**CREDENTIALS, "AWS_ENDPOINT_URL": self.endpoint}

    def control(self, command: str, **body: Any) -> dict[str, Any]:
        request = urllib.request.Request(f"{self.endpoint}/_ctl/{command}", json.dumps(body).encode(), method="POST")
        try:
            with urllib.request.urlopen(request) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"{command}: {error.read().decode()}") from error

    def repository(self, name: str) -> "Repository":
        self.ecr.create_repository(repositoryName=name)
        return Repository(self, name)

    def images(self) -> set[Image]:
        """Every image of every repository, archived ones too."""
        found = set()
        for page in self.ecr.get_paginator("describe_repositories").paginate():
            for repository in page["repositories"]:
                name = repository["repositoryName"]
                pages = self.ecr.get_paginator("describe_images").paginate(
                    repositoryName=name, filter={"imageStatus": "ANY"}
                )
                found.update((name, image["imageDigest"]) for images in pages for image in images["imageDetails"])
        return found

    def names(self, images: set[Image]) -> list[str]:
        """The images as the scenario called them, for people."""
        return sorted(f"{image[0]} {self.labels.get(image, image[1])}" for image in images)

    def cluster(self, name: str) -> "Cluster":
        self.ecs.create_cluster(clusterName=name)
        return Cluster(self, name)

    def task_definition(self, family: str, *images: str) -> str:
        """Registers a revision with one container per image; answers its ARN."""
        containers = [
            {"name": f"container-{number}", "image": image, "cpu": 64, "memory": 128}
            for number, image in enumerate(images, start=1)
        ]
        answer = self.ecs.register_task_definition(family=family, containerDefinitions=containers)
        return answer["taskDefinition"]["taskDefinitionArn"]


class Repository:
    def __init__(self, account: Account, name: str) -> None:
        self.account = account
        self.name = name

    def push(self, *tags: str, days: float, label: str = "", size: int = 50_000_000) -> str:
        """An image of one platform, pushed that many days ago; with no tag it stays untagged."""
        label = label or tags[0]
        config = {"mediaType": IMAGE_CONFIG, "size": size, "digest": _digest(f"{self.name} {label} config")}
        layer = {
            "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
            "size": size,
            "digest": _digest(f"{self.name} {label} layer"),
        }
        manifest = {"schemaVersion": 2, "mediaType": IMAGE_MANIFEST, "config": config, "layers": [layer]}
        return self._put(manifest, tags, days, label)

    def push_index(self, *tags: str, days: float, label: str = "", size: int = 50_000_000) -> tuple[str, list[str]]:
        """An image of two platforms: an index and its untagged children, pushed just before it."""
        label = label or tags[0]
        children, entries = [], []
        for architecture in ("amd64", "arm64"):
            digest = self.push(days=days + 0.001, label=f"{label} ({architecture})", size=size)
            children.append(digest)
            platform = {"os": "linux", "architecture": architecture}
            entries.append({"mediaType": IMAGE_MANIFEST, "size": 500, "digest": digest, "platform": platform})
        manifest = {"schemaVersion": 2, "mediaType": IMAGE_INDEX, "manifests": entries}
        return self._put(manifest, tags, days, label), children

    def uri(self, reference: str) -> str:
        """`host/name:tag` or `host/name@digest`."""
        host = HOST.replace(ACCOUNT_ID, self.account.account_id)
        return f"{host}/{self.name}{'@' if ':' in reference else ':'}{reference}"

    def _put(self, manifest: dict[str, Any], tags: tuple[str, ...], days: float, label: str) -> str:
        text = json.dumps(manifest)
        digest = _digest(text)
        image = {
            "repositoryName": self.name,
            "imageManifest": text,
            "imageManifestMediaType": manifest["mediaType"],
            "imageDigest": digest,
        }
        for tag in tags or (None,):
            self.account.ecr.put_image(**image, **({"imageTag": tag} if tag else {}))
        if self.account.overlay:
            pushed_at = self.account.now - int(days * 86_400)
            self.account.control("image", repository=self.name, digest=digest, pushed_at=pushed_at)
        self.account.labels[self.name, digest] = label
        return digest


class Cluster:
    def __init__(self, account: Account, name: str) -> None:
        self.account = account
        self.name = name

    def service(self, name: str, task_definition: str, count: int = 1) -> None:
        self.account.ecs.create_service(
            cluster=self.name, serviceName=name, taskDefinition=task_definition, desiredCount=count
        )

    def task(self, task_definition: str) -> None:
        # moto needs container instances for anything but Fargate.
        self.account.ecs.run_task(cluster=self.name, taskDefinition=task_definition, launchType="FARGATE")


def _digest(text: str) -> str:
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()
