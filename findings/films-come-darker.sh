#!/usr/bin/env bash
# PyAV 18 (FFmpeg 8): films come darker than their numbers say, as RGB by default: those of 8 bits by 1 to 1.5 levels in all that
# has a colour (greys are right, so a test with greys shows nothing), those of 10 bits by 2 everywhere: white (940 of 1023) is 253.
#
# swscale takes a shortcut, and neither flag alone is the way out: ACCURATE_RND makes 8 bits 2 levels too dark, and
# FULL_CHR_H_INT mends 10 bits and not 8. Both together, given as `interpolation`, are right for both. 12 bits and 4:2:2
# (ProRes) are as 10 bits. White as "rgb48le" is 65021 for 8 bits and 65283 for 10, not 65535.
# Seen with av 18.1.0, numpy 2.4.6, Python 3.11.7, Linux (mean of rgb24 less BT.709 by its formula, over 1024 colours):
#   yuv420p: default -1.14, ACCURATE_RND -2.05, FULL_CHR_H_INT -1.14, both +0.01; white [255], both [255]
#   yuv420p10le: default -2.05, ACCURATE_RND -2.05, FULL_CHR_H_INT +0.01, both +0.01; white [253], both [255]
. "$(dirname "$0")/common.sh"
install av==18.1.0 numpy==2.4.6
cd "$folder"
python - <<'PY'
import sys
import av
import numpy as np
from av.video.reformatter import Colorspace, Interpolation, VideoReformatter

PLAIN = Interpolation.BILINEAR
FLAGS = {
    "default": None,
    "ACCURATE_RND": PLAIN | Interpolation.ACCURATE_RND,
    "FULL_CHR_H_INT": PLAIN | Interpolation.FULL_CHR_H_INT,
    "both": PLAIN | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT,
}
draws = np.random.default_rng(0)
# Luma and chroma of 8 bits that no colour leaves the range with, in fields of 16 pixels whose middle is looked at.
colors = np.stack([draws.integers(90, 160, (32, 32)), *draws.integers(100, 157, (2, 32, 32))])

def rgb_of(colors):
    y, b, r = (colors[0] - 16) / 219, (colors[1] - 128) / 224, (colors[2] - 128) / 224
    red, blue = y + 1.5748 * r, y + 1.8556 * b
    return 255 * np.stack([red, (y - 0.2126 * red - 0.0722 * blue) / 0.7152, blue], axis=-1)

def frame_of(colors, pixels, depth):
    frame = av.VideoFrame(512, 512, pixels)
    for plane, values, size in zip(frame.planes, colors, (16, 8, 8)):
        fields = np.kron(values << (depth - 8), np.ones((size, size), int))
        plane.update(fields.astype(np.uint8 if depth == 8 else np.uint16).tobytes())
    return frame

def rgb(frame, flags):
    how = {"format": "rgb24", "src_colorspace": Colorspace.ITU709, "interpolation": flags}
    return VideoReformatter().reformat(frame, **how).to_ndarray()

white = np.stack([np.full((32, 32), value) for value in (235, 128, 128)])
seen = {}
for pixels, depth in (("yuv420p", 8), ("yuv420p10le", 10)):
    frame, bright = frame_of(colors, pixels, depth), frame_of(white, pixels, depth)
    errors = {name: (rgb(frame, flags)[8::16, 8::16] - rgb_of(colors)).mean() for name, flags in FLAGS.items()}
    whites = [np.unique(rgb(bright, FLAGS[name])).tolist() for name in ("default", "both")]
    seen[pixels] = errors, whites
    print(f"{pixels}: " + ", ".join(f"{name} {error:+.2f}" for name, error in errors.items()), end="")
    print(f"; white {whites[0]}, both {whites[1]}")
(eight, eight_white), (ten, ten_white) = seen.values()
are_dark = eight["default"] < -0.8 and eight["ACCURATE_RND"] < -1.5 and ten["default"] < -1.5
are_right = abs(eight["both"]) < 0.1 and abs(ten["both"]) < 0.1
sys.exit(not (are_dark and are_right and eight_white == [[255], [255]] and ten_white == [[253], [255]]))
PY
