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


@pytest.mark.parametrize("folder", [".", "modules/settings", "modules/policy", "modules/organization"])
def test_its_own_tests(project, folder):
    assert re.search(r"[1-9]\d* passed, 0 failed", Terraform(project / folder).init()("test", "-no-color"))


def test_it_is_laid_out_as_a_module_s_repository(packed):
    names = {str(path.relative_to(packed)) for path in packed.rglob("*") if path.is_file()}
    root = {"main.tf", "variables.tf", "outputs.tf", "versions.tf", "README.md", "CHANGELOG.md", "LICENSE"}
    examples = {"simple", "complete", "member-account", "private-vpc", "prebuilt", "organization", "distributed"}
    assert root <= names
    assert {path.name for path in (packed / "examples").iterdir()} == examples
    described = {f"examples/{name}" for name in examples} | {"modules/eks-access", "modules/member-account-role", "modules/organization"}
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


@pytest.fixture(scope="module")
def examples(packed, server, released, tmp_path_factory):
    """Every example, planned as one."""
    tmp_path = tmp_path_factory.mktemp("examples")
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
        "distributed": zipped,
        "organization": {**zipped, "template": str(template), "organization_id": "o-abc123def4", "organizational_unit_ids": ["ou-abcd-12345678"]},
    }
    assert given.keys() == {path.name for path in (packed / "examples").iterdir()}
    modules = {name: {"source": f"./module/examples/{name}", **variables} for name, variables in given.items()}
    (tmp_path / "main.tf.json").write_text(json.dumps({"module": modules}))
    runner = Terraform(tmp_path, account.environment()).init()
    return given.keys(), runner.plan(), json.loads(runner("show", "-json", "plan"))["configuration"]["root_module"]


def test_every_example_plans(examples):
    names, planned, _configuration = examples
    functions = {one["module"].split(".")[1] for one in planned["aws_lambda_function"]}
    assert functions == names
    endpoints = {one["service_name"].rsplit(".eu-west-1.", 1)[1] for one in planned["aws_vpc_endpoint"]}
    assert {"s3", "sts", "ecr.api", "ecs", "eks", "lambda"} <= endpoints


SCHEMA = json.loads((PROJECT / "tests/infrastructure/provider_6.json").read_text())["resources"]


def test_version_6_of_the_provider_takes_what_the_module_says(examples):
    """There is version 5 alone to apply it with, so the resources are compared with the other's schema."""
    problems, kinds = [], set()
    for module in modules(examples[2]):
        for resource in module.get("resources", []):
            kind = resource["type"] if resource["mode"] == "managed" else f"data.{resource['type']}"
            if resource["type"].startswith("aws_"):
                assert kind in SCHEMA, f"{kind} is not in provider_6.json: `make provider-schema`"
                kinds.add(kind)
                problems += [f"{resource['address']}: {one}" for one in unknown(resource.get("expressions", {}), SCHEMA[kind]["arguments"])]
        for reference in references(module):
            kind, attribute = re.match(r"((?:data\.)?aws_\w+)\.\w+(?:\[[^]]*\])?(?:\.(\w+))?", reference).groups()
            if attribute and attribute not in {*SCHEMA[kind]["attributes"], *SCHEMA[kind]["arguments"]}:
                problems.append(reference)
    assert problems == []
    assert {"aws_lambda_function", "aws_scheduler_schedule", "aws_s3_bucket", "aws_eks_access_entry", "data.aws_region"} <= kinds


def test_what_version_6_does_not_take_is_found():
    arguments = SCHEMA["aws_scheduler_schedule"]["arguments"]
    target = {"arn": {}, "role_arn": {}, "retry_policy": {}}
    said = {"schedule_expression": {}, "flexible_time_window": {"mode": {}}, "target": target}
    assert unknown(said, arguments) == []
    wrong = {**said, "timezone": {}, "target": [{**target, "dead_letter": {}, "role_arn": {}}]}
    assert unknown(wrong, arguments) == ["target.dead_letter", "timezone"]
    del target["arn"], said["flexible_time_window"]
    assert unknown(said, arguments) == ["flexible_time_window is missing", "target.arn is missing"]


def modules(module):
    """It, and those within it."""
    yield module
    for call in module.get("module_calls", {}).values():
        yield from modules(call["module"])


def references(value):
    """What expressions refer to of the provider's resources; the modules within this one have their own."""
    if isinstance(value, dict):
        found = value.get("references", [])
        yield from (one for one in found if re.match(r"(data\.)?aws_\w+\.", one))
        for key, item in value.items():
            if key not in ("references", "module_calls"):
                yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


def unknown(expressions, arguments):
    """What is said and not taken, or required and not said."""
    required = [name for name, one in arguments.items() if (one[0] if isinstance(one, list) else one)]
    problems = [f"{name} is missing" for name in required if name not in expressions]
    for name, value in expressions.items():
        if name not in arguments:
            problems.append(name)
        elif isinstance(arguments[name], list):
            blocks = value if isinstance(value, list) else [value]
            problems += [f"{name}.{problem}" for one in blocks if one.keys().isdisjoint({"references", "constant_value"}) for problem in unknown(one, arguments[name][1])]
    return problems


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
