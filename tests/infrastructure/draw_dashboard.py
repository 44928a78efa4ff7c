"""Draws infra/shared/dashboard.json with what real runs sent: the function, run night after night against an emulated account.

    python draw_dashboard.py FOLDER_OF_THE_BINARIES PICTURE.svg

A drawing of the layout, and no picture of CloudWatch: what CloudWatch itself would measure (AWS/Lambda, AWS/SQS) is left
empty, as are the states of alarms.
"""

import json
import re
import sys
from collections import defaultdict
from html import escape
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT / "tests" / "moto"))

from account import Account, Repository  # noqa: E402
from insights import rows  # noqa: E402
from processes import moto_with_overlay  # noqa: E402
from runtime_api import invoke  # noqa: E402
from scenarios import team_account  # noqa: E402

NAME, REGION = "ecr-cleanup", "eu-west-1"
NIGHTS, PLANNING = 14, 4
# Nights with trouble: until one a repository is left alone, in one nothing can be deleted, and for some an image is missing.
KNOWN, REFUSED, MISSING = 7, 8, (10, 12)
SCHEDULED = {"detail-type": "Scheduled Event", "source": "aws.scheduler", "detail": {}}
NOTE = (
    f"Not a screenshot of CloudWatch: drawn from infra/shared/dashboard.json with what {NIGHTS} runs against an emulated account sent, the first"
    f" {PLANNING} in mode plan, one refused, two with an image missing."
)
COLUMN, ROW, GAP = 50, 34, 4
COLOURS = ["#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd"]
RED = COLOURS[3]
INK, PALE, LINE = "#16191f", "#687078", "#d5dbdb"


def nights(function):
    """What each night's run sent and logged, the first in mode `plan`: metrics by name, and events."""
    with moto_with_overlay() as server:
        account = Account(server.endpoint)
        team_account(account)
        web, checkout = (Repository(account, name) for name in ("shop/web", "shop/checkout"))
        for night in range(NIGHTS):
            age = 0.4 * (1 - night / NIGHTS)
            for build in range(1 + night % 3):
                web.push(f"2.15.0-SNAPSHOT-{night}-{build}", days=age - build / 1000, size=190_000_000)
            if night % 2:
                checkout.push(f"1.{12 + night}", days=age, size=120_000_000)
            trouble(account, night)
            mode = "plan" if night < PLANNING else "delete"
            policies = [{"repositories": ["jobs/**"], "leave_alone": True}, {"repositories": ["**"]}] if night < KNOWN else [{"repositories": ["**"]}]
            config = json.dumps({"mode": mode, "in_use": {"lambda": False}, "policies": policies})
            variables = {"ECR_CLEANUP_CONFIG": config, "AWS_LAMBDA_LOG_FORMAT": "JSON"}
            answer = invoke(function, SCHEDULED, {**account.environment(), **variables})
            assert (answer.error is None) == (night != REFUSED), answer
            lines = [json.loads(line) for line in answer.log.splitlines() if line.startswith("{")]
            metrics = defaultdict(list)
            for line in lines:
                for directive in line.get("_aws", {}).get("CloudWatchMetrics", []):
                    for metric in directive["Metrics"]:
                        metrics[metric["Name"]].append(line[metric["Name"]])
            yield metrics, [line for line in lines if "event" in line]


def trouble(account, night):
    """What goes wrong: one night use cannot be read, and for some a service wants an image that is pushed only later."""
    account.control("fault")
    if night == REFUSED:
        account.control("fault", operation="ListTasks", code="AccessDeniedException")
    if night == MISSING[0]:
        account.cluster("search").service("search", account.task_definition("search", Repository(account, "shop/web").uri("9.9.9")))
    if night == MISSING[1]:
        Repository(account, "shop/web").push("9.9.9", days=0.1, size=190_000_000)


class Drawing:
    def __init__(self, runs):
        self.metrics = [metrics for metrics, _events in runs]
        self.events = [events for _metrics, events in runs]
        self.parts = []

    def text(self, x, y, words, size=12, colour=INK, anchor="start", weight="normal"):
        self.parts.append(
            f'<text x="{x:.0f}" y="{y:.0f}" font-size="{size}" fill="{colour}" text-anchor="{anchor}" font-weight="{weight}">{escape(words)}</text>'
        )

    def widget(self, widget):
        x, y = widget["x"] * COLUMN + GAP, widget["y"] * ROW + GAP
        width, height = widget["width"] * COLUMN - 2 * GAP, widget["height"] * ROW - 2 * GAP
        self.parts.append(f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="4" fill="#fff" stroke="{LINE}"/>')
        properties = widget["properties"]
        if "title" in properties:
            self.text(x + 10, y + 20, properties["title"], 13, weight="bold")
        box = (x + 10, y + 32, width - 20, height - 42)
        kind = properties.get("view", widget["type"])
        {"text": self.headline, "alarm": self.alarms, "singleValue": self.numbers, "timeSeries": self.series, "table": self.table, "bar": self.bars}[kind](box, properties)

    def headline(self, box, properties):
        x, y, _width, _height = box
        lines = [re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", line) for line in properties["markdown"].splitlines() if line]
        self.text(x, y, lines[0].lstrip("# "), 20, weight="bold")
        for number, line in enumerate(lines[1:]):
            self.text(x, y + 24 + 20 * number, line.replace("`", ""), 12, PALE)

    def alarms(self, box, properties):
        x, y, width, _height = box
        names = [arn.rsplit(":alarm:", 1)[1] for arn in properties["alarms"]]
        for number, name in enumerate(names):
            left, top = x + number % 7 * width / 7, y + number // 7 * 30
            self.parts.append(f'<rect x="{left:.0f}" y="{top}" width="{width / 7 - 8:.0f}" height="22" rx="3" fill="#f2f3f3"/>')
            self.text(left + 8, top + 15, name.removeprefix(f"{NAME}-"), 11, PALE)

    def numbers(self, box, properties):
        x, y, width, height = box
        metrics = properties["metrics"]
        beside = height < 3 * ROW
        for number, metric in enumerate(metrics):
            known = [value for value in self.values(metric, properties) if value is not None]
            value = short((sum(known) if properties["stat"] == "Sum" else known[-1]) if known else "-")
            label, paint = options(metric)["label"], colour(metric, INK)
            if len(metrics) == 1 or beside:
                left = x + number * width / len(metrics)
                self.text(left, y + height / 2, value, 30 if len(metrics) == 1 else 22, paint, weight="bold")
                self.text(left, y + height / 2 + 20, label, 11, PALE)
            else:
                line = y + 22 + number * height / len(metrics)
                self.text(x + 54, line, value, 19, paint, "end", weight="bold")
                self.text(x + 62, line, label, 11, PALE)

    def values(self, metric, properties):
        """One for each night, None where its run sent none; nothing where the program does not send it."""
        statistic = {"Sum": sum, "Maximum": max}[properties["stat"]]
        return [statistic(run[metric[1]]) if metric[1] in run else None for run in self.metrics] if metric[0] == "EcrCleanup" else None

    def frame(self, box, tops, labels):
        """The lines and numbers of a chart, with the names of its axes."""
        x, y, width, height = box
        left, plot = x + 52, width - 104
        for step in range(3):
            level = y + height - height * step / 2
            self.parts.append(f'<line x1="{left}" x2="{left + plot}" y1="{level:.1f}" y2="{level:.1f}" stroke="{LINE}"/>')
            for side, at, anchor in (("left", left - 5, "end"), ("right", left + plot + 5, "start")):
                if side in tops:
                    self.text(at, level + 4, short(tops[side] * step / 2), 10, PALE, anchor)
        for side, at in (("left", x + 4), ("right", x + width - 2)):
            if side in tops and side in labels:
                middle = y + height / 2
                turned = f'transform="rotate(-90 {at:.0f} {middle:.0f})"'
                self.parts.append(f'<text x="{at:.0f}" y="{middle:.0f}" font-size="10" fill="{PALE}" text-anchor="middle" {turned}>{escape(labels[side])}</text>')
        return left, plot

    def legend(self, box, names, paints):
        """Below a chart; what is left of its height."""
        x, y, width, height = box
        columns = 3 if max(map(len, names)) < 22 else 2 if width > 350 else 1
        rows = -(-len(names) // columns)
        height -= 18 * rows
        for number, (name, paint) in enumerate(zip(names, paints, strict=True)):
            at, line = x + number % columns * width / columns, y + height + 18 + 18 * (number // columns)
            self.parts.append(f'<rect x="{at:.0f}" y="{line - 8:.0f}" width="9" height="9" fill="{paint}"/>')
            self.text(at + 13, line, name, 10.5, PALE)
        return height

    def series(self, box, properties):
        x, y, width, height = box
        shown = [(metric, self.values(metric, properties)) for metric in properties["metrics"]]
        paints = [colour(metric, COLOURS[number % len(COLOURS)]) for number, (metric, _values) in enumerate(shown)]
        height = self.legend(box, [self.label(metric) for metric, _values in shown], paints)
        known = [(metric, values, paint) for (metric, values), paint in zip(shown, paints, strict=True) if values is not None]
        if not known:
            self.frame((x, y, width, height), {}, {})
            self.text(x + width / 2, y + height / 2 + 14, "measured by CloudWatch itself: nothing here", 12, PALE, "middle")
            return
        lines = properties.get("annotations", {}).get("horizontal", [])
        tops = {}
        for metric, values, _paint in known:
            side = options(metric).get("yAxis", "left")
            tops[side] = max(tops.get(side, 0), *(value or 0 for value in values))
        tops = {side: nice(max(top, *(float(str(line["value"]).removeprefix("number:")) for line in lines)) if lines else top) for side, top in tops.items()}
        left, plot = self.frame((x, y, width, height), tops, {side: axis["label"] for side, axis in properties["yAxis"].items()})
        for line in lines:
            level = y + height - height * float(str(line["value"]).removeprefix("number:")) / tops["left"]
            self.parts.append(f'<line x1="{left}" x2="{left + plot}" y1="{level:.1f}" y2="{level:.1f}" stroke="{RED}" stroke-dasharray="4"/>')
            self.text(left + plot - 4, level + 12, line["label"], 10, RED, "end")
        for metric, values, paint in known:
            top = tops[options(metric).get("yAxis", "left")]
            points = [(left + plot * night / (NIGHTS - 1), y + height - height * value / top) for night, value in enumerate(values) if value is not None]
            if points:
                self.parts.append(f'<polyline points="{joined(points)}" fill="none" stroke="{paint}" stroke-width="2"/>')

    def bars(self, box, properties):
        """Side by side for each day."""
        x, y, width, height = box
        header, days = rows(properties["query"], self.lines())
        names = header[1:]
        height = self.legend(box, names, COLOURS[: len(names)])
        top = nice(max((value for day in days for value in day[1:]), default=0))
        left, plot = self.frame((x, y, width, height), {"left": top}, {})
        room = plot / NIGHTS
        for day in days:
            for number, value in enumerate(day[1:]):
                wide = room * 0.8 / len(names)
                at, tall = left + (day[0] - 1) * room + room * 0.1 + number * wide, height * value / top
                self.parts.append(f'<rect x="{at:.1f}" y="{y + height - tall:.1f}" width="{wide:.1f}" height="{tall:.1f}" fill="{COLOURS[number]}"/>')

    def lines(self):
        """The log, each line with the night in the place of its time."""
        return [{**line, "@timestamp": night} for night, events in enumerate(self.events, start=1) for line in events]

    @staticmethod
    def label(metric):
        return options(metric).get("label", metric[1]) if metric[0] == "EcrCleanup" else f"{metric[1]} ({metric[3]})"

    def table(self, box, properties):
        x, y, width, height = box
        header, found = rows(properties["query"], self.lines())
        if not found:
            self.text(x + width / 2, y + height / 2, "none", 12, PALE, "middle")
        shown = [["run" if name == "@timestamp" else name for name in header]]
        for row in found:
            shown.append([f"night {value}" if name == "@timestamp" else short(value) for name, value in zip(header, row, strict=True)])
        # What is long has the room that the others leave.
        wide = [min(max(len(row[column]) for row in shown) + 2, 24) for column in range(len(header))]
        wide[-1] = max(wide[-1], int(width / 5.6) - sum(wide[:-1]))
        scale = width / sum(wide)
        for number, row in enumerate(shown[: int(height // 19)]):
            at = x
            for column, words in enumerate(row):
                self.text(at, y + 12 + 19 * number, words[: max(int(wide[column] * scale / 5.6) - 1, 1)], 11, PALE if number == 0 else INK)
                at += wide[column] * scale


def options(metric):
    return metric[-1] if isinstance(metric[-1], dict) else {}


def colour(metric, default):
    return options(metric).get("color", default)


def joined(points):
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def nice(value):
    """A little more than the value, and never nothing."""
    scale = 10 ** (len(str(int(value))) - 1)
    return next((step * scale for step in (1, 2, 3, 4, 5, 6, 8, 10) if step * scale >= value), 1) or 1


def short(value):
    if not isinstance(value, (int, float)):
        return str(value)
    for unit, size in (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e4)):
        if abs(value) >= size:
            return f"{value / (1e3 if unit == 'k' else size):.3g} {unit}"
    if isinstance(value, float) and abs(value) < 1000:
        return f"{value:.3g}"
    return f"{value:.0f}"


def dashboard():
    default = [alarm for alarm, rule in json.loads(shared("alarms.json")).items() if rule["default"]]
    arns = [f"arn:aws:cloudwatch:{REGION}:1:alarm:{NAME}-{alarm}" for alarm in sorted(["attention", *default])]
    values = {"name": NAME, "global_name": f"{NAME}-{REGION}", "mode": "DELETE", "region": REGION, "timeout": "900", "log_group": f"/aws/lambda/{NAME}"}
    values |= {"console": "", "log_group_in_url": "", "alarm_arns": '","'.join(arns)}
    values |= {"stop_command": f"aws s3api put-object --bucket {NAME}-123456789012-{REGION} --key state/stop"}
    return json.loads(re.sub(r"\$\{(\w+)\}", lambda found: values[found[1]], shared("dashboard.json")))


def shared(name):
    return (PROJECT / "infra" / "shared" / name).read_text()


def main(folder, picture):
    drawing = Drawing(list(nights(Path(folder).resolve() / "ecr-cleanup-lambda")))
    widgets = dashboard()["widgets"]
    for widget in widgets:
        drawing.widget(widget)
    width, height = 24 * COLUMN, max(widget["y"] + widget["height"] for widget in widgets) * ROW + 24
    drawing.text(GAP + 10, height - 8, NOTE, 11, PALE)
    font = 'font-family="Helvetica, Arial, sans-serif"'
    Path(picture).write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" {font}>'
        f'<rect width="{width}" height="{height}" fill="#f2f3f3"/>' + "\n".join(drawing.parts) + "</svg>\n"
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
