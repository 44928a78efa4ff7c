"""Packs a binary as a Lambda function's zip: the same bytes for the same binary, wherever and whenever it is packed.

    python package.py BINARY ZIP
"""

import hashlib
import sys
import zipfile
from pathlib import Path

EPOCH = (1980, 1, 1, 0, 0, 0)  # The first moment a zip can name.
UNIX, EXECUTABLE = 3, 0o100755 << 16


def main(binary: Path, package: Path) -> None:
    entry = zipfile.ZipInfo("bootstrap", EPOCH)
    entry.create_system, entry.external_attr, entry.compress_type = UNIX, EXECUTABLE, zipfile.ZIP_DEFLATED
    content = binary.read_bytes()
    package.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr(entry, content, compresslevel=9)
    digest = hashlib.sha256(package.read_bytes()).hexdigest()
    package.with_name(f"{package.name}.sha256").write_text(f"{digest}  {package.name}\n")
    print(f"{package.name}: {package.stat().st_size / 1e6:.1f} MB, the binary {len(content) / 1e6:.1f} MB, sha256 {digest}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
