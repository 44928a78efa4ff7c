"""A distributed run from apply to destroy: the module on an emulated account, its state machine interpreted, every function the real binary."""

import json

import boto3
import pytest

from account import ACCOUNT_ID, REGION, Account
from busy_account import OtherAccount
from executions import ended, run_of
from permissions import NONE, WITH_FUNCTIONS, differences, sometimes
from processes import moto_with_overlay
from terraform import Terraform, copy

REGIONS = [REGION, "eu-central-1", "us-east-1"]
HERE = f"{ACCOUNT_ID}.dkr.ecr.{REGION}.amazonaws.com"
# Turns of a function that is ended after a minute, of which the program keeps some for itself.
TIMEOUT, SLOW = 60, 40.0
# Called only where there is something of the kind.
NOT_CALLED = sometimes("delete", ecs=True) | WITH_FUNCTIONS | {
    "ecr:ListTagsForResource", "ecs:DescribeServiceDeployments", "ecs:DescribeServiceRevisions", "s3:ListBucket", "account:ListRegions",
}


@pytest.fixture(scope="module")
def organization(package, tmp_path_factory):
    with moto_with_overlay() as server:
        yield Organization(Account(server.endpoint), tmp_path_factory.mktemp("organization"), package)


@pytest.fixture(scope="module")
def night(programs, organization):
    """What is left of it after a night on which all sorts of things go wrong."""
    if b"ECR_CLEANUP_PHASE" not in programs.function.read_bytes():
        pytest.skip("this version of the function knows no phases: distributed runs are NOT tested")
    home = organization.home
    home.client("lambda").update_function_configuration(FunctionName="ecr-cleanup-evidence", Timeout=TIMEOUT)
    organization.fill()
    organization.disturb()
    organization.before = home.images()
    home.control("record", clear=True)
    organization.execution = ended(home, run_of(home, organization.machine, "night-1"))
    organization.calls = home.control("record")["calls"]
    home.control("fault")
    return organization


class Organization:
    """Four accounts in three Regions; one has the images, and repositories that the others may pull from."""

    def __init__(self, home, folder, package):
        self.home = home
        organizations = home.client("organizations")
        organizations.create_organization(FeatureSet="ALL")
        names = ("a", "b", "c")
        made = {one: organizations.create_account(AccountName=one, Email=f"{one}@example.com")["CreateAccountStatus"]["AccountId"] for one in names}
        self.accounts = made
        config = {
            "in_use": {
                "organization": {"role_name": "ecr-cleanup-reader", "external_id": "team-a", "regions": REGIONS},
                "regions": REGIONS,
                **{name: False for name in ("eks", "lambda", "cloudformation", "services")},
            },
            "policies": [{"repositories": ["**"], "keep": [{"newest": 1}]}],
            "guards": {"max_percent_per_repository": 100},
        }
        given = {"source": "./infra/terraform/modules/organization", "package": {"zip_path": str(package)}, "mode": "delete", "config": config}
        outputs = {name: {"value": f"${{module.ecr_cleanup.{name}}}"} for name in ("state_machine_arn", "policy_json", "bucket")}
        copy(folder)
        (folder / "main.tf.json").write_text(json.dumps({"module": {"ecr_cleanup": given}, "output": outputs}))
        self.terraform = Terraform(folder, home.environment()).init()
        self.terraform.apply()
        self.machine = self.terraform.output("state_machine_arn")

    def fill(self):
        """Each account uses an image, in one Region of its own, that nothing else would keep."""
        self.used, self.garbage = {}, {}
        for name, region in (("home", REGION), ("a", "us-east-1"), ("b", REGION), ("c", "eu-central-1")):
            repository = self.home.repository(f"of-{name}")
            repository.push("newest", days=100)
            self.used[name] = (repository.name, repository.push("used", days=200))
            self.garbage[name] = (repository.name, repository.push("garbage", days=300))
            if name == "home":
                account = self.home
            else:
                account = OtherAccount(self.home.endpoint, self.accounts[name])
                pull = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{self.accounts[name]}:root"}, "Action": "ecr:BatchGetImage"}
                text = json.dumps({"Version": "2012-10-17", "Statement": [pull]})
                self.home.ecr.set_repository_policy(repositoryName=repository.name, policyText=text)
            ecs = boto3.client("ecs", endpoint_url=self.home.endpoint, region_name=region, **account.credentials)
            ecs.create_cluster(clusterName="prod")
            container = {"name": "main", "image": f"{HERE}/{repository.name}:used", "cpu": 64, "memory": 128}
            task = ecs.register_task_definition(family="web", containerDefinitions=[container])["taskDefinition"]["taskDefinitionArn"]
            ecs.create_service(cluster="prod", serviceName="web", taskDefinition=task, desiredCount=1)
            if name == "home":
                self.used["index"] = (repository.name, repository.push_index("run", days=250)[0])
                by_task = account.task_definition("job", f"{HERE}/{repository.name}:run")
                account.ecs.run_task(cluster="prod", taskDefinition=by_task, launchType="FARGATE")
            # ECS lists it no longer: the service alone says so.
            ecs.deregister_task_definition(taskDefinition=task)

    def disturb(self):
        a, b, c = (self.accounts[name] for name in ("a", "b", "c"))
        control = self.home.control
        # More than one, since a call that is not answered is made again.
        for _attempt in range(3):
            control("delay", operation="ListServices", seconds=SLOW, account=a, region="us-east-1")
        control("kill", account=a, region=REGION)
        control("tamper", account=b, region=REGION)
        control("fault", operation="ListServices", code="AccessDeniedException", account=c, region="eu-central-1")

    def objects(self, part):
        bucket, s3 = self.terraform.output("bucket"), self.home.client("s3")
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        return [one["Key"] for page in pages for one in page["Contents"] if part in one["Key"]]

    def read(self, key):
        return json.load(self.home.client("s3").get_object(Bucket=self.terraform.output("bucket"), Key=key)["Body"])

    def of(self, phase):
        """What the function of a phase called in its own account."""
        calls = [call for call in self.calls if call["function"] == f"ecr-cleanup-{phase}" and call["account"] == ACCOUNT_ID]
        # What the interpreter does meanwhile.
        return [call for call in calls if call["service"] != "states" and "/invocations" not in call["action"]]


def test_a_second_apply_changes_nothing_and_the_schedule_starts_the_machine(organization):
    organization.terraform("plan", "-detailed-exitcode", "-input=false", "-no-color")
    target = organization.home.client("scheduler").get_schedule(Name="ecr-cleanup", GroupName="ecr-cleanup-eu-west-1")["Target"]
    assert target["Arn"] == "arn:aws:scheduler:::aws-sdk:sfn:startExecution"
    started = json.loads(target["Input"])
    assert started == {"StateMachineArn": organization.machine, "Name": "<aws.scheduler.execution-id>", "Input": "{}"}


def test_every_location_is_on_the_list(night):
    [key] = night.objects("/runs/night-1/locations.json")
    listed = {(one["account"], one["region"]) for one in night.read(key)}
    assert listed == {(account, region) for account in (ACCOUNT_ID, *night.accounts.values()) for region in REGIONS}


def test_what_could_be_hidden_is_kept_and_all_else_is_cleaned(night):
    assert night.execution["status"] == "SUCCEEDED", f"{night.execution.get('error')}: {night.execution.get('cause')}"
    gone = night.before - night.home.images()
    # `b` was tampered with and `c` denied: their repositories are whole. `a` was slow and killed, and is read all the same.
    assert night.home.names(gone) == night.home.names({night.garbage["home"], night.garbage["a"]})


def test_nothing_is_done_twice(night):
    deletions = [call for call in night.calls if call["action"] == "BatchDeleteImage"]
    assert len(deletions) == 2, deletions
    assert {call["function"] for call in deletions} == {"ecr-cleanup-clean"}


def test_the_slow_location_took_two_turns_and_the_killed_one_was_tried_again(night):
    turns = {}
    for one in night.home.control("invoked")["events"]:
        event = one["event"]
        if event.get("phase") == "evidence" and event["pass"] == 1:
            turns.setdefault((event["location"]["account"], event["location"]["region"]), []).append(event["turn"]["turns"])
    others = {(account, region): [0] for account in (ACCOUNT_ID, *night.accounts.values()) for region in REGIONS}
    a = night.accounts["a"]
    assert turns == {**others, (a, "us-east-1"): [0, 1], (a, REGION): [0, 0]}


@pytest.mark.parametrize("phase", ["list", "evidence", "clean", "finish"])
def test_a_phase_may_do_what_it_does_and_nothing_else(night, phase):
    policy = night.terraform.output("policy_json")[phase]
    assert differences(policy, night.of(phase), NOT_CALLED) == NONE
