"""The JSON Schema: it accepts what the program accepts, and refuses what the program refuses as far as a schema can tell."""

import json
import re

import pytest
import yaml
from jsonschema import Draft202012Validator

from terraform import PROJECT


class Loader(yaml.SafeLoader):
    """Reads YAML 1.2, as the program, Terraform and editors do: `off` is a word there."""


Loader.yaml_implicit_resolvers = {
    first: [(tag, form) for tag, form in forms if tag != "tag:yaml.org,2002:bool"]
    for first, forms in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("(?:true|false)$"), list("tf"))


def load(text):
    return yaml.load(text, Loader)


SCHEMA = json.loads((PROJECT / "config.schema.json").read_text())
REFUSALS = PROJECT / "src/config/tests/refusals"
# Not documents that are no YAML.
TABLES = sorted({path.stem for path in REFUSALS.glob("*.txt")} - {"syntax"})

# What takes more than one value and the keys beside it: other entries, the syntax of globs and regular expressions, tables of
# kinds.
BEYOND = [
    r"never applies: ",
    r"needs `state`",
    r"unclosed (character class|alternate group)",
    r"expected a named group of ",
    r"git\.keep\[0\]\.branches: bad regex",
    r"names built-in workloads",
    r"needs a rule about images",
    r"needs `artifacts: true`",
]


def refused():
    for table in TABLES:
        for case in (REFUSALS / f"{table}.txt").read_text().split("\n\n"):
            lines = case.splitlines()
            document = "\n".join(line for line in lines if not line.startswith("> "))
            if table.startswith("rule_"):
                document = f"policies: [{{ repositories: ['**'], keep: [{document}] }}]"
            elif table == "git":
                document = f"policies: [{{ repositories: ['**'], git: {document} }}]"
            yield pytest.param(document, [line[2:] for line in lines if line.startswith("> ")], id=document[:80])


def read(document):
    """PyYAML may refuse what is well-formed YAML; none of that is what a schema is asked about."""
    try:
        return load(document)
    except yaml.YAMLError:
        return None


def is_valid(document):
    return Draft202012Validator(SCHEMA).is_valid(document)


@pytest.mark.parametrize(("document", "problems"), list(refused()))
def test_what_the_program_refuses_the_schema_refuses(document, problems):
    valid = is_valid(read(document))
    beyond = any(re.search(pattern, problem) for pattern in BEYOND for problem in problems)
    assert not valid or beyond


def accepted():
    for name in ("src/config/default.yaml", "src/config/tests/everything.yaml", "src/config/tests/everything.json"):
        yield pytest.param((PROJECT / name).read_text(), id=name)
    for name in ("README.md", *(path.relative_to(PROJECT) for path in (PROJECT / "docs").rglob("*.md"))):
        for number, block in enumerate(re.findall(r"^```yaml\n(.*?)^```", (PROJECT / name).read_text(), re.MULTILINE | re.DOTALL)):
            document = load(block)
            if isinstance(document, dict) and document.keys() <= SCHEMA["properties"].keys():
                yield pytest.param(block, id=f"{name}-{number}")


@pytest.mark.parametrize("document", list(accepted()))
def test_what_the_documents_show_the_schema_accepts(document):
    errors = [error.message for error in Draft202012Validator(SCHEMA).iter_errors(load(document))]
    assert errors == []


def test_the_module_takes_every_key_of_the_schema():
    text = (PROJECT / "infra/terraform/variables.tf").read_text()
    listed = re.search(r"setsubtract\(try\(keys\(var.config\), \[\]\), \[([^\]]*)\]", text).group(1)
    keys = set(re.findall(r'"([a-z_]+)"', listed))
    assert keys == set(SCHEMA["properties"])


def test_the_schema_is_one():
    Draft202012Validator.check_schema(SCHEMA)
    assert len(list(accepted())) > 3


def test_editors_find_the_schema_from_the_defaults():
    first = (PROJECT / "src/config/default.yaml").read_text().splitlines()[0]
    path = first.removeprefix("# yaml-language-server: $schema=")
    assert (PROJECT / "src/config" / path).resolve() == PROJECT / "config.schema.json"
