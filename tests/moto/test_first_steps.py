"""What README and the first page of the book tell people to type does what they say: each line as printed, against moto."""

import os
import re
import subprocess

import pytest

from conftest import PROJECT


def typed(document):
    """The lines of the shell blocks that the program is called by, without their comments."""
    blocks = re.findall(r"^```sh\n(.*?)^```", (PROJECT / document).read_text(), re.MULTILINE | re.DOTALL)
    lines = [line.partition("#")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line.startswith("ecr-cleanup ")]


@pytest.mark.parametrize("document", ["README.md", "docs/getting-started.md"])
def test_every_command_does_what_it_says(programs, account, tmp_path, document):
    app = account.repository("team/app")
    for minor in range(13):
        app.push(f"1.{minor}", days=150 - 10 * minor)
    before = account.images()
    environment = {**account.environment(), "PATH": f"{programs.command.parent}:{os.environ['PATH']}"}
    commands = typed(document)
    assert len(commands) >= 5
    for command in commands:
        ended = subprocess.run(command, shell=True, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
        assert ended.returncode == 0, f"{command}: {ended.stdout}{ended.stderr}"
    assert (tmp_path / "report.html").stat().st_size > 1000
    assert "keep:" in (tmp_path / "config.yaml").read_text()
    assert account.images() == before
