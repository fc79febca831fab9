"""Pairs of slides, of which patches are drawn to train on."""

import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from imtrans.errors import DataError
from imtrans.interfaces import DatasetContext, DatasetDescription, DataSpec, ImageSpec, Pair
from imtrans.kit.images import Array
from imtrans.kit.images.conform import conform, spec_of_raster
from imtrans.kit.images.masks import MASK, MASK_SPEC
from imtrans.kit.pairing.drawn_pairs import DrawnPairs, OpenFiles
from imtrans.kit.pairing.sides import SPLITS, SidePair, side_pairs, subject_of
from imtrans_microscopy.background import Tissue, tissue_of
from imtrans_microscopy.grid import NEAR
from imtrans_microscopy.slide_files import open_slide, slides_in

OPEN = 16  # slides that a process keeps open
SMALL = 1024  # pixels: the smallest level of at least this side shows where the background is


class Slides(DrawnPairs):
    """`patches` patches an epoch of each pair of slides, drawn anew each time in training, and always the same else.

    They are drawn where at least a share of `least` of the source is no background. All slides of a patient are in one
    split. Where either side has no value the pair has a mask of 0.
    """

    def __init__(self, *, options: Any, context: DatasetContext) -> None:
        folder = Path(options.path).expanduser()
        pairs, is_undivided = side_pairs(folder, context.split, slides_in, kind="slides")
        super().__init__(pairs, each=options.patches)
        names = {split: [*slides_in(folder / split / "A")] for split in SPLITS}
        patient_of = subject_of(names, options.patient, otherwise=str)
        self._options = options
        self._size = (context.size[0], context.size[-1]) if context.size else (256, 256)
        self._rasters = OpenFiles[Any](
            lambda path: open_slide(path, level=options.level, microns=options.microns), most=OPEN
        )
        self._places: dict[str, tuple[Tissue, Array]] = {}
        self.is_drawn = context.split == "train"
        present = context.data_spec or DataSpec(
            source=self._spec("source", options.source_range), target=self._spec("target", options.target_range)
        )
        self.data_spec = replace(present, extras={MASK: MASK_SPEC})
        for pair in pairs:
            patient_of(pair.name)
            _check(pair, self._rasters[pair.source], self._rasters[pair.target], self._size)
        self.description = DatasetDescription(
            layout=f"{len(pairs)} pairs of slides, {options.patches} patches of each",
            sides=("A", "B"),
            is_undivided=is_undivided,
            group_of=lambda key: patient_of(key.rpartition("@")[0]),
        )

    def drawn(self, index: int, number: int) -> Pair:
        """A patch that follows from the number: of all places with enough tissue each is as likely."""
        pair = self.pair(index)
        random = np.random.Generator(np.random.Philox(key=[number, zlib.crc32(b"slides")]))
        tissue, places = self._tissue(pair)
        size = self._rasters[pair.source].size
        corner = places[int(random.integers(len(places)))] * tissue.step + random.integers(0, tissue.step, 2)
        rows, columns = (
            range(start, start + wanted)
            for start, wanted in zip(
                (min(int(c), n - w) for c, n, w in zip(corner, size, self._size, strict=True)), self._size, strict=True
            )
        )
        mask = np.ones(self._size, np.uint8)
        sides = {}
        for side in ("source", "target"):
            sides[side], valid = self._part(getattr(pair, side), side, rows, columns)
            mask = mask if valid is None else mask * valid.astype(np.uint8)
        return Pair(**sides, key=self.key(index), extras={MASK: mask[..., None]})

    def _part(self, path: Path, side: str, rows: range, columns: range) -> tuple[Array, Array | None]:
        raster, spec = self._rasters[path], getattr(self.data_spec, side)
        values, valid = raster.read(rows, columns), raster.valid(rows, columns)
        if valid is not None:
            values = np.where(valid[..., None], values, np.asarray(spec.low, values.dtype))
        option = f"dataset.{side}_range=[LOW,HIGH]"
        return conform(values, spec, bits=raster.bits, name=str(path), option=option), valid

    def _tissue(self, pair: SidePair) -> tuple[Tissue, Array]:
        if pair.name not in self._places:
            raster, spec, options = self._rasters[pair.source], self.data_spec.source, self._options
            rule = options.background
            if rule == "auto":
                rule = "white" if raster.channels == 3 and not raster.is_float else "black"
            number = max(n for n, s in enumerate(raster.sizes) if n == 0 or max(s) >= SMALL)
            small = open_slide(pair.source, level=max(number, raster.number))
            limits = (spec.low, spec.high)
            try:
                tissue = tissue_of(raster, small, rule=rule, margin=options.margin, limits=limits)
            finally:
                small.close()
            self._places[pair.name] = (tissue, tissue.places(self._size, raster.size, options.least))
        return self._places[pair.name]

    def _spec(self, side: str, limits: tuple[float, ...]) -> ImageSpec:
        """What a side is read as: the channels and the type of the first slide, and its range."""
        path: Path = getattr(self.pairs[0], side)
        raster = self._rasters[path]
        stored, option = str(raster.dtype) if raster.is_float else "", f"dataset.{side}_range"
        return spec_of_raster(raster, limits, stored=stored, name=str(path), option=option)


def _check(pair: SidePair, one: Any, two: Any, wanted: tuple[int, int]) -> None:
    """DataError where two open slides do not lie on each other, have many planes, or are smaller than a patch."""
    grids = [r.grid.microns for r in (one, two)]
    is_same = not all(grids) or abs(grids[0][1] / grids[1][1] - 1) <= NEAR
    if one.size != two.size or not is_same:
        what = f"{pair.source} and {pair.target}: {_described(one)} and {_described(two)}"
        raise DataError(what, hint="Register both onto one grid, or choose a level of one size by dataset.microns.")
    if one.planes * two.planes > 1:
        planes = max(one.planes, two.planes)
        raise DataError(f"{pair.source}: {planes} planes", hint="Save the plane that is to be trained on alone.")
    if any(n < size for n, size in zip(one.size, wanted, strict=True)):
        size, patch = (" x ".join(map(str, s)) for s in (one.size, wanted))
        raise DataError(f"{pair.source}: {size} pixels, and patches are {patch}", hint="Set data.size smaller.")


def _described(raster: Any) -> str:
    microns = f" of {raster.grid.microns[1]:.4g} microns" if raster.grid.microns else ""
    return f"{raster.size[1]} x {raster.size[0]}{microns}"


def slides(*, context: DatasetContext, **options: Any) -> Slides:
    """The data set of a path. DataError without one."""
    from imtrans_microscopy import SlidesOptions

    if not options["path"]:
        raise DataError("no slides are named", hint="--set dataset.path=FOLDER")
    return Slides(options=SlidesOptions(**options), context=context)
