#!/usr/bin/env bash
# torch 2.13.0: if a DataLoader worker dies, RuntimeError is raised in whatever the main thread executes at that moment.
#
# The DataLoader sets a handler of SIGCHLD that raises. The error can therefore appear far from the loader: in the middle
# of an optimizer step, while a file is written, or in code that never asks for a batch. State that such code changes in
# several operations stays half changed. The handler stays set afterwards.
# Seen with torch 2.13.0 (CPU), numpy 2.4.6, Python 3.11.7, Linux:
#   raised in count(), not in the loader: RuntimeError: DataLoader worker (pid N) is killed by signal: Killed.
#   the handler of SIGCHLD afterwards: torch.utils.data._utils.signal_handling
. "$(dirname "$0")/common.sh"
install torch==2.13.0 numpy==2.4.6
cd "$folder"
cat > main.py <<'PY'
import os, re, signal, sys, time, traceback
import torch
from torch.utils.data import DataLoader

class Slow(torch.utils.data.Dataset):
    def __len__(self):
        return 8

    def __getitem__(self, index):
        time.sleep(0.2 if index < 4 else 60)
        return index

def count():
    until, number = time.monotonic() + 30, 0
    while time.monotonic() < until:
        number += 1
    return number

batches = iter(DataLoader(Slow(), batch_size=4, num_workers=1))
next(batches)
os.kill(batches._workers[0].pid, signal.SIGKILL)
where, what = "nowhere", ""
try:
    count()
except RuntimeError as error:
    frames = [frame.name for frame in traceback.extract_tb(error.__traceback__)]
    where = "count" if "count" in frames and "__next__" not in frames else frames[-1]
    what = re.sub(r"pid \d+", "pid N", str(error)).splitlines()[0].strip()
print(f"raised in {where}(), not in the loader: RuntimeError: {what}")
handler = getattr(signal.getsignal(signal.SIGCHLD), "__module__", "none")
print(f"the handler of SIGCHLD afterwards: {handler}")
sys.exit(where != "count" or "killed by signal" not in what or not handler.startswith("torch.utils.data"))
PY
python main.py
