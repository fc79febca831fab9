#!/usr/bin/env bash
# pyvips: a picture of 16 bits that comes from numpy is written to PNG as 16 bits if it has three channels, and as 8 bits, each
# value above 255 white, if it has one.
#
# `new_from_array` calls every single channel "b-w", which is grey of 8 bits, whatever the dtype; for three channels the depth
# of the PNG follows the dtype. No error, no warning. JPEG of the same picture takes the high byte instead (right, in 8 bits),
# TIFF keeps all. Right is `.copy(interpretation="grey16")` before writing.
# Seen with pyvips 3.2.0, pyvips-binary 8.18.7 (libvips 8.18), numpy 2.4.6, Python 3.11.7, Linux:
#   colour: uint16, equal to what was written
#   grey: uint8, 100% white (255)
#   grey, JPEG: uint8, mean of the picture 129
#   grey as grey16: uint16, equal to what was written
. "$(dirname "$0")/common.sh"
install pyvips==3.2.0 pyvips-binary==8.18.7 numpy==2.4.6
cd "$folder"
python - <<'PY'
import sys
import numpy as np
import pyvips

color = np.random.default_rng(0).integers(0, 65536, (64, 48, 3), dtype=np.uint16)
grey = color[..., 0].copy()

def again(array, name, **kind):
    pyvips.Image.new_from_array(array).copy(**kind).write_to_file(name)
    return pyvips.Image.new_from_file(name).numpy()

def report(name, array, back):
    is_equal = back.shape == array.shape and back.dtype == array.dtype and bool((back == array).all())
    what = "equal to what was written" if is_equal else f"{(back == 255).mean():.0%} white (255)"
    print(f"{name}: {back.dtype}, {what}")
    return is_equal

is_color_right = report("colour", color, again(color, "color.png"))
png = again(grey, "grey.png")
report("grey", grey, png)
jpeg = again(grey, "grey.jpg")
print(f"grey, JPEG: {jpeg.dtype}, mean of the picture {jpeg.mean():.0f}")
is_named_right = report("grey as grey16", grey, again(grey, "grey16.png", interpretation="grey16"))
is_white = png.dtype == np.uint8 and (png == np.minimum(grey, 255)).all()
sys.exit(not (is_color_right and is_named_right and is_white and abs(jpeg.mean() - 127) < 3))
PY
