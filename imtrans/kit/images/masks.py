"""The mask of a pair: where source and target are to be compared."""

from pathlib import Path

import numpy as np

from imtrans.errors import DataError
from imtrans.interfaces import ImageSpec
from imtrans.kit.formats import SUFFIXES
from imtrans.kit.images.array import Array
from imtrans.kit.images.decode import decode, label_map, recorded_opacity
from imtrans.kit.images.header import header

MASK = "mask"  # the extra of a pair that holds it: 1, compared, or 0
MASK_SPEC = ImageSpec(kind="labels", channels=1, classes=2)


def mask_file(picture: Path, folder: Path) -> Path:
    """The mask of a picture: the file of its name in the folder, below it where the picture lies below others.

    DataError says what was looked for.
    """
    # train/A/1.png has its mask in train/A, in train, or in the folder itself: A may be the name of the side.
    parents = picture.absolute().parent.parts[1:]
    below = [Path(*part[start:]) for part in (parents, parents[:-1]) for start in range(len(part))]
    for place in (*below, Path()):
        for suffix in SUFFIXES:
            file = folder / place / f"{picture.stem}{suffix}"
            if file.is_file():
                return file
    hint = f"Looked for {picture.stem}.png and the like, also in folders below it. 0 leaves a pixel out, more keeps it."
    raise DataError(f"{picture}: no mask of it in {folder}", hint=hint)


def opaque(file: Path, *, page: int | None = None) -> Array | None:
    """Where a picture is opaque, (H, W, 1) uint8 of 0 and 1; None for a file without transparency.

    DataError as from `decode`.
    """
    if not header(file).has_alpha:
        return None
    with recorded_opacity() as recorded:
        decode(file, background=None, page=page)
    return recorded[str(file), page]


def read_mask(file: Path, size: tuple[int, ...]) -> Array:
    """A mask as (H, W, 1) uint8 of 0 and 1: what is not 0 counts. DataError for another size than this, or colours."""
    values = label_map(file).ids
    if values.shape[:2] != tuple(size):
        sizes = " and ".join(f"{s[1]} x {s[0]}" for s in (values.shape, size))
        raise DataError(f"{file}: the mask and its pair are {sizes} pixels", hint="Make them one size.")
    mask: Array = (values > 0).astype(np.uint8)
    return mask
