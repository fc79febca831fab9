"""What the stored values of a side tell: how much of the range they use, and whether they look like class numbers."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from imtrans.errors import ConfigError, DataError
from imtrans.interfaces import ImageSpec, Issue
from imtrans.kit.images import header, label_map
from imtrans.kit.images.conform import FLOAT, decode_with_bits
from imtrans.kit.pairing.parts import Part
from imtrans.kit.selection import spread

Array = np.ndarray[Any, Any]
Place = tuple[Path, Part | None]  # a file, and the part of it that is meant
SAMPLE = 16  # files that are decoded
DEPTHS = (8, 10, 12, 14)  # bits of cameras and detectors, kept in 16
DARK = 0.1  # of the range: pictures whose brightest thousandth is below it train nearly black
MAX_CLASSES = 32
LOSSY = ("JPEG", "WEBP")
STRETCH = "Let percentiles be the ends, and clip what is beyond: --set dataset.percentiles=[0.1,99.9]"


def value_doubts(side: str, spec: ImageSpec, places: Sequence[Place]) -> Iterator[Issue]:
    """What a sample of the files of a side that is read as pictures of the whole range says against that."""
    if spec.kind == "labels" or spec.clips:
        return
    sample = _sample(places)
    if spec.bits == FLOAT and (spec.low, spec.high) == (0, 1):
        yield from _float_range(side, _stored(sample, spec))
    elif spec.bits == 16 and (spec.low, spec.high) == (0, 65535):
        yield from _depth(side, _stored(sample, spec))
    elif spec.bits == 8:
        yield from _classes(side, sample)


def stretched(spec: ImageSpec, places: Sequence[Place], percentiles: Sequence[float]) -> ImageSpec:
    """The specification with the values at two percentiles of a sample of the files as its range, which clips others.

    ConfigError for percentiles that are none, or between which lies nothing.
    """
    if len(percentiles) != 2 or not 0 <= percentiles[0] < percentiles[1] <= 100:
        what = f"dataset.percentiles: {[*percentiles]}: must be two numbers from 0 to 100"
        raise ConfigError(what, hint="For example: --set dataset.percentiles=[0.1,99.9]")
    arrays = _stored(_sample(places), spec)
    low, high = np.percentile(_thinned(arrays), percentiles) if arrays else (0, 0)
    if spec.bits < FLOAT:
        low, high = np.floor(low), np.ceil(high)
    if not low < high:
        hint = "Widen them, or give the ranges: dataset.source_range and dataset.target_range."
        raise ConfigError(f"dataset.percentiles: {[*percentiles]}: both are the value {low:g}", hint=hint)
    return replace(spec, low=float(low), high=float(high), clips=True)


def _sample(places: Sequence[Place]) -> list[Place]:
    return [places[i] for i in spread(len(places), SAMPLE)]


def _stored(sample: Sequence[Place], spec: ImageSpec) -> list[Array]:
    """The values as stored, of files that can be read and have the depth of the side."""
    arrays = []
    for path, part in sample:
        try:
            page = part.page if part else None
            picture, bits = decode_with_bits(path, background=spec.background, page=page, pages=spec.pages)
            arrays += [part.cut(picture) if part else picture] if bits == spec.bits else []
        except DataError:  # it is a fault of its sample
            continue
    return arrays


def _thinned(arrays: Sequence[Array]) -> Array:
    """At most a hundred thousand values of each, which is enough for percentiles."""
    return np.concatenate([a.reshape(-1)[:: max(1, a.size // 100_000)] for a in arrays])


def _float_range(side: str, arrays: Sequence[Array]) -> Iterator[Issue]:
    low, high = _ends(arrays)
    if low < 0 or high > 1:
        what = f"{side} files: floats from {low:.4g} to {high:.4g}; read are 0 to 1"
        hint = f"Say which values they may have: {_setting(side, _outward(low), _outward(high))}\n{STRETCH}"
        yield Issue(code="range", what=what, hint=hint)


def _depth(side: str, arrays: Sequence[Array]) -> Iterator[Issue]:
    high = _ends(arrays)[1]
    bits = next((b for b in DEPTHS if high < 2**b), 0)
    if arrays and bits and high:
        what = f"{side} files: 16 bits that hold {bits}, no value above {high:.0f}; they train nearly black"
        yield Issue(code="range", what=what, hint=f"Use their range: {_setting(side, 0, 2**bits - 1)}", is_fault=False)
    elif arrays and (bright := float(np.percentile(_thinned(arrays), 99.9))) < DARK * 65535:
        what = f"{side} files: 999 of 1,000 values are below {bright:.0f} of 65535, which train nearly black"
        yield Issue(code="range", what=what, hint=STRETCH, is_fault=False)


def _classes(side: str, sample: Sequence[Place]) -> Iterator[Issue]:
    """Palettes, or few grey values in all files: they look like class numbers."""
    values, kinds = set[int](), set[bool]()
    for path, part in sample:
        try:
            if part or header(path).format in LOSSY:
                return
            labels = label_map(path)
        except DataError:
            return
        values |= {int(v) for v in np.unique(labels.ids)}
        kinds.add(labels.palette is not None)
        if len(values) > MAX_CLASSES:
            return
    # Two values are as often a drawing as two classes, which a source need not be told.
    if len(values) < (2 if side == "target" else 3) or len(kinds) != 1:
        return
    what = f"{side} files: {len(values)} different values; they look like labels of {len(values)} classes"
    yield Issue(code="labels", what=what, hint=f"If so: {_label_settings(side, sorted(values))}", is_fault=False)


def _label_settings(side: str, values: Sequence[int]) -> str:
    count = f"--set dataset.labels={side} --set dataset.classes="
    if [*values] == [0, 255] or values[-1] < MAX_CLASSES:
        return f"{count}{2 if values[-1] == 255 else max(values[-1] + 1, 2)}"
    return f"{count}{len(values)} --set dataset.values={[*values]}".replace(", ", ",")


def _setting(side: str, low: float, high: float) -> str:
    return f"--set dataset.{side}_range=[{low:.6g},{high:.6g}]"


def _outward(value: float) -> float:
    """The value with two digits, away from 0: the files that were not looked at may go beyond those that were."""
    if not value:
        return 0.0
    unit = 10.0 ** (math.floor(math.log10(abs(value))) - 1)
    return math.copysign(math.ceil(abs(value) / unit - 1e-9) * unit, value)


def _ends(arrays: Sequence[Array]) -> tuple[float, float]:
    return min((float(a.min()) for a in arrays), default=0.0), max((float(a.max()) for a in arrays), default=0.0)
