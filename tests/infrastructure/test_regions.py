"""Several deployments of the packed module in one account: in two Regions, and two in one. What they would share has a name of
its own in each, and the function is that of a release, by its address."""

import json

import boto3
import pytest

from account import Account
from configurations import HARDENED, KEYS
from terraform import PROJECT, Terraform

REGIONS = ("eu-west-1", "us-east-1")


def listed(account, region):
    """Lists roles, dashboards, schedule groups and test events, as one Region shows them."""

    def client(service):
        return boto3.client(service, endpoint_url=account.endpoint, region_name=region, **Account.credentials)

    roles = {role["RoleName"] for role in client("iam").list_roles()["Roles"]}
    dashboards = {one["DashboardName"] for one in client("cloudwatch").list_dashboards()["DashboardEntries"]}
    groups = {group["Name"] for group in client("scheduler").list_schedule_groups()["ScheduleGroups"]} - {"default"}
    events = {schema["SchemaName"] for schema in client("schemas").list_schemas(RegistryName="lambda-testevent-schemas")["Schemas"]}
    return roles, dashboards, groups, events


@pytest.fixture
def deployed(account, archived, released, tmp_path):
    given = {"source": archived, "package": {"download": released}}
    modules = {f"in_{region}": {**given, "providers": {"aws": f"aws.{region}"}} for region in REGIONS}
    second = {"name": "second", "test_events": {"create": True, "create_registry": False}, "depends_on": ["module.in_eu-west-1"]}
    # Signing is left out: the package has no signature.
    second |= {ours: value for (ours, _theirs), value in HARDENED.items() if ours != "code_signing_config_arn"}
    second |= {"config_store": "parameter", "kms_key_arns": {**KEYS, "parameter": KEYS["environment"]}}
    modules["second"] = {**modules["in_eu-west-1"], **second}
    providers = [{"alias": region, "region": region} for region in REGIONS]
    (tmp_path / "main.tf.json").write_text(json.dumps({"provider": {"aws": providers}, "module": modules}))
    runner = Terraform(tmp_path, account.environment()).init()
    runner.apply()
    return runner


def test_two_regions_of_one_account_and_two_deployments_in_one_of_them(account, deployed):
    deployments = {"eu-west-1": {"ecr-cleanup", "second"}, "us-east-1": {"ecr-cleanup"}}
    everywhere = {f"{name}-{region}" for region, names in deployments.items() for name in names}
    for region, names in deployments.items():
        roles, dashboards, groups, events = listed(account, region)
        assert roles == everywhere | {f"{name}-schedule" for name in everywhere}
        assert dashboards == groups == {f"{name}-{region}" for name in names}
        assert events == {f"_{name}-schema" for name in names}
    client = account.client("scheduler")
    target = client.get_schedule(Name="second", GroupName="second-eu-west-1")["Target"]
    assert target["Arn"] == "arn:aws:lambda:eu-west-1:123456789012:function:second:live"
    answer = account.client("lambda").invoke(FunctionName=target["Arn"], Payload=b"{}")
    assert json.load(answer["Payload"])["status"] == "planned"
    deployed("plan", "-detailed-exitcode", "-input=false", "-no-color")


def test_the_table_of_regions_with_test_events_is_that_of_aws():
    session = boto3.Session()
    table = json.loads((PROJECT / "infra/shared/regions.json").read_text())["with_test_events"]
    offered = {service: {region for partition in session.get_available_partitions() for region in session.get_available_regions(service, partition)} for service in ("lambda", "schemas")}
    assert set(table) == offered["schemas"]
    # Nine of the commercial ones among them.
    assert {"ap-east-2", "ca-west-1", "il-central-1"} <= offered["lambda"] - offered["schemas"]
