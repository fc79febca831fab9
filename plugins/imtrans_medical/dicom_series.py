"""DICOM read by pydicom: one file, or a folder of one series, each value turned and rescaled once."""

import contextlib
import logging
import os
import tempfile
import warnings
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from imtrans.errors import DataError
from imtrans.kit.images import Array
from imtrans.kit.pretrained import installed
from imtrans_medical.dicom_grid import GRID, Head, check_series, placed
from imtrans_medical.volume import plane_across

TAGS = (
    *(*GRID, "ImagePositionPatient", "InstanceNumber", "SliceThickness", "ImagerPixelSpacing", "NumberOfFrames"),
    *("BitsStored", "PixelRepresentation", "RescaleSlope", "RescaleIntercept", "ModalityLUTSequence"),
    *("PixelPaddingValue", "PhotometricInterpretation"),
)


def is_dicom(path: Path) -> bool:
    """Whether a file begins as DICOM does, or a folder is one series by its first and its last file."""
    try:
        if not path.is_dir():
            with path.open("rb") as file:
                return file.read(132)[128:] == b"DICM"
        with os.scandir(path) as entries:  # a folder of a million pictures is not listed
            some = next((e.path for e in entries if not e.is_dir() and _is_slice(e.name)), None)
        if some is None or not is_dicom(Path(some)):
            return False
        files = series_files(path)
        return is_dicom(files[0]) and is_dicom(files[-1]) and _series(files[0]) == _series(files[-1])
    except OSError:
        return False


def series_files(path: Path) -> list[Path]:
    """The files of a folder in the order of their names, or the file itself."""
    return sorted(p for p in path.iterdir() if _is_slice(p.name) and p.is_file()) if path.is_dir() else [path]


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """A block without warnings that a value, of whatever tag, is not as the standard wants it: many files have some."""
    logger = logging.getLogger("pydicom")
    level = logger.level
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            logger.setLevel(level)


def reason(error: Exception) -> str:
    """What pydicom says in some lines, as one."""
    return " ".join(str(error).split())[:300] or type(error).__name__


def _is_slice(name: str) -> bool:
    return not name.startswith(".") and name != "DICOMDIR"


class DicomVolume:
    """An open series, its slices in the order of their positions. `files` are theirs."""

    components = 1

    def __init__(self, path: Path) -> None:
        self._pydicom: Any = installed("pydicom", needed_by=str(path), extra="medical")
        self.name, self.notes = str(path), list[str]()
        self._cleanup = contextlib.ExitStack()
        heads = [(self._head(file), file) for file in series_files(path)]
        if not heads:
            raise DataError(f"{path}: holds no files")
        try:
            with quiet():  # values are decoded when they are asked for
                check_series(heads)
                self._read_heads(heads)
        except (ValueError, TypeError) as error:
            raise DataError(f"{path}: a number in its header is none ({reason(error)})") from None

    def _read_heads(self, heads: list[Head]) -> None:
        self.affine, ordered, notes = placed(heads, self.name)
        self.notes.extend(notes)
        self.files = [file for _, file in ordered]
        first = ordered[0][0]
        self.shape = (int(first.Columns), int(first.Rows), len(ordered))
        # Whole numbers of so many bits; what is rescaled, has more bits, a sign or a padding, is read as floats.
        self.bits = max(8, int(first.BitsStored)) if all(_is_plain(head) for head, _ in heads) else 32

    def plane(self, axis: int, position: int, component: int) -> Array:  # noqa: ARG002 - there is one
        """The values of a plane, NaN for padding."""
        return self._slice(position) if axis == 2 else plane_across(self._all, axis, position)

    @cached_property
    def _all(self) -> Array:
        """The whole volume on the disk, for planes across other axes: each needs a line of every file."""
        folder = self._cleanup.enter_context(tempfile.TemporaryDirectory(prefix="imtrans-"))
        voxels = np.memmap(Path(folder) / "voxels", self._slice(0).dtype, mode="w+", shape=self.shape, order="F")
        for number in range(self.shape[2]):
            voxels[..., number] = self._slice(number)
        return voxels

    def _slice(self, number: int) -> Array:
        """A slice, (columns, rows)."""
        file = self.files[number]
        try:
            with quiet():
                dataset = self._pydicom.dcmread(file)
                stored: Array = dataset.pixel_array
                values = self._values(dataset, stored).T
        except (RuntimeError, NotImplementedError, ValueError, AttributeError, KeyError, OSError, EOFError) as error:
            hint = 'Where a decoder is missing: pip install "pylibjpeg[all]"'
            raise DataError(f"{file}: {reason(error)}", hint=hint) from None
        return values if self.bits == 32 else values.astype(np.uint8 if self.bits == 8 else np.uint16)

    def _values(self, dataset: Any, stored: Array) -> Array:
        """Turned where low values are white, then rescaled; NaN where the file pads."""
        values = stored
        if dataset.PhotometricInterpretation == "MONOCHROME1":
            lowest = -(2 ** (dataset.BitsStored - 1)) if dataset.PixelRepresentation else 0
            values = (2 * lowest + 2**dataset.BitsStored - 1) - stored.astype(np.int64)
        if self.bits < 32:
            return values
        scaled: Array = np.array(self._pydicom.pixels.apply_modality_lut(values, dataset), np.float32)
        if (padding := dataset.get("PixelPaddingValue")) is not None:
            ends = sorted((padding, dataset.get("PixelPaddingRangeLimit", padding)))
            scaled[(stored >= ends[0]) & (stored <= ends[1])] = np.nan
        return scaled

    def _head(self, file: Path) -> Any:
        try:
            with quiet():
                return self._pydicom.dcmread(file, stop_before_pixels=True, specific_tags=list(TAGS))
        except (self._pydicom.errors.InvalidDicomError, OSError, EOFError, ValueError) as error:
            raise DataError(f"{file}: {reason(error)}") from None

    def close(self) -> None:
        """Remove what was unpacked."""
        self.__dict__.pop("_all", None)
        self._cleanup.close()


def _is_plain(head: Any) -> bool:
    is_scaled = float(head.get("RescaleSlope") or 1) != 1 or float(head.get("RescaleIntercept") or 0) != 0
    has_more = "ModalityLUTSequence" in head or "PixelPaddingValue" in head or head.BitsStored > 16
    return not (is_scaled or has_more or head.PixelRepresentation)


def _series(file: Path) -> str:
    try:
        import pydicom
    except ImportError:
        return ""  # opening it says what to install
    try:
        head = pydicom.dcmread(file, stop_before_pixels=True, specific_tags=["SeriesInstanceUID"])
    except (pydicom.errors.InvalidDicomError, OSError, EOFError, ValueError):
        return str(file)
    return str(head.get("SeriesInstanceUID"))
