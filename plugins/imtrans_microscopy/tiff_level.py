"""One level of a TIFF, read by its tiles or strips."""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from imtrans.errors import DataError
from imtrans.kit.images import Array

CACHE = 96 * 2**20  # bytes of decoded tiles that are kept
LARGEST = 256 * 2**20  # bytes of a tile or strip
COLORS = ("MINISBLACK", "RGB", "YCBCR")
JPEG = (6, 7, 33007, 34892)  # codes of compressions whose tables lie outside of the tiles


class TiffLevel:
    """Pages of one size: of each plane one after the other those of its channels, or one with samples."""

    def __init__(self, path: Path, pages: Sequence[Any], *, pages_each: int) -> None:
        self._path, self._pages, self._each = path, pages, pages_each
        page = self._key = pages[0].keyframe
        if page.photometric.name not in COLORS or page.dtype is None or page.dtype.kind not in "iuf":
            what = f"{path}: pixels of type {page.photometric.name}, {page.dtype}"
            raise DataError(what, hint="Save them as grey or RGB, in whole numbers or floats.")
        self.dtype, self.size = page.dtype, (page.imagelength, page.imagewidth)
        self._is_planar = page.samplesperpixel > 1 and page.planarconfig.name == "SEPARATE"
        self.samples = page.samplesperpixel
        self.channels = pages_each * self.samples
        self._tile = (page.tilelength, page.tilewidth) if page.is_tiled else (page.rowsperstrip, page.imagewidth)
        if self._tile[0] * self._tile[1] * self.samples * self.dtype.itemsize > LARGEST:
            what = f"{path}: its pixels lie in pieces of {self._tile[1]} x {self._tile[0]}, which are read as a whole"
            raise DataError(what, hint="Save it in tiles of 256 x 256, for example by bioformats2raw or vips.")
        self._across = -(-self.size[1] // self._tile[1])
        self._down = -(-self.size[0] // self._tile[0])
        self._cache: OrderedDict[tuple[int, int], Array | None] = OrderedDict()
        self._kept = 0

    def read(self, rows: range, columns: range, plane: int) -> Array:
        """The stored values of a window, (h, w, C); 0 where the file has no tile."""
        window = np.zeros((len(rows), len(columns), self.channels), self.dtype)
        for channel, first, index, (down, right) in self._places(rows, columns):
            tile = self._decoded(plane * self._each + channel, index)
            if tile is None:
                continue
            top, left = max(down, rows.start), max(right, columns.start)
            part = tile[top - down : rows.stop - down, left - right : columns.stop - right]
            at = np.s_[top - rows.start :, left - columns.start :, first : first + part.shape[2]]
            window[at][: part.shape[0], : part.shape[1]] = part
        return window

    def valid(self, rows: range, columns: range, plane: int) -> Array | None:
        """Where the file has tiles, bool (h, w); None: everywhere."""
        whole: Array | None = None
        for channel, _, index, (down, right) in self._places(rows, columns):
            if self._is_stored(self._pages[plane * self._each + channel], index):
                continue
            if whole is None:
                whole = np.ones((len(rows), len(columns)), bool)
            top, left = max(down - rows.start, 0), max(right - columns.start, 0)
            bottom, end = down + self._tile[0] - rows.start, right + self._tile[1] - columns.start
            whole[top:bottom, left:end] = False
        return whole

    def _places(self, rows: range, columns: range) -> Iterator[tuple[int, int, int, tuple[int, int]]]:
        """Of every tile that a window touches its page of the plane, its first channel, its index and its corner."""
        planar = range(self.samples if self._is_planar else 1)
        for channel in range(self._each):
            for sample in planar:
                for y in range(rows.start // self._tile[0], -(-rows.stop // self._tile[0])):
                    for x in range(columns.start // self._tile[1], -(-columns.stop // self._tile[1])):
                        index = (sample * self._down + y) * self._across + x
                        corner = (y * self._tile[0], x * self._tile[1])
                        yield channel, channel * self.samples + sample, index, corner

    @staticmethod
    def _is_stored(page: Any, index: int) -> bool:
        return page is not None and page.databytecounts[index] > 0

    def _decoded(self, number: int, index: int) -> Array | None:
        """A tile, (h, w, samples); None where the file has none."""
        if not self._is_stored(self._pages[number], index):
            return None
        key = (number, index)
        if key not in self._cache:
            tile = self._cache[key] = self._decode(self._pages[number], index)
            self._kept += tile.nbytes
            while self._kept > CACHE and len(self._cache) > 1:
                _, old = self._cache.popitem(last=False)
                self._kept -= old.nbytes if old is not None else 0
        self._cache.move_to_end(key)
        return self._cache[key]

    def _decode(self, page: Any, index: int) -> Array:
        file, count = page.parent.filehandle, page.databytecounts[index]
        more: dict[str, Any] = {}
        if self._key.compression in JPEG:
            more = {"jpegtables": page.jpegtables, "jpegheader": self._key.jpegheader}
        try:
            file.seek(page.dataoffsets[index])
            data = file.read(count)
            if len(data) < count:
                raise DataError(f"{self._path}: cut off; tile {index} is missing", hint="Copy the file again.")
            tile, _, shape = self._key.decode(data, index, **more)
        except (OSError, ValueError, RuntimeError, tifffile.TiffFileError, TypeError) as error:
            raise DataError(f"{self._path}: tile {index} is broken ({error})") from None
        decoded: Array = tile[0, : shape[1], : shape[2]]
        return decoded
