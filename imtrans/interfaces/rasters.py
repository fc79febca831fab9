"""Files of pictures that carry more than pixels, or are too large for memory: read and written window by window."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from imtrans.interfaces.data import ImageSpec

# A plugin's declaration may import this module, and must not import torch.
if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]


class Raster(Protocol):
    """An open file: planes of one height and width, each with so many channels. Windows are in whole pixels.

    `bits` are the significant bits of its values, 32 for floats; `notes` are lines to heed.
    """

    size: tuple[int, int]
    channels: int
    planes: int
    bits: int
    notes: Sequence[str]

    def read(self, rows: range, columns: range, *, plane: int = 0) -> "Array":
        """The stored values of a window, (h, w, C). DataError names a file that is broken there."""
        ...

    def valid(self, rows: range, columns: range, *, plane: int = 0) -> "Array | None":
        """Where a window has values, bool (h, w); None: everywhere. What a file calls "no data" is not valid."""
        ...

    def close(self) -> None:
        """Close the file."""
        ...


class RasterWriter(Protocol):
    """A file that is being written. Windows come once each, plane by plane, from top to bottom and left to right."""

    def write(
        self, rows: range, columns: range, values: "Array", *, valid: "Array | None" = None, plane: int = 0
    ) -> None:
        """Write (h, w, C), of the type that the image specification stores; where not `valid`, the file's "no data"."""
        ...

    def close(self) -> None:
        """Finish the file. It is not complete before."""
        ...


class Format(Protocol):
    """Reads and writes one kind of file; made from a component of kind "format"."""

    def recognises(self, path: "Path") -> bool:
        """Whether a file whose name ends in one of the format's suffixes is of this kind; its pixels are not read."""
        ...

    def open(self, path: "Path", spec: ImageSpec) -> Raster:
        """A file whose windows a model reads that takes `spec`. DataError for a broken file or another number of
        channels, NotInstalledError without the library that reads it."""
        ...

    def suffix(self, path: "Path") -> str:
        """What the name of the translation of a file ends in, ".tif"."""
        ...

    def create(self, path: "Path", like: Raster, spec: ImageSpec) -> RasterWriter:
        """A new file for translations, of `spec`, of a file that this format opened, or another (--format); it keeps
        what that says of its place and its pixels' size. ConfigError for a suffix or a file that it cannot write."""
        ...
