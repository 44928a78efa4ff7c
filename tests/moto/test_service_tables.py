"""What the program calls in services it has no client for, held against the services' own models, which botocore ships.

A name that is only almost right would not fail: a list would end after its first page, or look empty.
"""

import json
import re
from pathlib import Path

import botocore.session
import pytest

PROJECT = Path(__file__).resolve().parents[2]
TABLES = {path.stem: json.loads(path.read_text()) for path in (PROJECT / "src/sources/services/tables").glob("*.json")}
# What botocore calls a service, by what the SDKs call it.
NAMES = {
    "AppRunner": "apprunner",
    "Batch": "batch",
    "Bedrock AgentCore Control": "bedrock-agentcore-control",
    "CodeBuild": "codebuild",
    "EventBridge": "events",
    "Lightsail": "lightsail",
    "Pipes": "pipes",
    "SFN": "stepfunctions",
    "SageMaker": "sagemaker",
    "Scheduler": "scheduler",
}
# What the model leaves out, from "AWS Batch API Reference".
MOST_WITHOUT_MODEL = {"batch": 100}
WITHOUT_ENUM = {"batch": ["ACTIVE", "INACTIVE"]}
SESSION = botocore.session.get_session()


def model(table):
    return SESSION.get_service_model(NAMES[table["id"]])


def steps(table):
    """Every step with the answers above it, the nearest first."""

    def walk(step, above):
        yield step, above
        for child in step.get("then", []):
            yield from walk(child, [item_shape(table, step), *above])

    for step in table["read"]:
        yield from walk(step, [])


def operation(table, step):
    return model(table).operation_model(step["call"].split(":")[1])


def item_shape(table, step):
    """The shape of one item of an answer."""
    shape = operation(table, step).output_shape
    if "list" in step:
        return shape.members[step["list"]].member
    return shape.members[step["item"]] if "item" in step else shape


def members(shape):
    return shape.members if shape.type_name == "structure" else {}


EVERY_STEP = [(name, step, above) for name, table in TABLES.items() for step, above in steps(table)]
IDS = [f"{name}-{step['call']}" for name, step, _ in EVERY_STEP]


def test_there_are_tables():
    assert len(TABLES) == 10 and len(EVERY_STEP) > 50


@pytest.mark.parametrize("name", TABLES)
def test_a_service_is_where_its_model_says(name):
    table, metadata = TABLES[name], model(TABLES[name]).metadata
    assert table["id"] == metadata["serviceId"]
    assert table["endpoint"] == metadata["endpointPrefix"]
    assert table["signing"] == metadata.get("signingName", metadata["endpointPrefix"])
    if table["protocol"] == "rest":
        assert "rest-json" in metadata["protocols"]
    else:
        assert "json" in metadata["protocols"]
        assert table["protocol"]["json"] == {"version": metadata["jsonVersion"], "target": metadata["targetPrefix"]}


@pytest.mark.parametrize(("name", "step", "above"), EVERY_STEP, ids=IDS)
def test_a_request_is_as_its_model_says(name, step, above):
    table = TABLES[name]
    shape = operation(table, step).input_shape
    pages = step.get("pages", {})
    given = step.get("with", {})
    sources = {**step.get("from", {})}
    names = [*given, *sources]
    if "each" in step:
        names.append(step["each"]["member"])
        assert set(step["each"]["values"]) < set(shape.members[step["each"]["member"]].enum)
    if "batch" in step:
        batch = step["batch"]
        names.append(batch["member"])
        assert shape.members[batch["member"]].type_name == "list"
        assert batch["most"] == shape.members[batch["member"]].metadata.get("max", 100)
        sources[batch["member"]] = batch["field"]
    size = pages.get("size")
    paging = [pages["token"][0], *(size[:1] if size else [])] if pages else []
    assert set(names) | set(paging) <= set(shape.members)
    assert set(shape.required_members) <= set(names)
    for member, value in given.items():
        assert value in (shape.members[member].enum or WITHOUT_ENUM[name])
    for field in sources.values():
        if field == "":
            assert above[0].type_name == "string"
        else:
            found = next(shape for shape in above if field in members(shape))
            assert members(found)[field].type_name in ("string", "integer", "long")
    # A list that could be asked for in pages is, with the most there may be.
    can_be_sized = any(member in shape.members for member in ("maxResults", "MaxResults", "Limit"))
    assert (size is not None) == (can_be_sized and "batch" not in step)
    if size:
        assert size[1] == shape.members[size[0]].metadata.get("max", MOST_WITHOUT_MODEL.get(name))


@pytest.mark.parametrize(("name", "step", "above"), EVERY_STEP, ids=IDS)
def test_an_answer_is_as_its_model_says(name, step, above):
    shape = operation(TABLES[name], step).output_shape
    tokens = [one for one in shape.members if re.search("next.*token|marker", one, re.IGNORECASE)]
    if "pages" in step:
        token_in, token_out = step["pages"]["token"]
        assert tokens == [token_out]
        assert shape.members[token_out].type_name == "string"
        assert token_in in operation(TABLES[name], step).input_shape.members
    elif "batch" not in step:
        assert tokens == [], "it comes in pages"
    if "list" in step:
        assert shape.members[step["list"]].type_name == "list"
    item = item_shape(TABLES[name], step)
    for field in [*step.get("needs", []), *([step["id"]] if step.get("id") else [])]:
        assert field in members(item), field
    if step.get("id") == "":
        assert item.type_name == "string"
    for field in step["user"]["name"]:
        assert field == "" or any(field in members(one) for one in [item, *above]), field
    for condition in (step.get("only", {}), step.get("except", {})):
        for field, value in condition.items():
            assert value in members(above[0])[field].enum


@pytest.mark.parametrize(("name", "step"), [(name, step) for name, step, _ in EVERY_STEP], ids=IDS)
def test_what_is_called_not_found_is_an_error_of_the_call(name, step):
    known = {error.name for error in operation(TABLES[name], step).error_shapes}
    # SageMaker's model says few of its errors.
    known |= {"ValidationException", "ResourceNotFound"} if name == "sagemaker" else set()
    assert set(step.get("not_found", [])) <= known


@pytest.mark.parametrize(("name", "step"), [(name, step) for name, step, _ in EVERY_STEP if "http" in step])
def test_a_path_is_as_its_model_says(name, step):
    called = operation(TABLES[name], step)
    method, template = step["http"].split(" ")
    path, _, query = template.partition("?")
    assert (method, path) == (called.http["method"], called.http["requestUri"])
    in_query = dict(pair.split("=") for pair in query.split("&") if pair)
    given = {*step.get("with", {}), *step.get("from", {}), *([step["each"]["member"]] if "each" in step else [])}
    if "pages" in step:
        given |= {step["pages"]["token"][0], *(step["pages"].get("size", [])[:1])}
    for member, shape in called.input_shape.members.items():
        place, wire_name = shape.serialization.get("location"), shape.serialization.get("name", member)
        if place == "uri":
            assert f"{{{wire_name}}}" in path and wire_name == member
        elif place == "querystring" and member in given:
            assert in_query.pop(wire_name) == f"{{{member}}}"
        elif member in given:
            assert place is None and method == "POST"
    assert in_query == {}
