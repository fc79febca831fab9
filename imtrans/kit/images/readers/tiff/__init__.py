"""TIFF files, read and written by tifffile alone."""

from imtrans.kit.images.readers.tiff.layout import MAGIC, TiffLayout
from imtrans.kit.images.readers.tiff.reader import labels, opened, picture
from imtrans.kit.images.readers.tiff.writer import encode

__all__ = ["MAGIC", "TiffLayout", "encode", "labels", "opened", "picture"]
