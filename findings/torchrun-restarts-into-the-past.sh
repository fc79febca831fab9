#!/usr/bin/env bash
# torch 2.13.0: processes that torchrun starts again share a store with the dead, and may wait for a dead one's address.
#
# With --max-restarts and the c10d rendezvous (also --standalone) MASTER_ADDR:MASTER_PORT is one store of the launcher for
# all attempts, and init_process_group puts no mark of the attempt before its keys: a note in torch's own source says
# that there is a new store for each attempt. So the second life reads what the first one wrote. Where rank 1 is quicker
# than rank 0 it takes the address of the dead rank 0 from the store: gloo is refused a connection, NCCL may get an old
# unique id. Of a training that lost a process every second restart failed here. A note on it is closed since 2024
# (pytorch 135712); TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1 gives each attempt a store of its own.
# TORCHELASTIC_RESTART_COUNT is counted by each host for itself: as a prefix it is right on one host alone.
# Seen with torch 2.13.0 (CPU), Python 3.11.7, Linux; attempt 0 ends with an error on purpose:
#   as it is: the port stays the same; attempt 1 reads 'from attempt 0'; rank 1 of attempt 1, first: no connection
#   TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1: the port changes; attempt 1 reads 'nothing'; rank 1 of attempt 1, first: connected
. "$(dirname "$0")/common.sh"
install torch==2.13.0 numpy==2.4.6
cd "$folder"
cat >worker.py <<'PY'
import os, sys, time
import torch.distributed as dist
from datetime import timedelta

rank, attempt = int(os.environ["RANK"]), os.environ["TORCHELASTIC_RESTART_COUNT"]

def note(name, text):
    with open(f"{name}-{attempt}", "w") as file:
        file.write(str(text))

def store():
    return dist.TCPStore(os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]), is_master=False)

if rank == 1:
    note("port", os.environ["MASTER_PORT"])
if attempt == "1" and rank == 0:
    time.sleep(4)
if attempt == "1" and rank == 1:
    note("read", store().get("told").decode() if store().check(["told"]) else "nothing")
try:
    dist.init_process_group("gloo", timeout=timedelta(seconds=20))
    result = "connected"
except RuntimeError:
    result = "no connection"
if rank == 1:
    note("joined", result)
if attempt == "0":
    store().set("told", "from attempt 0")
    dist.barrier()
sys.exit(attempt == "0" or result != "connected")
PY
cat >launch.py <<'PY'
import os, pathlib, subprocess, sys

def seen(name, **more):
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "--max-restarts=1"]
    environment = {**os.environ, "TORCH_ELASTIC_SHUTDOWN_TIMEOUT": "3", **more}
    subprocess.run([*launcher, "worker.py"], env=environment, stderr=subprocess.DEVNULL)
    port, *again = [pathlib.Path(f"port-{attempt}").read_text() for attempt in (0, 1)]
    read, joined = (pathlib.Path(f"{name}-1").read_text() for name in ("read", "joined"))
    same = "stays the same" if again == [port] else "changes"
    print(f"{name}: the port {same}; attempt 1 reads {read!r}; rank 1 of attempt 1, first: {joined}")
    return again == [port], read, joined

variable = "TORCH_DISABLE_SHARE_RDZV_TCP_STORE"
told = [seen("as it is"), seen(f"{variable}=1", **{variable: "1"})]
sys.exit(told != [(True, "from attempt 0", "no connection"), (False, "nothing", "connected")])
PY
python -W ignore launch.py
