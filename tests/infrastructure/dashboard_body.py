"""What CloudWatch documents of the body of a dashboard ("Dashboard Body Structure and Syntax", Amazon CloudWatch API Reference), as far
as this one uses it: which widgets there are, their properties, and the types of their values."""

TEXT, FLAG, COUNT = {"type": "string"}, {"type": "boolean"}, {"type": "integer", "minimum": 1}
COLOUR = {"type": "string", "pattern": "^#[0-9a-f]{6}$"}
SIDE = {"enum": ["left", "right"]}
STATISTIC = {"enum": ["SampleCount", "Average", "Sum", "Minimum", "Maximum"]}
# A step of pulse, or a multiple of a minute.
PERIOD = {"type": "integer", "anyOf": [{"enum": [1, 5, 10, 30]}, {"multipleOf": 60, "minimum": 60}]}


def members(required=(), **properties):
    """An object with these members and no other."""
    return {"type": "object", "required": list(required), "properties": properties, "additionalProperties": False}


def listed(one, most=500):
    return {"type": "array", "items": one, "minItems": 1, "maxItems": most}


SHADED = {"fill": {"enum": ["above", "below", "none"]}, "visible": FLAG, "yAxis": SIDE}
ANNOTATIONS = members(
    horizontal=listed(members(["value"], value={"type": "number"}, label=TEXT, color=COLOUR, **SHADED)),
    vertical=listed(members(["value"], value={"type": "string", "format": "date-time"}, label=TEXT, color=COLOUR)),
    alarms=listed(TEXT),
)
OPTIONS = members(
    color=COLOUR, label=TEXT, period=PERIOD, region=TEXT, stat=STATISTIC, visible=FLAG, yAxis=SIDE, id=TEXT, expression=TEXT, accountId=TEXT
)
# Namespace, name, pairs of a dimension and its value, and options at last.
NAMED = {"type": "array", "minItems": 2, "items": {"anyOf": [TEXT, OPTIONS]}, "prefixItems": [TEXT, TEXT, TEXT, TEXT]}
# Or an expression, such as a search, alone.
COMPUTED = {"type": "array", "minItems": 1, "maxItems": 1, "items": {**OPTIONS, "required": ["expression"]}}
METRIC = {"anyOf": [NAMED, COMPUTED]}
AXIS = members(label=TEXT, min={"type": "number"}, max={"type": "number"}, showUnits=FLAG)
PROPERTIES = {
    "text": members(["markdown"], markdown=TEXT, background={"enum": ["transparent", "solid"]}),
    "alarm": members(["alarms"], alarms=listed(TEXT, most=100), title=TEXT, sortBy=TEXT, states=listed(TEXT)),
    "log": members(["region", "query"], region=TEXT, query=TEXT, title=TEXT, view={"enum": ["table", "timeSeries", "bar", "pie"]}, stacked=FLAG),
    "metric": members(
        ["region"],
        annotations=ANNOTATIONS,
        legend=members(["position"], position={"enum": ["right", "bottom", "hidden"]}),
        liveData=FLAG,
        metrics=listed(METRIC),
        period=PERIOD,
        region=TEXT,
        setPeriodToTimeRange=FLAG,
        singleValueFullPrecision=FLAG,
        sparkline=FLAG,
        stacked=FLAG,
        stat=STATISTIC,
        title=TEXT,
        view={"enum": ["timeSeries", "singleValue", "gauge", "bar", "pie", "table"]},
        yAxis=members(left=AXIS, right=AXIS),
    ),
}


def widget(kind):
    at = {"type": "integer", "minimum": 0}
    size = {"width": {**COUNT, "maximum": 24}, "height": {**COUNT, "maximum": 1000}}
    position = {"x": {**at, "maximum": 23}, "y": at}
    return members(["type", "properties"], type={"const": kind}, properties=PROPERTIES[kind], **position, **size)


BODY = {
    **members(["widgets"], start=TEXT, end=TEXT, periodOverride={"enum": ["auto", "inherit"]}, widgets=listed({"oneOf": [widget(kind) for kind in PROPERTIES]})),
    "dependentRequired": {"end": ["start"]},
}
