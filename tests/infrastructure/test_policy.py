"""Least privilege: for every configuration, what the role allows is what the program calls, no less and no more."""

import json

import pytest

from account import ACCOUNT_ID
from busy_account import OtherAccount, busy_account, provide, start_elsewhere
from configurations import CLEANED, CONFIGURATIONS, READ, ROLE
from permissions import DONE_WITHOUT, FOR_LAMBDA, NONE, NOT_IN_MOTO, WITHOUT_CALL, allowed, called, differences, sometimes
from runtime_api import invoke
from terraform import PROJECT

READING = ("Describe", "List", "Get", "BatchGet")

# What the configurations say.
NAMED = {
    "s3": ("arn:aws:s3:::memory/prefix/", "arn:aws:s3:::reports/", "arn:aws:s3:::evidence/published/"),
    "sts": (CLEANED["role_arn"], READ["role_arn"], ROLE.format("*")),
}


@pytest.fixture
def elsewhere():
    """Calls in other accounts."""
    return []


@pytest.fixture
def run(account, programs, rendered, elsewhere):
    """Runs a configuration on its schedule's event in a team's account; answers its policy and its calls."""

    def run(name):
        document = rendered[name]["document"]
        checked = programs.check_config(document)
        if "not supported by this version" in checked.stderr:
            pytest.skip(f"not in this version of the program yet: {checked.stderr.strip()}")
        assert checked.returncode == 0, checked.stderr
        busy_account(account)
        start_elsewhere(account)
        provide(account, CONFIGURATIONS[name][1])
        account.control("record", clear=True)
        event = {"detail-type": "Scheduled Event", "source": "aws.scheduler", "detail": "{}"}
        answer = invoke(programs.function, event, {**account.environment(), "ECR_CLEANUP_CONFIG": document})
        assert answer.error is None, answer
        if CONFIGURATIONS[name][0] != "plan":
            assert answer.payload["counts"]["candidates"] > 0
        calls = account.control("record")["calls"]
        elsewhere.extend(call for call in calls if call["account"] != ACCOUNT_ID)
        return rendered[name]["policy"], [call for call in calls if call["account"] == ACCOUNT_ID]

    return run


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_the_role_allows_what_a_run_calls_and_nothing_else(run, not_yet, name):
    policy, record = run(name)
    mode, document = CONFIGURATIONS[name]
    in_use = document.get("in_use", {})
    ecs = in_use.get("ecs") is not False
    auto = "auto" in (in_use.get("services", "auto"), in_use.get("regions", "auto"))
    assert differences(policy, record, not_yet | sometimes(mode, ecs, auto)) == NONE


def test_roles_in_other_accounts_allow_what_is_called_there_and_nothing_else(run, account, elsewhere, member):
    others = {"222222222222": ("cleans", "delete"), "333333333333": ("reads", "plan")}
    for number in others:
        other = OtherAccount(account.endpoint, number)
        busy_account(other)
        start_elsewhere(other)
        # The same index in two accounts is read in one of them.
        other.repository(f"only/{number}").push_index("1.0", days=100)
    run("delete, other accounts")
    for number, (purpose, mode) in others.items():
        calls = [call for call in elsewhere if call["account"] == number]
        assert differences(member[purpose]["policy"], calls, sometimes(mode, ecs=True)) == NONE


@pytest.mark.parametrize("name", ["delete", "delete, everything"])
def test_an_action_that_is_taken_away_or_added_is_noticed(run, not_yet, name):
    policy, record = run(name)
    not_called = not_yet | sometimes("delete", ecs=True, auto=name == "delete")
    for action in allowed(policy) - FOR_LAMBDA - NOT_IN_MOTO.keys() - WITHOUT_CALL - not_called:
        without = policy.replace(f'"{action}"', '"sts:TagSession"')
        assert differences(without, record, not_called) == {"missing": [action], "unused": ["sts:TagSession"]}
    actions = {call.action for call in called(record)}
    assert actions >= {"ecr:BatchDeleteImage", "ecs:DescribeServiceDeployments"}


def test_a_bucket_or_a_folder_too_few_or_too_many_is_noticed(run, not_yet):
    policy, record = run("delete, everything")
    not_called = not_yet | sometimes("delete", ecs=True)
    writing = {"reports/": ["s3:PutObject"], "evidence/published/": ["s3:PutObject"]}
    for place, needing in {"memory/prefix/": ["s3:GetObject", "s3:PutObject"], **writing}.items():
        elsewhere = policy.replace(f":::{place}*", ":::other/*")
        assert differences(elsewhere, record, not_called) == {"missing": needing, "unused": needing}


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_nothing_is_written_anywhere_but_to_this_account_and_the_buckets_named(rendered, name):
    statements = json.loads(rendered[name]["policy"])["Statement"]
    for statement in statements:
        assert not any("*" in action for action in statement["Action"])
        service = statement["Action"][0].split(":")[0]
        writes = [action for action in statement["Action"] if not action.split(":")[1].startswith(READING)]
        if statement["Effect"] == "Allow" and writes:
            places = NAMED.get(service, f"arn:aws:{service}:eu-west-1:123456789012:")
            assert all(arn.startswith(places) for arn in statement["Resource"])
    mode = CONFIGURATIONS[name][0]
    deletes = {"ecr:BatchDeleteImage"} & allowed(rendered[name]["policy"])
    assert bool(deletes) == (mode == "delete")


def test_every_service_that_is_called_has_an_endpoint_or_is_known_to_have_none(rendered):
    permissions = json.loads((PROJECT / "infra/shared/permissions.json").read_text())
    named = {action.split(":")[0] for policy in rendered.values() for action in allowed(policy["policy"]) - FOR_LAMBDA}
    assert named <= permissions["vpc_endpoints"].keys()


@pytest.mark.parametrize("name", ["plan, by rules alone", "delete, ECS alone", "delete, everything"])
def test_vpc_endpoints_are_of_what_a_run_calls(run, rendered, name):
    endpoints = json.loads((PROJECT / "infra/shared/permissions.json").read_text())["vpc_endpoints"]
    _policy, record = run(name)
    services = {call["service"] for call in record} - {action.split(":")[0] for action in DONE_WITHOUT}
    assert {endpoints[service] for service in services} == set(rendered[name]["vpc_endpoints"]["services"])
