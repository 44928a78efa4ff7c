"""What the documents tell people to type and to read: it exists."""

import re
import subprocess

import boto3
import pytest
from botocore import xform_name

from terraform import PROJECT

DOCUMENTS = ("README.md", "docs/runbook.md")
# Of every command of the AWS CLI.
GLOBAL = {"region", "cli-read-timeout"}
OUTPUTS = "infra/terraform/outputs.tf"


def text(document):
    return re.sub(r"\\\n\s*", " ", (PROJECT / document).read_text())


def commands_of_aws():
    """Service, operation and options of each command of the AWS CLI."""
    for document in (*DOCUMENTS, OUTPUTS):
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
    named = {name for parts in code for part in parts for name in re.findall(r"(?:^|\n)ecr-cleanup ([a-z-]+)\b(?! =)", part)}
    assert named - commands == set()
    assert named


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


def test_what_the_readme_says_to_configure_is_there():
    configured = re.search(r"```hcl\n(.*?)```", text("README.md").partition("## Deploy it")[2], re.DOTALL)[1]
    variables = (PROJECT / "infra/terraform/variables.tf").read_text()
    [folder] = re.findall(r'^  source += "./([^"]+)"', configured, re.MULTILINE)
    assert (PROJECT / folder / "variables.tf").exists()
    for name in set(re.findall(r"^  ([a-z_]+) +=", configured, re.MULTILINE)) - {"source", "value"}:
        assert f'variable "{name}"' in variables


def test_what_the_readme_says_to_type_is_there():
    section = text("README.md").partition("## Deploy it")[2]
    typed = re.search(r"```sh\n(.*?)```", section, re.DOTALL)[1]
    [target] = re.findall(r"^make (\S+)", typed, re.MULTILINE)
    assert re.search(rf"^{target}:", (PROJECT / "Makefile").read_text(), re.MULTILINE)
    [folder] = re.findall(r"^cd (\S+)", typed, re.MULTILINE)
    assert (PROJECT / folder / "main.tf").exists()
