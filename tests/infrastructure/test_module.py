"""The module by itself: formatted, valid, and its own tests, which need no account."""

import pytest

from terraform import PROJECT, Terraform, copy

ROOTS = ["infra/terraform", "infra/terraform/examples/simple", "infra/terraform/examples/complete"]
MODULES = [f"infra/terraform/modules/{name}" for name in ("settings", "policy", "eks-access", "member-account-role")]
TESTED = ["infra/terraform", "infra/terraform/modules/settings", "infra/terraform/modules/policy"]


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return copy(tmp_path_factory.mktemp("project"))


def test_it_is_formatted():
    assert Terraform(PROJECT)("fmt", "-check", "-recursive", "infra/terraform", "tests/infrastructure") == ""


@pytest.mark.parametrize("folder", [*ROOTS, *MODULES])
def test_it_is_valid(project, folder):
    terraform = Terraform(project / folder).init()
    terraform("validate", "-no-color")
    if folder in TESTED:
        assert "0 failed" in terraform("test", "-no-color")
