"""Executions of a state machine, awaited."""

import time

DEADLINE = 300


def run_of(account, machine, name):
    """Starts one, as the schedule does."""
    return account.client("stepfunctions").start_execution(stateMachineArn=machine, name=name, input="{}")["executionArn"]


def ended(account, execution):
    """Waits for its end."""
    client, deadline = account.client("stepfunctions"), time.monotonic() + DEADLINE
    while (found := client.describe_execution(executionArn=execution))["status"] == "RUNNING":
        assert time.monotonic() < deadline, found
        time.sleep(0.2)
    return found
