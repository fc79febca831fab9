"""Pictures: reading, writing, resizing, color spaces, and the one contract of ranges."""

from imtrans.kit.images.array import WHITE, Array, Color, LabelMap
from imtrans.kit.images.convert import (
    from_range,
    target_to_display,
    to_display,
    to_range,
    with_channels,
)
from imtrans.kit.images.decode import FORMATS, decode, label_map
from imtrans.kit.images.encode import encode, suffix_for
from imtrans.kit.images.header import ImageHeader, header
from imtrans.kit.images.readers.pillow_formats import MAX_PIXELS
from imtrans.kit.images.resize import Interpolation, nearest_indices, resize, resize_nearest

__all__ = [
    "FORMATS",
    "MAX_PIXELS",
    "WHITE",
    "Array",
    "Color",
    "ImageHeader",
    "Interpolation",
    "LabelMap",
    "decode",
    "encode",
    "from_range",
    "header",
    "label_map",
    "nearest_indices",
    "target_to_display",
    "resize",
    "resize_nearest",
    "to_display",
    "suffix_for",
    "to_range",
    "with_channels",
]
