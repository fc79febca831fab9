"""Training is killed at random moments, in processes of its own, and goes on as if nothing had been.

20 kills each here (IMTRANS_KILLS sets another number; the nox session `faults` asks for 200 and 50).
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")]


KINDS = [("KILL", 1, 5, ()), ("KILL", 2, 10, ("--beside",)), ("TERM", 4, 0, ()), ("TERM", 4, 0, ("--beside",))]


@pytest.mark.parametrize(("name", "share", "most_lost", "flags"), [*KINDS, ("INT", 10, 0, ())])
def test_a_run_that_is_killed_at_random_moments_ends_as_one_that_is_not(name, share, most_lost, flags, tmp_path):
    kills = max(5, int(os.environ.get("IMTRANS_KILLS", "20")) // share)
    seed = int(os.environ.get("IMTRANS_SEED", "11"))
    script = Path(__file__).with_name("kill_runner.py")
    command = [sys.executable, str(script), str(tmp_path), "--kills", str(kills), "--seed", str(seed), "--signal", name]
    command += flags
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    print(" ".join(command), told)
    assert told["faults"] == [], told
    assert told["kills"] == kills
    assert told["most_lost"] <= most_lost
    assert set(told["codes"]) == {"0", {"KILL": "-9", "TERM": "143", "INT": "130"}[name]}
