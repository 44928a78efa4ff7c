"""The whole product without an AWS account: fills one in moto, plans, cleans, and checks what is left.

    python demo.py --bin-dir target/release --events-dir events

Ends with an error when an image that ECS uses can no longer be pulled. Leaves no process behind.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import textwrap
from collections import defaultdict
from pathlib import Path
from typing import Any

import processes
from account import Account, Image
from in_use import Use, digest_of, uses
from runtime_api import invoke
from scenarios import team_account

CONFIG = {"ECR_CLEANUP_CONFIG": '{"mode":"delete"}'}
UUID = re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
EXPLAINED = "shop/web:2.2.0"


class DemoFailed(Exception):
    """A step did not do what the demo shows."""


class Demo:
    def __init__(self, account: Account, bin_dir: Path, events_dir: Path) -> None:
        self.account = account
        self.bin_dir = bin_dir
        self.events_dir = events_dir
        self.steps = 0

    def run(self) -> None:
        self.heading("A team's account")
        team_account(self.account)
        before = self.account.images()
        in_use = {use: digest_of(self.account, use) for use in uses(self.account)}
        self.show_account(before)

        self.heading("What is in use")
        self.command("in-use")

        self.heading("What would be deleted, and why")
        self.command("plan")
        self.command("explain", EXPLAINED)

        self.heading("The Lambda function, asked for a plan")
        self.function("manual-plan.json")
        if self.account.images() != before:
            raise DemoFailed("a plan deleted images")

        self.heading("The Lambda function, on its schedule")
        self.function("scheduled-rule.json")

        self.heading("What went and what stayed")
        self.show_difference(before, self.account.images())

        self.heading("Can everything in use still be pulled?")
        self.check(in_use)

    def heading(self, text: str) -> None:
        self.steps += 1
        line = f"{self.steps}. {text}"
        show(f"\n\033[1m{line}\033[0m" if sys.stdout.isatty() else f"\n{line}\n{'-' * len(line)}", indent=0)

    def command(self, *arguments: str) -> None:
        show(f"$ ecr-cleanup {' '.join(arguments)}", indent=0)
        environment = {"PATH": os.environ["PATH"], "NO_COLOR": "1", **self.account.environment(), **CONFIG}
        result = subprocess.run(
            [str(self.bin_dir / "ecr-cleanup"), *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        if result.returncode != 0:
            raise DemoFailed(f"ecr-cleanup {arguments[0]} ended with {result.returncode}:\n{result.stderr}")
        show(UUID.sub("...", result.stdout.rstrip()) + "\n")

    def function(self, event: str) -> None:
        body = json.loads((self.events_dir / event).read_text())
        show(f"$ ecr-cleanup-lambda < events/{event}", indent=0)
        environment = {**self.account.environment(), **CONFIG}
        answer = invoke(self.bin_dir / "ecr-cleanup-lambda", body, environment)
        if answer.error:
            raise DemoFailed(f"the function failed: {answer.error}\n{answer.log}")
        show(UUID.sub("...", answer.payload["summary"]))
        show(f"status: {answer.payload['status']}")
        show(", ".join(f"{name}: {count}" for name, count in answer.payload["counts"].items()))

    def show_account(self, images: set[Image]) -> None:
        for repository, count in counted(images).items():
            show(f"{repository:<16} {count:>3} images")
        show("clusters: production, staging")

    def show_difference(self, before: set[Image], after: set[Image]) -> None:
        went, stayed = by_repository(self.account, before - after), counted(after)
        for repository, count in stayed.items():
            labels = went.get(repository, [])
            show(f"{repository}: {count} stayed, {len(labels)} went")
            if labels:
                show(textwrap.fill(", ".join(labels), 96), indent=4)

    def check(self, in_use: dict[Use, str]) -> None:
        """By the digest each reference had before: a tag that now gives another image is a loss too."""
        lost = 0
        for use, digest in in_use.items():
            found = digest_of(self.account, use) == digest
            lost += not found
            label = self.account.labels[use.repository, digest]
            name = str(use) if use.image_id[0] == "imageTag" else f"{use.repository}@{digest[7:15]} ({label})"
            show(f"{'yes' if found else 'NO '}  {name:<43} {use.user}")
        if lost:
            raise DemoFailed(f"{lost} of {len(in_use)} references in use have lost their image")
        show(f"All {len(in_use)} references in use still give the image they gave before.")


def counted(images: set[Image]) -> dict[str, int]:
    repositories = sorted(repository for repository, _digest in images)
    return {repository: repositories.count(repository) for repository in repositories}


def by_repository(account: Account, images: set[Image]) -> dict[str, list[str]]:
    labels = defaultdict(list)
    for image in images:
        labels[image[0]].append(account.labels[image])
    return {repository: sorted(found) for repository, found in labels.items()}


def show(text: str, indent: int = 2) -> None:
    print(textwrap.indent(text, " " * indent), flush=True)


def main(arguments: Any) -> int:
    processes.exit_on_termination()
    try:
        with processes.moto_with_overlay() as server:
            Demo(Account(server.endpoint), arguments.bin_dir.resolve(), arguments.events_dir).run()
    except (DemoFailed, OSError) as error:
        print(f"\ndemo failed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin-dir", type=Path, required=True, help="the folder of the two release binaries")
    parser.add_argument("--events-dir", type=Path, required=True, help="the project's events")
    sys.exit(main(parser.parse_args()))
