"""Terraform, run in a copy of what it needs, so that it leaves nothing in the project."""

import functools
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[2]
TIMEOUT = 300


def installed() -> bool:
    return shutil.which("terraform") is not None


class Terraform:
    """Terraform in one folder, with these variables in its environment."""

    def __init__(self, folder: Path, environment: dict[str, str] | None = None) -> None:
        self.folder = folder
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "TF_CLI_CONFIG_FILE": os.devnull,
            "TF_IN_AUTOMATION": "1",
            "CHECKPOINT_DISABLE": "1",
            **(environment or {}),
        }

    def __call__(self, *arguments: str, expected: int = 0) -> str:
        result = subprocess.run(
            ["terraform", *arguments],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
        )
        said = result.stdout + result.stderr
        assert result.returncode == expected, f"terraform {' '.join(arguments)} ended with {result.returncode}:\n{said}"
        return result.stdout if expected == 0 else said

    def init(self) -> "Terraform":
        mirror = provider_mirror()
        self("init", "-input=false", "-no-color", *([f"-plugin-dir={mirror}"] if mirror else []))
        return self

    def apply(self, **variables: Any) -> None:
        self.set(**variables)
        self("apply", "-auto-approve", "-input=false", "-no-color")

    def plan(self, **variables: Any) -> dict[str, list[dict[str, Any]]]:
        """What there would be, by type, and in which module."""
        self.set(**variables)
        self("plan", "-input=false", "-no-color", "-out=plan")
        found: dict[str, list[dict[str, Any]]] = {}
        for resource in json.loads(self("show", "-json", "plan"))["resource_changes"]:
            if resource["mode"] == "managed":
                found.setdefault(resource["type"], []).append({"module": resource["module_address"], **resource["change"]["after"]})
        return found

    def set(self, **variables: Any) -> None:
        given = {f"TF_VAR_{name}": value if isinstance(value, str) else json.dumps(value) for name, value in variables.items()}
        self.environment.update(given)

    def output(self, name: str) -> Any:
        return json.loads(self("output", "-json", name))


def copy(folder: Path) -> Path:
    """The infrastructure and what it refers to, laid out as in the project."""
    leave_out = shutil.ignore_patterns(".terraform*", "*.tfstate*", "node_modules", "__pycache__")
    for name in ("infra", "events", "tests/infrastructure/rendered"):
        shutil.copytree(PROJECT / name, folder / name, ignore=leave_out)
    return folder


@functools.cache
def provider_mirror() -> Path | None:
    """A folder that `terraform init -plugin-dir` takes and that holds the AWS provider, if this machine has one.

    Its layout is HOST/hashicorp/aws/VERSION/PLATFORM. Without one, Terraform asks its public registry.
    """
    pattern = "*/hashicorp/aws/*/*_*"
    command = ["find", "/", "-xdev", "(", "-path", "/proc", "-o", "-path", "/sys", "-o", "-name", ".terraform", ")"]
    command += ["-prune", "-o", "-path", pattern, "-prune", "-print"]
    found = subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()
    return Path(min(found)).parents[4] if found else None
