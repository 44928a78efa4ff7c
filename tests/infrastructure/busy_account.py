"""A team's account, with what else leads to calls that its images alone do not."""

import json

from account import ACCOUNT_ID, REGION
from scenarios import team_account

DEPLOYMENT = "arn:aws:ecs:eu-west-1:123456789012:service-deployment/{}/{}/1"


def busy_account(account):
    expected = team_account(account)
    roll_out(account, "production", "web")
    start_elsewhere(account)
    return expected


def start_elsewhere(account):
    """A function of an image, and a task definition that a rule and a schedule start."""
    trust = {"Version": "2012-10-17", "Statement": []}
    role = account.client("iam").create_role(RoleName="starter", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    image = {"ImageUri": "public.ecr.aws/lambda/provided:al2023"}
    account.client("lambda").create_function(FunctionName="hello", Role=role, PackageType="Image", Code=image)
    definition = account.task_definition("nightly", "busybox")
    ecs = {"TaskDefinitionArn": definition}
    target = {"Arn": f"arn:aws:ecs:{REGION}:{ACCOUNT_ID}:cluster/production", "RoleArn": role, "EcsParameters": ecs}
    events = account.client("events")
    events.put_rule(Name="nightly", ScheduleExpression="rate(1 day)")
    events.put_targets(Rule="nightly", Targets=[{"Id": "1", **target}])
    account.client("scheduler").create_schedule(
        Name="nightly", ScheduleExpression="rate(1 day)", FlexibleTimeWindow={"Mode": "OFF"}, Target=target
    )


def roll_out(account, cluster, service):
    """A service deployment, which the service names as its current one."""
    arn = DEPLOYMENT.format(cluster, service)
    account.control(
        "service",
        cluster=cluster,
        service=service,
        attributes={"current_service_deployment": arn},
        deployments=[{"serviceDeploymentArn": arn, "status": "SUCCESSFUL"}],
    )
