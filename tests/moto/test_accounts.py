"""Three accounts and two Regions: what any of them runs stays in every registry, and the rest goes.

Needs ECR_CLEANUP_BIN_DIR.
"""

import json
import os
import subprocess

import boto3
import pytest

from account import ACCOUNT_ID, REGION, Account, Repository
from runtime_api import invoke

SECOND, THIRD = "222222222222", "333333333333"
REGIONS = [REGION, "us-east-1"]
PLACES = [(account, region) for account in (ACCOUNT_ID, SECOND, THIRD) for region in REGIONS]
REGISTRIES = [(ACCOUNT_ID, REGION), (ACCOUNT_ID, "us-east-1"), (SECOND, REGION)]


def role(account, name):
    return f"arn:aws:iam::{account}:role/{name}"


CONFIG = {
    "mode": "delete",
    "registries": [
        {"region": REGION},
        {"region": "us-east-1"},
        {"region": REGION, "role_arn": role(SECOND, "ecr-cleanup"), "external_id": "s3cret"},
    ],
    "policies": [{"repositories": ["**"], "keep": [{"tags": "^keep$"}]}],
    "in_use": {
        "eks": False,
        "accounts": [
            {"role_arn": role(SECOND, "reader"), "external_id": "s3cret", "regions": REGIONS},
            {"role_arn": role(THIRD, "reader"), "external_id": "s3cret", "regions": REGIONS},
        ],
    },
}


class Place(Account):
    """One account in one Region, as somebody of that account sees it."""

    def __init__(self, home, account, region):
        self.place = {"account": account, "region": region}
        self.host = f"{account}.dkr.ecr.{region}.amazonaws.com"
        if account != ACCOUNT_ID:
            arn = role(account, "test")
            given = home.client("sts").assume_role(RoleArn=arn, RoleSessionName="test")["Credentials"]
            self.credentials = {
                "aws_access_key_id": given["AccessKeyId"],
                "aws_secret_access_key": given["SecretAccessKey"],
                "aws_session_token": given["SessionToken"],
            }
        super().__init__(home.endpoint)

    def client(self, service):
        region = self.place["region"]
        return boto3.client(service, endpoint_url=self.endpoint, region_name=region, **self.credentials)

    def control(self, command, **body):
        return super().control(command, **body, **self.place)


@pytest.fixture
def world(account):
    """Each registry has an image for each place, which one task definition there names, and one that nobody needs."""
    places = {place: Place(account, *place) for place in PLACES}
    goes = set()
    for owner in REGISTRIES:
        places[owner].ecr.create_repository(repositoryName="team/app")
        repository = Repository(places[owner], "team/app")
        repository.push("keep", days=1)
        goes.add((owner, repository.push("nobody", days=90)))
        for user, place in places.items():
            tag = "-".join([*owner, "for", *user])
            repository.push(tag, days=80)
            place.task_definition("-".join(owner), f"{places[owner].host}/team/app:{tag}")
    account.control("record", clear=True)
    return account, places, goes


def images(places):
    return {(owner, digest) for owner in REGISTRIES for _, digest in places[owner].images()}


def command(programs, account, *arguments):
    environment = {
        "PATH": os.environ["PATH"],
        **account.environment(),
        "ECR_CLEANUP_CONFIG": json.dumps(CONFIG),
        "AWS_MAX_ATTEMPTS": "2",
    }
    return subprocess.run(
        [programs.command, *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_the_command_cleans_every_registry_and_keeps_what_any_place_needs(world, programs):
    account, places, goes = world
    before = images(places)
    result = command(programs, account, "run", "--yes", "--output", "json")
    assert result.returncode == 0, (result.stdout, result.stderr)
    answer = json.loads(result.stdout)
    assert (answer["status"], answer["counts"]["deleted"], answer["missing"]) == ("completed", 3, [])
    assert before - images(places) == goes
    read = {(one["account"], one["region"]) for one in answer["in_use"] if one["source"] == "ecs"}
    assert read == set(PLACES)
    changes = [call for call in account.control("record")["calls"] if call["action"] == "BatchDeleteImage"]
    assert {(call["account"], call["region"]) for call in changes} == set(REGISTRIES)


def test_the_function_does_the_same(world, programs, event):
    account, places, goes = world
    before = images(places)
    environment = {**account.environment(), "ECR_CLEANUP_CONFIG": json.dumps(CONFIG)}
    invocation = invoke(programs.function, event("scheduled-rule.json"), environment)
    assert invocation.error is None, (invocation.error, invocation.log)
    assert invocation.payload["counts"]["deleted"] == 3
    assert before - images(places) == goes


@pytest.mark.parametrize("operation", ["AssumeRole", "ListTaskDefinitions"])
def test_a_place_that_cannot_be_entered_or_read_stops_everything(world, programs, operation):
    account, places, _ = world
    before = images(places)
    account.control("fault", operation=operation, code="AccessDenied", status=403, times=1)
    result = command(programs, account, "run", "--yes", "--output", "json")
    assert result.returncode == 4, (result.stdout, result.stderr)
    refusals = json.loads(result.stdout)["refusals"]
    assert {refusal["guard"] for refusal in refusals} == {"source_incomplete"}
    assert images(places) == before


def test_a_repository_from_which_a_fourth_account_may_pull_is_left_alone(world, programs):
    account, places, goes = world
    before = images(places)
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::444444444444:root"}, "Action": ["ecr:BatchGetImage"]}
        ],
    }
    owner = (SECOND, REGION)
    places[owner].ecr.set_repository_policy(repositoryName="team/app", policyText=json.dumps(policy))
    result = command(programs, account, "run", "--yes", "--output", "json")
    assert result.returncode == 0, (result.stdout, result.stderr)
    answer = json.loads(result.stdout)
    assert any("account 444444444444" in warning for warning in answer["warnings"]), answer["warnings"]
    assert before - images(places) == {one for one in goes if one[0] != owner}
