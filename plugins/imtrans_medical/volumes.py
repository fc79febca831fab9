"""Pairs of volumes, of which slices are drawn to train on."""

import os
import zlib
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from imtrans.errors import DataError
from imtrans.interfaces import DatasetContext, DatasetDescription, DataSpec, ImageSpec, Pair
from imtrans.kit.bases import BaseDataset
from imtrans.kit.images import Array
from imtrans.kit.images.conform import FLOAT, conform, spec_of
from imtrans.kit.images.masks import MASK, MASK_SPEC
from imtrans_medical.axes import PLANES, plane_of
from imtrans_medical.opening import is_packed, open_volume
from imtrans_medical.pairs import VolumePair, check_grid, pairs_of, patients
from imtrans_medical.volume import VolumeRaster

TRIES = 16  # places that are looked at for one with enough content
OPEN = 32  # volumes that a process keeps open


class Place(NamedTuple):
    """A window of a slice; it may begin before row or column 0 where a slice is smaller than a window."""

    number: int
    row: int
    column: int


class Volumes(BaseDataset):
    """`slices` windows an epoch of each pair of volumes, drawn anew each time in training, and always the same else.

    A patient is in one split as a whole. Where either side has no value, and around slices smaller than a window, the
    pair has a mask of 0.
    """

    def __init__(
        self,
        *,
        path: str,
        slices: int,
        plane: str,
        neighbours: int,
        patient: str,
        least: float,
        background: float,
        source_range: tuple[float, ...],
        target_range: tuple[float, ...],
        context: DatasetContext,
    ) -> None:
        folder = Path(path).expanduser()
        self._pairs, is_undivided = pairs_of(folder, context.split)
        patient_of = patients(folder, patient)
        self._slices, self._least, self._background = slices, least, background
        self._size = (context.size[0], context.size[-1]) if context.size else (256, 256)
        self._open: OrderedDict[tuple[Path, str], VolumeRaster] = OrderedDict()
        self._process = os.getpid()
        self.is_drawn = context.split == "train"
        self.data_spec = replace(
            context.data_spec or self._found(plane, neighbours, (source_range, target_range)), extras={MASK: MASK_SPEC}
        )
        for pair in self._pairs:
            check_grid(pair, *(self._raster(pair, side).volume for side in ("source", "target")))
        people = {patient_of(pair.name) for pair in self._pairs}
        self.description = DatasetDescription(
            layout=f"{len(self._pairs)} pairs of volumes of {len(people)} patients, {slices} slices of each",
            sides=("A", "B"),
            notes=self._notes(),
            is_undivided=is_undivided,
            group_of=lambda key: patient_of(key.rpartition("@")[0]),
        )

    def __len__(self) -> int:
        return len(self._pairs) * self._slices

    def __getitem__(self, index: int) -> Pair:
        return self.drawn(index, zlib.crc32(self.key(index).encode()))

    def key(self, index: int) -> str:
        """The name of the pair and the number of the draw."""
        return f"{self._pairs[index // self._slices].name}@{index % self._slices}"

    def files(self, index: int) -> Sequence[Path]:
        """Both volumes."""
        pair = self._pairs[index // self._slices]
        return pair.source, pair.target

    def drawn(self, index: int, number: int) -> Pair:
        """A window that follows from the number: the first of a few that has enough content, or the one with most."""
        pair, best = self._pairs[index // self._slices], -1.0
        chosen = Place(0, 0, 0)
        for place in self._places(pair, number):
            share = self._content(pair, place)
            if share > best:
                best, chosen = share, place
            if best >= self._least:
                break
        sides = [self._side(pair, side, chosen) for side in ("source", "target")]
        mask = (sides[0][1] & sides[1][1]).astype(np.uint8)[..., None]
        return Pair(source=sides[0][0], target=sides[1][0], key=self.key(index), extras={MASK: mask})

    def _places(self, pair: VolumePair, number: int) -> Iterator[Place]:
        random = np.random.Generator(np.random.Philox(key=[number, zlib.crc32(b"volumes")]))
        raster = self._raster(pair, "source")
        for _ in range(TRIES):
            yield Place(
                int(random.integers(raster.slices)),
                *(
                    int(random.integers(0, n - wanted + 1)) if n >= wanted else -((wanted - n) // 2)
                    for n, wanted in zip(raster.size, self._size, strict=True)
                ),
            )

    def _content(self, pair: VolumePair, place: Place) -> float:
        """The share of a window whose source is no background."""
        spec = self.data_spec.source
        values, valid = self._side(pair, "source", place)
        middle = values[..., values.shape[-1] // 2]
        return float((valid & (middle > spec.low + self._background * (spec.high - spec.low))).mean())

    def _side(self, pair: VolumePair, side: str, place: Place) -> tuple[Array, Array]:
        """A window of a side, (h, w, C), and where it has values, (h, w)."""
        raster, spec = self._raster(pair, side), getattr(self.data_spec, side)
        starts, size = (place.row, place.column), raster.size
        rows, columns = (range(max(0, s), min(n, s + w)) for s, n, w in zip(starts, size, self._size, strict=True))
        values = raster.read(rows, columns, plane=place.number)
        valid = raster.valid(rows, columns, plane=place.number)
        valid = np.ones(values.shape[:2], bool) if valid is None else valid
        values = np.where(valid[..., None], values, np.asarray(spec.low, values.dtype))
        option = f"dataset.{side}_range=[LOW,HIGH]"
        values = conform(values, spec, bits=raster.bits, name=raster.volume.name, option=option)
        around = [
            (max(0, -s), w - len(r) - max(0, -s)) for s, w, r in zip(starts, self._size, (rows, columns), strict=True)
        ]
        return np.pad(values, [*around, (0, 0)], constant_values=spec.low), np.pad(valid, around)

    def _found(self, plane: str, neighbours: int, ranges: Sequence[tuple[float, ...]]) -> DataSpec:
        """What the first pair says of the sides."""
        first = open_volume(self._pairs[0].source)
        axes = PLANES[plane or plane_of(first.affine, first.name)]
        first.close()
        sides = [
            self._spec(side, limits, axes=axes, slices=slices)
            for side, limits, slices in zip(("source", "target"), ranges, (2 * neighbours + 1, 1), strict=True)
        ]
        return DataSpec(source=sides[0], target=sides[1])

    def _spec(self, side: str, limits: tuple[float, ...], *, axes: str, slices: int) -> ImageSpec:
        """What a side is read as: so many slices are its channels. DataError for values whose range nobody says."""
        volume = open_volume(getattr(self._pairs[0], side))
        channels, bits, name = volume.components * slices, volume.bits, volume.name
        volume.close()
        if limits:
            low, high = float(limits[0]), float(limits[-1])
            return ImageSpec(kind="data", channels=channels, bits=FLOAT, low=low, high=high, clips=True, axes=axes)
        if bits > 8:
            hint = f"Say which values mean the ends of the range: --set dataset.{side}_range=[LOW,HIGH]"
            raise DataError(f"{name}: values of more than 8 bits", hint=hint)
        spec = spec_of(channels=channels, bits=bits)
        return replace(spec, kind="data" if channels > 1 else "image", axes=axes)

    def _notes(self) -> Sequence[str]:
        count = sum(is_packed(path) for pair in self._pairs for path in (pair.source, pair.target))
        where = "are unpacked into the cache folder when they are first read, and stay there"
        return [f"{count} compressed volumes {where}"] if count else []

    def _raster(self, pair: VolumePair, side: str) -> VolumeRaster:
        if self._process != os.getpid():  # files that were opened before a fork share their places
            self._open, self._process = OrderedDict(), os.getpid()
        key = getattr(pair, side), side
        if key not in self._open:
            if len(self._open) >= OPEN:
                self._open.popitem(last=False)[1].close()
            self._open[key] = VolumeRaster(open_volume(key[0]), getattr(self.data_spec, side))
        self._open.move_to_end(key)
        return self._open[key]


def volumes(*, context: DatasetContext, **options: Any) -> Volumes:
    """The data set of a path. DataError without one."""
    if not options["path"]:
        raise DataError("no volumes are named", hint="--set dataset.path=FOLDER")
    return Volumes(context=context, **options)
