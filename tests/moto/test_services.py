"""What Lambda and other services use stays: the release binary against moto, which knows these services by itself."""

import io
import json
import subprocess
import zipfile

import pytest

from account import ACCOUNT_ID, HOST, REGION, Repository

ROLE = f"arn:aws:iam::{ACCOUNT_ID}:role/role"
KEEPS_LITTLE = [{"repositories": ["**"], "keep": [{"tags": "^kept$"}], "delete_unmatched": True}]


def run(programs, account, in_use):
    """Deletes what nobody needs; the answer."""
    document = json.dumps({"mode": "delete", "policies": KEEPS_LITTLE, "in_use": {"eks": False, **in_use}})
    environment = {**account.environment(), "ECR_CLEANUP_CONFIG": document}
    command = [programs.command, "run", "--yes", "--output", "json"]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return json.loads(ended.stdout)


def tags(account):
    found = account.ecr.describe_images(repositoryName="app")["imageDetails"]
    return {tag for image in found for tag in image.get("imageTags", [])}


@pytest.fixture
def app(account):
    """A repository with an image that something uses, one that nothing does, and one that is kept."""
    role = {"Version": "2012-10-17", "Statement": []}
    account.client("iam").create_role(RoleName="role", AssumeRolePolicyDocument=json.dumps(role))
    repository = account.repository("app")
    for tag in ("used", "unused", "kept"):
        repository.push(tag, days=90, label=tag)
    account.task_definition("somebody", f"{HOST}/app:kept")
    return f"{HOST}/app:used"


def task(account, image):
    """A task definition that is deregistered, so that only who names it uses its image."""
    arn = account.task_definition("job", image)
    account.ecs.deregister_task_definition(taskDefinition=arn)
    return arn


def batch(account, image):
    account.client("batch").register_job_definition(
        jobDefinitionName="job", type="container", containerProperties={"image": image, "vcpus": 1, "memory": 128}
    )


def codebuild(account, image):
    account.client("codebuild").create_project(
        name="project",
        source={"type": "S3", "location": "bucket/source.zip"},
        artifacts={"type": "NO_ARTIFACTS"},
        environment={"type": "LINUX_CONTAINER", "image": image, "computeType": "BUILD_GENERAL1_SMALL"},
        serviceRole=ROLE,
    )


def eventbridge(account, image):
    events = account.client("events")
    events.put_rule(Name="nightly", ScheduleExpression="rate(1 day)")
    ecs = {"TaskDefinitionArn": task(account, image), "TaskCount": 1}
    cluster = f"arn:aws:ecs:{REGION}:{ACCOUNT_ID}:cluster/prod"
    events.put_targets(Rule="nightly", Targets=[{"Id": "1", "Arn": cluster, "RoleArn": ROLE, "EcsParameters": ecs}])


def sagemaker(account, image):
    account.client("sagemaker").create_model(
        ModelName="model", ExecutionRoleArn=ROLE, PrimaryContainer={"Image": image}
    )


def scheduler(account, image):
    ecs = {"TaskDefinitionArn": task(account, image)}
    target = {"Arn": f"arn:aws:ecs:{REGION}:{ACCOUNT_ID}:cluster/prod", "RoleArn": ROLE, "EcsParameters": ecs}
    account.client("scheduler").create_schedule(
        Name="nightly", ScheduleExpression="rate(1 day)", FlexibleTimeWindow={"Mode": "OFF"}, Target=target
    )


def step_functions(account, image):
    run_task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::ecs:runTask.sync",
        "Parameters": {"Cluster": "prod", "TaskDefinition": task(account, image)},
        "End": True,
    }
    account.client("stepfunctions").create_state_machine(
        name="machine", roleArn=ROLE, definition=json.dumps({"StartAt": "Run", "States": {"Run": run_task}})
    )


@pytest.mark.parametrize("use", [batch, codebuild, eventbridge, sagemaker, scheduler, step_functions])
def test_what_a_service_uses_stays_while_it_is_switched_on(programs, account, app, use):
    service = use.__name__
    use(account, app)
    answer = run(programs, account, {"lambda": False, "services": [service]})
    [line] = [line for line in answer["in_use"] if line["source"] == service]
    assert line["complete"] and line["references"] >= 1
    assert tags(account) == {"used", "kept"}

    # Without being named, too.
    run(programs, account, {"lambda": False})
    assert tags(account) == {"used", "kept"}

    run(programs, account, {"lambda": False, "services": False})
    assert tags(account) == {"kept"}


def test_a_function_keeps_its_image(programs, account, app):
    functions = account.client("lambda")
    functions.create_function(FunctionName="image", Role=ROLE, PackageType="Image", Code={"ImageUri": app})
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as content:
        content.writestr("index.py", "")
    functions.create_function(
        FunctionName="zip", Role=ROLE, Runtime="python3.13", Handler="index.x", Code={"ZipFile": package.getvalue()}
    )
    account.control("record", clear=True)
    answer = run(programs, account, {})
    assert tags(account) == {"used", "kept"}
    [line] = [line for line in answer["in_use"] if line["source"] == "lambda"]
    assert line["complete"] and line["references"] >= 1
    calls = [call["action"] for call in account.control("record")["calls"] if call["service"] == "lambda"]
    assert sum("functions/" in call and "image" in call for call in calls) == 1
    assert not any("zip" in call for call in calls)

    run(programs, account, {"lambda": False})
    assert tags(account) == {"kept"}


def template(tag):
    image = f"${{AWS::AccountId}}.dkr.ecr.${{AWS::Region}}.${{AWS::URLSuffix}}/app:{tag}"
    value = {"Name": "image", "Type": "String", "Value": {"Fn::Sub": image}}
    return {"Resources": {"Image": {"Type": "AWS::SSM::Parameter", "Properties": value}}}


def test_what_templates_name_stays(programs, account, app):
    for tag in ("planned", "created"):
        Repository(account, "app").push(tag, days=90, label=tag)
    cloudformation = account.client("cloudformation")
    yaml = "Resources:\n  Image:\n    Type: AWS::SSM::Parameter\n    Properties:\n      Name: image\n      Type: String\n"
    image = "${AWS::AccountId}.dkr.ecr.${AWS::Region}.amazonaws.com/app:${Tag}"
    yaml = f"Parameters:\n  Tag: {{ Type: String }}\n{yaml}      Value: !Sub '{image}'\n"
    parameters = [{"ParameterKey": "Tag", "ParameterValue": "used"}]
    cloudformation.create_stack(StackName="stack", TemplateBody=yaml, Parameters=parameters)
    for stack, tag, kind in (("stack", "planned", "UPDATE"), ("new", "created", "CREATE")):
        body = json.dumps(template(tag))
        cloudformation.create_change_set(StackName=stack, ChangeSetName=tag, TemplateBody=body, ChangeSetType=kind)
    answer = run(programs, account, {"lambda": False, "services": False, "cloudformation": {}})
    assert tags(account) == {"used", "planned", "created", "kept"}
    [line] = [line for line in answer["in_use"] if line["source"] == "cloudformation"]
    assert line["complete"] and line["references"] == 3

    # moto lists a change set of every stack for each.
    cloudformation.delete_change_set(StackName="new", ChangeSetName="created")
    cloudformation.delete_stack(StackName="new")
    run(programs, account, {"lambda": False, "services": False})
    assert tags(account) == {"used", "planned", "kept"}

    run(programs, account, {"lambda": False, "services": False, "cloudformation": False})
    assert tags(account) == {"kept"}
