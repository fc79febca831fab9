#!/usr/bin/env bash
# OpenEXR (its own Python package): a picture whose data window is not its display window comes as the data alone, without the
# place. What a renderer cropped is smaller than the picture that viewers show, and a render with overscan is larger.
#
# Renderers cut off empty borders, each frame and each pass by itself. Two renders of one scene then have two sizes, or one size
# and two places: pixel by pixel such a pair does not fit, and nothing says so. The place is in the header (dataWindow
# against displayWindow) and has to be applied by the caller. No option of OpenEXR.File does.
# Seen with OpenEXR 3.5.3, numpy 2.4.6, Python 3.11.7, Linux:
#   display 12 x 16, data of 8 x 10 at (1, 2): read as (8, 10, 3)
#   display 12 x 16, data of 8 x 10 at (3, 5): read as (8, 10, 3)
#   both are read alike: True
. "$(dirname "$0")/common.sh"
install OpenEXR==3.5.3 numpy==2.4.6
cd "$folder"
python - <<'PY'
import sys
import numpy as np
import OpenEXR

pixels = np.random.default_rng(0).random((8, 10, 3), dtype=np.float32)

def box(top, left, height, width):
    return np.array([left, top], np.int32), np.array([left + width - 1, top + height - 1], np.int32)

def again(top, left):
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    header |= {"dataWindow": box(top, left, 8, 10), "displayWindow": box(0, 0, 12, 16)}
    OpenEXR.File(header, {"RGB": pixels}).write("x.exr")
    file = OpenEXR.File("x.exr")
    back, window = file.channels()["RGB"].pixels, file.header()["dataWindow"]
    print(f"display 12 x 16, data of 8 x 10 at {(top, left)}: read as {back.shape}")
    return back, tuple(window[0].tolist()) == (left, top)

(one, is_one), (other, is_other) = again(1, 2), again(3, 5)
are_alike = one.shape == (8, 10, 3) and bool((one == other).all())
print(f"both are read alike: {are_alike}")
sys.exit(not (are_alike and is_one and is_other))
PY
