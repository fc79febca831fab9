"""NIfTI by nibabel: slices of a volume, written back on the same grid."""

import contextlib
import errno
import gzip
import shutil
import tempfile
import zlib
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from imtrans.errors import ConfigError, DataError, ResourceError
from imtrans.interfaces import ImageSpec, Raster
from imtrans.kit.images import Array
from imtrans.kit.pretrained import installed
from imtrans_medical.raw import RawVoxels
from imtrans_medical.volume import VolumeRaster, VolumeWriter, channels_of, fill_of, plane_across, stored_type

SUFFIXES = (".nii", ".nii.gz")
MAGIC = {(344, b"n+1\0"), (4, b"n+2\0")}  # NIfTI 1 and 2, with voxels in the same file
# What a header says of the grid. All else (range of display, slope, statistics) is of the source's values.
GEOMETRY = (
    *("dim_info", "xyzt_units", "pixdim", "toffset", "qform_code", "sform_code", "srow_x", "srow_y", "srow_z"),
    *("quatern_b", "quatern_c", "quatern_d", "qoffset_x", "qoffset_y", "qoffset_z"),
)
LEVEL = 1  # of compression, as nibabel: floats hardly get smaller with more, which takes up to six times as long


class Nifti:
    """The format: .nii and .nii.gz."""

    def recognises(self, path: Path) -> bool:
        """Whether a file begins as NIfTI does."""
        try:
            with _opened(path) as file:
                head = file.read(348)
        except (OSError, EOFError, zlib.error):
            return False
        return any(head[place : place + 4] == magic for place, magic in MAGIC)

    def open(self, path: Path, spec: ImageSpec) -> VolumeRaster:
        """A volume whose slices fill the model's channels. DataError for broken files and other values than numbers."""
        return VolumeRaster.opened(NiftiVolume(path), spec)

    def suffix(self, path: Path) -> str:
        """That of the source."""
        return ".nii.gz" if path.name.lower().endswith(".gz") else ".nii"

    def create(self, path: Path, like: Raster, spec: ImageSpec) -> VolumeWriter:
        """A file of the same grid. ConfigError for another suffix than of NIfTI."""
        if not path.name.lower().endswith(SUFFIXES):
            hint = "Give -o a folder, or FILE.nii.gz."
            raise ConfigError(f"-o {path.name}: NIfTI is written as .nii or .nii.gz", hint=hint)
        assert isinstance(like, VolumeRaster)
        assert isinstance(like.volume, NiftiVolume)
        components = like.volumes * channels_of(spec)
        return VolumeWriter(NiftiStore(path, like.volume, components, stored_type(spec)), like, fill=fill_of(spec))


class NiftiVolume:
    """An open file. One that is compressed, which can be read from its beginning alone, is unpacked to the disk at the
    first look at its voxels: to `unpacked`, where that is given and it stays, else to a temporary file."""

    def __init__(self, path: Path, unpacked: Path | None = None) -> None:
        nibabel: Any = installed("nibabel", needed_by=str(path), extra="medical")
        self.name, self._path, self._unpacked = str(path), path, unpacked
        self.notes: list[str] = []
        self._cleanup = contextlib.ExitStack()
        try:
            self.image = nibabel.load(path)
        except (OSError, EOFError, zlib.error, ValueError, nibabel.filebasedimages.ImageFileError) as error:
            raise DataError(f"{path}: {error}") from None
        if not isinstance(self.image, nibabel.Nifti1Image):  # of which that of NIfTI 2 is one
            raise DataError(f"{path}: is CIFTI, of a surface, and no volume")
        proxy, header = self.image.dataobj, self.image.header
        self._sizes = sizes = _sizes(proxy.shape, self.name)
        self.shape, self.components = (sizes[0], sizes[1], sizes[2]), sizes[3]
        self.dtype = np.dtype(proxy.dtype)
        if self.dtype.kind not in "iuf":
            kind = header.get_value_label("datatype")
            raise DataError(f"{self.name}: values of {kind}", hint="Save numbers, one each.")
        self.affine = self.image.affine
        self._slope, self._intercept = float(proxy.slope), float(proxy.inter)
        is_plain = (self._slope, self._intercept) == (1.0, 0.0)
        self.bits = 8 * self.dtype.itemsize if is_plain and self.dtype in (np.uint8, np.uint16) else 32
        if not header["qform_code"] and not header["sform_code"]:
            self.notes.append("does not say how it lies in the body (qform and sform 0): its axes are taken as L, A, S")

    def plane(self, axis: int, position: int, component: int) -> Array:
        """The values of a plane, with slope and intercept applied."""
        file, offset = self._voxels
        # Mapped anew for each plane: pages that stay mapped count as memory of the process. nibabel's own slicing takes
        # a read per voxel for planes across the first axis.
        voxels = np.memmap(file, self.dtype, mode="r", offset=offset, shape=self._sizes, order="F")
        stored = plane_across(voxels[..., component], axis, position).astype(self.dtype.newbyteorder("="))
        is_plain = (self._slope, self._intercept) == (1.0, 0.0)
        return stored if is_plain else np.asarray(stored * self._slope + self._intercept)

    @cached_property
    def _voxels(self) -> tuple[Path, int]:
        """The file that has the voxels, unpacked, and where they begin."""
        offset = int(self.image.dataobj.offset)
        try:
            path = self._plain()
            size = path.stat().st_size
        except (OSError, EOFError, zlib.error) as error:
            raise DataError(f"{self.name}: {error}") from None
        if size < offset + np.prod(self._sizes, dtype=np.int64) * self.dtype.itemsize:
            raise DataError(f"{self.name}: ends before its last voxel", hint="Copy or download it again.")
        return path, offset

    def _plain(self) -> Path:
        """The file, or the one that it is unpacked to."""
        if not self._path.name.lower().endswith(".gz"):
            return self._path
        target = self._unpacked
        if target is None:
            folder = self._cleanup.enter_context(tempfile.TemporaryDirectory(prefix="imtrans-"))
            target = Path(folder) / "volume.nii"
        if not target.exists():
            unpack(self._path, target)
        return target

    def close(self) -> None:
        """Close the file, and remove what was unpacked."""
        self.__dict__.pop("_voxels", None)
        self._cleanup.close()


def _sizes(shape: tuple[int, ...], name: str) -> tuple[int, ...]:
    """Three axes and the components. DataError for more axes."""
    sizes = [int(n) for n in shape]
    while len(sizes) > 4 and sizes[-1] == 1:
        sizes.pop()
    if not 2 <= len(sizes) <= 4 or min(sizes) < 1:
        raise DataError(f"{name}: of shape {shape}", hint="Three axes are read, and one of time or channels.")
    return (*sizes, *[1] * (4 - len(sizes)))


class NiftiStore(RawVoxels):
    """A file of the source's grid, whose header says nothing else of the source."""

    def __init__(self, path: Path, like: NiftiVolume, components: int, dtype: "np.dtype[Any]") -> None:
        self._target = path
        self._is_packed = path.name.lower().endswith(".gz")
        plain = path.with_name(f"{path.name}.unpacked") if self._is_packed else path
        header = _header(like.image.header, (*like.shape, components), dtype)
        with plain.open("wb") as file:
            header.write_to(file)
        super().__init__(plain, (*like.shape, components), dtype, offset=int(header["vox_offset"]))

    def close(self) -> None:
        """Finish the file."""
        if self._is_packed:
            # Without name and time, so that equal voxels are equal files.
            with (
                self._path.open("rb") as plain,
                self._target.open("wb") as file,
                gzip.GzipFile("", "wb", LEVEL, file, mtime=0) as packed,
            ):
                shutil.copyfileobj(plain, packed, 1 << 20)
            self._path.unlink()


def _header(source: Any, shape: tuple[int, ...], dtype: "np.dtype[Any]") -> Any:
    """A new header of the same class and grid. DataError for more voxels on an axis than it can say."""
    header = type(source)()
    header.set_data_dtype(dtype)
    header.set_data_shape(shape if shape[3] > 1 else shape[:3])
    for field in GEOMETRY:
        header[field] = source[field]
    if header["dim"][0] < 4:
        header["pixdim"][4:] = 1
    header.set_slope_inter(1, 0)
    header["vox_offset"] = header.single_vox_offset
    return header


def unpack(path: Path, target: Path) -> None:
    """Unpack a compressed file as a whole, or not at all; `target` may appear meanwhile. ResourceError without room."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".unpacking-", dir=target.parent) as folder:
            part = Path(folder) / target.name
            with gzip.open(path) as packed, part.open("wb") as file:
                shutil.copyfileobj(packed, file, 1 << 20)
            part.replace(target)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG):
            hint = f"{path} is unpacked there. Make room, or set TMPDIR (translation) or IMTRANS_HOME (training)."
            raise ResourceError(f"{target.parent}: {error.strerror}", hint=hint) from None
        raise


def _opened(path: Path) -> Any:
    return gzip.open(path) if path.name.lower().endswith(".gz") else path.open("rb")
