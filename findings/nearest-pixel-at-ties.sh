#!/usr/bin/env bash
# Pillow 13 and OpenCV 5: "nearest" adds up the width of a pixel in floating point, so which of two equally near pixels
# is taken changes along a row: 2 pixels enlarged to 7 have the middle one from the left, to 5 from the right.
#
# torch's nearest-exact computes each place by itself. Where the centre of a new pixel lies exactly between two old
# ones, a label map that is resized by one of them differs from one that is resized by the other.
# Seen with pillow 13.0.0, opencv-python 5.0.0.93, torch 2.13.0, numpy 2.4.6, Python 3.11.7, Linux:
#   2 to 5: exact [0 0 1 1 1], Pillow [0 0 1 1 1], OpenCV [0 0 1 1 1]
#   2 to 7: exact [0 0 0 1 1 1 1], Pillow [0 0 0 0 1 1 1], OpenCV [0 0 0 0 1 1 1]
#   1000 to 300: 12% of the columns of torch are not those of Pillow
. "$(dirname "$0")/common.sh"
install pillow==13.0.0 opencv-python==5.0.0.93 numpy==2.4.6 torch==2.13.0
cd "$folder"
python - <<'PY'
import sys
import cv2
import numpy as np
import torch
from PIL import Image

def pillow(n, m):
    row = Image.fromarray(np.arange(n, dtype=np.int32)[None])
    return np.asarray(row.resize((m, 1), Image.Resampling.NEAREST))[0]

def opencv(n, m):
    return cv2.resize(np.arange(n, dtype=np.int32)[None], (m, 1), interpolation=cv2.INTER_NEAREST_EXACT)[0]

def exact(n, m):
    return (2 * np.arange(m) + 1) * n // (2 * m)

for m in (5, 7):
    print(f"2 to {m}: exact {exact(2, m)}, Pillow {pillow(2, m)}, OpenCV {opencv(2, m)}")
row = torch.arange(1000.0)[None, None]
by_torch = torch.nn.functional.interpolate(row, 300, mode="nearest-exact")[0, 0].numpy()
share = float((by_torch != pillow(1000, 300)).mean())
print(f"1000 to 300: {share:.0%} of the columns of torch are not those of Pillow")
is_odd = (pillow(2, 5) == exact(2, 5)).all() and (pillow(2, 7) != exact(2, 7)).any()
sys.exit(not (is_odd and share > 0.1 and (pillow(2, 7) == opencv(2, 7)).all()))
PY
