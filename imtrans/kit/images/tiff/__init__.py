"""TIFF files, read and written by tifffile alone."""

from imtrans.kit.images.tiff.layout import TiffLayout, is_tiff
from imtrans.kit.images.tiff.reader import labels, opened, picture
from imtrans.kit.images.tiff.writer import encode

__all__ = ["TiffLayout", "encode", "is_tiff", "labels", "opened", "picture"]
