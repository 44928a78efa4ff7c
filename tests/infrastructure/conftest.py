"""What the tests of the infrastructure share. Those that need Terraform are skipped, loudly, where it is not installed."""

import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
import urllib.request
import warnings
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT / "tests" / "moto"))

pytest.register_assert_rewrite("stories", "terraform")

import stories as told  # noqa: E402
import terraform  # noqa: E402
from account import Account  # noqa: E402
from configurations import CONFIGURATIONS, DISTRIBUTED, HARDENED  # noqa: E402
from processes import moto_with_overlay, served  # noqa: E402
from terraform import copy  # noqa: E402


def pytest_collection_modifyitems(items):
    if not terraform.installed():
        warnings.warn(f"terraform is not installed: {len(items)} tests of the infrastructure are SKIPPED", stacklevel=1)
        for item in items:
            item.add_marker(pytest.mark.skip(reason="terraform is not installed"))


class Programs:
    def __init__(self, folder: Path) -> None:
        self.function = folder / "ecr-cleanup-lambda"
        self.command = folder / "ecr-cleanup"

    def check_config(self, document: str) -> subprocess.CompletedProcess:
        variables = {"PATH": os.environ["PATH"], "ECR_CLEANUP_CONFIG": document}
        return subprocess.run([self.command, "check-config"], env=variables, capture_output=True, text=True)

    def reads(self, source: str) -> bool:
        """Whether this version reads that source; one that does not refuses to be told to."""
        return self.check_config(json.dumps({"in_use": {source: {}}})).returncode == 0

    def archives(self) -> bool:
        return self.check_config('{"mode":"archive"}').returncode == 0


@pytest.fixture(scope="session")
def programs():
    folder = os.environ.get("ECR_CLEANUP_BIN_DIR")
    if not folder:
        pytest.fail("ECR_CLEANUP_BIN_DIR is not set; it names the folder of the release binaries, as in `make test-infra`")
    return Programs(Path(folder).resolve())


@pytest.fixture(scope="session")
def package(programs, tmp_path_factory):
    """The function as it is uploaded."""
    path = tmp_path_factory.mktemp("package") / "function.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as package:
        package.write(programs.function, "bootstrap")
    return path


@pytest.fixture(scope="session")
def released(package):
    """The function's package as a release has it: by address, with its SHA-256 in base64."""
    with served(package.parent) as address:
        digest = hashlib.sha256(package.read_bytes()).digest()
        yield {"url": f"{address}/{package.name}", "sha256_base64": base64.b64encode(digest).decode()}


@pytest.fixture(scope="session")
def packed(tmp_path_factory):
    """The Terraform module as a repository of its own, outside of this one."""
    folder = tmp_path_factory.mktemp("packed") / "terraform-aws-ecr-cleanup"
    subprocess.run([sys.executable, PROJECT / "infra/release/terraform_module.py", folder], check=True)
    return folder


@pytest.fixture(scope="session")
def archived(packed, tmp_path_factory):
    """The Terraform module as a release has it: by address."""
    archive = tmp_path_factory.mktemp("archived") / "terraform-aws-ecr-cleanup.tar.gz"
    subprocess.run([sys.executable, PROJECT / "infra/release/release.py", "folder", packed, archive], check=True)
    with served(archive.parent) as address:
        yield f"{address}/{archive.name}"


@pytest.fixture(scope="session")
def not_yet(programs):
    """What is allowed for sources and modes that this version of the program does not have yet."""
    permissions = json.loads((PROJECT / "infra" / "shared" / "permissions.json").read_text())
    statements = [one for source, found in permissions["sources"].items() if not programs.reads(source) for one in found]
    statements += [] if programs.archives() else permissions["archive"]
    return {action for statement in statements for action in statement["actions"]}


@pytest.fixture(scope="session")
def server():
    with moto_with_overlay() as running:
        yield running


@pytest.fixture
def account(server):
    """An empty account."""
    urllib.request.urlopen(urllib.request.Request(f"{server.endpoint}/moto-api/reset", method="POST")).close()
    return Account(server.endpoint)


@pytest.fixture(scope="session")
def rendered_folder(tmp_path_factory):
    """Where Terraform renders configurations with no provider."""
    folder = copy(tmp_path_factory.mktemp("rendered")) / "tests" / "infrastructure" / "rendered"
    terraform.Terraform(folder).init()
    return folder


@pytest.fixture(scope="session")
def rendered(rendered_folder):
    """What the Terraform module makes of every configuration."""
    runner = terraform.Terraform(rendered_folder)
    given = {name: {"mode": mode, "config": json.dumps(config)} for name, (mode, config) in CONFIGURATIONS.items()}
    runner.apply(configurations=given)
    return runner.output("rendered")


@pytest.fixture(scope="session")
def planned(server, tmp_path_factory):
    """What Terraform would create for the example `complete`, by type."""
    folder = tmp_path_factory.mktemp("complete")
    (folder / "function.zip").write_bytes(b"")
    vpc = {"subnet_ids": ["subnet-00000001", "subnet-00000002"], "security_group_ids": ["sg-00000001"]}
    environment = Account(server.endpoint).environment()
    runner = terraform.Terraform(copy(folder) / "infra/terraform/examples/complete", environment).init()
    return runner.plan(zip_path=str(folder / "function.zip"), vpc=vpc)


@pytest.fixture(scope="session")
def hardened(server, tmp_path_factory):
    """What Terraform would create where everything is asked for that may be besides, by type."""
    folder = copy(tmp_path_factory.mktemp("hardened"))
    (folder / "function.zip").write_bytes(b"")
    given = {"source": "./infra/terraform", "package": {"zip_path": str(folder / "function.zip")}}
    asked = {ours: value for (ours, _theirs), value in HARDENED.items()}
    (folder / "main.tf.json").write_text(json.dumps({"module": {"ecr_cleanup": {**given, **asked}}}))
    return terraform.Terraform(folder, Account(server.endpoint).environment()).init().plan()


@pytest.fixture(scope="session")
def distributed(server, tmp_path_factory):
    """What Terraform would create for a distributed run, with everything that may be asked for, by type."""
    folder = copy(tmp_path_factory.mktemp("distributed"))
    (folder / "function.zip").write_bytes(b"")
    given = {"source": "./infra/terraform/modules/organization", "package": {"zip_path": str(folder / "function.zip")}}
    asked = {ours: value for (ours, _theirs), value in DISTRIBUTED.items()}
    (folder / "main.tf.json").write_text(json.dumps({"module": {"ecr_cleanup": {**given, **asked}}}))
    return terraform.Terraform(folder, Account(server.endpoint).environment()).init().plan()


@pytest.fixture(scope="session")
def member(server, tmp_path_factory):
    """What the roles in other accounts are, by what they are for, as Terraform would create them: their trust and their policy."""
    folder = copy(tmp_path_factory.mktemp("member"))
    given = {"source": "./infra/terraform/modules/member-account-role", "sources": ["ecs"], "external_id": "team-a"}
    given["function_role_arn"] = "arn:aws:iam::123456789012:role/ecr-cleanup"
    registry = {"mode": "delete", "regions": ["eu-west-1"]}
    (folder / "main.tf.json").write_text(json.dumps({"module": {"reads": given, "cleans": {**given, "registry": registry}}}))
    planned = terraform.Terraform(folder, Account(server.endpoint).environment()).init().plan()
    trust, policies = (
        {one["module"]: one[what] for one in planned[kind]}
        for kind, what in (("aws_iam_role", "assume_role_policy"), ("aws_iam_role_policy", "policy"))
    )
    return {purpose: {"trust": trust[f"module.{purpose}"], "policy": policies[f"module.{purpose}"]} for purpose in ("reads", "cleans")}


@pytest.fixture(scope="session")
def organization_dashboard(server, tmp_path_factory):
    """The dashboard of a monitoring account, for two Regions."""
    folder = copy(tmp_path_factory.mktemp("organization-dashboard"))
    given = {"source": "./infra/terraform/modules/organization-dashboard", "regions": ["eu-west-1", "us-east-1"]}
    (folder / "main.tf.json").write_text(json.dumps({"module": {"dashboard": given}}))
    planned = terraform.Terraform(folder, Account(server.endpoint).environment()).init().plan()
    [dashboard] = planned["aws_cloudwatch_dashboard"]
    return json.loads(dashboard["dashboard_body"])


@pytest.fixture(scope="session")
def synthesise():
    """Synthesises a stack with the CDK construct for each of the properties given, by name."""
    cdk = PROJECT / "infra" / "cdk"
    if not shutil.which("node") or not (cdk / "node_modules").exists():
        pytest.skip("the CDK construct is NOT tested: `make test-cdk` installs what it needs, with npm")

    def synthesise(props):
        command = ["node", str(cdk / "test" / "synth.js"), json.dumps(props)]
        result = subprocess.run(command, capture_output=True, text=True, timeout=300)
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout)

    return synthesise


@pytest.fixture(scope="session")
def stories(package, not_yet, tmp_path_factory):
    """The stories of the examples, under way."""
    with ThreadPoolExecutor() as pool:
        yield {
            name: pool.submit(story, tmp_path_factory.mktemp(name), package, not_yet)
            for name, story in (("simple", told.simple_example), ("complete", told.complete_example))
        }


@pytest.fixture(scope="session", autouse=True)
def begin_with_the_stories(request):
    if any("stories" in item.fixturenames for item in request.session.items) and terraform.installed():
        request.getfixturevalue("stories")
