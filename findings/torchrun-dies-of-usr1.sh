#!/usr/bin/env bash
# torch 2.13.0: SIGUSR1 ends torchrun at once, and its processes train on without it.
#
# SIGUSR1 is what schedulers send before the time of a job is over (`sbatch --signal=USR1@300`), and what trainings take
# as "save now". torchrun handles SIGTERM, SIGINT, SIGHUP and SIGQUIT alone: of USR1 it dies, and since its processes are
# in sessions of their own, none of them hears of it; they are adopted by init, hold their GPUs and go on writing.
# The variable TORCHELASTIC_SIGNALS_TO_HANDLE changes nothing (torchrun sets it anew). With --signals-to-handle it passes
# the signal on, waits for all to END, and then kills them: for "save and go on" that is no way either. SIGTERM to
# torchrun alone ends all, and they may save first.
# Seen with torch 2.13.0 (CPU), Python 3.11.7, Linux:
#   USR1 to torchrun: it ended by signal 10; of 2 processes 2 live on, 0 heard USR1, 0 heard TERM
#   USR1, handled by the variable: it ended by signal 10; of 2 processes 2 live on, 0 heard USR1, 0 heard TERM
#   USR1, handled by the flag: it ended by signal 0; of 2 processes 0 live on, 2 heard USR1, 0 heard TERM
#   TERM to torchrun: it ended by signal 0; of 2 processes 0 live on, 0 heard USR1, 2 heard TERM
. "$(dirname "$0")/common.sh"
install torch==2.13.0 numpy==2.4.6
cd "$folder"
cat >worker.py <<'PY'
import os, signal, time
rank = os.environ["RANK"]

def heard(number, frame):
    open(f"{signal.Signals(number).name}-{rank}", "w").close()
    if number == signal.SIGTERM:
        os._exit(0)

signal.signal(signal.SIGTERM, heard)
signal.signal(signal.SIGUSR1, heard)
with open(f"pid-{rank}.new", "w") as file:
    file.write(str(os.getpid()))
os.rename(f"pid-{rank}.new", f"pid-{rank}")
time.sleep(10)
time.sleep(60)
PY
cat >launch.py <<'PY'
import os, pathlib, signal, subprocess, sys, time

def alive(number):
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    return open(f"/proc/{number}/stat").read().rsplit(")", 1)[1].split()[0] != "Z"

def seen(name, number, *flags, **more):
    for path in [*pathlib.Path().glob("pid-*"), *pathlib.Path().glob("SIG*")]:
        path.unlink()
    launcher = subprocess.Popen(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", *flags, "worker.py"],
        env={**os.environ, "TORCH_ELASTIC_SHUTDOWN_TIMEOUT": "3", **more}, stderr=subprocess.DEVNULL,
    )
    while len(list(pathlib.Path().glob("pid-[01]"))) < 2:
        time.sleep(0.1)
    time.sleep(1)
    launcher.send_signal(number)
    code = launcher.wait()
    time.sleep(1)
    workers = [int(path.read_text()) for path in pathlib.Path().glob("pid-[01]")]
    left = [w for w in workers if alive(w)]
    counts = [len(list(pathlib.Path().glob(f"{s}-*"))) for s in ("SIGUSR1", "SIGTERM")]
    print(f"{name}: it ended by signal {max(0, -code)}; of 2 processes {len(left)} live on, "
          f"{counts[0]} heard USR1, {counts[1]} heard TERM")
    for worker in left:
        os.kill(worker, signal.SIGKILL)
    return max(0, -code), len(left), *counts

handled = "SIGTERM,SIGINT,SIGUSR1"
told = [
    seen("USR1 to torchrun", signal.SIGUSR1),
    seen("USR1, handled by the variable", signal.SIGUSR1, TORCHELASTIC_SIGNALS_TO_HANDLE=handled),
    seen("USR1, handled by the flag", signal.SIGUSR1, "--signals-to-handle", handled),
    seen("TERM to torchrun", signal.SIGTERM),
]
sys.exit(told != [(10, 2, 0, 0), (10, 2, 0, 0), (0, 0, 2, 0), (0, 0, 0, 2)])
PY
python -W ignore launch.py
