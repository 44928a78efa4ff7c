"""Draws docs/demo.svg: `plan` and `run` on the demo's account, as they look on a terminal.

`record.py BIN_DIR FILE`. The pauses are made up, so that a recording does not depend on the machine.
"""

import fcntl
import json
import os
import pty
import select
import struct
import subprocess
import sys
import tempfile
import termios
from pathlib import Path

COLUMNS, ROWS = 80, 46
# Seconds between keys, before Enter, and to read what was printed.
KEY, ENTER, READ = 0.05, 0.6, 5.0
ACCOUNT = "111111111111"
COMMANDS = [["plan"], ["run", "--config", "{mode: delete}"]]
CREDENTIALS = {
    "AWS_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "example",
}


class Recording:
    """An asciicast, version 2."""

    def __init__(self):
        header = {"version": 2, "width": COLUMNS, "height": ROWS}
        self.lines = [json.dumps(header)]
        self.now = 0.0

    def show(self, text, after):
        self.now += after
        self.lines.append(json.dumps([round(self.now, 3), "o", text]))

    def type(self, text):
        for letter in text:
            self.show(letter, KEY)

    def run(self, program, arguments, environment):
        """Runs a program on a terminal, and answers with the account's id if it is asked for."""
        child, terminal = pty.fork()
        if child == 0:
            os.execve(program, [program.name, *arguments], environment)
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        unanswered = True
        while True:
            select.select([terminal], [], [])
            try:
                printed = os.read(terminal, 1 << 16).decode()
            except OSError:  # Linux: the program has ended.
                break
            if not printed:
                break
            self.show(printed, KEY)
            if unanswered and "account id:" in printed.replace("\r\n", " "):
                unanswered = False
                self.now += READ
                os.write(terminal, f"{ACCOUNT}\n".encode())
        _, status = os.waitpid(child, 0)
        assert status == 0, f"{program.name} {arguments[0]} ended with {status}"


def main(programs, picture):
    server = subprocess.Popen(
        [programs / "simulated-aws"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        environment = {
            "AWS_ENDPOINT_URL": server.stdout.readline().strip(),
            "TERM": "xterm-256color",
            "PAGER": "cat",
            **CREDENTIALS,
        }
        recording = Recording()
        for arguments in COMMANDS:
            recording.show("$ ", KEY)
            shown = [f"'{it}'" if " " in it else it for it in ["ecr-cleanup", *arguments]]
            recording.type(" ".join(shown))
            recording.show("\r\n", ENTER)
            recording.run(programs / "ecr-cleanup", arguments, environment)
            recording.show("\r\n", READ)
    finally:
        server.stdin.close()
        server.wait()
    with tempfile.TemporaryDirectory() as folder:
        cast = Path(folder) / "demo.cast"
        cast.write_text("\n".join([*recording.lines, ""]))
        command = ["render", cast, picture, "--template", "window_frame", "--loop-delay", "4000"]
        subprocess.run([Path(sys.executable).parent / "termtosvg", *command], check=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
