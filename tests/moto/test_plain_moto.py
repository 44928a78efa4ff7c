"""The second opinion: the release binaries against moto, exactly as the package index ships it.

Needs ECR_CLEANUP_BIN_DIR.
"""

import json
import os
import subprocess

import pytest

from account import Account
from in_use import digest_of, uses
from processes import plain_moto
from runtime_api import invoke
from scenarios import app_repository

DELETE = {"ECR_CLEANUP_CONFIG": '{"mode":"delete","in_use":{"services":false}}'}
READS_A_PARAMETER = {"ECR_CLEANUP_CONFIG": "ssm:/cleanup/config"}


@pytest.fixture(scope="module")
def server():
    with plain_moto() as running:
        yield running


@pytest.fixture
def function(account, programs, event):
    """Invokes the function with one of the project's events; answers its report."""

    def function(name):
        invocation = invoke(programs.function, event(name), {**account.environment(), **DELETE})
        assert invocation.error is None, (invocation.error, invocation.log)
        return invocation.payload

    return function


@pytest.fixture
def command(account, programs):
    """Runs the command."""

    def command(*arguments, **environment):
        return subprocess.run(
            [programs.command, *arguments],
            env={"PATH": os.environ["PATH"], **account.environment(), **DELETE, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
        )

    return command


def json_of(result):
    assert result.returncode == 0, (result.args, result.stdout, result.stderr)
    return json.loads(result.stdout)


@pytest.mark.parametrize("mode", ["function", "command"])
def test_what_nobody_needs_is_deleted(account, function, command, mode):
    expected = app_repository(account)
    if mode == "function":
        planned = function("manual-plan.json")
    else:
        planned = json_of(command("plan", "--output", "json"))
    assert account.images() == expected.kept | expected.deleted
    if mode == "function":
        completed = function("scheduled-rule.json")
    else:
        completed = json_of(command("run", "--yes", "--output", "json"))
    assert planned["counts"]["candidates"] == len(expected.deleted)
    assert (completed["status"], completed["counts"]["deleted"]) == ("completed", len(expected.deleted))
    left = account.images()
    assert (account.names(left - expected.kept), account.names(expected.kept - left)) == ([], [])
    assert [str(use) for use in uses(account) if not digest_of(account, use)] == []


def test_a_parameter_is_read_and_decrypted(account, command):
    account.client("ssm").put_parameter(Name="/cleanup/config", Type="SecureString", Value="policies: [{whose: 1}]")
    result = command("plan", **READS_A_PARAMETER)
    # Undecrypted it would be no mapping.
    assert result.returncode == 2 and "policies[0].whose" in result.stderr, result.stderr
