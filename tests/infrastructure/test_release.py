"""What a release is made of."""

import base64
import hashlib
import subprocess
import sys
import tarfile
import zipfile

import pytest

from terraform import PROJECT

SCRIPT = PROJECT / "infra/release/release.py"


def release(*arguments, check=True):
    return subprocess.run([sys.executable, SCRIPT, *map(str, arguments)], capture_output=True, text=True, check=check)


@pytest.mark.parametrize(("kind", "name"), [("zip", "a.zip"), ("archive", "a.tar.gz")])
def test_the_same_binary_gives_the_same_package(tmp_path, kind, name):
    binary = tmp_path / "binary"
    binary.write_bytes(b"program")
    release(kind, binary, tmp_path / "one" / name)
    binary.touch()
    binary.chmod(0o600)
    release(kind, binary, tmp_path / "two" / name)
    one, two = ((tmp_path / folder / name).read_bytes() for folder in ("one", "two"))
    assert one == two
    digest = hashlib.sha256(one)
    assert (tmp_path / "one" / f"{name}.sha256").read_text() == f"{digest.hexdigest()}  {name}\n"
    assert base64.b64decode((tmp_path / "one" / f"{name}.base64sha256").read_text()) == digest.digest()


def test_the_same_folder_gives_the_same_archive(tmp_path):
    for name in ("one", "two"):
        folder = tmp_path / name / "module"
        (folder / "tests").mkdir(parents=True)
        for file in ("tests/a.hcl", "main.tf") if name == "one" else ("main.tf", "tests/a.hcl"):
            (folder / file).write_text(file)
        release("folder", folder, tmp_path / name / "module.tar.gz")
    one, two = ((tmp_path / name / "module.tar.gz").read_bytes() for name in ("one", "two"))
    assert one == two
    with tarfile.open(tmp_path / "one/module.tar.gz") as archive:
        assert archive.getnames() == ["main.tf", "tests/a.hcl"]


def test_a_container_has_both_programs_for_both_architectures(tmp_path):
    for name, target in (("x86_64", "x86_64-unknown-linux-musl"), ("arm64", "aarch64-unknown-linux-musl")):
        for kind, file in (("zip", f"ecr-cleanup-{name}.zip"), ("archive", f"ecr-cleanup-{target}.tar.gz")):
            binary = tmp_path / "binary"
            binary.write_text(f"{kind} {name}")
            release(kind, binary, tmp_path / "dist" / file)
    release("container", tmp_path / "dist", tmp_path / "context")
    for name, folder in (("x86_64", "amd64"), ("arm64", "arm64")):
        assert (tmp_path / "context" / folder / "bootstrap").read_text() == f"zip {name}"
        assert (tmp_path / "context" / folder / "ecr-cleanup").read_text() == f"archive {name}"


def test_the_notes_are_the_changelog_s(tmp_path):
    changelog = tmp_path / "CHANGELOG.md"
    changelog.write_text("# Changelog\n\n## [Unreleased]\n\n## [1.1.0] - 2026-01-01\n\n### Added\n\n- A.\n\n## [1.0.0]\n\n- B.\n")
    notes = release("notes", changelog, "1.1.0").stdout
    assert notes.startswith("### Added\n\n- A.\n\n## Verify\n") and "- B." not in notes
    for version in ("Unreleased", "2.0.0"):
        refused = release("notes", changelog, version, check=False)
        assert refused.returncode == 1 and version in refused.stderr


def test_the_changelog_has_the_version_that_would_be_released():
    assert release("notes", PROJECT / "CHANGELOG.md").stdout


def test_packages_are_what_lambda_and_tar_unpack(tmp_path):
    binary = tmp_path / "binary"
    binary.write_bytes(b"program")
    release("zip", binary, tmp_path / "a.zip")
    release("archive", binary, tmp_path / "a.tar.gz")
    [entry] = zipfile.ZipFile(tmp_path / "a.zip").infolist()
    assert (entry.filename, entry.external_attr >> 16) == ("bootstrap", 0o100755)
    with tarfile.open(tmp_path / "a.tar.gz") as archive:
        [member] = archive.getmembers()
        assert (member.name, member.mode) == ("ecr-cleanup", 0o755)
