"""What the README shows of the demo is what the demo prints.

To update the README after a change: `UPDATE_README=1 .venv/bin/python -m pytest tests/moto/test_demo.py`.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BLOCK = re.compile(r"(<!-- demo: .*? -->\n```text\n)(.*?)(```\n<!-- /demo -->)", re.DOTALL)


def test_the_readme_shows_what_the_demo_prints(programs):
    arguments = ["--bin-dir", str(programs.command.parent), "--events-dir", str(ROOT / "events")]
    demo = subprocess.run([sys.executable, str(HERE / "demo.py"), *arguments], capture_output=True, text=True)
    assert demo.returncode == 0, demo.stdout + demo.stderr
    printed = "".join(line.rstrip() + "\n" for line in demo.stdout.strip("\n").splitlines())
    readme = (ROOT / "README.md").read_text()
    if os.environ.get("UPDATE_README"):
        readme = BLOCK.sub(lambda found: found[1] + printed + found[3], readme)
        (ROOT / "README.md").write_text(readme)
    assert BLOCK.search(readme)[2] == printed
