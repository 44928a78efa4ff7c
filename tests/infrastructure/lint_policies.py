"""Looks at every policy that Terraform makes: with parliament, whether it is well-formed, and with cloudsplaining, whether it is dangerous.

Run by `make lint`, in the environment of checkov-requirements.txt.
"""

import json
import logging
import re
import sys
import tempfile
from pathlib import Path

import parliament
from cloudsplaining.scan.policy_document import PolicyDocument

from configurations import CONFIGURATIONS
from terraform import Terraform, copy

# Newer than parliament 1.6.4.
NEWER = re.compile(
    r"account:ListRegions|batch:(Describe|List)ServiceJobs?|bedrock-agentcore:\w+|ecr:(ListPullTimeUpdateExclusions|UpdateImageStorageClass)"
    r"|ecs:(Describe|List)(Daemon|ExpressGateway)\w+|ecs:DescribeDaemon|sagemaker:ListPipelineVersions"
)
# Lambda adds it to every call of a function, so that no action lists it.
ANY_ACTION = "Unknown condition lambda:SourceFunctionArn for action"
DANGERS = (
    "allows_privilege_escalation",
    "allows_data_exfiltration_actions",
    "credentials_exposure",
    "infrastructure_modification",
    "permissions_management_without_constraints",
)
# One that both have to find something in.
BAD = {"Sid": "Bad", "Effect": "Allow", "Action": ["iam:PassRole", "s3:GetObjects", "s3:GetObject"], "Resource": ["*"]}


def rendered(folder):
    """Returns each configuration's policy, by name."""
    runner = Terraform(copy(folder) / "tests" / "infrastructure" / "rendered").init()
    runner.apply(configurations={name: {"mode": mode, "config": json.dumps(config)} for name, (mode, config) in CONFIGURATIONS.items()})
    return {name: found["policy"] for name, found in runner.output("rendered").items()}


def malformed(policy):
    """Returns what parliament finds."""
    found = parliament.analyze_policy_string(policy).findings
    newer = lambda one: one.issue in ("UNKNOWN_ACTION", "UNKNOWN_PREFIX") and NEWER.fullmatch(one.location["string"])
    return [f"{one.issue}: {one.detail or one.title}" for one in found if not newer(one) and not str(one.detail).startswith(ANY_ACTION)]


def dangerous(policy):
    """Returns what cloudsplaining finds."""
    document = PolicyDocument(json.loads(policy))
    return [f"{danger}: {found}" for danger in DANGERS if (found := getattr(document, danger))]


def main():
    logging.disable(logging.CRITICAL)
    bad = json.dumps({"Version": "2012-10-17", "Statement": [BAD]})
    assert malformed(bad) and dangerous(bad), "what is bad is not found"
    with tempfile.TemporaryDirectory() as folder:
        policies = rendered(Path(folder))
    findings = {name: [*malformed(policy), *dangerous(policy)] for name, policy in policies.items()}
    lines = [f"{name}: {line}" for name, found in findings.items() for line in found]
    return "\n".join(lines) or None


if __name__ == "__main__":
    sys.exit(main())
