"""The module by itself: formatted, valid, and its own tests, which need no account."""

import re

import pytest

from terraform import PROJECT, Terraform, copy

ROOT = "infra/terraform"


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return copy(tmp_path_factory.mktemp("project"))


def test_it_is_formatted():
    assert Terraform(PROJECT)("fmt", "-check", "-recursive", "infra/terraform", "tests/infrastructure") == ""


@pytest.mark.parametrize("folder", [ROOT, f"{ROOT}/modules/settings", f"{ROOT}/modules/policy"])
def test_its_own_tests(project, folder):
    assert re.search(r"[1-9]\d* passed, 0 failed", Terraform(project / folder).init()("test", "-no-color"))
