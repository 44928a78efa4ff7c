"""The templates for CloudFormation: clean, and deployed to an emulated account as somebody without Terraform or CDK would."""

import ast
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from account import Account
from busy_account import OtherAccount
from terraform import PROJECT

FUNCTION_ROLE = "arn:aws:iam::123456789012:role/ecr-cleanup-eu-west-1"
# Where AWS takes a template by its text.
LIMIT = 51_200


@pytest.fixture(scope="module")
def templates(tmp_path_factory):
    script = PROJECT / "infra/cdk/cloudformation/templates.js"
    if not shutil.which("node") or not script.exists():
        pytest.skip("the templates for CloudFormation are NOT tested: `make test-cdk` builds what makes them, with npm")
    folder = tmp_path_factory.mktemp("templates")
    made = subprocess.run(["node", script, folder], capture_output=True, text=True)
    assert (made.returncode, made.stdout + made.stderr) == (0, "")
    return {path.name.split(".")[0]: path for path in folder.glob("ecr-cleanup-*.template.json")}


def parameters(**values):
    return [{"ParameterKey": name, "ParameterValue": value} for name, value in values.items()]


def deploy(account, name, template, **values):
    client = account.client("cloudformation")
    client.create_stack(StackName=name, TemplateBody=template.read_text(), Parameters=parameters(**values), Capabilities=["CAPABILITY_NAMED_IAM"])
    [stack] = client.describe_stacks(StackName=name)["Stacks"]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def role(account, arn):
    """A role's trust and the statements of its policy. moto writes what CloudFormation gives it as Python, and keeps what is left out as None."""
    client, name = account.client("iam"), arn.split("/")[-1]
    policy = client.get_role_policy(RoleName=name, PolicyName="function")["PolicyDocument"]
    statements = (ast.literal_eval(policy) if isinstance(policy, str) else policy)["Statement"]
    [trust] = client.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]["Statement"]
    return trust, {one["Sid"]: one for one in statements if one}


def test_nothing_is_found_against_them(templates):
    assert templates.keys() == {"ecr-cleanup-function", "ecr-cleanup-member", "ecr-cleanup-organization"}
    assert {name for name, path in templates.items() if path.stat().st_size > LIMIT} == set()
    cfn_lint = Path(sys.executable).with_name("cfn-lint")
    # As in test_cdk.py.
    lint = subprocess.run([cfn_lint, "--ignore-checks", "W3005", "W3037", "--", *templates.values()], capture_output=True, text=True)
    assert lint.returncode == 0, lint.stdout + lint.stderr


@pytest.fixture
def code(account, package):
    account.client("s3").create_bucket(Bucket="code", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    account.client("s3").put_object(Bucket="code", Key="ecr-cleanup-0.1.0.zip", Body=package.read_bytes())
    return {"CodeBucket": "code", "CodeKey": "ecr-cleanup-0.1.0.zip", "Architecture": "x86_64"}


def invoke(account, name):
    return json.load(account.client("lambda").invoke(FunctionName=name, Payload=b"{}")["Payload"])


def configuration(account, name):
    return json.loads(account.client("lambda").get_function_configuration(FunctionName=name)["Environment"]["Variables"]["ECR_CLEANUP_CONFIG"])


def test_the_function_as_it_comes(account, templates, code):
    made = deploy(account, "ecr-cleanup", templates["ecr-cleanup-function"], **code)
    assert made == {"FunctionName": "ecr-cleanup", "RoleArn": FUNCTION_ROLE}
    assert configuration(account, "ecr-cleanup") == {"version": 1, "mode": "plan", "guards": {"expected_accounts": ["123456789012"]}}
    _trust, statements = role(account, made["RoleArn"])
    assert {"ReadRegistry", "WriteLog"} <= statements.keys()
    assert [sid for sid in statements if sid.startswith(("Delete", "Archive", "Assume", "List", "Leave"))] == []
    assert account.client("s3").list_buckets()["Buckets"][0]["Name"] == "code"
    assert invoke(account, "ecr-cleanup")["status"] == "planned"
    account.client("cloudformation").delete_stack(StackName="ecr-cleanup")
    assert account.client("iam").list_roles()["Roles"] == []


def test_the_function_with_everything(account, templates, code, programs):
    asked = {"Mode": "delete", "CreateBucket": "yes", "NotificationEmail": "platform@example.com", "MemberRoleName": "reader", "CleanableRepositories": "team/*"}
    made = deploy(account, "ecr-cleanup", templates["ecr-cleanup-function"], **code, **asked, Configuration='"guards": {"max_deletions_per_run": 7}')
    document = configuration(account, made["FunctionName"])
    bucket = "s3://ecr-cleanup-123456789012-eu-west-1"
    assert document == {
        "version": 1,
        "mode": "delete",
        "state": f"{bucket}/state",
        "report": f"{bucket}/reports",
        "notify": "arn:aws:sns:eu-west-1:123456789012:ecr-cleanup-notifications",
        "in_use": {"organization": {"role_name": "reader", "external_id": "ecr-cleanup"}},
        "guards": {"max_deletions_per_run": 7},
    }
    assert programs.check_config(json.dumps(document)).returncode == 0
    _trust, statements = role(account, made["RoleArn"])
    assert statements["DeleteImages"]["Resource"] == "arn:aws:ecr:eu-west-1:123456789012:repository/team/*"
    assert "arn:aws:iam::*:role/reader" in str(statements)
    assert account.client("s3").head_bucket(Bucket=bucket.removeprefix("s3://"))
    assert account.client("sns").list_topics()["Topics"] == [{"TopicArn": document["notify"]}]


@pytest.mark.parametrize(("mode", "cleans"), [("no", set()), ("plan", {"ReadRepositories"}), ("archive", {"ArchiveImages"}), ("delete", {"DeleteImages"})])
def test_a_member(account, templates, mode, cleans):
    bound = {} if mode == "no" else {"OrganizationId": "o-abc123def4", "ListsAccounts": "yes"}
    made = deploy(account, "member", templates["ecr-cleanup-member"], FunctionRoleArn=FUNCTION_ROLE, Cleans=mode, **bound)
    trust, statements = role(account, made["RoleArn"])
    assert trust["Principal"] == {"AWS": "arn:aws:iam::123456789012:root"}
    assert trust["Condition"]["ArnEquals"] == {"aws:PrincipalArn": FUNCTION_ROLE}
    equal = {key: value for key, value in trust["Condition"]["StringEquals"].items() if value}
    assert equal == {"sts:ExternalId": "ecr-cleanup"} | ({"aws:PrincipalOrgID": "o-abc123def4"} if bound else {})
    assert "ReadEcs" in statements and cleans <= statements.keys()
    assert ("ListAccounts" in statements) == bool(bound)
    assert ("ArchiveImages" in statements, "DeleteImages" in statements) == (mode in ("archive", "delete"), mode == "delete")


def test_every_account_of_an_organization(account, templates):
    """moto makes no StackSet of a template, so it is asked for what the template would."""
    organizations = account.client("organizations")
    organizations.create_organization(FeatureSet="ALL")
    member = organizations.create_account(AccountName="member", Email="member@example.com")["CreateAccountStatus"]["AccountId"]
    [root] = organizations.list_roots()["Roots"]
    [asked] = json.loads(templates["ecr-cleanup-organization"].read_text())["Resources"].values()
    asked = asked["Properties"]
    assert (asked["PermissionModel"], asked["AutoDeployment"]["Enabled"]) == ("SERVICE_MANAGED", True)
    assert json.loads(asked["TemplateBody"]) == json.loads(templates["ecr-cleanup-member"].read_text())
    client = account.client("cloudformation")
    client.create_stack_set(
        StackSetName=asked["StackSetName"],
        TemplateBody=asked["TemplateBody"],
        PermissionModel=asked["PermissionModel"],
        AutoDeployment=asked["AutoDeployment"],
        Capabilities=asked["Capabilities"],
        Parameters=parameters(FunctionRoleArn=FUNCTION_ROLE),
    )
    [group] = asked["StackInstancesGroup"]
    assert group["DeploymentTargets"] == {"OrganizationalUnitIds": {"Ref": "OrganizationalUnitIds"}}
    targets = {"OrganizationalUnitIds": [root["Id"]]}
    client.create_stack_instances(StackSetName=asked["StackSetName"], Regions=["eu-west-1"], DeploymentTargets=targets)
    trust, _statements = role(OtherAccount(account.endpoint, member), "role/ecr-cleanup-reader")
    assert trust["Condition"]["ArnEquals"] == {"aws:PrincipalArn": FUNCTION_ROLE}
