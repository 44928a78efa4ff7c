"""What a policy allows, what a run called, and whether the two are the same."""

import json
import re
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from terraform import PROJECT

# Nothing needs to be allowed for it ("GetCallerIdentity", AWS STS API Reference).
NEEDS_NO_PERMISSION = {"sts:GetCallerIdentity"}

# Asked once a week if the role may, and done without: the modules neither allow it nor make an endpoint for it.
DONE_WITHOUT = {"servicequotas:ListServiceQuotas"}

# What Lambda does with the role, not the program.
_SHARED = json.loads((PROJECT / "infra/shared/permissions.json").read_text())
FOR_LAMBDA = {action for statement in _SHARED["lambda_itself"] for action in statement["actions"]}

# Allowed, and not called in a run against moto. tests/suite/infra.rs proves those of ECS against the simulated AWS.
NOT_IN_MOTO = {
    "ecs:ListDaemons": "moto has no daemons",
    "ecs:DescribeDaemon": "moto has no daemons",
    "ecs:DescribeDaemonDeployments": "moto has no daemons",
    "ecs:DescribeDaemonRevisions": "moto has no daemons",
    "ecs:DescribeDaemonTaskDefinition": "moto has no daemons",
    "ecs:ListDaemonTaskDefinitions": "moto has no daemons",
    "ecs:DescribeExpressGatewayService": "moto has no Express services",
    "eks:DescribeCluster": "a cluster in moto has no Kubernetes to read",
}

# Needed without being called: whoever describes every stack lists them ("DescribeStacks", AWS CloudFormation API Reference).
WITHOUT_CALL = {"cloudformation:ListStacks"}

# Allowed in mode `delete`, and called only where an event narrows that to `archive`: the mode `archive` proves the call.
BY_EVENT = {"ecr:UpdateImageStorageClass"}

# Called only for repositories with an image in use: the configurations with ECS prove the calls.
WITH_USE = {"ecr:GetLifecyclePolicy", "ecr:ListImages"}

# Called where a service names a task definition that ECS does not describe; ECS itself lists all of them.
WITHOUT_ECS = {"ecs:ListTaskDefinitions"}

# Called only where there is a function of an image: the configurations prove the call.
WITH_FUNCTIONS = {"lambda:GetFunction"}

# Called only where there is a stack: the configurations prove the call.
WITH_STACKS = {"cloudformation:DescribeChangeSet", "cloudformation:GetTemplate", "cloudformation:ListChangeSets"}

# Called of services and Regions that are read only if they answer: tests/suite/infra.rs proves the calls.
IF_ANSWERED = {action for name in ("services", "regions") for found in _SHARED[name].values() for one in found for action in one["actions"]}

# Services with REST paths, whose calls the record knows by method and path.
PATHS = {
    "account": [(r"POST /listRegions", "ListRegions")],
    "batch": [(r"POST /v1/describejobdefinitions", "DescribeJobDefinitions"), (r"POST /v1/describejobqueues", "DescribeJobQueues")],
    "bedrock-agentcore": [(r"POST /runtimes/?", "ListAgentRuntimes"), (r"GET /harnesses", "ListHarnesses")],
    "pipes": [(r"GET /v1/pipes", "ListPipes")],
    "lambda": [
        (r"GET /2015-03-31/functions/?", "ListFunctions"),
        (r"GET /2015-03-31/functions/[^/]+", "GetFunction"),
    ],
    "scheduler": [(r"GET /schedules", "ListSchedules"), (r"GET /schedules/[^/]+", "GetSchedule")],
    "eks": [(r"GET /clusters", "ListClusters"), (r"GET /clusters/[^/]+", "DescribeCluster")],
    "s3": [(r"GET /[^/]+/?", "ListBucket"), (r"GET /[^/]+/.+", "GetObject"), (r"PUT /[^/]+/.+", "PutObject")],
}


# No difference.
NONE = {"missing": [], "unused": []}


class Call(NamedTuple):
    action: str
    object: str | None  # what it was about, where the record says


def grants(policy: str) -> list[tuple[str, list[str]]]:
    """Each action that is allowed, with the resources that it is allowed for."""
    statements = json.loads(policy)["Statement"]
    return [(action, one["Resource"]) for one in statements if one["Effect"] == "Allow" for action in one["Action"]]


def allowed(policy: str) -> set[str]:
    return {action for action, _resources in grants(policy)}


def called(record: list[dict[str, Any]]) -> set[Call]:
    """The calls, as IAM sees them."""
    calls = set()
    for call in record:
        action = f"{call['service']}:{_action(call)}"
        path = call["action"].partition(" /")[2].rstrip("/") if call["service"] == "s3" else None
        calls.add(Call(action, path and f"arn:aws:s3:::{path}"))
        if action == "s3:GetObject" and call["status"] == 404:
            # Whoever may not list is told 403 instead ("GetObject", Amazon S3 API Reference).
            calls.add(Call("s3:ListBucket", f"arn:aws:s3:::{path.split('/')[0]}"))
    return {call for call in calls if call.action not in NEEDS_NO_PERMISSION | DONE_WITHOUT}


def differences(policy: str, record: list[dict[str, Any]], not_called: set[str] = frozenset()) -> dict[str, Any]:
    """What was called and is not allowed, and what is allowed and was not called."""
    calls, granted = called(record), grants(policy)
    accepted = FOR_LAMBDA | NOT_IN_MOTO.keys() | WITHOUT_CALL | not_called
    missing = {call.action for call in calls if not any(_covers(grant, call) for grant in granted)}
    unused = {grant[0] for grant in granted if not any(_covers(grant, call) for call in calls)}
    return {"missing": sorted(missing), "unused": sorted(unused - accepted)}


def _covers(grant: tuple[str, list[str]], call: Call) -> bool:
    action, resources = grant
    return action == call.action and (call.object is None or any(fnmatchcase(call.object, one) for one in resources))


def sometimes(mode: str, ecs: bool, auto: bool = False) -> set[str]:
    """What a run of this mode calls under other circumstances than those of the tests; `auto` is what may be left out."""
    others = (BY_EVENT if mode == "delete" else set()) | (set() if ecs else WITH_USE | WITHOUT_ECS)
    return others | (IF_ANSWERED if auto else set())


def _action(call: dict[str, str]) -> str:
    for pattern, action in PATHS.get(call["service"], []):
        if re.fullmatch(pattern, call["action"]):
            return action
    return call["action"]
