"""The npm package of the CDK construct, installed by itself: it makes what the construct here makes, and its types are those that it takes."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
CDK = PROJECT / "infra/cdk"
MADE_OF = ("aws-cdk-lib", "constructs", "typescript", "@types")

USE = """
import { App, Stack } from "aws-cdk-lib";
import * as lambda from "aws-cdk-lib/aws-lambda";
import * as s3 from "aws-cdk-lib/aws-s3";
import { EcrCleanup, EksAccess, MemberAccountRole } from "%s";

const stack = new Stack(new App(), "Test", { env: { account: "123456789012", region: "eu-west-1" } });
const code = lambda.Code.fromBucket(s3.Bucket.fromBucketName(stack, "Code", "code"), "function.zip", "1");
const { role } = new EcrCleanup(stack, "EcrCleanup", { code, mode: "delete", protectTag: { key: "images", value: "keep" }, schedule: { timezone: "UTC" } });
new MemberAccountRole(stack, "Member", { functionRoleArn: "arn:aws:iam::111111111111:role/ecr-cleanup", externalId: "team-a" });
new EksAccess(stack, "Clusters", { clusters: ["prod"], roleArn: role.roleArn });
console.log(JSON.stringify((stack.node.root as App).synth().getStackByName("Test").template));
"""


@pytest.fixture(scope="module")
def tarball():
    version = json.loads((CDK / "package.json").read_text())["version"]
    path = PROJECT / f"dist/ecr-cleanup-cdk-{version}.tgz"
    if not shutil.which("npm") or not path.exists():
        pytest.skip("the npm package is NOT tested: `make cdk-package` makes it, with npm")
    return path


@pytest.fixture(scope="module")
def folder(tarball, tmp_path_factory):
    """A project of somebody else."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "package.json").write_text('{"name": "project", "private": true}')
    run(folder, "npm", "install", "--offline", "--legacy-peer-deps", "--no-audit", "--no-fund", str(tarball))
    for name in MADE_OF:
        (folder / "node_modules" / name).symlink_to(CDK / "node_modules" / name)
    return folder


def run(folder, *command):
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def synthesise(folder, name, module):
    (folder / f"{name}.ts").write_text(USE % module)
    run(folder, "node", "node_modules/typescript/bin/tsc", "--strict", "--skipLibCheck", "--module", "commonjs", "--target", "es2022", f"{name}.ts")
    return json.loads(run(folder, "node", f"{name}.js"))


def test_it_makes_what_the_construct_here_makes(folder):
    assert synthesise(folder, "installed", "ecr-cleanup-cdk") == synthesise(folder, "here", str(CDK / "lib"))


def test_it_is_for_jsii_and_holds_no_more_than_it_needs(folder):
    installed = folder / "node_modules/ecr-cleanup-cdk"
    assert json.loads((installed / ".jsii").read_text())["types"].keys() >= {f"ecr-cleanup-cdk.{name}" for name in ("EcrCleanup", "EksAccess", "MemberAccountRole")}
    names = {str(path.relative_to(installed)) for path in installed.rglob("*") if path.is_file()}
    expected = {".jsii", "package.json", "README.md", "LICENSE"} | {f"shared/{path.name}" for path in (PROJECT / "infra/shared").iterdir()}
    expected |= {f"events/{path.name}" for path in (PROJECT / "events").iterdir()}
    assert expected == {name for name in names if not re.fullmatch(r"lib/\w+(\.d\.ts|\.js)", name)}


def test_it_has_the_version_of_the_program():
    cargo = re.search(r'^version = "(.+)"$', (PROJECT / "Cargo.toml").read_text(), re.MULTILINE)[1]
    assert json.loads((CDK / "package.json").read_text())["version"] == cargo
