#!/usr/bin/env bash
# tifffile 2026.3.3: writes two kinds of file, without an error or a warning, that come back with other pixels.
#
# 1. Bool of several channels, interleaved: it fills each channel of a row to whole bytes, where the format (and its own
#    reader) expect the bits of all channels one after the other.
# 2. LERC with predictor=3: it stores what the predictor makes of the floats, and its reader leaves out the predictor
#    for LERC, as the format has it.
# Seen with tifffile 2026.3.3, imagecodecs 2026.3.6, numpy 2.4.6, Python 3.11.7, Linux:
#   bool RGB: 49% of the values differ after reading
#   LERC with predictor 3: 73% of the values differ after reading
. "$(dirname "$0")/common.sh"
install tifffile==2026.3.3 imagecodecs==2026.3.6 numpy==2.4.6
cd "$folder"
python - <<'PY'
import sys
import numpy as np
import tifffile

values = np.random.default_rng(0).random((19, 37, 3))
cases = {
    "bool RGB": (values > 0.5, {}),
    "LERC with predictor 3": (values.astype(np.float32), {"compression": "lerc", "predictor": 3}),
}
is_as_stated = True
for name, (array, how) in cases.items():
    tifffile.imwrite("x.tif", array, photometric="rgb", planarconfig="contig", **how)
    differ = float((tifffile.imread("x.tif") != array).mean())
    print(f"{name}: {differ:.0%} of the values differ after reading")
    is_as_stated &= differ > 0.1
sys.exit(not is_as_stated)
PY
