"""The module by itself, as it is published: formatted, valid, described, with its own tests, which need no account."""

import json
import os
import re
import shutil
import subprocess

import pytest

from account import Account
from terraform import PROJECT, Terraform


@pytest.fixture(scope="module")
def project(packed, tmp_path_factory):
    return shutil.copytree(packed, tmp_path_factory.mktemp("project") / "module")


def test_it_is_formatted():
    assert Terraform(PROJECT)("fmt", "-check", "-recursive", "infra/terraform", "tests/infrastructure") == ""


@pytest.mark.parametrize("folder", [".", "modules/settings", "modules/policy"])
def test_its_own_tests(project, folder):
    assert re.search(r"[1-9]\d* passed, 0 failed", Terraform(project / folder).init()("test", "-no-color"))


def test_it_is_laid_out_as_a_module_s_repository(packed):
    names = {str(path.relative_to(packed)) for path in packed.rglob("*") if path.is_file()}
    root = {"main.tf", "variables.tf", "outputs.tf", "versions.tf", "README.md", "CHANGELOG.md", "LICENSE"}
    examples = {"simple", "complete", "member-account", "private-vpc", "prebuilt", "organization"}
    assert root <= names
    assert {path.name for path in (packed / "examples").iterdir()} == examples
    described = {f"examples/{name}" for name in examples} | {"modules/eks-access", "modules/member-account-role"}
    assert {f"{folder}/{name}" for folder in described for name in ("main.tf", "versions.tf", "README.md")} <= names
    assert [path for path in packed.rglob("*") if path.is_symlink()] == []


def test_what_is_declared_is_described_and_used(packed):
    for folder in {path.parent for path in packed.rglob("*.tf")}:
        text = "".join(path.read_text() for path in folder.glob("*.tf"))
        readme = (folder / "README.md").read_text() if (folder / "README.md").exists() else None
        for kind, name, body in re.findall(r'^(variable|output) "(\w+)" {\n(.*?)^}$', text, re.MULTILINE | re.DOTALL):
            description = re.search(r'^  description = "(.+)"$', body, re.MULTILINE)[1].replace('\\"', '"').replace("|", "\\|")
            assert kind == "output" or re.search(r"^  type +=", body, re.MULTILINE), (folder, name)
            assert kind == "output" or re.search(rf"\bvar\.{name}\b", text), (folder, name)
            assert readme is None or f"| {name} | {description} |" in readme, (folder, name)


def test_every_example_plans(packed, server, released, tmp_path):
    shutil.copytree(packed, tmp_path / "module")
    account = Account(server.endpoint)
    template = tmp_path / "template.json"
    template.write_text('{"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}')
    ec2 = account.client("ec2")
    [vpc] = ec2.describe_vpcs()["Vpcs"]
    subnets = [one["SubnetId"] for one in ec2.describe_subnets()["Subnets"]]
    tables = [one["RouteTableId"] for one in ec2.describe_route_tables()["RouteTables"]]
    (tmp_path / "function.zip").write_bytes(b"")
    zipped = {"zip_path": str(tmp_path / "function.zip")}
    given = {
        "simple": zipped,
        "complete": zipped,
        "prebuilt": released,
        "member-account": zipped,
        "private-vpc": {**zipped, "vpc_id": vpc["VpcId"], "subnet_ids": subnets, "route_table_ids": tables, "clusters": {"prod": "sg-00000001"}},
        "organization": {**zipped, "template": str(template), "organization_id": "o-abc123def4", "organizational_unit_ids": ["ou-abcd-12345678"]},
    }
    assert given.keys() == {path.name for path in (packed / "examples").iterdir()}
    modules = {name: {"source": f"./module/examples/{name}", **variables} for name, variables in given.items()}
    (tmp_path / "main.tf.json").write_text(json.dumps({"module": modules}))
    planned = Terraform(tmp_path, account.environment()).init().plan()
    functions = {one["module"].split(".")[1] for one in planned["aws_lambda_function"]}
    assert functions == given.keys()
    endpoints = {one["service_name"].rsplit(".eu-west-1.", 1)[1] for one in planned["aws_vpc_endpoint"]}
    assert {"s3", "sts", "ecr.api", "ecs", "eks", "lambda"} <= endpoints


def test_a_package_with_another_hash_is_not_used(released, tmp_path):
    script = PROJECT / "infra/terraform/download.sh"
    file = tmp_path / "folder" / "function.zip"

    def download(url, digest):
        variables = {"PATH": os.environ["PATH"], "URL": url, "SHA256": digest, "FILE": str(file)}
        return subprocess.run(["/bin/sh", "-ec", script.read_text()], env=variables, capture_output=True, text=True)

    refused = download(released["url"], "A" * 43 + "=")
    assert refused.returncode == 1 and f"is {released['sha256_base64']}, not A" in refused.stderr
    assert download(f"{released['url']}.not", released["sha256_base64"]).returncode != 0
    assert list(file.parent.iterdir()) == []
    assert download(released["url"], released["sha256_base64"]).returncode == 0
    assert list(file.parent.iterdir()) == [file]
