"""What the documents tell people to type and to read: it exists."""

import json
import re
import subprocess
from fnmatch import fnmatchcase

import boto3
import pytest
from botocore import xform_name
from moto.iam.aws_managed_policies import aws_managed_policies_data

from terraform import PROJECT

DOCUMENTS = ("README.md", *sorted(str(page.relative_to(PROJECT)) for page in (PROJECT / "docs").rglob("*.md")))
TERRAFORM = "docs/guides/terraform.md"
# Needed where there are harnesses of Bedrock AgentCore, as docs/reference/permissions.md says.
NOT_IN_READ_ONLY_ACCESS = {"bedrock-agentcore:ListHarnessVersions"}
# Of every command of the AWS CLI.
GLOBAL = {"region", "cli-read-timeout", "query", "output"}
OUTPUTS = "infra/terraform/outputs.tf"
CDK = "infra/cdk/README.md"


def text(document):
    return re.sub(r"\\\n\s*", " ", (PROJECT / document).read_text())


def commands_of_aws():
    """Service, operation and options of each command of the AWS CLI."""
    for document in (*DOCUMENTS, OUTPUTS, CDK):
        for service, operation, rest in re.findall(r"\baws ([a-z]+) ([a-z]+(?:-[a-z]+)+|invoke)([^`\n]*)", text(document)):
            yield service, operation, set(re.findall(r" --([a-z-]+)", rest))


@pytest.mark.parametrize(("service", "operation", "options"), list(commands_of_aws()))
def test_a_command_of_aws_exists_with_its_options(service, operation, options):
    client = boto3.client(service, region_name="eu-west-1")
    name = client.meta.method_to_api_mapping[operation.replace("-", "_")]
    shape = client.meta.service_model.operation_model(name).input_shape
    assert options - GLOBAL <= {xform_name(member, "-") for member in shape.members}
    # An answer's body goes to a file, which is no option.
    required = {xform_name(member, "-") for member in shape.required_members}
    assert required <= options


def test_there_are_commands_to_test():
    assert {operation for _service, operation, _options in commands_of_aws()} >= {"put-function-concurrency", "create-access-entry"}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_command_of_the_program_exists(programs, document):
    help_text = subprocess.run([programs.command, "--help"], capture_output=True, text=True, check=True).stdout
    commands = set(re.findall(r"^  ([a-z-]+) ", help_text, re.MULTILINE))
    code = re.findall(r"`([^`\n]+)`|^```sh\n(.*?)^```", text(document), re.MULTILINE | re.DOTALL)
    named = {name for parts in code for part in parts for name in re.findall(r"(?:^|\n)ecr-cleanup ([a-z][a-z-]*)\b(?! =)", part)}
    assert named - commands == set()
    assert named or document not in ("README.md", "docs/runbook.md", "docs/getting-started.md")


def test_the_runbook_names_variables_outputs_and_queries_that_exist():
    module = "".join((PROJECT / "infra/terraform" / name).read_text() for name in ("variables.tf", "outputs.tf"))
    declared = set(re.findall(r'^(?:variable|output) "(\w+)"', module, re.MULTILINE))
    runbook = text("docs/runbook.md")
    assert {"invoke_commands", "stop_command", "config_json", "role_arn", "package", "schedule", "timeout", "memory_size"} <= declared
    for name in re.findall(r"`([a-z]+_[a-z_]+) = ", runbook):
        assert name in declared
    queries = (PROJECT / "infra/shared/queries.json").read_text()
    for query in re.findall(r"[Ss]aved query:? \*([^*]+)\*", runbook):
        assert f'"{query}"' in queries


def test_what_the_guide_says_to_configure_is_there():
    configured = re.search(r"```hcl\n(.*?)```", text(TERRAFORM), re.DOTALL)[1]
    variables = (PROJECT / "infra/terraform/variables.tf").read_text()
    [folder] = re.findall(r'^  source += "./([^"]+)"', configured, re.MULTILINE)
    assert (PROJECT / folder / "variables.tf").exists()
    for name in set(re.findall(r"^  ([a-z_]+) +=", configured, re.MULTILINE)) - {"source", "value"}:
        assert f'variable "{name}"' in variables


@pytest.mark.parametrize(("document", "heading"), [("README.md", "## Deploy it"), (TERRAFORM, "# Deploy with Terraform")])
def test_what_the_documents_say_to_type_is_there(document, heading):
    section = text(document).partition(heading)[2]
    typed = re.search(r"```sh\n(.*?)```", section, re.DOTALL)[1]
    [target] = re.findall(r"^make (\S+)", typed, re.MULTILINE)
    assert re.search(rf"^{target}:", (PROJECT / "Makefile").read_text(), re.MULTILINE)
    [folder] = re.findall(r"^cd (\S+)", typed, re.MULTILINE)
    assert (PROJECT / folder / "main.tf").exists()


@pytest.mark.parametrize(("document", "lacks"), [("README.md", set()), ("docs/reference/permissions.md", NOT_IN_READ_ONLY_ACCESS)])
def test_the_managed_policy_allows_what_the_document_says(document, lacks):
    policy = json.loads(re.search(r"```json\n(\{ \"Version.*?)```", text(document), re.DOTALL)[1])
    needed = {action for statement in policy["Statement"] for action in statement["Action"]}
    managed = json.loads(aws_managed_policies_data)["ReadOnlyAccess"]["Document"]["Statement"]
    actions = [statement["Action"] for statement in managed]
    patterns = [one.lower() for action in actions for one in ([action] if isinstance(action, str) else action)]
    assert {action for action in needed if not any(fnmatchcase(action.lower(), pattern) for pattern in patterns)} == lacks
