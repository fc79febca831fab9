"""Pictures turned upright, as their EXIF orientation says."""

import numpy as np

from imtrans.kit.images.array import Array

ORIENTATION = 274  # tag, in TIFF and EXIF
# By EXIF orientation: quarter turns, and whether mirrored afterwards.
TURNS = {2: (0, True), 3: (2, False), 4: (2, True), 5: (3, True), 6: (3, False), 7: (1, True), 8: (1, False)}


def upright(picture: Array, orientation: int) -> Array:
    """(H, W, C) turned upright from an EXIF orientation (1 to 8); any other number changes nothing."""
    if orientation not in TURNS:
        return picture
    quarters, is_mirrored = TURNS[orientation]
    rotated = np.rot90(picture, quarters)
    return np.ascontiguousarray(rotated[:, ::-1] if is_mirrored else rotated)
