"""What the tests share: where the programs under test and the event files are, and an empty account."""

import json
import os
import urllib.request
from pathlib import Path

import pytest

from account import Account
from processes import moto_with_overlay

PROJECT = Path(__file__).resolve().parents[2]


class Programs:
    """The two release binaries, in the folder that ECR_CLEANUP_BIN_DIR names."""

    def __init__(self, folder: Path) -> None:
        self.function = folder / "ecr-cleanup-lambda"
        self.command = folder / "ecr-cleanup"


@pytest.fixture(scope="session")
def programs():
    folder = os.environ.get("ECR_CLEANUP_BIN_DIR")
    if not folder:
        pytest.fail("ECR_CLEANUP_BIN_DIR is not set; it names the folder of the release binaries, as in `make test-moto`")
    found = Programs(Path(folder).resolve())
    for binary in (found.function, found.command):
        if not os.access(binary, os.X_OK):
            pytest.fail(
                f"{binary.name} is not in ECR_CLEANUP_BIN_DIR ({folder}); build it with `cargo build --release`"
            )
    return found


@pytest.fixture(scope="session")
def event():
    """Reads one of the project's event files."""
    return lambda name: json.loads((PROJECT / "events" / name).read_text())


@pytest.fixture(scope="session")
def server():
    with moto_with_overlay() as running:
        yield running


@pytest.fixture
def account(server):
    """An empty account, with no faults and nothing recorded."""
    urllib.request.urlopen(urllib.request.Request(f"{server.endpoint}/moto-api/reset", method="POST")).close()
    empty = Account(server.endpoint, overlay=server.overlay)
    if server.overlay:
        empty.control("fault")
        empty.control("record", clear=True)
    return empty
