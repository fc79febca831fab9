"""GeoTIFF, window by window."""

import contextlib
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from imtrans.errors import ConfigError, DataError
from imtrans.interfaces import ImageSpec, Raster
from imtrans.kit.images import Array
from imtrans.kit.pretrained import installed
from imtrans_geo.nodata import Nodata, nodata_for, nodata_of

# Tags that only a file with a place on the ground, or with GDAL's own notes, has.
GEO_TAGS = (33550, 33922, 34264, 34735, 42113)
CACHE = 128  # MB of decoded tiles that the library keeps
BLOCK = 256  # pixels of a side of the tiles that are written


class GeoTiff:
    """The format: files that tell their place are read, and written with it."""

    def recognises(self, path: Path) -> bool:
        """Whether a TIFF has tags of GeoTIFF."""
        import tifffile

        try:
            with tifffile.TiffFile(path) as file:
                return any(tag in file.pages.first.tags for tag in GEO_TAGS)
        except (OSError, tifffile.TiffFileError, IndexError, KeyError, ValueError):
            return False  # the reader of plain pictures says what is wrong with it

    def open(self, path: Path, spec: ImageSpec) -> "GeoRaster":
        """A file with as many bands as the model takes. DataError for another number, or complex values."""
        raster = GeoRaster(path)
        if raster.channels != spec.channels:
            raster.close()
            raise DataError(f"{path}: {raster.channels} bands; the model takes {spec.channels}")
        return raster

    def suffix(self, path: Path) -> str:  # noqa: ARG002 - the protocol's
        """Of a GeoTIFF, one as well."""
        return ".tif"

    def create(self, path: Path, like: Raster, spec: ImageSpec) -> "GeoWriter":
        """A file of the same size, place and nodata. ConfigError for another suffix than of TIFF."""
        if path.suffix.lower() not in (".tif", ".tiff"):
            raise ConfigError(f"-o {path.name}: a GeoTIFF is written as .tif", hint="Give -o a folder, or FILE.tif.")
        if not isinstance(like, GeoRaster):
            raise ConfigError(f"{path.name}: has no place on the ground", hint="Leave out --format geotiff.")
        return GeoWriter(path, like, spec)


class GeoRaster:
    """An open GeoTIFF: a plane whose channels are its bands."""

    planes = 1

    def __init__(self, path: Path) -> None:
        self._rasterio: Any = installed("rasterio", needed_by=str(path), extra="geo")
        self.path = path
        try:
            with _quiet():
                self.file = self._rasterio.open(path)
                self.transform = self.file.transform
        except self._rasterio.errors.RasterioError as error:
            raise DataError(f"{path}: {error}") from None
        dtypes = {np.dtype(name) for name in self.file.dtypes}
        if len(dtypes) > 1 or next(iter(dtypes)).kind not in "iuf":
            names = ", ".join(sorted(map(str, dtypes)))
            self.close()
            raise DataError(f"{path}: bands of {names}", hint="Save whole numbers or floats of one type.")
        self.dtype = next(iter(dtypes))
        self.nodata: Nodata = nodata_of(self.file)
        self.size, self.channels = (self.file.height, self.file.width), self.file.count
        # What is neither of 8 nor of 16 bits without a sign is read as floats, with a range of one's own.
        self.is_float = self.dtype not in (np.uint8, np.uint16)
        self.bits = 32 if self.is_float else 8 * self.dtype.itemsize
        self.notes: Sequence[str] = self.nodata.notes

    def read(self, rows: range, columns: range, *, plane: int = 0) -> Array:  # noqa: ARG002 - the protocol's
        """The stored values of a window, (h, w, bands)."""
        values: Array = self._guarded(lambda window: self.file.read(window=window), rows, columns).transpose(1, 2, 0)
        return values.astype(np.float32) if self.is_float else values

    def valid(self, rows: range, columns: range, *, plane: int = 0) -> Array | None:  # noqa: ARG002 - the protocol's
        """Where every band has a value: no nodata, not masked, a number."""
        if not self.nodata.is_marked and self.dtype.kind != "f":
            return None
        masks = self._guarded(lambda window: self.file.read_masks(window=window), rows, columns)
        valid: Array = (masks > 0).all(0)
        if self.dtype.kind == "f":
            valid &= np.isfinite(self.read(rows, columns)).all(-1)
        return valid

    def close(self) -> None:
        """Close the file."""
        self.file.close()

    def _guarded(self, read: Any, rows: range, columns: range) -> Any:
        try:
            return read(window_of(rows, columns))
        except self._rasterio.errors.RasterioError as error:
            where = f"rows {rows.start} to {rows.stop}, columns {columns.start} to {columns.stop}"
            raise DataError(f"{self.path}: broken at {where} ({error})") from None


class GeoWriter:
    """A GeoTIFF for translations, in tiles, each written once from memory."""

    def __init__(self, path: Path, like: GeoRaster, spec: ImageSpec) -> None:
        rasterio: Any = installed("rasterio", needed_by=str(path), extra="geo")
        self.dtype = np.dtype("float32" if spec.bits > 16 else "uint16" if spec.bits > 8 else "uint8")
        channels = 1 if spec.kind == "labels" else spec.channels
        self.nodata = nodata_for(like.nodata, self.dtype)
        self.has_mask = self.nodata is None and (like.nodata.is_marked or like.dtype.kind == "f")
        height, width = like.size
        profile = {
            "driver": "GTiff",
            "height": height,
            "width": width,
            "count": channels,
            "dtype": self.dtype.name,
            "crs": like.file.crs,
            "transform": like.transform,
            "nodata": self.nodata,
            "compress": "deflate",
            "predictor": 3 if self.dtype.kind == "f" else 2,
            "bigtiff": "if_safer",
            # Without it three bands of uint16 are grey with two extra samples.
            "photometric": "RGB" if channels == 3 and self.dtype.kind != "f" else "MINISBLACK",
        }
        if min(height, width) >= BLOCK:
            profile |= {"tiled": True, "blockxsize": BLOCK, "blockysize": BLOCK}
        # A mask beside the file would be lost when that is moved; GDAL's own cache would take 5 % of all memory.
        self._environment = rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True, GDAL_CACHEMAX=CACHE)
        self._environment.__enter__()
        try:
            with _quiet():
                self.file = rasterio.open(path, "w", **profile)
                _copy_notes(like.file, self.file)
        except rasterio.errors.RasterioError as error:
            self._environment.__exit__(None, None, None)
            raise DataError(f"{path}: {error}") from None

    def write(
        self,
        rows: range,
        columns: range,
        values: Array,
        *,
        valid: Array | None = None,
        plane: int = 0,  # noqa: ARG002
    ) -> None:
        """Write a window, (h, w, C), where it is valid; nodata elsewhere."""
        stored = values.astype(self.dtype, copy=False)
        if self.nodata is not None:
            # A value that happens to be that of nodata would vanish.
            stored = np.where(stored == self.nodata, _beside(self.nodata, self.dtype), stored)
        if valid is not None:
            fill = self.dtype.type(0 if self.nodata is None else self.nodata)
            stored = np.where(valid[..., None], stored, fill)
        window = window_of(rows, columns)
        self.file.write(np.ascontiguousarray(stored.transpose(2, 0, 1)), window=window)
        if self.has_mask and valid is not None:
            self.file.write_mask(np.where(valid, np.uint8(255), np.uint8(0)), window=window)

    def close(self) -> None:
        """Finish the file."""
        try:
            self.file.close()
        finally:
            self._environment.__exit__(None, None, None)


def window_of(rows: range, columns: range) -> Any:
    """Rows and columns as rasterio's window, in whole pixels: the same for reading and writing."""
    from rasterio.windows import Window

    return Window(columns.start, rows.start, len(columns), len(rows))


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """A block without the warning that a file has no place on the ground: translations have none then, either."""
    from rasterio.errors import NotGeoreferencedWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        yield


def _beside(nodata: float, dtype: "np.dtype[Any]") -> Any:
    """The nearest value that is not nodata."""
    if np.isnan(nodata):
        return dtype.type(0)
    if dtype.kind == "f":
        return np.nextafter(dtype.type(nodata), dtype.type(0 if nodata else 1))
    return dtype.type(nodata - 1 if nodata > 0 else nodata + 1)


def _copy_notes(source: Any, target: Any) -> None:
    """What a file says about itself as a whole; descriptions and units of bands only where these are the same bands."""
    tags = {k: v for k, v in source.tags().items() if k not in ("TIFFTAG_SOFTWARE",)}
    target.update_tags(**tags)
    if source.gcps[0]:
        target.gcps = source.gcps
    if source.rpcs:  # of the whole scene, as the translation is
        target.rpcs = source.rpcs
    if source.count == target.count:
        target.descriptions = source.descriptions
