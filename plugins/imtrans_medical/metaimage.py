"""MetaImage and NRRD: read by SimpleITK, written as MetaImage (.mha) on the same grid."""

import contextlib
import tempfile
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from imtrans.errors import ConfigError, DataError
from imtrans.interfaces import ImageSpec, Raster
from imtrans.kit.images import Array
from imtrans.kit.pretrained import installed
from imtrans_medical.axes import FLIP
from imtrans_medical.raw import RawVoxels
from imtrans_medical.volume import VolumeRaster, VolumeWriter, channels_of, fill_of, plane_across, stored_type

SUFFIXES = (".mha", ".mhd", ".nrrd", ".nhdr")
TYPES = {"uint8": "MET_UCHAR", "uint16": "MET_USHORT", "float32": "MET_FLOAT"}
HEAD = 4096  # bytes that a header of MetaImage takes at most, but for comments


class MetaImage:
    """The format: .mha, .mhd, .nrrd and .nhdr; what is written is .mha."""

    def recognises(self, path: Path) -> bool:
        """Whether a file begins as MetaImage or NRRD does."""
        head = _head(path)
        return head.startswith(b"NRRD") or b"NDims" in head

    def open(self, path: Path, spec: ImageSpec) -> VolumeRaster:
        """A volume whose slices fill the model's channels. DataError for broken files and other values than numbers."""
        return VolumeRaster.opened(MetaVolume(path), spec)

    def suffix(self, path: Path) -> str:  # noqa: ARG002 - the protocol's
        """.mha, of each."""
        return ".mha"

    def create(self, path: Path, like: Raster, spec: ImageSpec) -> VolumeWriter:
        """A file of the same grid. ConfigError for another suffix than .mha."""
        if path.suffix.lower() != ".mha":
            raise ConfigError(f"-o {path.name}: MetaImage is written as .mha", hint="Give -o a folder, or FILE.mha.")
        assert isinstance(like, VolumeRaster)
        assert isinstance(like.volume, MetaVolume)
        components = like.volumes * channels_of(spec)
        return VolumeWriter(MetaStore(path, like.volume, components, stored_type(spec)), like, fill=fill_of(spec))


class MetaVolume:
    """An open file. One that is compressed, and NRRD, which is read as a whole, is laid on the disk first."""

    def __init__(self, path: Path) -> None:
        self._itk: Any = installed("SimpleITK", needed_by=str(path), extra="medical")
        self.name = str(path)
        self.notes: list[str] = []
        self._cleanup = contextlib.ExitStack()
        self._reader = self._itk.ImageFileReader()
        self._reader.SetFileName(str(path))
        try:
            self._reader.ReadImageInformation()
        except RuntimeError as error:
            raise DataError(f"{path}: {_reason(error)}") from None
        self.sizes = tuple(int(n) for n in self._reader.GetSize())
        self.axes = len(self.sizes)
        if not 2 <= self.axes <= 3:
            raise DataError(f"{path}: of {self.axes} axes", hint="Volumes have three. Write points in time one by one.")
        self.shape = (self.sizes[0], self.sizes[1], self.sizes[2] if self.axes == 3 else 1)
        self.components = int(self._reader.GetNumberOfComponents())
        kind = self._itk.GetPixelIDValueAsString(self._reader.GetPixelID())
        if "complex" in kind or "label" in kind:
            raise DataError(f"{path}: values of {kind}", hint="Save numbers.")
        self.bits = next((int(b) for b in ("8", "16") if kind.endswith(f"{b}-bit unsigned integer")), 32)
        self.spacing, self.origin = self._reader.GetSpacing(), self._reader.GetOrigin()
        self.directions = np.reshape(self._reader.GetDirection(), (self.axes, self.axes))
        self.affine = FLIP @ self._affine()
        is_meta = path.suffix.lower() in (".mha", ".mhd")
        self._is_streamed = is_meta and b"CompressedData = True" not in _head(path)

    def _affine(self) -> Array:
        affine = np.eye(4)
        affine[: self.axes, : self.axes] = self.directions * self.spacing
        affine[: self.axes, 3] = self.origin
        return affine

    def plane(self, axis: int, position: int, component: int) -> Array:
        """The values of a plane."""
        if not self._is_streamed:
            return plane_across(self._all[..., component], axis, position)
        start, size = [0] * self.axes, [*self.sizes]
        if axis < self.axes:
            start[axis], size[axis] = position, 1
        self._reader.SetExtractIndex(start)
        self._reader.SetExtractSize(size)
        return plane_across(self._read()[..., component], axis, 0)

    @cached_property
    def _all(self) -> Array:
        """The whole volume, on the disk."""
        values = self._read()
        folder = self._cleanup.enter_context(tempfile.TemporaryDirectory(prefix="imtrans-"))
        voxels = np.memmap(Path(folder) / "voxels", values.dtype, mode="w+", shape=values.shape, order="F")
        voxels[:] = values
        return voxels

    def _read(self) -> Array:
        """What the reader is set to, (x, y, z, components)."""
        try:
            image = self._reader.Execute()
        except RuntimeError as error:
            raise DataError(f"{self.name}: {_reason(error)}") from None
        values: Array = self._itk.GetArrayFromImage(image)
        values = values if self.components > 1 else values[..., None]
        values = values if self.axes == 3 else values[None]
        return values.transpose(2, 1, 0, 3)

    def close(self) -> None:
        """Remove what was laid on the disk."""
        self.__dict__.pop("_all", None)
        self._cleanup.close()


class MetaStore(RawVoxels):
    """A file of the source's grid. Its header is written here: SimpleITK writes whole volumes only, from memory."""

    def __init__(self, path: Path, like: MetaVolume, components: int, dtype: "np.dtype[Any]") -> None:
        lines = {
            "ObjectType": "Image",
            "NDims": like.axes,
            "BinaryData": "True",
            "BinaryDataByteOrderMSB": "False",
            "CompressedData": "False",
            "TransformMatrix": _numbers(like.directions.T.ravel()),  # the direction of each axis in turn
            "Offset": _numbers(like.origin),
            "CenterOfRotation": _numbers([0] * like.axes),
            "ElementSpacing": _numbers(like.spacing),
            "DimSize": " ".join(map(str, like.sizes)),
            "ElementNumberOfChannels": components,
            "ElementType": TYPES[dtype.name],
            "ElementDataFile": "LOCAL",
        }
        head = "".join(f"{name} = {value}\n" for name, value in lines.items()).encode("ascii")
        path.write_bytes(head)
        super().__init__(
            path, (*like.shape, components), dtype.newbyteorder("<"), offset=len(head), is_interleaved=True
        )

    def close(self) -> None:
        """Nothing is left to be done."""


def _numbers(values: Any) -> str:
    return " ".join(repr(float(v)) for v in values)


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(HEAD)
    except OSError:
        return b""


def _reason(error: RuntimeError) -> str:
    """The last line of what ITK says, which has the cause."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else "cannot be read"
