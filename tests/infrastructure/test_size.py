"""Many accounts: what does not fit into a function's variables or a role's policy, and what does."""

import hashlib
import json
import re

import pytest

from configurations import ORGANIZATION_OF_300, ROLE, TOO_LONG
from terraform import Terraform, copy


def test_300_accounts_in_4_regions(account, package, programs, tmp_path):
    folder = copy(tmp_path)
    given = {"source": "./infra/terraform", "package": {"zip_path": str(package)}, "config": {"in_use": {"accounts": ORGANIZATION_OF_300}}}
    given |= {"mode": "delete", "config_store": "s3", "create_bucket": True, "role_patterns": [ROLE.format("*")], "test_events": {"create": False}}
    (folder / "main.tf.json").write_text(json.dumps({"module": {"ecr_cleanup": given}}))
    runner = Terraform(folder, account.environment()).init()
    runner.apply()
    runner("plan", "-detailed-exitcode", "-input=false", "-no-color")
    function = account.client("lambda").get_function_configuration(FunctionName="ecr-cleanup")
    variables = function["Environment"]["Variables"]
    bucket, key = re.fullmatch(r"s3://([^/]+)/(.+)", variables["ECR_CLEANUP_CONFIG"]).groups()
    stored = account.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    assert hashlib.sha256(stored).hexdigest() == variables["ECR_CLEANUP_CONFIG_SHA256"]
    assert programs.check_config(stored.decode()).returncode == 0
    assert json.loads(stored)["in_use"]["accounts"] == ORGANIZATION_OF_300


@pytest.mark.parametrize("what", TOO_LONG)
def test_a_policy_that_is_too_long_names_the_statement(rendered_folder, what):
    config, cleanable, statement = TOO_LONG[what]
    runner = Terraform(rendered_folder)
    runner.set(configurations={what: {"mode": "delete", "config": json.dumps(config)}}, cleanable_repositories=cleanable)
    said = " ".join(runner("plan", "-input=false", "-no-color", expected=1).replace("│", " ").split())
    assert re.search(rf"The longest statement is `{statement}` with \d{{4,}}", said), said
