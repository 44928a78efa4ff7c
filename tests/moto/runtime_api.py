"""AWS Lambda's Runtime API for one function's binary, so that a test runs what Lambda runs.

`invoke` starts the binary, gives it one event and ends it. `Function` keeps it for several events, as a warm Lambda
does. The process gets Lambda's variables and nothing of the caller's environment, and is ended by its process id.
"""

import json
import re
import subprocess
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

from processes import end, started

REGION = "eu-west-1"
NAME = "ecr-cleanup"
ARN = f"arn:aws:lambda:{REGION}:123456789012:function:{NAME}"
VERSION = "/2018-06-01/runtime"
NEXT = f"{VERSION}/invocation/next"
INIT_ERROR = f"{VERSION}/init/error"
TIMED_OUT, EXITED = "Sandbox.Timedout", "Runtime.ExitError"
ANSWER = re.compile(rf"{VERSION}/invocation/(?P<id>[^/]+)/(?P<kind>response|error)")


class Invocation(NamedTuple):
    payload: Any  # what the function answered, None after an error
    error: dict[str, Any] | None  # Lambda's error: errorType, errorMessage
    log: str  # stdout and stderr


def invoke(binary: Path, event: Any, env: dict[str, str], timeout: float = 300, arn: str = ARN) -> Invocation:
    with Function(binary, env, timeout, arn) as function:
        return function.invoke(event)


class Function:
    """A function whose process starts with the block and ends with it; also a process that crashed or timed out."""

    def __init__(self, binary: Path, env: dict[str, str], timeout: float = 300, arn: str = ARN) -> None:
        self.binary = binary.resolve()
        self.arn = arn
        self.env = env
        self.timeout = timeout

    def __enter__(self) -> "Function":
        with ExitStack() as stack:
            self._exchange = _Exchange(self.timeout, self.arn)
            port = stack.enter_context(_serving(self._exchange))
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ecr-cleanup-lambda-")))
            self._log = folder / "log"
            variables = {**_lambda_variables(self.binary, port), **self.env}
            self._process = stack.enter_context(started([str(self.binary)], self._log, variables))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: Any) -> None:
        self._stack.close()

    def invoke(self, event: Any) -> Invocation:
        start = self._log.stat().st_size
        answer = self._exchange.ask(event, self._process)
        if answer.error and answer.error["errorType"] == TIMED_OUT:
            end(self._process)
        with self._log.open("rb") as log:
            log.seek(start)
            text = log.read().decode(errors="replace")
        return Invocation(answer.payload, answer.error, text)


class _Answer(NamedTuple):
    payload: Any = None
    error: dict[str, Any] | None = None


class _Event(NamedTuple):
    request_id: str
    body: bytes
    deadline_ms: int


class _Exchange:
    """What passes between the test that asks and the process that answers."""

    def __init__(self, timeout: float, arn: str) -> None:
        self.arn = arn
        self._timeout = timeout
        self._changed = threading.Condition()
        self._event: _Event | None = None
        self._request_id = ""
        self._answer: _Answer | None = None
        self._start_error: _Answer | None = None
        self._idle = False  # the process waits for an event: it is done with the last one, its log included
        self._closed = False

    def ask(self, event: Any, process: subprocess.Popen) -> _Answer:
        deadline = time.time() + self._timeout
        with self._changed:
            self._request_id = str(uuid.uuid4())
            self._answer = None
            self._event = _Event(self._request_id, json.dumps(event).encode(), int(deadline * 1000))
            self._changed.notify_all()
            while not (self._answer and self._idle):
                self._changed.wait(0.05)
                if process.poll() is not None:
                    return self._answer or self._start_error or _failed(EXITED, f"exit status {process.returncode}")
                if time.time() > deadline:
                    return self._answer or _failed(TIMED_OUT, f"no answer in {self._timeout:g} s")
            return self._answer

    def next(self) -> _Event | None:
        """Blocks until there is an event; None when there will be no more."""
        with self._changed:
            self._idle = True
            self._changed.notify_all()
            while self._event is None and not self._closed:
                self._changed.wait()
            event, self._event, self._idle = self._event, None, False
            return event

    def answer(self, request_id: str, answer: _Answer) -> None:
        with self._changed:
            if request_id == self._request_id:
                self._answer = answer
                self._changed.notify_all()

    def fail_to_start(self, error: dict[str, Any]) -> None:
        with self._changed:
            self._start_error = _Answer(error=error)

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()


def _failed(kind: str, message: str) -> _Answer:
    return _Answer(error={"errorType": kind, "errorMessage": message})


@contextmanager
def _serving(exchange: _Exchange) -> Iterator[int]:
    """The HTTP side, on a free port."""
    handler = type("Handler", (_Handler,), {"exchange": exchange})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server.server_port
        finally:
            exchange.close()
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    exchange: _Exchange

    def do_GET(self) -> None:
        event = self.exchange.next() if self.path == NEXT else None
        if event is None:
            self.close_connection = True
            self._send(404)
            return
        headers = {
            "Lambda-Runtime-Aws-Request-Id": event.request_id,
            "Lambda-Runtime-Deadline-Ms": str(event.deadline_ms),
            "Lambda-Runtime-Invoked-Function-Arn": self.exchange.arn,
            "Lambda-Runtime-Trace-Id": "Root=1-00000000-000000000000000000000000;Sampled=0",
        }
        self._send(200, event.body, headers)

    def do_POST(self) -> None:
        body = json.loads(self._body() or b"null")
        answer = ANSWER.fullmatch(self.path)
        if self.path == INIT_ERROR:
            self.exchange.fail_to_start(body)
        elif answer and answer["kind"] == "error":
            self.exchange.answer(answer["id"], _Answer(error=body))
        elif answer:
            self.exchange.answer(answer["id"], _Answer(payload=body))
        self._send(202 if answer or self.path == INIT_ERROR else 404)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        chunks = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass  # trailers
        return b"".join(chunks)

    def _send(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        try:
            self.wfile.write(body)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # the process ended while it waited

    def log_message(self, format: str, *args: Any) -> None:
        pass


def _lambda_variables(binary: Path, port: int) -> dict[str, str]:
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "LAMBDA_TASK_ROOT": str(binary.parent),
        "_HANDLER": "bootstrap",
        "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{port}",
        "AWS_LAMBDA_FUNCTION_NAME": NAME,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{NAME}",
        "AWS_LAMBDA_LOG_STREAM_NAME": "2026/11/21/[$LATEST]0",
        "AWS_EXECUTION_ENV": "AWS_Lambda_provided.al2023",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
    }
