#!/usr/bin/env bash
# OpenEXR (its own Python package): an array that is a view, as `tensor.permute(1, 2, 0).numpy()` of a network's output or the
# transpose of a plane, is written as its numbers lie in memory, under the shape of the view: scrambled pixels, without an error.
#
# Shape, dtype, mean and range of the file are right. `np.ascontiguousarray` before writing is right; so are views of which the
# rows lie in order. tifffile takes such arrays as they are indexed.
# Seen with OpenEXR 3.5.3, tifffile 2026.3.3, numpy 2.4.6, Python 3.11.7, Linux:
#   (3, 8, 10) moved to (8, 10, 3): OpenEXR 99% of the values differ, tifffile 0%
#   the same by ascontiguousarray: OpenEXR 0% of the values differ, tifffile 0%
#   mean as written True, pixels are those in memory True
. "$(dirname "$0")/common.sh"
install OpenEXR==3.5.3 tifffile==2026.3.3 numpy==2.4.6
cd "$folder"
python - <<'PY'
import sys
import numpy as np
import OpenEXR
import tifffile

planes = np.random.default_rng(0).random((3, 8, 10), dtype=np.float32)  # channels first, as networks have them
view = planes.transpose(1, 2, 0)

def by_exr(array):
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    OpenEXR.File(header, {"RGB": array}).write("x.exr")
    return OpenEXR.File("x.exr").channels()["RGB"].pixels

def by_tiff(array):
    tifffile.imwrite("x.tif", array, photometric="rgb", planarconfig="contig")
    return tifffile.imread("x.tif")

shares = []
for name, array in (("(3, 8, 10) moved to (8, 10, 3)", view), ("the same by ascontiguousarray", np.ascontiguousarray(view))):
    shares.append([float((back != array).mean()) for back in (by_exr(array), by_tiff(array))])
    print(f"{name}: OpenEXR {shares[-1][0]:.0%} of the values differ, tifffile {shares[-1][1]:.0%}")
back = by_exr(view)
is_mean, is_memory = bool(np.isclose(back.mean(), view.mean())), bool((back.ravel() == planes.ravel()).all())
print(f"mean as written {is_mean}, pixels are those in memory {is_memory}")
sys.exit(not (shares[0][0] > 0.9 and shares[0][1] == 0 and shares[1] == [0, 0] and is_mean and is_memory))
PY
