"""What a policy allows, what a run called, and whether the two are the same."""

import json
import re
from typing import Any

# Nothing needs to be allowed for it ("GetCallerIdentity", AWS STS API Reference).
NEEDS_NO_PERMISSION = {"sts:GetCallerIdentity"}

# What Lambda does with the role, not the program.
FOR_LAMBDA = {"logs:CreateLogStream", "logs:PutLogEvents", "sqs:SendMessage"}

# Allowed, and not called in a run against moto. tests/infra.rs proves those of ECS against the simulated AWS.
NOT_IN_MOTO = {
    "ecs:ListDaemons": "moto has no daemons",
    "ecs:DescribeDaemon": "moto has no daemons",
    "ecs:DescribeDaemonDeployments": "moto has no daemons",
    "ecs:DescribeDaemonRevisions": "moto has no daemons",
    "ecs:DescribeExpressGatewayService": "moto has no Express services",
    "eks:DescribeCluster": "a cluster in moto has no Kubernetes to read",
}

# Allowed in mode `delete`, and called only where an event narrows that to `archive`: the mode `archive` proves the call.
BY_EVENT = {"ecr:UpdateImageStorageClass"}

# Called only for repositories with an image in use: the configurations with ECS prove the call.
WITH_USE = {"ecr:GetLifecyclePolicy"}

# Services with REST paths, whose calls the record knows by method and path.
PATHS = {
    "lambda": [
        (r"GET /2015-03-31/functions/?", "ListFunctions"),
        (r"GET /2015-03-31/functions/[^/]+", "GetFunction"),
    ],
    "scheduler": [(r"GET /schedules", "ListSchedules"), (r"GET /schedules/[^/]+", "GetSchedule")],
    "eks": [(r"GET /clusters", "ListClusters"), (r"GET /clusters/[^/]+", "DescribeCluster")],
}


# No difference.
NONE = {"missing": [], "unused": []}


def allowed(policy: str) -> set[str]:
    """The actions of the statements that allow."""
    statements = json.loads(policy)["Statement"]
    return {action for one in statements if one["Effect"] == "Allow" for action in one["Action"]}


def called(record: list[dict[str, str]]) -> set[str]:
    return {f"{call['service']}:{_action(call)}" for call in record} - NEEDS_NO_PERMISSION


def differences(policy: str, record: list[dict[str, str]], not_called: set[str] = frozenset()) -> dict[str, Any]:
    """What was called and is not allowed, and what is allowed and was not called."""
    calls, actions = called(record), allowed(policy)
    return {
        "missing": sorted(calls - actions),
        "unused": sorted(actions - calls - FOR_LAMBDA - NOT_IN_MOTO.keys() - not_called),
    }


def sometimes(mode: str, ecs: bool) -> set[str]:
    """What a run of this mode calls under other circumstances than those of the tests."""
    return (BY_EVENT if mode == "delete" else set()) | (set() if ecs else WITH_USE)


def _action(call: dict[str, str]) -> str:
    for pattern, action in PATHS.get(call["service"], []):
        if re.fullmatch(pattern, call["action"]):
            return action
    return call["action"]
