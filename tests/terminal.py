"""Commands in a terminal of a given width, as a person sees them."""

import contextlib
import fcntl
import json
import os
import pty
import struct
import subprocess
import sys
import termios

SCRIPT = "import json, sys; from imtrans.cli.main import run; sys.exit(max(run(a) for a in json.loads(sys.argv[1])))"


def shown(width: int, *commands: list[str]) -> list[str]:
    """What the commands, which must succeed, print in a terminal of so many columns; its lines."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, width, 0, 0))
    environment = {k: v for k, v in os.environ.items() if k != "COLUMNS"}
    line = [sys.executable, "-c", SCRIPT, json.dumps(commands)]
    child = subprocess.Popen(
        line,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment,
    )
    os.close(theirs)
    text = b""
    with contextlib.suppress(OSError):  # at the end, on Linux
        while piece := os.read(ours, 65536):
            text += piece
    os.close(ours)
    assert child.wait() == 0, text.decode()
    return text.decode().replace("\r\n", "\n").splitlines()
