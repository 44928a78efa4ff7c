"""Lambda. Gap: moto runs functions in Docker alone, and forgets their logging configuration.

The binary runs natively under `runtime_api`, with the function's own variables and this moto as its AWS.
"""

import gzip
import hashlib
import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from moto.awslambda.models import LambdaFunction
from moto.core import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends

from account import CREDENTIALS
from control import Control
from runtime_api import Invocation, invoke

# The function that runs, of which there is one at a time.
running: str | None = None


class Bootstraps:
    """The unpacked code of every function, by its SHA-256."""

    def __init__(self, endpoint: str, control: Control) -> None:
        self.endpoint = endpoint
        self.control = control
        self._folder = tempfile.TemporaryDirectory(prefix="ecr-cleanup-code-")
        # One invocation at a time, as with a reserved concurrency of 1. It also keeps a process that is just being
        # started from inheriting a `bootstrap` that is open for writing.
        self._lock = threading.Lock()

    def run(self, function: LambdaFunction, event: Any = None) -> tuple[str, bool, str]:
        environment = {
            **CREDENTIALS,
            "AWS_REGION": function.region,
            "AWS_DEFAULT_REGION": function.region,
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_LAMBDA_FUNCTION_NAME": function.function_name,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_size),
            "AWS_LAMBDA_FUNCTION_VERSION": str(function.version),
            **_logging(function),
            **function.environment_vars,
        }
        global running
        with self._lock:
            binary = self._unpacked(function.code_bytes)
            running = function.function_name
            self.control.invoked.append({"function": running, "event": event})
            try:
                answer = invoke(binary, event, environment, timeout=function.timeout, arn=function.function_arn)
            finally:
                running = None
            answer = self._as_meant(event, answer)
        function.logs_backend.ensure_log_group(function.logs_group_name)
        function.save_logs(answer.log)
        return json.dumps(answer.error or answer.payload), answer.error is not None, answer.log

    def _as_meant(self, event: Any, answer: Invocation) -> Invocation:
        """What is left of a function's work where a test has it killed, or what it wrote changed."""
        location = event.get("location") if isinstance(event, dict) else None
        if location in self.control.tampered:
            _let_it_use_nothing(f"/evidence/{location['account']}/{location['region']}/")
        if location in self.control.killed:
            self.control.killed.remove(location)
            return Invocation(None, {"errorType": "Runtime.ExitError", "errorMessage": "killed on purpose"}, answer.log)
        return answer

    def _unpacked(self, code: bytes) -> Path:
        folder = Path(self._folder.name, hashlib.sha256(code).hexdigest())
        binary = folder / "bootstrap"
        if not binary.exists():
            folder.mkdir()
            package = folder / "package.zip"
            package.write_bytes(code)
            subprocess.run([sys.executable, "-m", "zipfile", "-e", str(package), str(folder)], check=True)
            package.unlink()
            binary.chmod(0o755)
        return binary


def install(endpoint: str, control: Control) -> None:
    bootstraps = Bootstraps(endpoint, control)
    LambdaFunction._invoke_lambda = lambda self, event=None: bootstraps.run(self, event)
    LambdaFunction.__init__ = _with_logging_config(LambdaFunction.__init__)
    LambdaFunction.get_configuration = _saying_logging_config(LambdaFunction.get_configuration)


def _let_it_use_nothing(folder: str) -> None:
    for bucket in s3_backends[DEFAULT_ACCOUNT_ID]["aws"].buckets.values():
        for key in [one for name, one in bucket.keys.items() if folder in name and name.endswith(".json.gz")]:
            document = json.loads(gzip.decompress(key.value))
            key.value = gzip.compress(json.dumps({**document, "uses": []}).encode())


def _logging(function: LambdaFunction) -> dict[str, str]:
    config = function.logging_config
    if config.get("LogFormat") != "JSON":
        return {}
    level = config.get("ApplicationLogLevel", "INFO")
    return {"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": level}


def _with_logging_config(original: Callable) -> Callable:
    def init(self: LambdaFunction, account_id: str, spec: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        original(self, account_id, spec, *args, **kwargs)
        default = {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{self.function_name}"}
        self.logging_config = {**default, **(spec.get("LoggingConfig") or {})}

    return init


def _saying_logging_config(original: Callable) -> Callable:
    def get_configuration(self: LambdaFunction, *args: Any, **kwargs: Any) -> dict[str, Any]:
        return {**original(self, *args, **kwargs), "LoggingConfig": self.logging_config}

    return get_configuration
