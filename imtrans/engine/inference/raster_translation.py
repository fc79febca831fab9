"""Files of formats that plugins read and write by windows, translated pixel by pixel."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from imtrans.engine.inference.inputs import Range, read_array
from imtrans.engine.inference.large.footprint import TileLimits
from imtrans.engine.inference.model_runner import Tick
from imtrans.engine.inference.scale import SizeChange
from imtrans.engine.inference.translator import Translator
from imtrans.errors import ResourceError
from imtrans.interfaces import Format, Raster, RasterWriter
from imtrans.kit.images import Array
from imtrans.partial_output import partial_with_name


@dataclass(frozen=True, kw_only=True)
class RasterWork:
    """How files are translated: the memory that they may take, the seed of the noise, and the values that mean the ends
    of the range of training."""

    translator: Translator
    limits: TileLimits
    seed: int = 0
    source_range: Range | None = None

    def run(self, kinds: tuple[Format, Format], source: Path, target: Path, tick: Tick) -> tuple[SizeChange, list[str]]:
        """Translate a file at its own size, plane by plane; how that differs from training, and notes on the file.

        `kinds` are the formats of source and target. The target is there as a whole or not at all. DataError for files
        that are broken or do not fit the model.
        """
        raster = kinds[0].open(source, self.translator.source)
        with contextlib.closing(raster), _whole(target) as partial:
            writer = kinds[1].create(partial, raster, self.translator.target)
            with contextlib.closing(writer):
                if self.translator.source.is_volume:
                    self._volume(raster, writer, str(source), tick)
                else:
                    for plane in range(raster.planes):
                        self._plane(raster, plane, writer, str(source), tick)
            return self.translator.reader.change_of(raster.size, "native"), [*raster.notes]

    def _plane(self, raster: Raster, plane: int, writer: RasterWriter, name: str, tick: Tick) -> None:
        def read(rows: range, columns: range) -> Array:
            return self._source(raster, rows, columns, plane, name)

        def write(rows: range, columns: range, values: Array) -> None:
            writer.write(rows, columns, values, valid=raster.valid(rows, columns, plane=plane), plane=plane)

        def tick_plane(done: int, count: int) -> None:
            tick(plane * count + done, raster.planes * count)

        run = self.translator.run_windows
        run(read, raster.size, write, seed=self.seed, limits=self.limits, tick=tick_plane)

    def _volume(self, raster: Raster, writer: RasterWriter, name: str, tick: Tick) -> None:
        """All planes together, by a model that sees three axes: as a whole, or block by block."""
        layer = _Layer(raster, writer)

        def read(planes: range, rows: range, columns: range) -> Array:
            return np.stack([self._source(raster, rows, columns, plane, name) for plane in planes])

        size = (raster.planes, *raster.size)
        self.translator.run_windows(read, size, layer.write, seed=self.seed, limits=self.limits, tick=tick)
        layer.flush()

    def _source(self, raster: Raster, rows: range, columns: range, plane: int, name: str) -> Array:
        """A window as the model takes it; pixels without a value have the lowest of the range."""
        spec, values = self.translator.source, raster.read(rows, columns, plane=plane)
        valid = raster.valid(rows, columns, plane=plane)
        if valid is not None:
            low = self.source_range[0] if self.source_range else spec.low
            values = np.where(valid[..., None], values, np.asarray(low, values.dtype))
        return read_array(values, spec, bits=raster.bits, name=name, is_file=True, source_range=self.source_range)


class _Layer:
    """Gathers blocks of the same planes until these are whole: writers get one plane after the other."""

    def __init__(self, raster: Raster, writer: RasterWriter) -> None:
        self._raster, self._writer = raster, writer
        self._planes = range(0)
        self._values: Array = np.zeros(0)

    def write(self, planes: range, rows: range, columns: range, values: Array) -> None:
        """Take a block, (d, h, w, C)."""
        if planes != self._planes:
            self.flush()
            shape = (len(planes), *self._raster.size, values.shape[-1])
            self._planes, self._values = planes, np.zeros(shape, values.dtype)
        self._values[:, rows.start : rows.stop, columns.start : columns.stop] = values

    def flush(self) -> None:
        """Write the planes that are whole."""
        rows, columns = map(range, self._raster.size)
        for number, plane in enumerate(self._planes):
            valid = self._raster.valid(rows, columns, plane=plane)
            self._writer.write(rows, columns, self._values[number], valid=valid, plane=plane)
        self._planes, self._values = range(0), np.zeros(0)


@contextlib.contextmanager
def _whole(target: Path) -> Iterator[Path]:
    """Formats look at the name: a path that has the target's own, whose file or folder takes its place at the end."""
    try:
        with partial_with_name(target) as partial:
            yield partial
    except OSError as error:
        raise ResourceError(
            f"{target}: {error.strerror or error}", hint="Give an -o folder that can be written."
        ) from None
