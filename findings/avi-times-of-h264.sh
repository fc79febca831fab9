#!/usr/bin/env bash
# PyAV 18 (FFmpeg 8): of H.264 in AVI every frame has a time, and the times are wrong: one frame late, and where frames
# refer to later ones they do not even grow. The frames themselves come in the right order.
#
# AVI stores the order of packets alone; the demuxer makes times of presentation from it, as if packets were in the
# order of frames. No error, no warning, no time that is missing. In MP4 the same frames have the times 0 to 5.
# Seen with av 18.1.0, numpy 2.4.6, Python 3.11.7, Linux:
#   a.avi, no frame refers to later ones: grey [0, 39, 80, 119, 159, 200] at frames [1, 2, 3, 4, 5, 6]
#   a.avi, 2 of 3 may:                    grey [0, 39, 80, 119, 159, 200] at frames [1, 3, 4, 2, 6, 5]
#   a.mp4, 2 of 3 may:                    grey [0, 39, 80, 119, 159, 200] at frames [0, 1, 2, 3, 4, 5]
. "$(dirname "$0")/common.sh"
install av==18.1.0 numpy==2.4.6
cd "$folder"
python - <<'PY'
import sys
from fractions import Fraction
import av
import numpy as np

def shown(name, text, between):
    with av.open(name, "w") as output:
        stream = output.add_stream("libx264", rate=24, options={"bf": str(between)})
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for number in range(6):
            grey = np.full((64, 64, 3), 40 * number, np.uint8)
            frame = av.VideoFrame.from_ndarray(grey, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 24)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    with av.open(name) as film:
        frames = list(film.decode(video=0))
    greys = [int(frame.to_ndarray(format="rgb24").mean()) for frame in frames]
    times = [round(frame.pts * frame.time_base * 24) for frame in frames]
    print(f"{name}, {text:<32} grey {greys} at frames {times}")
    return greys == sorted(greys), times

plain = shown("a.avi", "no frame refers to later ones:", 0)
between = shown("a.avi", "2 of 3 may:", 2)
other = shown("a.mp4", "2 of 3 may:", 2)
is_so = plain == (True, [1, 2, 3, 4, 5, 6]) and between[0] and between[1] != sorted(between[1])
sys.exit(not (is_so and other == (True, [0, 1, 2, 3, 4, 5])))
PY
