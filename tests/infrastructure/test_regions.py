"""Two Regions of one account, side by side: what is global in an account has a name of its own in each."""

import json

import boto3
import pytest

from account import Account
from terraform import Terraform, copy

REGIONS = ("eu-west-1", "us-east-1")


def listed(account, region):
    """Lists roles, dashboards and schedule groups, as one Region shows them."""

    def client(service):
        return boto3.client(service, endpoint_url=account.endpoint, region_name=region, **Account.credentials)

    roles = {role["RoleName"] for role in client("iam").list_roles()["Roles"]}
    dashboards = {one["DashboardName"] for one in client("cloudwatch").list_dashboards()["DashboardEntries"]}
    groups = {group["Name"] for group in client("scheduler").list_schedule_groups()["ScheduleGroups"]} - {"default"}
    return roles, dashboards, groups


@pytest.fixture
def deployed(account, package, tmp_path):
    folder = copy(tmp_path)
    given = {"source": "./infra/terraform", "package": {"zip_path": str(package)}}
    modules = {f"in_{region}": {**given, "providers": {"aws": f"aws.{region}"}} for region in REGIONS}
    providers = [{"alias": region, "region": region} for region in REGIONS]
    (folder / "main.tf.json").write_text(json.dumps({"provider": {"aws": providers}, "module": modules}))
    runner = Terraform(folder, account.environment()).init()
    runner.apply()
    return runner


def test_two_regions_of_one_account(account, deployed):
    shown = {region: listed(account, region) for region in REGIONS}
    names = {f"ecr-cleanup-{region}" for region in REGIONS}
    for region, (roles, dashboards, groups) in shown.items():
        assert roles == names | {f"{name}-schedule" for name in names}
        assert dashboards == groups == {f"ecr-cleanup-{region}"}
    deployed("plan", "-detailed-exitcode", "-input=false", "-no-color")
