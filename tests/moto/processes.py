"""Processes that end with the block that started them, each by its own process id."""

import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
START_TIMEOUT = 60.0


class Server(NamedTuple):
    endpoint: str
    log: Path
    overlay: bool


@contextmanager
def moto_with_overlay() -> Iterator[Server]:
    """The launcher on a free port."""
    with tempfile.TemporaryDirectory(prefix="ecr-cleanup-moto-") as folder:
        port_file = Path(folder, "port")
        log = Path(folder, "log")
        command = [sys.executable, str(HERE / "launcher.py"), "--port-file", str(port_file)]
        with started(command, log) as process:
            _wait(process, log, lambda: port_file.exists() and bool(port_file.read_text()))
            endpoint = f"http://127.0.0.1:{port_file.read_text()}"
            _wait(process, log, lambda: _answers(endpoint))
            yield Server(endpoint, log, overlay=True)


@contextmanager
def plain_moto() -> Iterator[Server]:
    """moto's own server, exactly as the package index ships it."""
    with tempfile.TemporaryDirectory(prefix="ecr-cleanup-moto-") as folder:
        log = Path(folder, "log")
        port = _free_port()
        endpoint = f"http://127.0.0.1:{port}"
        with started([sys.executable, "-m", "moto.server", "-p", str(port)], log) as process:
            _wait(process, log, lambda: _answers(endpoint))
            yield Server(endpoint, log, overlay=False)


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of a folder's files."""
    handler = partial(SimpleHTTPRequestHandler, directory=folder)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@contextmanager
def started(command: list[str], log: Path) -> Iterator[subprocess.Popen]:
    """A process in a session of its own, so that Ctrl-C reaches only the one that cleans up."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            cwd=log.parent,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        end(process)


def end(process: subprocess.Popen) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait()


def _wait(process: subprocess.Popen, log: Path, ready) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            what = "ended" if process.returncode is not None else f"was not ready in {START_TIMEOUT:.0f} s"
            raise RuntimeError(f"{os.path.basename(process.args[1])} {what}:\n{log.read_text(errors='replace')}")
        time.sleep(0.05)


def _answers(endpoint: str) -> bool:
    try:
        urllib.request.urlopen(f"{endpoint}/moto-api/", timeout=5).close()
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False
    return True


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
