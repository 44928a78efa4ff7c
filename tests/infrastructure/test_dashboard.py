"""The dashboard is one that CloudWatch takes."""

import copy
import json

import pytest
from jsonschema import Draft202012Validator

from dashboard_body import BODY


@pytest.fixture
def body(planned):
    [dashboard] = planned["aws_cloudwatch_dashboard"]
    return json.loads(dashboard["dashboard_body"])


def test_every_widget_has_the_properties_and_types_that_are_documented(body):
    problems = [f"{'/'.join(map(str, error.path))}: {error.message}" for error in Draft202012Validator(BODY).iter_errors(body)]
    assert problems == []


def test_what_is_measured_has_named_axes(body):
    charts = [widget["properties"] for widget in body["widgets"] if widget["properties"].get("view") == "timeSeries"]
    assert len(charts) > 5
    for chart in charts:
        sides = {metric[-1].get("yAxis", "left") if isinstance(metric[-1], dict) else "left" for metric in chart["metrics"]}
        assert {side for side, axis in chart["yAxis"].items() if axis["label"]} == sides, chart["title"]


def test_the_dashboard_of_an_organization_has_a_part_for_each_region(organization_dashboard):
    problems = [f"{'/'.join(map(str, error.path))}: {error.message}" for error in Draft202012Validator(BODY).iter_errors(organization_dashboard)]
    assert problems == []
    regions, taken = {}, set()
    for widget in organization_dashboard["widgets"]:
        cells = {(widget["x"] + x, widget["y"] + y) for x in range(widget["width"]) for y in range(widget["height"])}
        assert not cells & taken, widget
        taken |= cells
        if widget["type"] == "metric":
            [[metric]] = widget["properties"]["metrics"]
            assert metric["label"] == "${PROP('AccountLabel')} ${PROP('Dim.Deployment')}"
            regions.setdefault(widget["properties"]["region"], []).append(widget["properties"]["title"])
    assert regions.keys() == {"eu-west-1", "us-east-1"}
    assert regions["eu-west-1"] == regions["us-east-1"]


# Each of them is something that CloudWatch refuses.
WRONG = {
    "a number in quotes": lambda widget: widget["properties"]["annotations"]["horizontal"][0].update(value="900"),
    "an unknown view": lambda widget: widget["properties"].update(view="line"),
    "a misspelt property": lambda widget: widget["properties"].update(titel="x"),
    "no Region": lambda widget: widget["properties"].pop("region"),
    "a period that is no minute": lambda widget: widget["properties"].update(period=90),
    "beyond the last column": lambda widget: widget.update(x=24),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_cloudwatch_refuses_is_noticed(body, wrong):
    changed = copy.deepcopy(body)
    WRONG[wrong](next(widget for widget in changed["widgets"] if "annotations" in widget["properties"]))
    assert not Draft202012Validator(BODY).is_valid(changed)
