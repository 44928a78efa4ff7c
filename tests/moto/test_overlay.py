"""Every patch of the overlay, as boto3 sees it."""

import json

import pytest
from botocore.exceptions import ClientError

NOWHERE = "sha256:" + "0" * 64


def error_code(call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return caught.value.response["Error"]["Code"]


def details(account, repository, **arguments):
    return account.ecr.describe_images(repositoryName=repository, **arguments)["imageDetails"]


def test_ecr_lists_in_pages(account):
    account.repository("pages")
    account.control("seed", repository="pages", count=250)
    first = account.ecr.describe_images(repositoryName="pages")
    assert len(first["imageDetails"]) == 100
    assert len(details(account, "pages", maxResults=1000)) == 250
    pages = list(account.ecr.get_paginator("list_images").paginate(repositoryName="pages"))
    assert [len(page["imageIds"]) for page in pages] == [100, 100, 50]
    assert "nextToken" not in pages[-1]
    account.repository("second")
    repositories = account.ecr.describe_repositories(maxResults=1)
    assert len(repositories["repositories"]) == 1 and "nextToken" in repositories

    times = [image["imagePushedAt"] for image in first["imageDetails"]]
    assert times == sorted(times)


def test_ecr_refuses_what_is_out_of_bounds(account):
    account.repository("bounds")
    one, too_many = [{"imageDigest": NOWHERE}], [{"imageDigest": NOWHERE}] * 101
    for call, arguments, code in [
        (account.ecr.describe_images, {"nextToken": "none of ours"}, "InvalidParameterException"),
        (account.ecr.describe_images, {"maxResults": 10, "imageIds": one}, "InvalidParameterException"),
        (account.ecr.describe_images, {"imageIds": too_many}, "InvalidParameterException"),
        (account.ecr.batch_get_image, {"imageIds": too_many}, "InvalidParameterException"),
        (account.ecr.batch_delete_image, {"imageIds": too_many}, "InvalidParameterException"),
        (account.ecr.describe_images, {"imageIds": one}, "ImageNotFoundException"),
    ]:
        assert error_code(call, repositoryName="bounds", **arguments) == code, (call.__name__, arguments)


def test_ecr_filters_by_tag_and_status(account):
    repository = account.repository("filters")
    tagged = repository.push("1.0", days=1)
    untagged = repository.push(days=1, label="untagged")
    archived = repository.push("0.9", days=1)
    account.ecr.update_image_storage_class(
        repositoryName="filters", imageId={"imageDigest": archived}, targetStorageClass="ARCHIVE"
    )

    def found(**wanted):
        return {image["imageDigest"] for image in details(account, "filters", filter=wanted)}

    assert found() == {tagged, untagged}
    assert found(imageStatus="ANY") == {tagged, untagged, archived}
    assert found(imageStatus="ARCHIVED") == {archived}
    assert found(tagStatus="UNTAGGED") == {untagged}
    [image] = details(account, "filters", imageIds=[{"imageDigest": archived}])
    assert image["imageStatus"] == "ARCHIVED" and "lastArchivedAt" in image
    [image] = details(account, "filters", imageIds=[{"imageDigest": untagged}])
    assert "imageTags" not in image


def test_a_moved_tag_leaves_its_old_image_untagged(account):
    repository = account.repository("moved")
    old = repository.push("prod", days=2, label="old")
    new = repository.push("prod", "1.0", days=1, label="new")
    tags = {image["imageDigest"]: image.get("imageTags", []) for image in details(account, "moved")}
    assert tags == {old: [], new: ["prod", "1.0"]}
    repository.tag(old, "prod")
    tags = {image["imageDigest"]: image.get("imageTags", []) for image in details(account, "moved")}
    assert tags == {old: ["prod"], new: ["1.0"]}


def test_an_index_protects_its_children(account):
    repository = account.repository("index")
    index, children = repository.push_index("1.0", days=1, size=7_000)

    def delete(*digests):
        ids = [{"imageDigest": digest} for digest in digests]
        return account.ecr.batch_delete_image(repositoryName="index", imageIds=ids)

    sizes = {image["imageDigest"]: image["imageSizeInBytes"] for image in details(account, "index")}
    assert sizes[index] == 7_000
    refused = delete(children[0])
    assert refused["imageIds"] == []
    assert refused["failures"][0]["failureCode"] == "ImageReferencedByManifestList"
    assert index in refused["failures"][0]["failureReason"]

    # Whichever comes first in one call, the index alone goes in it.
    both = delete(index, children[0])
    assert both["imageIds"] == [{"imageDigest": index, "imageTag": "1.0"}]
    assert len(both["failures"]) == 1
    assert delete(*children)["imageIds"] == [{"imageDigest": digest} for digest in children]


def test_delete_answers_by_id(account):
    repository = account.repository("delete")
    digest = repository.push("1.0", "1", days=1)
    assert account.ecr.batch_delete_image(repositoryName="delete", imageIds=[{"imageTag": "1"}])["imageIds"] == [
        {"imageDigest": digest, "imageTag": "1"}
    ]
    answer = account.ecr.batch_delete_image(
        repositoryName="delete",
        imageIds=[{"imageDigest": digest}, {"imageDigest": NOWHERE}, {"imageDigest": "sha256:short"}, {}],
    )
    assert answer["imageIds"] == [{"imageDigest": digest, "imageTag": "1.0"}]
    codes = [failure["failureCode"] for failure in answer["failures"]]
    assert codes == ["ImageNotFound", "InvalidImageDigest", "MissingDigestAndTag"]
    assert answer["failures"][0]["imageId"] == {"imageDigest": NOWHERE}


def test_reading_a_manifest_counts_as_a_pull(account):
    repository = account.repository("pull")
    digest = repository.push("1.0", days=1)
    assert "lastRecordedPullTime" not in details(account, "pull")[0]
    answer = account.ecr.batch_get_image(
        repositoryName="pull", imageIds=[{"imageDigest": digest}, {"imageDigest": NOWHERE}]
    )
    assert json.loads(answer["images"][0]["imageManifest"])["schemaVersion"] == 2
    assert answer["failures"][0]["imageId"] == {"imageDigest": NOWHERE}
    assert "lastRecordedPullTime" in details(account, "pull")[0]


def test_links_come_from_the_manifest(account):
    repository = account.repository("links")
    subject = repository.push("1.0", days=1)
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "artifactType": "application/vnd.example.sbom",
        "config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest": NOWHERE, "size": 2},
        "layers": [],
        "subject": {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": subject, "size": 1},
    }
    account.ecr.put_image(repositoryName="links", imageManifest=json.dumps(manifest))
    image, referrer = details(account, "links")
    assert image["artifactMediaType"] == "application/vnd.oci.image.config.v1+json"
    assert referrer["artifactMediaType"] == "application/vnd.example.sbom"
    assert referrer["subjectManifestDigest"] == subject


def test_ecs_lists_in_pages_and_by_whole_cluster_name(account):
    production = account.cluster("prod")
    account.cluster("shop-prod").service("other", account.task_definition("other", "example/other:1"))
    definition = account.task_definition("web", "example/web:1", "example/sidecar:1")
    for number in range(12):
        production.service(f"web-{number}", definition)
    first = account.ecs.list_services(cluster="prod")
    assert len(first["serviceArns"]) == 10
    rest = account.ecs.list_services(cluster="prod", nextToken=first["nextToken"])
    assert len(rest["serviceArns"]) == 2 and "nextToken" not in rest
    names = [f"web-{number}" for number in range(11)]
    assert error_code(account.ecs.describe_services, cluster="prod", services=names) == "InvalidParameterException"
    assert error_code(account.ecs.list_clusters, maxResults=101) == "InvalidParameterException"


def test_a_task_has_all_its_containers_and_keeps_its_state(account):
    cluster = account.cluster("tasks")
    definition = account.task_definition("pair", "example/web:1", "example/sidecar:1")
    cluster.task(definition, NOWHERE)
    [arn] = account.ecs.list_tasks(cluster="tasks")["taskArns"]
    missing = arn[:-1] + "z"
    for _ in range(3):
        answer = account.ecs.describe_tasks(cluster="tasks", tasks=[arn, missing])
        [task] = answer["tasks"]
        assert task["lastStatus"] == "RUNNING"
        assert [container["image"] for container in task["containers"]] == ["example/web:1", "example/sidecar:1"]
        assert task["containers"][0]["imageDigest"] == NOWHERE
        assert answer["failures"] == [{"arn": missing, "reason": "MISSING"}]
    assert account.ecs.list_tasks(cluster="tasks", desiredStatus="STOPPED")["taskArns"] == []


def test_a_service_names_its_revisions(account):
    cluster = account.cluster("revisions")
    definition = account.task_definition("pinned", "example/web:1")
    cluster.service("web", definition)
    cluster.pin("web", definition, ("example/web:1", NOWHERE))
    [service] = account.ecs.describe_services(cluster="revisions", services=["web"])["services"]
    arn = service["currentServiceRevisions"][0]["arn"]
    answer = account.ecs.describe_service_revisions(serviceRevisionArns=[arn, "unknown"])
    [revision] = answer["serviceRevisions"]
    assert revision["containerImages"][0]["imageDigest"] == NOWHERE
    assert answer["failures"] == [{"arn": "unknown", "reason": "MISSING"}]

    deployment = {"serviceDeploymentArn": "deployment", "sourceServiceRevisions": [{"arn": arn}]}
    attributes = {"current_service_deployment": "deployment"}
    account.control("service", cluster="revisions", service="web", attributes=attributes, deployments=[deployment])
    [service] = account.ecs.describe_services(cluster="revisions", services=["web"])["services"]
    arns = [service["currentServiceDeployment"]]
    [found] = account.ecs.describe_service_deployments(serviceDeploymentArns=arns)["serviceDeployments"]
    assert found["sourceServiceRevisions"] == [{"arn": arn}]


def test_calls_are_recorded_and_faults_answered(account):
    account.control("record", clear=True)
    account.control("fault", operation="ListClusters", code="ThrottlingException", times=1)
    assert error_code(account.ecs.list_clusters) == "ThrottlingException"
    account.ecs.list_clusters()
    account.control("fault", operation="ListClusters", code="AccessDeniedException")
    assert [error_code(account.ecs.list_clusters) for _ in range(3)] == ["AccessDeniedException"] * 3
    account.control("fault")
    account.ecs.list_clusters()
    account.client("sts").get_caller_identity()
    *calls, last = account.control("record")["calls"]
    call = {"account": "123456789012", "region": "eu-west-1", "service": "ecs", "action": "ListClusters"}
    assert calls == [call | {"status": status} for status in [400, 200, 400, 400, 400, 200]]
    assert last == {**call, "service": "sts", "action": "GetCallerIdentity", "status": 200}
