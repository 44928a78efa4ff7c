"""What the overlay adds for ECR, ECS and CloudWatch, and the launcher's own commands, as boto3 sees them."""

import pytest
from botocore.exceptions import ClientError


def error_code(call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return caught.value.response["Error"]["Code"]


def test_an_image_has_its_push_time_and_can_be_archived(account):
    digest = account.repository("app").push("1.0", days=30)

    def image():
        [found] = account.ecr.describe_images(repositoryName="app")["imageDetails"]
        return found

    assert int(image()["imagePushedAt"].timestamp()) == account.now - 30 * 86_400
    archive = {"repositoryName": "app", "imageId": {"imageDigest": digest}, "targetStorageClass": "ARCHIVE"}
    assert account.ecr.update_image_storage_class(**archive)["imageStatus"] == "ARCHIVED"
    assert image()["imageStatus"] == "ARCHIVED"
    missing = {**archive, "imageId": {"imageDigest": "sha256:" + "0" * 64}}
    assert error_code(account.ecr.update_image_storage_class, **missing) == "ImageNotFoundException"
    assert account.ecr.describe_pull_through_cache_rules()["pullThroughCacheRules"] == []
    assert account.ecr.list_pull_time_update_exclusions()["pullTimeUpdateExclusions"] == []


def test_a_service_names_its_revision_and_its_deployment(account):
    account.cluster("prod").service("web", account.task_definition("web", "example/web:1"))
    attributes = {"current_service_deployment": "deployment", "current_service_revisions": [{"arn": "revision"}]}
    revision = {"serviceRevisionArn": "revision", "containerImages": [{"imageDigest": "digest"}]}
    deployment = {"serviceDeploymentArn": "deployment", "sourceServiceRevisions": [{"arn": "revision"}]}
    added = {"revisions": [revision], "deployments": [deployment]}
    account.control("service", cluster="prod", service="web", attributes=attributes, **added)
    [service] = account.ecs.describe_services(cluster="prod", services=["web"])["services"]
    arns = [service["currentServiceRevisions"][0]["arn"], "unknown"]
    answer = account.ecs.describe_service_revisions(serviceRevisionArns=arns)
    assert answer["serviceRevisions"] == [revision]
    assert answer["failures"] == [{"arn": "unknown", "reason": "MISSING"}]
    arns = [service["currentServiceDeployment"]]
    assert account.ecs.describe_service_deployments(serviceDeploymentArns=arns)["serviceDeployments"] == [deployment]


def test_alarms_are_put_together(account):
    cloudwatch = account.client("cloudwatch")
    cloudwatch.put_composite_alarm(AlarmName="both", AlarmRule="ALARM(one) OR ALARM(other)")
    [found] = cloudwatch.describe_alarms(AlarmTypes=["CompositeAlarm"])["CompositeAlarms"]
    assert (found["AlarmName"], found["AlarmRule"]) == ("both", "ALARM(one) OR ALARM(other)")
    cloudwatch.delete_alarms(AlarmNames=["both"])
    assert cloudwatch.describe_alarms(AlarmTypes=["CompositeAlarm"])["CompositeAlarms"] == []


def test_calls_are_recorded_and_faults_answered(account):
    account.control("record", clear=True)
    account.control("fault", operation="ListClusters", code="AccessDeniedException")
    assert [error_code(account.ecs.list_clusters) for _ in range(2)] == ["AccessDeniedException"] * 2
    account.control("fault")
    account.ecs.list_clusters()
    account.client("sts").get_caller_identity()
    *calls, last = account.control("record")["calls"]
    call = {"account": "123456789012", "region": "eu-west-1", "service": "ecs", "action": "ListClusters", "function": None}
    assert calls == [call | {"status": status} for status in [400, 400, 200]]
    assert last == {**call, "service": "sts", "action": "GetCallerIdentity", "status": 200}
