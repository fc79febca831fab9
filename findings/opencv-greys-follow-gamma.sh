#!/usr/bin/env bash
# OpenCV: IMREAD_GRAYSCALE of a colour PNG mixes the three colours in linear light where the file says which gamma it has (a
# chunk sRGB or gAMA, as most picture editors write one), and as they are stored where it does not.
#
# The same pixels, in two files that every viewer shows alike, come back as greys that are up to 71 levels apart. Colours
# (IMREAD_COLOR) are equal to the bit, and so are their greys by cvtColor. A folder of pictures from two programs is two
# data sets. It is libpng that mixes, asked by OpenCV; with 16 bits it is the same.
# Seen with opencv-python-headless 5.0.0.93 and 4.14.0.94, numpy 2.4.6, Python 3.11.7, Linux:
#   plain: blue, red, green, wine red: [29, 76, 149, 84], by cvtColor [29, 76, 150, 84]
#   sRGB:  blue, red, green, wine red: [95, 147, 200, 118], by cvtColor [29, 76, 150, 84]
#   gAMA:  blue, red, green, wine red: [95, 147, 200, 118], by cvtColor [29, 76, 150, 84]
#   colours are equal, greys differ by up to 71 levels
. "$(dirname "$0")/common.sh"
install opencv-python-headless==5.0.0.93 numpy==2.4.6
cd "$folder"
python - <<'PY'
import struct
import sys
import zlib
import cv2
import numpy as np

pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
pixels[0, :4] = (0, 0, 255), (255, 0, 0), (0, 255, 0), (200, 30, 60)

def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

def png(gamma):
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 32, 32, 8, 2, 0, 0, 0))
    rows = zlib.compress(b"".join(b"\0" + row.tobytes() for row in pixels))
    return b"\x89PNG\r\n\x1a\n" + head + gamma + chunk(b"IDAT", rows) + chunk(b"IEND", b"")

files = {"plain": b"", "sRGB": chunk(b"sRGB", b"\0"), "gAMA": chunk(b"gAMA", struct.pack(">I", 45455))}
greys = {}
are_colors_equal = True
for name, gamma in files.items():
    file = np.frombuffer(png(gamma), np.uint8)
    color = cv2.imdecode(file, cv2.IMREAD_COLOR)
    greys[name] = cv2.imdecode(file, cv2.IMREAD_GRAYSCALE).astype(int)
    are_colors_equal &= (color[..., ::-1] == pixels).all()
    by_color = cv2.cvtColor(color, cv2.COLOR_BGR2GRAY)[0, :4].tolist()
    print(f"{name + ':':6} blue, red, green, wine red: {greys[name][0, :4].tolist()}, by cvtColor {by_color}")
apart = int(abs(greys["sRGB"] - greys["plain"]).max())
print(f"colours are {'equal' if are_colors_equal else 'different'}, greys differ by up to {apart} levels")
sys.exit(not (are_colors_equal and apart > 60 and (greys["sRGB"] == greys["gAMA"]).all()))
PY
