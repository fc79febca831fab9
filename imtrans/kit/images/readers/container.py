"""The header of a picture that a library of its own reads: JPEG 2000 and AVIF of many bits, HEIC, EXR, NPZ."""

import importlib
from dataclasses import dataclass
from types import ModuleType

from imtrans.errors import DataError
from imtrans.kit.images.readers.memory_file import PictureFile
from imtrans.kit.images.readers.pillow_formats import MAX_PIXELS
from imtrans.kit.images.readers.samples import mode_name


@dataclass(frozen=True, kw_only=True)
class ContainerLayout:
    """The format by its name, and the size, channels and significant bits (32: float) of the picture as it is read."""

    format: str
    width: int
    height: int
    channels: int
    bits: int
    has_alpha: bool = False

    @property
    def dtype(self) -> str:
        """The type of the picture that is read."""
        return "float32" if self.bits == 32 else "uint8" if self.bits <= 8 else "uint16"

    @property
    def mode(self) -> str:
        """The mode as Pillow would name it."""
        return mode_name(self.channels, bits=self.bits, is_float=self.bits == 32)

    def checked(self, path: PictureFile) -> "ContainerLayout":
        """The same; DataError where it has more pixels than are read, or none."""
        if not 0 < self.width * self.height <= MAX_PIXELS:
            raise DataError(f"{path}: {self.width} x {self.height} pixels; at most {MAX_PIXELS:,} are read")
        return self


def library(name: str, package: str, path: PictureFile) -> ModuleType:
    """A library of the extra `formats`. DataError, naming the file and what to install, where it is not there."""
    try:
        return importlib.import_module(name)
    except ImportError:
        raise DataError(
            f"{path}: {package} is not installed, which reads {path.suffix.lower() or 'this format'}",
            hint='python -m pip install "imtrans[formats]"',
        ) from None
