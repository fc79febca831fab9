"""Drawn house fronts whose photo is shifted against its label map by a known distance, also of parts of a pixel."""

import cv2
import numpy as np

from imtrans_synthetic.toy_drawing import draw

FINE, MARGIN = 4, 8  # drawn so many times as large; pixels on each side that a shift moves in


def shifted_pair(number, *, down, right, size=64):
    """Label map and photo, uint8 (size, size, 3), of scene `number`; the shift, up to 8 px, in quarters of a pixel."""
    labels, photo = draw(number, height=FINE * (size + 2 * MARGIN), width=FINE * (size + 2 * MARGIN))
    return cut(labels, 0, 0, size), cut(photo, down, right, size)


def cut(picture, down, right, size):
    top, left = (round(FINE * (MARGIN - shift)) for shift in (down, right))
    part = picture[top : top + FINE * size, left : left + FINE * size]
    return cv2.resize(np.ascontiguousarray(part), (size, size), interpolation=cv2.INTER_AREA)
