"""Draws infra/shared/dashboard.json with what real runs sent: the function, run night after night against an emulated account.

    python draw_dashboard.py FOLDER_OF_THE_BINARIES PICTURE.svg

A drawing of the layout, and no picture of CloudWatch: what CloudWatch itself would measure (AWS/Lambda, AWS/SQS) is left
empty, as are the states of alarms.
"""

import json
import re
import sys
from collections import Counter, defaultdict
from html import escape
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT / "tests" / "moto"))

from account import Account, Repository  # noqa: E402
from processes import moto_with_overlay  # noqa: E402
from runtime_api import invoke  # noqa: E402
from scenarios import team_account  # noqa: E402

NAME, REGION = "ecr-cleanup", "eu-west-1"
NIGHTS, PLANNING = 14, 4
NOTE = (
    f"Drawn from infra/shared/dashboard.json with what {NIGHTS} runs against an emulated account sent, the first {PLANNING} in mode plan,"
    " with new images every night. Not a screenshot of CloudWatch."
)
COLUMN, ROW, GAP = 50, 34, 4
COLOURS = ["#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd"]
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
            mode = "plan" if night < PLANNING else "delete"
            config = json.dumps({"mode": mode, "in_use": {"lambda": False}})
            variables = {"ECR_CLEANUP_CONFIG": config, "AWS_LAMBDA_LOG_FORMAT": "JSON"}
            answer = invoke(function, {"mode": mode}, {**account.environment(), **variables})
            assert answer.error is None, answer
            lines = [json.loads(line) for line in answer.log.splitlines() if line.startswith("{")]
            metrics = defaultdict(list)
            for line in lines:
                for directive in line.get("_aws", {}).get("CloudWatchMetrics", []):
                    for metric in directive["Metrics"]:
                        metrics[metric["Name"]].append(line[metric["Name"]])
            yield metrics, [line for line in lines if "event" in line]


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
        {"text": self.headline, "alarm": self.alarms, "singleValue": self.number, "timeSeries": self.series, "table": self.table}[kind](box, properties)

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

    def number(self, box, properties):
        x, y, width, height = box
        [metric] = properties["metrics"]
        values = self.values(metric, properties)
        value = sum(values) if properties["stat"] == "Sum" else values[-1]
        self.text(x + width / 2, y + height / 2 + 6, short(value), 30, colour(metric, INK), "middle")
        self.text(x + width / 2, y + height / 2 + 30, metric[4]["label"], 12, PALE, "middle")

    def values(self, metric, properties):
        """One for each night; none where the program does not send it."""
        statistic = {"Sum": sum, "Maximum": max}[properties["stat"]]
        return [statistic(run[metric[1]]) for run in self.metrics] if metric[0] == "EcrCleanup" else None

    def series(self, box, properties):
        x, y, width, height = box
        columns = 3 if max(len(metric[1]) for metric in properties["metrics"]) < 25 else 1
        rows = -(-len(properties["metrics"]) // columns)
        height -= 18 * rows
        shown = [(metric, self.values(metric, properties), options(metric)) for metric in properties["metrics"]]
        known = [one for one in shown if one[1] is not None]
        tops = {}
        for side in ("left", "right"):
            of_side = [max(values) for _metric, values, said in known if said.get("yAxis", "left") == side]
            tops[side] = nice(max(of_side, default=0))
        left, plot = x + 40, width - 80
        for step in range(3):
            level = y + height - height * step / 2
            self.parts.append(f'<line x1="{left}" x2="{left + plot}" y1="{level:.1f}" y2="{level:.1f}" stroke="{LINE}"/>')
            if known:
                self.text(left - 5, level + 4, short(tops["left"] * step / 2), 10, PALE, "end")
            if any(said.get("yAxis") == "right" for _metric, _values, said in known):
                self.text(left + plot + 5, level + 4, short(tops["right"] * step / 2), 10, PALE)
        across = [left + plot * night / (NIGHTS - 1) for night in range(NIGHTS)]
        for number, (metric, values, said) in enumerate(shown):
            paint = colour(metric, COLOURS[number % len(COLOURS)])
            if values is not None:
                top = tops[said.get("yAxis", "left")]
                points = [(at, y + height - height * value / top) for at, value in zip(across, values)]
                self.parts.append(f'<polyline points="{joined(points)}" fill="none" stroke="{paint}" stroke-width="2"/>')
            legend = (x + number % columns * width / columns, y + height + 18 + 18 * (number // columns))
            self.parts.append(f'<rect x="{legend[0]:.0f}" y="{legend[1] - 8:.0f}" width="9" height="9" fill="{paint}"/>')
            self.text(legend[0] + 13, legend[1], self.label(metric), 10.5, PALE)
        if not known:
            self.text(x + width / 2, y + height / 2, "measured by CloudWatch itself: nothing here", 12, PALE, "middle")

    @staticmethod
    def label(metric):
        return metric[1] if metric[0] == "EcrCleanup" else f"{metric[1]} ({metric[3]})"

    def table(self, box, properties):
        x, y, width, height = box
        event = re.search(r'event = "(\w+)"', properties["query"])[1]
        found = [(night, line) for night, events in enumerate(self.events, start=1) for line in events if line["event"] == event]
        if "by repository" in properties["query"]:
            images, total = Counter(), Counter()
            for _night, line in found:
                images[line["repository"]] += 1
                total[line["repository"]] += line["bytes"]
            header, rows = ["repository", "images", "total"], [[name, str(images[name]), short(size)] for name, size in total.most_common()]
        else:
            header = [field.strip() for field in re.search(r"fields ([^|]+)", properties["query"])[1].split(",")]
            rows = [[f"night {night}", *(short(line.get(field, "")) for field in header[1:])] for night, line in reversed(found)]
            header = ["run", *header[1:]]
        last = properties["query"].count("message") and header[-1] == "message"
        narrow = (width * 0.64 if last else width) / (len(header) - bool(last))
        if not rows:
            self.text(x + width / 2, y + height / 2, "none", 12, PALE, "middle")
        for number, row in enumerate([header, *rows][: int(height // 19)]):
            for column, words in enumerate(row):
                room = int((width * 0.36 if last and column == len(header) - 1 else narrow) / 6)
                self.text(x + column * narrow, y + 12 + 19 * number, words[:room], 11, PALE if number == 0 else INK)


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
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e4)):
        if abs(value) >= size:
            return f"{value / (1e3 if unit == 'k' else size):.3g} {unit}"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def dashboard():
    arns = [f"arn:aws:cloudwatch:{REGION}:1:alarm:{NAME}-{alarm}" for alarm in sorted(json.loads(shared("alarms.json")))]
    values = {"name": NAME, "global_name": f"{NAME}-{REGION}", "mode": "DELETE", "region": REGION, "timeout": "900", "log_group": f"/aws/lambda/{NAME}"}
    values |= {"console": "", "log_group_in_url": "", "alarm_arns": '","'.join(arns)}
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
