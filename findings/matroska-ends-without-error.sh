#!/usr/bin/env bash
# PyAV 18 (FFmpeg 8): a Matroska or WebM film that was cut off, as by a full disk or a broken download, reads as a shorter
# film: no exception, and no packet or frame that is marked corrupt. MP4 says so in the same case. The header's duration
# is the only sign that is left.
#
# Seen with av 18.1.0, numpy 2.4.6, Python 3.11.7, Linux:
#   a.mkv, whole:   60 of 60 frames, marked: 0, error: none, header says 2.50 s, last frame ends at 2.50 s
#   a.mkv, cut off: 35 of 60 frames, marked: 0, error: none, header says 2.50 s, last frame ends at 1.46 s
#   a.mp4, cut off: 35 of 60 frames, marked: 1, error: InvalidDataError, header says 2.50 s, last frame ends at 1.46 s
. "$(dirname "$0")/common.sh"
install av==18.1.0 numpy==2.4.6
cd "$folder"
python - <<'PY'
import sys
from fractions import Fraction
import av
import numpy as np

def film(name):
    random = np.random.default_rng(0)
    with av.open(name, "w", options={"movflags": "faststart"} if name.endswith("mp4") else {}) as output:
        stream = output.add_stream("libx264", rate=24, options={"bf": "0", "g": "1"})
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for number in range(60):
            frame = av.VideoFrame.from_ndarray(random.integers(0, 256, (64, 64, 3), dtype=np.uint8), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 24)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return bytearray(open(name, "rb").read())

def read(name, text, content):
    open(name, "wb").write(content)
    count, marked, error, end = 0, 0, "none", Fraction(0)
    with av.open(name) as container:
        stream = container.streams.video[0]
        stream.thread_type = "SLICE"
        try:
            for packet in container.demux(stream):
                marked += packet.is_corrupt
                for frame in packet.decode():
                    count, marked = count + 1, marked + frame.is_corrupt
                    end = frame.pts * frame.time_base + Fraction(1, 24)
        except av.FFmpegError as fault:
            error = type(fault).__name__
        length = container.duration / av.time_base
    print(f"{name}, {text + ':':<8} {count} of 60 frames, marked: {marked}, error: {error}, "
          f"header says {length:.2f} s, last frame ends at {float(end):.2f} s")
    return count, marked, error

mkv, mp4 = film("a.mkv"), film("a.mp4")
whole = read("a.mkv", "whole", mkv)
cut = read("a.mkv", "cut off", mkv[: len(mkv) * 6 // 10])
control = read("a.mp4", "cut off", mp4[: len(mp4) * 6 // 10])
is_silent = cut[0] < 60 and cut[1:] == (0, "none")
sys.exit(not (whole == (60, 0, "none") and is_silent and control[2] != "none"))
PY
