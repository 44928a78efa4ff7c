"""A team's account, with what else leads to calls that its images alone do not."""

import json
from datetime import datetime, timezone

from account import ACCOUNT_ID, REGION, Account
from scenarios import team_account

WHERE = {"LocationConstraint": "eu-west-1"}
ECS = "arn:aws:ecs:eu-west-1:123456789012"


def busy_account(account):
    expected = team_account(account)
    roll_out(account, "shop-web", "web")
    return expected


def deploy_stack(account):
    """A stack, and a change set that may be executed."""
    cloudformation = account.client("cloudformation")
    queue = {"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}}
    cloudformation.create_stack(StackName="shop", TemplateBody=json.dumps(queue))
    queue["Outputs"] = {"Arn": {"Value": {"Fn::GetAtt": ["Queue", "Arn"]}}}
    cloudformation.create_change_set(StackName="shop", ChangeSetName="next", TemplateBody=json.dumps(queue), ChangeSetType="UPDATE")


def start_elsewhere(account):
    """A stack, a function of an image, and a task definition that a rule and a schedule start."""
    deploy_stack(account)
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
    """A service deployment and the revision that it led to, which the service names as its current ones."""
    [found] = account.ecs.describe_services(cluster=cluster, services=[service])["services"]
    deployment, revision = (f"{ECS}:service-{kind}/{cluster}/{service}/1" for kind in ("deployment", "revision"))
    attributes = {"current_service_deployment": deployment, "current_service_revisions": [{"arn": revision}]}
    made_of = {"serviceArn": found["serviceArn"], "clusterArn": found["clusterArn"], "taskDefinition": found["taskDefinition"]}
    account.control(
        "service",
        cluster=cluster,
        service=service,
        attributes=attributes,
        revisions=[{"serviceRevisionArn": revision, **made_of, "containerImages": []}],
        deployments=[{"serviceDeploymentArn": deployment, "status": "SUCCESSFUL"}],
    )


class OtherAccount(Account):
    """Another account of the same emulator, entered by a role as the program does."""

    def __init__(self, endpoint, account_id):
        sts = Account(endpoint).client("sts")
        role = f"arn:aws:iam::{account_id}:role/administrator"
        key = sts.assume_role(RoleArn=role, RoleSessionName="tests")["Credentials"]
        self.account_id = account_id
        self.credentials = {
            "aws_access_key_id": key["AccessKeyId"],
            "aws_secret_access_key": key["SecretAccessKey"],
            "aws_session_token": key["SessionToken"],
        }
        super().__init__(endpoint)

    def control(self, command, **body):
        return super().control(command, account=self.account_id, **body)


def provide(account, config):
    """What a configuration names: buckets, keep lists, an organization, and a topic, with something to tell it."""
    keep_lists = config.get("in_use", {}).get("keep_lists", [])
    documents = [policy["git"]["document"] for policy in config.get("policies", []) if "git" in policy]
    for bucket in {uri.split("/")[2] for uri in [*keep_lists, *documents, config.get("state"), config.get("report"), config.get("publish")] if uri}:
        account.client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration=WHERE)
    if keep_lists:
        kept = {"generated_at": datetime.now(timezone.utc).isoformat(timespec="seconds"), "max_age": "1h", "images": []}
        body = json.dumps({"schema": "ecr-cleanup/keep-list/1", **kept})
        account.client("s3").put_object(Bucket="lists", Key="in-use/one.json", Body=body)
    if "organization" in config.get("in_use", {}):
        organizations = account.client("organizations")
        organizations.create_organization(FeatureSet="ALL")
        organizations.create_account(AccountName="member", Email="member@example.com")
    for document in documents:
        account.client("s3").put_object(Bucket=document.split("/")[2], Key=document.split("/", 3)[3], Body=b"{}")
    if "notify" in config:
        for recipient in [config["notify"]] if isinstance(config["notify"], str) else config["notify"]:
            scheme, _, name = recipient.partition(":")
            if scheme == "ssm":
                account.client("ssm").put_parameter(Name=name, Type="SecureString", Value=account.endpoint)
            elif scheme == "secret":
                account.client("secretsmanager").create_secret(Name=name, SecretString=account.endpoint)
            else:
                account.client("sns").create_topic(Name=recipient.split(":")[-1])
        missing = account.repository("shop/gone").uri("1.0")
        account.cluster("forgotten").service("gone", account.task_definition("gone", missing))
