"""What a release is made of, besides what is built.

    python release.py zip BINARY ZIP             a binary as a Lambda function's package
    python release.py archive BINARY TAR_GZ      the command as an archive
    python release.py folder FOLDER TAR_GZ       what is in a folder as an archive
    python release.py checksums FOLDER           beside each file its SHA-256, in hexadecimal and as Terraform wants it, in base64
    python release.py notes CHANGELOG [VERSION]  the notes of a version; default: that of Cargo.toml
    python release.py container FOLDER CONTEXT   the programs as the Dockerfile copies them

Zips and archives have the same bytes for the same binary, wherever and whenever they are made.
"""

import base64
import gzip
import hashlib
import io
import re
import sys
import tarfile
import zipfile
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
EPOCH = (1980, 1, 1, 0, 0, 0)  # The first moment a zip can name.
UNIX, EXECUTABLE = 3, 0o100755 << 16
SUMS = (".sha256", ".base64sha256")
# As Docker calls architectures: Lambda's name for it, and the target of the command.
CONTAINER = {
    "amd64": ("x86_64", "x86_64-unknown-linux-musl"),
    "arm64": ("arm64", "aarch64-unknown-linux-musl"),
}

VERIFY = """
## Verify

`gh attestation verify FILE --repo OWNER/REPOSITORY` proves that a file was built here, from this tag. `sha256sum --check
FILE.sha256` compares it, and `FILE.base64sha256` is what Terraform's `package` and Lambda's `CodeSha256` compare.
"""


def zipped(binary: Path, target: Path) -> None:
    entry = zipfile.ZipInfo("bootstrap", EPOCH)
    entry.create_system, entry.external_attr, entry.compress_type = UNIX, EXECUTABLE, zipfile.ZIP_DEFLATED
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w") as package:
        package.writestr(entry, binary.read_bytes(), compresslevel=9)
    finish(binary, target)


def archive(binary: Path, target: Path) -> None:
    tarred({"ecr-cleanup": (binary, 0o755)}, target)
    finish(binary, target)


def folder(packed: Path, target: Path) -> None:
    tarred({str(file.relative_to(packed)): (file, 0o644) for file in sorted(packed.rglob("*")) if file.is_file()}, target)
    checksum(target)
    print(f"{target.name}: {target.stat().st_size / 1e6:.1f} MB")


def tarred(files: dict[str, tuple[Path, int]], target: Path) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, (file, mode) in files.items():
            content = file.read_bytes()
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), mode
            tar.addfile(entry, io.BytesIO(content))
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(gzip.compress(packed.getvalue(), 9, mtime=0))


def finish(binary: Path, target: Path) -> None:
    checksum(target)
    size, content = target.stat().st_size / 1e6, binary.stat().st_size / 1e6
    print(f"{target.name}: {size:.1f} MB, the binary {content:.1f} MB")


def checksum(file: Path) -> None:
    digest = hashlib.sha256(file.read_bytes())
    file.with_name(f"{file.name}.sha256").write_text(f"{digest.hexdigest()}  {file.name}\n")
    file.with_name(f"{file.name}.base64sha256").write_text(base64.b64encode(digest.digest()).decode() + "\n")


def checksums(folder: Path) -> None:
    for file in sorted(folder.iterdir()):
        if file.suffix not in SUMS:
            checksum(file)


def version() -> str:
    return re.search(r'^version = "(.+)"$', (PROJECT / "Cargo.toml").read_text(), re.MULTILINE).group(1)


def notes(changelog: Path, wanted: str) -> str:
    sections = re.split(r"^## \[(.+?)\].*\n", changelog.read_text(), flags=re.MULTILINE)
    found = dict(zip(sections[1::2], sections[2::2], strict=True))
    if not found.get(wanted, "").strip():
        sys.exit(f"{changelog.name} says nothing of {wanted}: rename [Unreleased], or fix the version in Cargo.toml")
    return found[wanted].strip() + "\n" + VERIFY


def container(folder: Path, context: Path) -> None:
    for name, (lambda_name, target) in CONTAINER.items():
        programs = context / name
        programs.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(folder / f"ecr-cleanup-{lambda_name}.zip") as package:
            package.extract("bootstrap", programs)
        with tarfile.open(folder / f"ecr-cleanup-{target}.tar.gz") as package:
            package.extract("ecr-cleanup", programs, filter="data")


def main(arguments: list[str]) -> None:
    match arguments:
        case ["zip", binary, target]:
            zipped(Path(binary), Path(target))
        case ["archive", binary, target]:
            archive(Path(binary), Path(target))
        case ["folder", packed, target]:
            folder(Path(packed), Path(target))
        case ["checksums", given]:
            checksums(Path(given))
        case ["notes", changelog, *rest] if len(rest) <= 1:
            print(notes(Path(changelog), *(rest or [version()])), end="")
        case ["container", given, context]:
            container(Path(given), Path(context))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
