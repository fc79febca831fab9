"""The memory that a process of its own takes at most."""

import json
import subprocess
import sys

# Not ru_maxrss: a process inherits that of the one that started it, here of all tests before.
READ = """
import json, re, sys
def bytes_of(name):
    return int(re.search(name + r":\\s+(\\d+)", open("/proc/self/status").read())[1]) * 1024
"""
COMMAND = """
from imtrans.cli.main import run
code = run(sys.argv[1:])
print(json.dumps([code, bytes_of("VmHWM")]))
"""


def result_of(program, *arguments):
    """What a program prints last, as JSON; `bytes_of` gives it its own "VmRSS" and "VmHWM", the most that it took."""
    command = [sys.executable, "-c", READ + program, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def peak_of_command(*arguments):
    """The bytes that a command of imtrans on the CPU takes at most."""
    code, peak = result_of(COMMAND, *arguments, "--device", "cpu")
    assert code == 0
    return peak
