"""Pairs of volumes, of which slices are drawn to train on."""

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from imtrans.errors import ConfigError, DataError
from imtrans.interfaces import DatasetContext, DatasetDescription, Pair
from imtrans.kit.images.masks import MASK, MASK_SPEC
from imtrans.kit.pairing.drawn_pairs import DrawnPairs
from imtrans.kit.pairing.sides import SidePair, side_pairs
from imtrans_medical.opening import is_packed, volumes_in
from imtrans_medical.pairs import check_grid, patients
from imtrans_medical.side_specs import Seen, spec_of_sides
from imtrans_medical.windows import Place, Windows

TRIES = 16  # places that are looked at for one with enough content


class Volumes(DrawnPairs):
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
        depth: int,
        patient: str,
        least: float,
        background: float,
        source_range: tuple[float, ...],
        target_range: tuple[float, ...],
        context: DatasetContext,
    ) -> None:
        folder = Path(path).expanduser()
        pairs, is_undivided = side_pairs(folder, context.split, volumes_in, kind="volumes")
        super().__init__(pairs, each=slices)
        patient_of = patients(folder, patient)
        self._least, self._background = least, background
        size = (context.size[0], context.size[-1]) if context.size else (256, 256)
        self._size = (max(1, depth), *size)
        self.is_drawn = context.split == "train"
        if depth and neighbours:
            raise ConfigError("dataset.depth, dataset.neighbours: not both", hint="Blocks have no neighbours.")
        seen = Seen(plane, neighbours, is_volume=depth > 0)
        spec = context.data_spec or spec_of_sides(pairs[0], seen, (source_range, target_range))
        self.data_spec = replace(spec, extras={MASK: MASK_SPEC})
        self._sources = Windows("source", spec.source, size, depth=depth)
        self._targets = Windows("target", spec.target, size, depth=depth)
        for pair in pairs:
            check_grid(pair, self._sources.raster(pair.source).volume, self._targets.raster(pair.target).volume)
        people, kind = len({patient_of(pair.name) for pair in pairs}), "blocks" if depth else "slices"
        self.description = DatasetDescription(
            layout=f"{len(pairs)} pairs of volumes of {people} patients, {slices} {kind} of each",
            sides=("A", "B"),
            notes=self._notes(),
            is_undivided=is_undivided,
            group_of=lambda key: patient_of(key.rpartition("@")[0]),
        )

    def drawn(self, index: int, number: int) -> Pair:
        """A window that follows from the number: the first of a few that has enough content, or the one with most."""
        pair, best = self.pair(index), -1.0
        chosen = Place(0, 0, 0)
        for place in self._places(pair, number):
            share = self._content(pair, place)
            if share > best:
                best, chosen = share, place
            if best >= self._least:
                break
        source, inside = self._sources.read(pair.source, chosen)
        target, has_target = self._targets.read(pair.target, chosen)
        mask = (inside & has_target).astype(np.uint8)[..., None]
        return Pair(source=source, target=target, key=self.key(index), extras={MASK: mask})

    def _places(self, pair: SidePair, number: int) -> Iterator[Place]:
        random = np.random.Generator(np.random.Philox(key=[number, zlib.crc32(b"volumes")]))
        raster = self._sources.raster(pair.source)
        sizes = (raster.slices, *raster.size)
        for _ in range(TRIES):
            yield Place(
                *(
                    int(random.integers(0, n - wanted + 1)) if n >= wanted else -((wanted - n) // 2)
                    for n, wanted in zip(sizes, self._size, strict=True)
                )
            )

    def _content(self, pair: SidePair, place: Place) -> float:
        """The share of a window whose source is no background."""
        spec = self.data_spec.source
        values, valid = self._sources.read(pair.source, place)
        middle = values[..., values.shape[-1] // 2]
        return float((valid & (middle > spec.low + self._background * (spec.high - spec.low))).mean())

    def _notes(self) -> Sequence[str]:
        count = sum(is_packed(path) for pair in self.pairs for path in (pair.source, pair.target))
        where = "are unpacked into the cache folder when they are first read, and stay there"
        return [f"{count} compressed volumes {where}"] if count else []


def volumes(*, context: DatasetContext, **options: Any) -> Volumes:
    """The data set of a path. DataError without one."""
    if not options["path"]:
        raise DataError("no volumes are named", hint="--set dataset.path=FOLDER")
    return Volumes(context=context, **options)
