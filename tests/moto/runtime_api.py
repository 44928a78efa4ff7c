"""Invokes a function's binary by AWS Lambda's Runtime API: what tests/lambda-runtime-api does, for Python."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

PROJECT = Path(__file__).resolve().parents[2]
PROGRAM = PROJECT / os.environ.get("ECR_CLEANUP_BIN_DIR", "target/release") / "lambda-runtime-api"
ARN = "arn:aws:lambda:eu-west-1:123456789012:function:ecr-cleanup"


class Invocation(NamedTuple):
    payload: Any  # what the function answered, None after an error
    error: dict[str, Any] | None  # Lambda's error: errorType, errorMessage
    log: str  # stdout and stderr


def invoke(binary: Path, event: Any, env: dict[str, str], timeout: int = 300, arn: str = ARN) -> Invocation:
    """The process gets Lambda's variables and `env`, one event, and is ended."""
    settings = {"binary": str(binary.resolve()), "environment": env, "timeout": timeout, "arn": arn}
    result = subprocess.run(
        [PROGRAM], input=json.dumps({**settings, "event": event}), capture_output=True, text=True, timeout=timeout + 30
    )
    if result.returncode != 0:
        raise RuntimeError(f"{PROGRAM.name} failed: {result.stderr}")
    return Invocation(**json.loads(result.stdout))
