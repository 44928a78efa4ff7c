"""What a cluster is given, as `kubectl` makes it of the kustomization."""

import re
import shutil
import subprocess

import pytest
import yaml

from terraform import PROJECT

FOLDER = PROJECT / "infra/kubernetes"


def kustomize(folder):
    if not shutil.which("kubectl"):
        pytest.skip("the kustomization is NOT tested: kubectl is not installed")
    made = subprocess.run(["kubectl", "kustomize", folder], capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    return {(one["kind"], one["metadata"]["name"]): one for one in yaml.safe_load_all(made.stdout)}


def written(file):
    return {(one["kind"], one["metadata"]["name"]): one for one in yaml.safe_load_all((FOLDER / file).read_text())}


def test_it_is_the_cluster_role():
    assert kustomize(FOLDER) == written("clusterrole.yaml")


def test_what_its_comment_shows_adds_to_it(tmp_path):
    comment = re.search(r"(?:^#   .*\n)+", (FOLDER / "kustomization.yaml").read_text(), re.MULTILINE)[0]
    shown = re.sub(r"^#   ", "", comment, flags=re.MULTILINE)
    # The base from here, since the test has no network.
    shutil.copytree(FOLDER, tmp_path / "base")
    shutil.copy(FOLDER / "helm-history.yaml", tmp_path)
    (tmp_path / "kustomization.yaml").write_text(re.sub(r"https://\S+", "base", shown))
    made, role = kustomize(tmp_path), ("ClusterRole", "ecr-cleanup-reader")
    assert made.keys() == written("clusterrole.yaml").keys() | written("helm-history.yaml").keys()
    assert made[role]["rules"] == [*written("clusterrole.yaml")[role]["rules"], {"apiGroups": ["example.com"], "resources": ["*"], "verbs": ["list"]}]
