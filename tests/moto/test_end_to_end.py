"""The release binaries against moto: what is left afterwards is what the scenario says, image by image.

Needs ECR_CLEANUP_BIN_DIR.
"""

import json
import os
import subprocess

import pytest

from account import Account, Repository
from in_use import digest_of, uses
from processes import plain_moto
from runtime_api import Function, invoke
from scenarios import acceptance_repository, team_account, unaged_repository

READING = ("Describe", "List", "Get", "BatchGet")
DELETE = {"ECR_CLEANUP_CONFIG": '{"mode":"delete"}'}
# Enough to ride out two throttles; more would only wait.
FEW_ATTEMPTS = {"AWS_MAX_ATTEMPTS": "3"}


class Run:
    """One scenario, and both programs pointed at it."""

    def __init__(self, account, fill, programs):
        self.account = account
        self.programs = programs
        self.expected = fill(account)
        if account.overlay:
            account.control("record", clear=True)

    def function(self, event):
        return invoke(self.programs.function, event, {**self.account.environment(), **DELETE, **FEW_ATTEMPTS})

    def command(self, *arguments, **environment):
        variables = {"PATH": os.environ["PATH"], **self.account.environment(), **DELETE, **environment}
        return subprocess.run(
            [self.programs.command, *arguments],
            env=variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
        )

    def assert_untouched(self):
        self.assert_left(self.expected.kept | self.expected.deleted)
        if self.account.overlay:
            calls = {call["action"] for call in self.account.control("record")["calls"] if call["service"] == "ecr"}
            assert [action for action in calls if not action.startswith(READING)] == []

    def assert_cleaned(self):
        self.assert_left(self.expected.kept)
        lost = [str(use) for use in uses(self.account) if not digest_of(self.account, use)]
        assert lost == []

    def assert_left(self, images):
        left = self.account.images()
        names = self.account.names
        assert (names(left - images), names(images - left)) == ([], []), "(should be gone, should still be there)"


@pytest.fixture
def acceptance(account, programs):
    return Run(account, acceptance_repository, programs)


@pytest.fixture
def plain(programs):
    with plain_moto() as server:
        yield Run(Account(server.endpoint, overlay=False), unaged_repository, programs)


def answer_of(invocation):
    assert invocation.error is None, (invocation.error, invocation.log)
    return invocation.payload


def output_of(result, code=0):
    assert result.returncode == code, (result.args, result.stdout, result.stderr)
    return result.stdout


def test_the_function_plans_then_deletes_then_has_nothing_left_to_do(acceptance, event):
    planned = answer_of(acceptance.function(event("manual-plan.json")))
    assert planned["status"] == "planned"
    assert planned["counts"]["candidates"] == len(acceptance.expected.deleted)
    assert planned["refusals"] == []
    acceptance.assert_untouched()

    completed = answer_of(acceptance.function(event("scheduled-rule.json")))
    assert completed["status"] == "completed"
    assert completed["counts"]["deleted"] == len(acceptance.expected.deleted)
    assert completed["counts"]["failed"] == 0
    acceptance.assert_cleaned()

    again = answer_of(acceptance.function(event("scheduled-rule.json")))
    assert (again["status"], again["counts"]["candidates"], again["counts"]["deleted"]) == ("completed", 0, 0)
    acceptance.assert_cleaned()


def test_a_warm_function_sees_what_changed_since_its_last_event(acceptance, event):
    environment = {**acceptance.account.environment(), **DELETE}
    with Function(acceptance.programs.function, environment) as function:
        answer_of(function.invoke(event("scheduled-rule.json")))
        acceptance.assert_cleaned()
        app = {image for image in acceptance.expected.kept if acceptance.account.labels[image] == "1.2"}
        service = {"cluster": "production", "service": "web"}
        definition = acceptance.account.task_definition("web", "example.com/web:2")
        acceptance.account.ecs.update_service(**service, taskDefinition=definition)
        acceptance.account.ecs.deregister_task_definition(taskDefinition="web:1")
        # moto leaves the old task definition in the deployment of an updated service.
        acceptance.account.control("service", **service, attributes={"deployments": []})
        answer_of(function.invoke(event("scheduled-rule.json")))
    acceptance.assert_left(acceptance.expected.kept - app)


def test_a_team_s_account(account, programs, event):
    run = Run(account, team_account, programs)
    completed = answer_of(run.function(event("scheduled-rule.json")))
    assert completed["status"] == "completed"
    assert completed["counts"]["deleted"] == len(run.expected.deleted)
    run.assert_cleaned()


def test_the_command_plans_and_explains(acceptance):
    assert output_of(acceptance.command("check-config"))
    plan = json.loads(output_of(acceptance.command("plan", "--output", "json")))
    assert (plan["status"], plan["counts"]["candidates"]) == ("planned", len(acceptance.expected.deleted))
    assert "production" in output_of(acceptance.command("explain", "team/app:1.2"))
    assert "team/app:1.2" in output_of(acceptance.command("in-use"))
    acceptance.assert_untouched()


def test_the_command_deletes_only_when_told_to(acceptance):
    output_of(acceptance.command("run"), code=2)
    acceptance.assert_untouched()
    completed = json.loads(output_of(acceptance.command("run", "--yes", "--output", "json")))
    assert (completed["status"], completed["counts"]["deleted"]) == ("completed", len(acceptance.expected.deleted))
    acceptance.assert_cleaned()


def test_a_bad_configuration_stops_before_any_call(acceptance):
    result = acceptance.command("check-config", ECR_CLEANUP_CONFIG='{"mode":"delte"}')
    assert "mode" in result.stderr and output_of(result, code=2) is not None
    result = acceptance.command("run", "--yes", ECR_CLEANUP_CONFIG='{"mode":"delete","kep":1}')
    assert "kep" in result.stderr and output_of(result, code=2) is not None
    assert acceptance.account.control("record")["calls"] == []


@pytest.mark.parametrize("mode", ["function", "command"])
def test_moto_as_users_get_it(plain, event, mode):
    if mode == "function":
        planned = answer_of(plain.function(event("manual-plan.json")))
        plain.assert_untouched()
        completed = answer_of(plain.function(event("scheduled-rule.json")))
    else:
        planned = json.loads(output_of(plain.command("plan", "--output", "json")))
        plain.assert_untouched()
        completed = json.loads(output_of(plain.command("run", "--yes", "--output", "json")))
    assert planned["counts"]["candidates"] == len(plain.expected.deleted)
    assert (completed["status"], completed["counts"]["deleted"]) == ("completed", len(plain.expected.deleted))
    plain.assert_cleaned()


def test_an_untagged_image_just_pushed_stays_whatever_the_rules_say(plain):
    """It may be part of a push that is still going on, whose index or tag comes last."""
    Repository(plain.account, "team/app").push(days=0, label="untagged")
    rules = '{"mode":"delete","policies":[{"repositories":["**"],"keep":[{"name":"tagged","tags":"."}]}]}'
    result = plain.command("run", "--yes", "--output", "json", ECR_CLEANUP_CONFIG=rules)
    completed = json.loads(output_of(result))
    assert (completed["status"], completed["counts"]["candidates"]) == ("completed", 0)


@pytest.mark.parametrize(
    "operation, code, status",
    [
        ("ListTasks", "ThrottlingException", 400),
        ("DescribeTaskDefinition", "AccessDeniedException", 400),
        ("DescribeServiceRevisions", "ServerException", 500),
    ],
)
def test_use_that_cannot_be_read_stops_every_deletion(acceptance, event, operation, code, status):
    acceptance.account.control("fault", operation=operation, code=code, status=status)
    invocation = acceptance.function(event("scheduled-rule.json"))
    assert invocation.error is not None, invocation.payload
    assert invocation.error["errorType"] == "Refused"
    output_of(acceptance.command("run", "--yes"), code=4)

    planned = answer_of(acceptance.function(event("manual-plan.json")))
    assert planned["status"] == "planned" and "source_incomplete" in json.dumps(planned["refusals"])
    acceptance.account.control("fault")
    acceptance.assert_untouched()


def test_faults_that_pass_change_nothing(acceptance, event):
    for operation in ("ListTasks", "DescribeImages", "BatchDeleteImage"):
        acceptance.account.control("fault", operation=operation, code="ThrottlingException", times=2)
    assert answer_of(acceptance.function(event("scheduled-rule.json")))["status"] == "completed"
    acceptance.assert_cleaned()


def test_a_tag_given_between_plan_and_run_keeps_its_image(acceptance, event):
    app = next(image for image in acceptance.expected.deleted if acceptance.account.labels[image] == "1.0")
    planned = answer_of(acceptance.function(event("manual-plan.json")))
    assert planned["counts"]["candidates"] == len(acceptance.expected.deleted)
    _repository, digest = app
    Repository(acceptance.account, "team/app").tag(digest, "1.0-latest")
    answer_of(acceptance.function(event("scheduled-rule.json")))
    acceptance.assert_left(acceptance.expected.kept | {app})
