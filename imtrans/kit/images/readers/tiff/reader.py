"""TIFF files, read by tifffile alone: any number of channels, 1 to 16 bits and float."""

import contextlib
import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from imtrans.kit.images.array import Array, Color, LabelMap
from imtrans.kit.images.readers.alpha import composite
from imtrans.kit.images.readers.memory_file import PictureFile
from imtrans.kit.images.readers.orientation import upright
from imtrans.kit.images.readers.pillow_formats import MAX_PIXELS, QUIET, not_labels
from imtrans.kit.images.readers.samples import check_sign, real_numbers, whole_numbers
from imtrans.kit.images.readers.tiff.chunks import stored_pixels
from imtrans.kit.images.readers.tiff.layout import CMYK, WHITE_IS_ZERO, TiffLayout, palette, tiff_layout

if TYPE_CHECKING:
    import tifffile

_log = logging.getLogger(__name__)


@contextlib.contextmanager
def opened(
    path: PictureFile, handle: BinaryIO, page: int | None = None
) -> Iterator[tuple["tifffile.TiffPage", TiffLayout]]:
    """A page of an open TIFF, else the first, and its layout; no pixel is read. ValueError or OSError if broken."""
    import tifffile

    logging.getLogger("tifffile").addHandler(QUIET)
    try:
        with tifffile.TiffFile(handle) as file:
            chosen = file.pages.first if not page else _page(file, page)
            yield chosen, tiff_layout(path, file, chosen)
    except tifffile.TiffFileError as error:
        raise ValueError(f"broken or cut off ({error})") from None


def picture(path: PictureFile, background: Color | None, number: int | None = None) -> Array:
    """A page as (H, W, C) uint8, uint16 or float32, upright; what is transparent shows the background."""
    with path.open("rb") as file, opened(path, file, number) as (page, layout):
        stored = _stored(path, page, layout, is_chosen=number is not None)
        if layout.is_indexed:
            return upright(palette(page)[stored[..., 0]], layout.orientation)
        colours = _readable(path, _black_is_zero(path, stored[..., layout.channels], layout), layout)
        if layout.photometric == CMYK:
            colours = _rgb(colours, layout.high)
        if layout.alpha is not None:
            alpha = _readable(path, stored[..., layout.alpha], layout)
            colours = composite(colours, alpha, background, white=layout.high, is_premultiplied=layout.is_premultiplied)
        return upright(colours, layout.orientation)


def labels(path: PictureFile, number: int | None = None) -> LabelMap:
    """The label map in a page: palette indices, or the values of grey as stored, white or black as 0."""
    with path.open("rb") as file, opened(path, file, number) as (page, layout):
        if len(layout.channels) != 1 or layout.alpha is not None or layout.is_float:
            raise not_labels(path, layout.mode)
        stored = _stored(path, page, layout, is_chosen=number is not None)
        ids = whole_numbers(path, stored, bits=layout.bits)
        colours = tuple((int(r), int(g), int(b)) for r, g, b in palette(page)) if layout.is_indexed else None
        return LabelMap(upright(ids, layout.orientation), layout.mode, colours)


def _page(file: "tifffile.TiffFile", number: int) -> "tifffile.TiffPage":
    import tifffile

    try:
        page = file.pages[number]
    except IndexError:
        raise ValueError(f"has no page {number + 1}") from None
    return page if isinstance(page, tifffile.TiffPage) else page.aspage()


def _stored(path: PictureFile, page: "tifffile.TiffPage", layout: TiffLayout, *, is_chosen: bool = False) -> Array:
    if layout.pages > 1 and not is_chosen:
        size = f"{layout.width} x {layout.height} pixels"
        _log.info("%s: %d pages; the first is taken (%s)", path, layout.pages, size)
    return stored_pixels(path, page, most_pixels=MAX_PIXELS)


def _black_is_zero(path: PictureFile, values: Array, layout: TiffLayout) -> Array:
    if layout.photometric != WHITE_IS_ZERO:
        return values
    check_sign(path, values)
    inverted: Array = ~values if values.dtype == np.bool_ else values.dtype.type(layout.white) - values
    return inverted


def _readable(path: PictureFile, values: Array, layout: TiffLayout) -> Array:
    """Stored values as float32, or whole numbers; of less than 8 bits so that white is 255."""
    if not layout.is_float:
        whole = whole_numbers(path, values, bits=layout.bits)
        if layout.bits >= 8:
            return whole
        half = layout.white // 2
        scaled: Array = ((whole.astype(np.uint16) * 255 + half) // layout.white).astype(np.uint8)
        return scaled
    return real_numbers(values)


def _rgb(inks: Array, white: int | float) -> Array:
    """CMYK as RGB: light passes through each ink and through black."""
    light = np.uint32(white) - inks.astype(np.uint32)
    mixed: Array = (light[..., :3] * light[..., 3:] + np.uint32(white) // 2) // np.uint32(white)
    return mixed.astype(inks.dtype)
