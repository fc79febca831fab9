#!/usr/bin/env bash
# safetensors 0.8.0: save_file makes files that only their owner can read, independent of the umask.
#
# Another user, such as a service or a colleague on a shared disk, cannot read such a model, but can read every file that
# the same program writes with open(). shutil.copy keeps the mode.
# Seen with safetensors 0.8.0, numpy 2.4.6, Python 3.11.7, Linux:
#   umask 022: open() gives 0o644, save_file gives 0o600
#   umask 002: open() gives 0o664, save_file gives 0o600
. "$(dirname "$0")/common.sh"
install safetensors==0.8.0 numpy==2.4.6
cd "$folder"
python - <<'PY'
import os, stat, sys
import numpy as np
from safetensors.numpy import save_file

def mode(path):
    return oct(stat.S_IMODE(os.stat(path).st_mode))

modes = []
for mask in (0o022, 0o002):
    os.umask(mask)
    open(f"plain-{mask}", "w").close()
    save_file({"x": np.zeros(2, np.float32)}, f"model-{mask}.safetensors")
    modes.append((mode(f"plain-{mask}"), mode(f"model-{mask}.safetensors")))
    print(f"umask {mask:03o}: open() gives {modes[-1][0]}, save_file gives {modes[-1][1]}")
sys.exit(modes != [("0o644", "0o600"), ("0o664", "0o600")])
PY
