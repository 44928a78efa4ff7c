"""From apply to destroy: the examples, as they are, each on an emulated account of its own, with the real binary deployed."""

import json
import re

from account import Account
from busy_account import busy_account, roll_out, start_elsewhere
from in_use import digest_of, uses
from permissions import NONE, WITH_FUNCTIONS, WITH_STACKS, allowed, differences, sometimes
from processes import moto_with_overlay
from scenarios import app_repository
from terraform import PROJECT, Terraform, copy


class Deployment:
    """An example, applied as it is."""

    def __init__(self, example, account, folder, package, **variables):
        self.name = {"simple": "ecr-cleanup", "complete": "ecr-cleanup-team"}[example]
        self.account = account
        self.before = self.left()
        self.terraform = Terraform(copy(folder) / "infra/terraform/examples" / example, account.environment()).init()
        self.terraform.apply(zip_path=str(package), **variables)

    def invoke(self, event, function=None):
        client = self.account.client("lambda")
        answer = client.invoke(FunctionName=function or self.name, Payload=json.dumps(event).encode())
        return "FunctionError" in answer, json.loads(answer["Payload"].read())

    def test_events(self):
        """What the console offers."""
        schemas = self.account.client("schemas")
        schema = schemas.describe_schema(RegistryName="lambda-testevent-schemas", SchemaName=f"_{self.name}-schema")
        examples = json.loads(schema["Content"])["components"]["examples"]
        return {name: example["value"] for name, example in examples.items()}

    def run_schedule(self):
        """What Scheduler does when it is time."""
        scheduler = self.account.client("scheduler")
        target = scheduler.get_schedule(Name=self.name, GroupName=f"{self.name}-eu-west-1")["Target"]
        times = {"scheduled-time": "2026-11-21T03:00:00Z", "execution-id": "53dc4d37", "schedule-arn": "arn:aws:x"}
        event = re.sub(r"<aws\.scheduler\.([a-z-]+)>", lambda found: times[found[1]], target["Input"])
        assert "<" not in event and "\\u003c" not in event
        return self.invoke(json.loads(event), target["Arn"])

    def policy(self):
        answer = self.account.client("iam").get_role_policy(RoleName=f"{self.name}-eu-west-1", PolicyName="function")
        return json.dumps(answer["PolicyDocument"])

    def role(self):
        return self.account.client("lambda").get_function_configuration(FunctionName=self.name)["Role"]

    def writers_of_state(self):
        """Whom the bucket's policy does not keep from writing it."""
        answer = self.account.client("s3").get_bucket_policy(Bucket=self.terraform.output("ecr_cleanup")["bucket"])
        [one] = [one for one in json.loads(answer["Policy"])["Statement"] if one["Sid"] == "OnlyTheFunctionWritesState"]
        return one["Condition"]["ArnNotLike"]["aws:PrincipalArn"]

    def events(self):
        """The function's log, as far as it is events of the program, by name."""
        logs = self.account.client("logs")
        found = {}
        for page in logs.get_paginator("filter_log_events").paginate(logGroupName=f"/aws/lambda/{self.name}"):
            for line in page["events"]:
                fields = json.loads(line["message"]) if line["message"].startswith("{") else {}
                found.setdefault(fields.get("event"), []).append(fields)
        return found

    def left(self):
        """Everything there is of what the module makes."""
        listed = {
            ("iam", "list_roles"): "Roles",
            ("lambda", "list_functions"): "Functions",
            ("logs", "describe_log_groups"): "logGroups",
            ("logs", "describe_query_definitions"): "queryDefinitions",
            ("sqs", "list_queues"): "QueueUrls",
            ("sns", "list_topics"): "Topics",
            ("scheduler", "list_schedules"): "Schedules",
            ("scheduler", "list_schedule_groups"): "ScheduleGroups",
            ("cloudwatch", "describe_alarms"): "MetricAlarms",
            ("cloudwatch", "list_dashboards"): "DashboardEntries",
            ("ssm", "describe_parameters"): "Parameters",
            ("s3", "list_buckets"): "Buckets",
        }
        count = lambda service, call, key: len(getattr(self.account.client(service), call)().get(key, []))
        found = {call: count(service, call, key) for (service, call), key in listed.items()}
        return {**found, "registries": self.registries()}

    def registries(self):
        schemas = self.account.client("schemas")
        try:
            return [schemas.describe_registry(RegistryName="lambda-testevent-schemas")["RegistryName"]]
        except schemas.exceptions.NotFoundException:
            return []


def simple_example(folder, package, not_yet):
    """Plans, is told to delete, refuses, deletes, and goes without a trace."""
    with moto_with_overlay() as server:
        account = Account(server.endpoint)
        expected = busy_account(account)
        tell_simple(Deployment("simple", account, folder, package), expected, not_yet)


def tell_simple(simple, expected, not_yet):
    account = simple.account
    everything = account.images()

    # As it comes, it plans: whatever the console offers, and on its schedule.
    events = simple.test_events()
    assert sorted(events) == sorted(file.stem for file in (PROJECT / "events").glob("*.json") if file.stem not in {"manual-delete", "manual-saved-plan"})
    account.control("record", clear=True)
    for name, event in events.items():
        failed, answer = simple.invoke(event)
        said = answer["verified"] if name == "verify" else answer["status"] == "planned"
        assert (failed, said) == (False, True), (name, answer)
    failed, answer = simple.run_schedule()
    assert (failed, answer["status"]) == (False, "planned"), answer
    assert answer["counts"]["candidates"] == len(expected.deleted)
    assert differences(simple.policy(), own_calls(simple), not_yet | WITH_FUNCTIONS | WITH_STACKS | sometimes("delete", ecs=True, auto=True)) == NONE
    failed, answer = simple.invoke({"mode": "delete"})
    assert (failed, answer["errorType"]) == (True, "InvalidEvent")
    assert "BatchDeleteImage" not in simple.policy()
    assert account.images() == everything

    # Told to delete, it refuses as long as it cannot read everything that is in use.
    simple.terraform.apply(mode="delete")
    account.task_definition("ghost", "123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/web:not-there")
    account.control("fault", operation="ListTasks", code="AccessDeniedException")
    failed, answer = simple.run_schedule()
    assert (failed, answer["errorType"]) == (True, "Refused"), answer
    assert account.images() == everything
    account.control("fault")

    account.control("record", clear=True)
    failed, answer = simple.run_schedule()
    assert (failed, answer.get("status")) == (False, "completed"), answer
    assert list(answer)[:4] == ["summary", "status", "mode", "run_id"]
    logged = simple.events()
    assert (logged["run_started"][-1]["mode"], logged["run_completed"][-1]["status"]) == ("delete", "completed")
    assert account.names(account.images() ^ expected.kept) == []
    assert differences(simple.policy(), own_calls(simple), not_yet | WITH_FUNCTIONS | WITH_STACKS | sometimes("delete", ecs=True, auto=True)) == NONE

    check_queries(simple.events())
    simple.terraform("plan", "-detailed-exitcode", "-input=false", "-no-color")
    simple.terraform("destroy", "-auto-approve", "-input=false", "-no-color")
    assert simple.left() == simple.before


def complete_example(folder, package, not_yet):
    """Deletes where it is allowed to, remembers, reports and tells, in a VPC, with its configuration in a parameter."""
    with moto_with_overlay() as server:
        account = Account(server.endpoint)
        app_repository(account)
        account.repository("team/base").push_index("v1.0", days=300)
        account.cluster("staging").task(account.task_definition("job", "example.com/job:1"))
        roll_out(account, "team-app", "web")
        start_elsewhere(account)
        tell_complete(Deployment("complete", account, folder, package, vpc=default_network(account)), not_yet)


def tell_complete(complete, not_yet):
    account = complete.account
    other = account.repository("shop/web").push("1.0-SNAPSHOT", days=300)
    before = account.images()
    in_use = {use: digest_of(account, use) for use in uses(account)}

    account.control("record", clear=True)
    failed, answer = complete.run_schedule()
    assert (failed, answer.get("status")) == (False, "completed"), answer
    gone = before - account.images()
    assert gone and {repository for repository, _digest in gone} == {"team/app"}
    assert ("shop/web", other) in account.images()
    assert {use: digest_of(account, use) for use in uses(account)} == in_use
    assert {"ssm:GetParameter", "sns:Publish", "ec2:CreateNetworkInterface"} <= allowed(complete.policy())
    not_called = not_yet | WITH_FUNCTIONS | WITH_STACKS | sometimes("delete", ecs=True, auto=True)
    assert differences(complete.policy(), own_calls(complete), not_called) == NONE
    assert complete.role() in complete.writers_of_state()
    stored = objects(complete)
    assert {key.split("/")[0] for key in stored} == {"state", "reports"}
    assert {f"reports/{answer['run_id']}/report.{kind}" for kind in ("json", "html")} <= set(stored)

    complete.terraform("plan", "-detailed-exitcode", "-input=false", "-no-color")
    # Reports stay until somebody throws them away.
    throw_away(complete, stored)
    complete.terraform("destroy", "-auto-approve", "-input=false", "-no-color")
    assert complete.left() == complete.before


def default_network(account):
    """The default VPC's."""
    ec2 = account.client("ec2")
    subnets, groups = ec2.describe_subnets()["Subnets"], ec2.describe_security_groups()["SecurityGroups"]
    return {"subnet_ids": [subnets[0]["SubnetId"]], "security_group_ids": [groups[0]["GroupId"]]}


def objects(deployment):
    bucket = deployment.terraform.output("ecr_cleanup")["bucket"]
    return [found["Key"] for found in deployment.account.client("s3").list_objects_v2(Bucket=bucket)["Contents"]]


def throw_away(deployment, keys):
    bucket, s3 = deployment.terraform.output("ecr_cleanup")["bucket"], deployment.account.client("s3")
    for version in s3.list_object_versions(Bucket=bucket)["Versions"]:
        assert version["Key"] in keys
        s3.delete_object(Bucket=bucket, Key=version["Key"], VersionId=version["VersionId"])


def own_calls(deployment):
    """What the function called: the record without what this test asked about the deployment."""
    asked = ("schemas", "scheduler", "iam", "logs")
    record = deployment.account.control("record")["calls"]
    return [call for call in record if call["service"] not in asked and "/invocations" not in call["action"]]


def check_queries(events):
    """Every saved query asks for an event that there is, and for fields that it has."""
    not_always = {"error", "left_alone"}
    for name, query in json.loads((PROJECT / "infra/shared/queries.json").read_text()).items():
        event = re.search(r'event = "(\w+)"', query)[1]
        logged = {field for line in events[event] for field in flat(line)}
        selected = re.findall(r"fields ([^|]+)|by (\S+)|sum\((\S+)\)", query)
        fields = {field.strip() for groups in selected for group in groups for field in group.split(",") if field.strip()}
        assert fields - logged - not_always - {"@timestamp", "@message", "total"} == set(), name


def flat(fields, prefix=""):
    for name, value in fields.items():
        yield f"{prefix}{name}"
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{name}.")
