"""The packages as `make package` built them: what is in them, and that they run. Skipped, loudly, where they cannot."""

import platform
import shutil
import sys
import zipfile
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT / "tests" / "moto"))

from account import Account  # noqa: E402
from processes import moto_with_overlay  # noqa: E402
from runtime_api import invoke  # noqa: E402
from scenarios import app_repository  # noqa: E402

# By Lambda's names: the ELF header's number of the machine, and how `uname -m` and qemu call it.
MACHINES = {"arm64": (183, "aarch64"), "x86_64": (62, "x86_64")}
# The most that the function may be, in bytes.
LARGEST = 15_000_000


@pytest.fixture(params=MACHINES)
def architecture(request):
    return request.param


@pytest.fixture
def bootstrap(architecture, tmp_path):
    """The binary, as Lambda unpacks it."""
    with zipfile.ZipFile(PROJECT / "dist" / f"ecr-cleanup-{architecture}.zip") as package:
        [entry] = package.infolist()
        assert (entry.filename, entry.external_attr >> 16) == ("bootstrap", 0o100755)
        package.extract(entry, tmp_path)
    path = tmp_path / "bootstrap"
    path.chmod(0o755)
    return path


def test_it_is_for_its_machine_and_small(bootstrap, architecture):
    content = bootstrap.read_bytes()
    assert content[:4] == b"\x7fELF"
    assert int.from_bytes(content[18:20], "little") == MACHINES[architecture][0]
    assert len(content) < LARGEST


def test_it_plans(bootstrap, architecture, tmp_path):
    _number, machine = MACHINES[architecture]
    if platform.machine() != machine:
        bootstrap = emulated(bootstrap, machine, tmp_path)
    with moto_with_overlay() as server:
        account = Account(server.endpoint)
        expected = app_repository(account)
        answer = invoke(bootstrap, {"mode": "plan"}, account.environment())
    assert answer.error is None, answer
    assert answer.payload["counts"]["candidates"] == len(expected.deleted)


def emulated(bootstrap, machine, folder):
    """A program that starts it under qemu, with the libraries that Debian has for that machine."""
    qemu, libraries = shutil.which(f"qemu-{machine}"), Path(f"/usr/{machine}-linux-gnu")
    if qemu is None or not libraries.exists():
        pytest.skip(f"the package for {machine} is NOT started: qemu-user, libc6-arm64-cross and libgcc-s1-arm64-cross are not installed")
    program = folder / "emulated"
    program.write_text(f"#!/bin/sh\nexec {qemu} -L {libraries} {bootstrap}\n")
    program.chmod(0o755)
    return program
