#!/usr/bin/env bash
# PyAV 18 (FFmpeg 8): a film of 10 bits (yuv420p10, yuv422p10 as of ProRes, p010; 12 bits alike) comes as "rgb24" up to two
# levels too dark: white (940 of 1023 by the standard) is 253. As "bgr24" and "rgba" a flat white has a pattern of 253 and 255.
#
# 8-bit films and yuv444p10 of the same white give 255. Asked for planes ("gbrp", which to_ndarray gives as RGB) the same
# frame is 255 everywhere. The number of bits of the picture is not the cause: as "rgb48le" white is 65283, and that of an
# 8-bit film 65021, never 65535; "gray16le" is 65535. No choice of `interpolation` changes it.
# Seen with av 18.1.0, numpy 2.4.6, Python 3.11.7, Linux:
#   yuv420p:     rgb24 [255], bgr24 [255], gbrp [255], rgb48le [65021], gray16le [65535]
#   yuv420p10le: rgb24 [253], bgr24 [253, 255], gbrp [255], rgb48le [65283], gray16le [65535]
#   yuv422p10le: rgb24 [253], bgr24 [253, 255], gbrp [255], rgb48le [65283], gray16le [65535]
#   yuv444p10le: rgb24 [255], bgr24 [255], gbrp [255], rgb48le [65283], gray16le [65535]
. "$(dirname "$0")/common.sh"
install av==18.1.0 numpy==2.4.6
cd "$folder"
python - <<'PY'
import sys
from fractions import Fraction
import av
import numpy as np

def white(pixels, depth):
    frame = av.VideoFrame(64, 64, pixels)
    for place, plane in enumerate(frame.planes):
        dtype = np.uint16 if depth > 8 else np.uint8
        value = (128 if place else 235) << (depth - 8)
        plane.update(np.full(plane.buffer_size // dtype().itemsize, value, dtype).tobytes())
    frame.pts, frame.time_base = 0, Fraction(1, 24)
    with av.open("film.mkv", "w") as output:  # FFV1 keeps every bit
        stream = output.add_stream("ffv1", rate=24)
        stream.width, stream.height, stream.pix_fmt = 64, 64, pixels
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    with av.open("film.mkv") as film:
        return next(film.decode(video=0))

seen = {}
for pixels, depth in (("yuv420p", 8), ("yuv420p10le", 10), ("yuv422p10le", 10), ("yuv444p10le", 10)):
    frame = white(pixels, depth)
    kinds = ("rgb24", "bgr24", "gbrp", "rgb48le", "gray16le")
    seen[pixels] = {kind: np.unique(frame.to_ndarray(format=kind)).tolist() for kind in kinds}
    print(f"{pixels + ':':12} " + ", ".join(f"{kind} {values}" for kind, values in seen[pixels].items()))
are_dark = all(seen[name]["rgb24"] == [253] for name in ("yuv420p10le", "yuv422p10le"))
are_others_right = all(seen[name]["rgb24"] == [255] for name in ("yuv420p", "yuv444p10le"))
are_planes_right = all(values["gbrp"] == [255] for values in seen.values())
sys.exit(not (are_dark and are_others_right and are_planes_right))
PY
