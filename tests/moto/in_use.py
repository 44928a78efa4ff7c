"""Every ECR image that ECS names, read with boto3 alone: the second opinion on what must never be deleted."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from account import HOST, Account


class Use(NamedTuple):
    user: str  # for people: `production/web`
    repository: str
    image_id: tuple[str, str]  # imageTag or imageDigest, and its value

    def __str__(self) -> str:
        kind, value = self.image_id
        return f"{self.repository}{':' if kind == 'imageTag' else '@'}{value}"


def uses(account: Account) -> list[Use]:
    found = set()
    for cluster in _listed(account, "list_clusters", "clusterArns"):
        found.update(_services(account, cluster))
        found.update(_tasks(account, cluster))
    for definition in _listed(account, "list_task_definitions", "taskDefinitionArns", status="ACTIVE"):
        found.update(_definition(account, f"task definition {_name(definition)}", definition))
    return sorted(found)


def digest_of(account: Account, use: Use) -> str | None:
    """What a pull would get now; None when it would fail."""
    kind, value = use.image_id
    try:
        answer = account.ecr.batch_get_image(repositoryName=use.repository, imageIds=[{kind: value}])
    except ClientError:
        return None
    return answer["images"][0]["imageId"]["imageDigest"] if answer["images"] else None


def _services(account: Account, cluster: str) -> Iterator[Use]:
    for arn in _listed(account, "list_services", "serviceArns", cluster=cluster):
        [service] = account.ecs.describe_services(cluster=cluster, services=[arn])["services"]
        user = f"service {_name(cluster)}/{service['serviceName']}"
        for definition in {service["taskDefinition"], *(one["taskDefinition"] for one in service["deployments"])}:
            yield from _definition(account, user, definition)
        revisions = [revision["arn"] for revision in service.get("currentServiceRevisions", [])]
        if revisions:
            answer = account.ecs.describe_service_revisions(serviceRevisionArns=revisions)
            for revision in answer["serviceRevisions"]:
                for image in revision["containerImages"]:
                    yield from _references(user, image)


def _tasks(account: Account, cluster: str) -> Iterator[Use]:
    for arn in _listed(account, "list_tasks", "taskArns", cluster=cluster):
        [task] = account.ecs.describe_tasks(cluster=cluster, tasks=[arn])["tasks"]
        user = f"task {_name(cluster)}/{_name(task['taskDefinitionArn'])}"
        yield from _definition(account, user, task["taskDefinitionArn"])
        for container in task["containers"]:
            yield from _references(user, container)


def _definition(account: Account, user: str, arn: str) -> Iterator[Use]:
    answer = account.ecs.describe_task_definition(taskDefinition=arn)
    for container in answer["taskDefinition"]["containerDefinitions"]:
        yield from _references(user, container)


def _references(user: str, container: dict[str, Any]) -> Iterator[Use]:
    if not container["image"].startswith(f"{HOST}/"):
        return
    name = container["image"].removeprefix(f"{HOST}/")
    repository, at, digest = name.partition("@")
    if at:
        yield Use(user, repository, ("imageDigest", digest))
    else:
        repository, _, tag = name.partition(":")
        yield Use(user, repository, ("imageTag", tag or "latest"))
    if container.get("imageDigest"):
        yield Use(user, repository, ("imageDigest", container["imageDigest"]))


def _listed(account: Account, operation: str, key: str, **arguments: str) -> list[str]:
    pages = account.ecs.get_paginator(operation).paginate(**arguments)
    return [arn for page in pages for arn in page[key]]


def _name(arn: str) -> str:
    return arn.split("/")[-1]
